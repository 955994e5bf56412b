//! A crate's modules and what they define, read as the compiler finds them: from `lib.rs`, by `mod`.
//!
//! Code that is built for tests alone is left out: a test may use anything.

use std::collections::BTreeMap;

use proc_macro2::Span;
use syn::punctuated::Punctuated;
use syn::{Attribute, File, Ident, Item, ItemMod, Meta, Token, UseTree};

use crate::Result;

/// A function that returns the text of a file of the crate's source folder.
pub type Reader<'a> = &'a dyn Fn(&str) -> Option<String>;

/// A crate.
#[derive(Default)]
pub struct Tree {
    /// The paths of the files, counted from the source folder.
    pub files: Vec<String>,
    /// The modules; the first one is the root.
    pub modules: Vec<Module>,
    /// The items that have names.
    pub definitions: Vec<Definition>,
    /// The module and the items of each file and of each inline module.
    pub bodies: Vec<(usize, Vec<Item>)>,
}

/// A module. Modules of one name that exclude each other, as those for a width, are several.
pub struct Module {
    /// The index of the module's file in [`Tree::files`].
    pub file: usize,
    /// The module around it.
    pub parent: usize,
    /// The meanings of the module's names.
    pub names: BTreeMap<String, Vec<Meaning>>,
    /// The paths of which the module imports all names.
    pub globs: Vec<Vec<String>>,
}

/// The meaning of a name in a module.
#[derive(Clone)]
pub enum Meaning {
    /// A module.
    Module(usize),
    /// An item that the module defines.
    Definition(usize),
    /// The item to which this path leads.
    Import(Vec<String>),
}

/// An item with a name: a type, function, trait, constant.
pub struct Definition {
    /// The item's name.
    pub name: String,
    /// The index of the item's file.
    pub file: usize,
    /// The item's line.
    pub line: usize,
    /// Whether the item is a function.
    pub is_function: bool,
}

impl Tree {
    /// Reads a crate.
    pub fn read(read: Reader) -> Result<Tree> {
        let mut tree = Tree::default();
        tree.read_file(read, "lib.rs", "", 0)?;
        Ok(tree)
    }

    /// Reads a file as a module, whose own modules lie in `folder`.
    fn read_file(&mut self, read: Reader, path: &str, folder: &str, parent: usize) -> Result<usize> {
        let text = read(path).ok_or_else(|| format!("can't read {path}"))?;
        let parsed: File = syn::parse_file(&text).map_err(|error| format!("{path}:{}: {error}", line(error.span())))?;
        self.files.push(path.to_owned());
        let file = self.files.len() - 1;
        self.add_module(read, file, parent, folder, parsed.items)
    }

    fn add_module(
        &mut self,
        read: Reader,
        file: usize,
        parent: usize,
        folder: &str,
        items: Vec<Item>,
    ) -> Result<usize> {
        let id = self.modules.len();
        self.modules.push(Module { file, parent, names: BTreeMap::new(), globs: Vec::new() });
        let mut kept = Vec::new();
        for item in items {
            if is_for_tests(attributes(&item)) {
                continue;
            }
            match item {
                Item::Mod(module) => {
                    let name = module.ident.to_string();
                    for inner in self.add_inner(read, id, folder, module)? {
                        self.name(id, name.clone(), Meaning::Module(inner));
                    }
                }
                Item::Use(item) => {
                    self.add_imports(id, &mut Vec::new(), &item.tree);
                    kept.push(Item::Use(item));
                }
                item => {
                    if let Some((ident, is_function)) = defined(&item) {
                        let name = ident.to_string();
                        let definition = Definition { name: name.clone(), file, line: line(ident.span()), is_function };
                        self.definitions.push(definition);
                        self.name(id, name, Meaning::Definition(self.definitions.len() - 1));
                    }
                    kept.push(item);
                }
            }
        }
        self.bodies.push((id, kept));
        Ok(id)
    }

    fn add_inner(&mut self, read: Reader, parent: usize, folder: &str, module: ItemMod) -> Result<Vec<usize>> {
        let name = module.ident.to_string();
        let file = self.modules[parent].file;
        if let Some((_, items)) = module.content {
            return Ok(vec![self.add_module(read, file, parent, &format!("{folder}{name}/"), items)?]);
        }
        let paths = path_attributes(&module.attrs);
        if !paths.is_empty() {
            let own = self.files[file].rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
            let paths = paths.into_iter().map(|path| format!("{own}{path}"));
            return paths.map(|path| self.read_file(read, &path, &folder(&path), parent)).collect();
        }
        let inner = format!("{folder}{name}/");
        let beside = format!("{folder}{name}.rs");
        let path = if read(&beside).is_some() { beside } else { format!("{inner}mod.rs") };
        Ok(vec![self.read_file(read, &path, &inner, parent)?])
    }

    fn name(&mut self, module: usize, name: String, meaning: Meaning) {
        self.modules[module].names.entry(name).or_default().push(meaning);
    }

    fn add_imports(&mut self, module: usize, before: &mut Vec<String>, tree: &UseTree) {
        let with = |before: &[String], name: &Ident| {
            let own = (name != "self").then(|| name.to_string());
            before.iter().cloned().chain(own).collect::<Vec<_>>()
        };
        match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.add_imports(module, before, &path.tree);
                before.pop();
            }
            UseTree::Name(name) => {
                let path = with(before, &name.ident);
                self.name(module, path.last().cloned().unwrap_or_default(), Meaning::Import(path));
            }
            UseTree::Rename(rename) => {
                let path = with(before, &rename.ident);
                self.name(module, rename.rename.to_string(), Meaning::Import(path));
            }
            UseTree::Glob(_) => self.modules[module].globs.push(before.clone()),
            UseTree::Group(group) => group.items.iter().for_each(|tree| self.add_imports(module, before, tree)),
        }
    }

    /// Returns the item that a module itself defines under a name.
    pub fn own(&self, module: usize, name: &str) -> Option<usize> {
        self.modules[module].names.get(name)?.iter().find_map(|meaning| match meaning {
            Meaning::Definition(id) => Some(*id),
            _ => None,
        })
    }

    /// Returns the item to which a path leads, seen from a module. `None`: the path leads out of the crate.
    pub fn resolve(&self, module: usize, path: &[String]) -> Option<Found> {
        self.resolve_within(module, path, 16)
    }

    fn resolve_within(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        let depth = depth.checked_sub(1)?;
        match first.as_str() {
            "crate" => self.descend(0, rest, depth),
            "self" => self.descend(module, rest, depth),
            "super" => self.descend(self.modules[module].parent, rest, depth),
            _ => self.look_up(module, path, depth),
        }
    }

    fn descend(&self, module: usize, rest: &[String], depth: usize) -> Option<Found> {
        match rest.first().map(String::as_str) {
            None => Some(Found { place: Place::Module(module), rest: Vec::new() }),
            Some("super") => self.descend(self.modules[module].parent, &rest[1..], depth),
            Some(_) => self.look_up(module, rest, depth),
        }
    }

    /// Finds the path's first name in a module itself.
    fn look_up(&self, module: usize, path: &[String], depth: usize) -> Option<Found> {
        let (first, rest) = path.split_first()?;
        for meaning in self.modules[module].names.get(first).into_iter().flatten() {
            let found = match meaning {
                Meaning::Module(inner) => self.descend(*inner, rest, depth),
                Meaning::Definition(id) => Some(Found { place: Place::Definition(*id), rest: rest.to_vec() }),
                // `use x::y`, where `y` has no other meaning in the module itself, would go round for ever.
                Meaning::Import(target) if target.len() == 1 && target == &path[..1] => None,
                Meaning::Import(target) => {
                    let whole: Vec<_> = target.iter().chain(rest).cloned().collect();
                    self.resolve_within(module, &whole, depth.checked_sub(1)?)
                }
            };
            if found.is_some() {
                return found;
            }
        }
        self.modules[module].globs.iter().find_map(|glob| {
            let target: Vec<_> = glob.iter().chain(path).cloned().collect();
            self.resolve_within(module, &target, depth.checked_sub(1)?)
        })
    }
}

/// The item to which a path leads.
pub struct Found {
    /// The item of the last name that the modules know.
    pub place: Place,
    /// The names behind that one: a method or a variant.
    pub rest: Vec<String>,
}

/// The item at the end of a path.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Place {
    /// A module.
    Module(usize),
    /// A definition.
    Definition(usize),
}

/// Returns the line of a span.
pub fn line(span: Span) -> usize {
    span.start().line
}

/// Returns whether an item is built for tests alone.
pub fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::Path(path) => path.is_ident("test"),
        Meta::List(list) if list.path.is_ident("cfg") => {
            let condition = list.tokens.to_string().replace(' ', "");
            let all = condition.strip_prefix("all(").and_then(|inner| inner.strip_suffix(')'));
            all.unwrap_or(&condition).split(',').any(|part| part == "test")
        }
        _ => false,
    })
}

/// Returns the files that may hold a module by its attributes: `path = "..."`, or several between which `cfg_attr`
/// chooses.
fn path_attributes(attributes: &[Attribute]) -> Vec<String> {
    let path_of = |meta: &Meta| match meta {
        Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    };
    let chosen = |meta: &Meta| match meta {
        Meta::List(list) if list.path.is_ident("cfg_attr") => {
            let parts = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            parts.ok().into_iter().flatten().skip(1).find_map(|part| path_of(&part))
        }
        meta => path_of(meta),
    };
    attributes.iter().filter_map(|attribute| chosen(&attribute.meta)).collect()
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Union(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Returns the name that an item defines, and whether it is a function's.
fn defined(item: &Item) -> Option<(&Ident, bool)> {
    match item {
        Item::Const(item) => Some((&item.ident, false)),
        Item::Enum(item) => Some((&item.ident, false)),
        Item::Fn(item) => Some((&item.sig.ident, true)),
        Item::Static(item) => Some((&item.ident, false)),
        Item::Struct(item) => Some((&item.ident, false)),
        Item::Trait(item) => Some((&item.ident, false)),
        Item::Type(item) => Some((&item.ident, false)),
        Item::Union(item) => Some((&item.ident, false)),
        _ => None,
    }
}
