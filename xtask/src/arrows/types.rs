//! Knowledge of types without a compiler: enough to tell for most calls which type's method is meant.
//!
//! References and boxes are left out of a type. An unknown type is `None`, and is never guessed.

use std::collections::HashMap;

use syn::{
    Fields, FnArg, GenericArgument, GenericParam, Generics, ImplItem, Item, ItemImpl, ItemTrait, Path, PathArguments,
    ReturnType, Signature, TraitItem, Type, TypeParamBound, WherePredicate,
};

use super::tree::{Place, Tree, is_for_tests, line};

/// A type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Known {
    /// The type's name.
    pub head: Head,
    /// The type's arguments.
    pub arguments: Vec<Option<Known>>,
}

/// A type's name.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Head {
    /// A type or trait of the crate, by its place in [`Tree::definitions`].
    Own(usize),
    /// A type of another crate. `[]` is a slice or array, `()` a tuple.
    Foreign(String),
    /// A generic parameter.
    Parameter(String),
}

/// A method, or a function of a type.
pub struct Method {
    /// The type or trait that has the method; `None` for a trait's method on another crate's type.
    pub owner: Option<Known>,
    /// The method's name.
    pub name: String,
    /// The number of arguments without `self`.
    pub arguments: usize,
    /// Whether the method takes `self`.
    pub takes_self: bool,
    /// The type that the method returns.
    pub returns: Option<Known>,
    /// The index of the method's file.
    pub file: usize,
    /// The method's line.
    pub line: usize,
}

/// The scope in which a type is read, which gives its names their meaning.
#[derive(Clone, Default)]
pub struct Scope {
    /// The module.
    pub module: usize,
    /// The type that `Self` stands for.
    pub own: Option<Known>,
    /// The traits of generic parameters.
    pub bounds: HashMap<String, Vec<usize>>,
}

/// The types of the crate.
#[derive(Default)]
pub struct Types {
    /// All methods.
    pub methods: Vec<Method>,
    /// The generic parameters, by definition.
    parameters: HashMap<usize, Vec<String>>,
    /// The fields, by definition and name.
    fields: HashMap<(usize, String), Option<Known>>,
    /// The types that functions return.
    pub functions: HashMap<usize, Option<Known>>,
    /// The types that aliases stand for.
    aliases: HashMap<usize, Option<Known>>,
    /// The types to which types dereference.
    targets: HashMap<usize, Option<Known>>,
    /// The traits of associated types, by name: `Machine::Context` is a `Context`.
    associated: HashMap<String, Vec<usize>>,
    /// The traits that a trait builds on.
    supertraits: HashMap<usize, Vec<usize>>,
}

impl Types {
    /// Reads all types of a crate. Aliases come first, since signatures name them.
    pub fn read(tree: &Tree) -> Types {
        let mut types = Types::default();
        for (module, items) in &tree.bodies {
            let scope = Scope { module: *module, ..Scope::default() };
            for item in items {
                if let Item::Type(item) = item
                    && let Some(id) = tree.own(*module, &item.ident.to_string())
                {
                    let meaning = types.known(tree, &scope, &item.ty);
                    types.aliases.insert(id, meaning);
                }
                if let Item::Trait(item) = item {
                    types.read_associated(tree, &scope, item);
                }
            }
        }
        for (module, items) in &tree.bodies {
            let scope = Scope { module: *module, ..Scope::default() };
            items.iter().for_each(|item| types.read_item(tree, &scope, item));
        }
        types
    }

    fn read_associated(&mut self, tree: &Tree, scope: &Scope, item: &ItemTrait) {
        for inner in &item.items {
            if let TraitItem::Type(inner) = inner {
                let traits = traits(tree, scope.module, inner.bounds.iter());
                self.associated.entry(inner.ident.to_string()).or_default().extend(traits);
            }
        }
        if let Some(id) = tree.own(scope.module, &item.ident.to_string()) {
            self.supertraits.insert(id, traits(tree, scope.module, item.supertraits.iter()));
        }
    }

    fn read_item(&mut self, tree: &Tree, scope: &Scope, item: &Item) {
        match item {
            Item::Struct(item) => {
                let Some(id) = tree.own(scope.module, &item.ident.to_string()) else { return };
                self.parameters.insert(id, parameters(&item.generics));
                let scope = with_generics(tree, scope, &item.generics);
                let fields = match &item.fields {
                    Fields::Named(fields) => &fields.named,
                    Fields::Unnamed(fields) => &fields.unnamed,
                    Fields::Unit => return,
                };
                for (index, field) in fields.iter().enumerate() {
                    let name = field.ident.as_ref().map_or(index.to_string(), |ident| ident.to_string());
                    let meaning = self.known(tree, &scope, &field.ty);
                    self.fields.insert((id, name), meaning);
                }
            }
            Item::Enum(item) => {
                if let Some(id) = tree.own(scope.module, &item.ident.to_string()) {
                    self.parameters.insert(id, parameters(&item.generics));
                }
            }
            Item::Fn(item) => {
                if let Some(id) = tree.own(scope.module, &item.sig.ident.to_string()) {
                    let meaning = self.returned(tree, &with_generics(tree, scope, &item.sig.generics), &item.sig);
                    self.functions.insert(id, meaning);
                }
            }
            Item::Impl(item) => self.read_impl(tree, scope, item),
            Item::Trait(item) => {
                let scope = trait_scope(tree, scope, item);
                for inner in &item.items {
                    if let TraitItem::Fn(inner) = inner {
                        self.add_method(tree, &scope, &inner.sig);
                    }
                }
            }
            _ => {}
        }
    }

    fn read_impl(&mut self, tree: &Tree, scope: &Scope, item: &ItemImpl) {
        let scope = self.impl_scope(tree, scope, item);
        for inner in &item.items {
            match inner {
                ImplItem::Fn(inner) if !is_for_tests(&inner.attrs) => self.add_method(tree, &scope, &inner.sig),
                ImplItem::Type(inner) if inner.ident == "Target" => {
                    let target = self.known(tree, &scope, &inner.ty);
                    if let Some(Known { head: Head::Own(id), .. }) = scope.own {
                        self.targets.insert(id, target);
                    }
                }
                _ => {}
            }
        }
    }

    fn add_method(&mut self, tree: &Tree, scope: &Scope, signature: &Signature) {
        let inner = with_generics(tree, scope, &signature.generics);
        let takes_self = matches!(signature.inputs.first(), Some(FnArg::Receiver(_)));
        self.methods.push(Method {
            owner: scope.own.clone(),
            name: signature.ident.to_string(),
            arguments: signature.inputs.len() - usize::from(takes_self),
            takes_self,
            returns: self.returned(tree, &inner, signature),
            file: tree.modules[scope.module].file,
            line: line(signature.ident.span()),
        });
    }

    /// Returns the scope inside an `impl`.
    pub fn impl_scope(&self, tree: &Tree, scope: &Scope, item: &ItemImpl) -> Scope {
        let mut inner = with_generics(tree, scope, &item.generics);
        inner.own = self.known(tree, &inner, &item.self_ty);
        inner
    }

    fn returned(&self, tree: &Tree, scope: &Scope, signature: &Signature) -> Option<Known> {
        match &signature.output {
            ReturnType::Type(_, output) => self.known(tree, scope, output),
            ReturnType::Default => None,
        }
    }

    /// Returns the type that is written.
    pub fn known(&self, tree: &Tree, scope: &Scope, written: &Type) -> Option<Known> {
        let list = |head: &str, arguments| Some(Known { head: Head::Foreign(head.to_owned()), arguments });
        match written {
            Type::Reference(inner) => self.known(tree, scope, &inner.elem),
            Type::Paren(inner) => self.known(tree, scope, &inner.elem),
            Type::Group(inner) => self.known(tree, scope, &inner.elem),
            Type::Array(inner) => list("[]", vec![self.known(tree, scope, &inner.elem)]),
            Type::Slice(inner) => list("[]", vec![self.known(tree, scope, &inner.elem)]),
            Type::Tuple(inner) => list("()", inner.elems.iter().map(|inner| self.known(tree, scope, inner)).collect()),
            Type::Path(inner) if inner.qself.is_none() => self.known_path(tree, scope, &inner.path),
            Type::ImplTrait(inner) => {
                let id = *traits(tree, scope.module, inner.bounds.iter()).first()?;
                Some(Known { head: Head::Own(id), arguments: Vec::new() })
            }
            _ => None,
        }
    }

    /// Returns the type to which a path leads.
    pub fn known_path(&self, tree: &Tree, scope: &Scope, path: &Path) -> Option<Known> {
        let names = names(path);
        let last = path.segments.last()?;
        let arguments = match &last.arguments {
            PathArguments::AngleBracketed(list) => {
                let types = list.args.iter().filter(|argument| !matches!(argument, GenericArgument::Lifetime(_)));
                types
                    .map(|argument| match argument {
                        GenericArgument::Type(inner) => self.known(tree, scope, inner),
                        _ => None,
                    })
                    .collect()
            }
            _ => Vec::new(),
        };
        if let [name] = names.as_slice() {
            if name == "Self" {
                return scope.own.clone();
            }
            if scope.bounds.contains_key(name) {
                return Some(Known { head: Head::Parameter(name.clone()), arguments: Vec::new() });
            }
            if name == "Box" {
                return arguments.into_iter().next().flatten();
            }
        }
        if names.len() == 2 && (names[0] == "Self" || scope.bounds.contains_key(&names[0])) {
            let id = *self.associated.get(&names[1])?.first()?;
            return Some(Known { head: Head::Own(id), arguments: Vec::new() });
        }
        match tree.resolve(scope.module, &names) {
            Some(found) if found.rest.is_empty() => match found.place {
                Place::Definition(id) => match self.aliases.get(&id) {
                    Some(meaning) => meaning.clone(),
                    None => Some(Known { head: Head::Own(id), arguments }),
                },
                Place::Module(_) => None,
            },
            Some(_) => None,
            None => Some(Known { head: Head::Foreign(names.last()?.clone()), arguments }),
        }
    }

    /// Returns the type of a field.
    pub fn field(&self, of: &Known, name: &str) -> Option<Known> {
        match &of.head {
            Head::Own(id) => match self.fields.get(&(*id, name.to_owned())) {
                Some(field) => self.filled(field.clone()?, of),
                None => self.field(&self.targets.get(id)?.clone()?, name),
            },
            Head::Foreign(head) if head == "()" => of.arguments.get(name.parse::<usize>().ok()?)?.clone(),
            _ => None,
        }
    }

    /// Replaces the parameters of `of` in a written type by its arguments.
    pub fn filled(&self, written: Known, of: &Known) -> Option<Known> {
        let Head::Own(id) = of.head else { return Some(written) };
        let Some(parameters) = self.parameters.get(&id) else { return Some(written) };
        let given: HashMap<_, _> = parameters.iter().cloned().zip(of.arguments.iter().cloned()).collect();
        fill(written, &given)
    }

    /// Returns the type to which a type dereferences, where it has no such method itself.
    pub fn target(&self, of: &Known) -> Option<Known> {
        let Head::Own(id) = of.head else { return None };
        self.filled(self.targets.get(&id)?.clone()?, of)
    }

    /// Returns the traits that a trait builds on.
    pub fn supertraits(&self, id: usize) -> &[usize] {
        self.supertraits.get(&id).map_or(&[], Vec::as_slice)
    }
}

/// Replaces parameters, at any depth.
pub fn fill(written: Known, given: &HashMap<String, Option<Known>>) -> Option<Known> {
    if let Head::Parameter(name) = &written.head
        && let Some(meaning) = given.get(name)
    {
        return meaning.clone();
    }
    let arguments = written.arguments.into_iter().map(|inner| inner.and_then(|inner| fill(inner, given))).collect();
    Some(Known { head: written.head, arguments })
}

/// Returns the scope inside a trait: `Self` is the trait.
pub fn trait_scope(tree: &Tree, scope: &Scope, item: &ItemTrait) -> Scope {
    let mut inner = with_generics(tree, scope, &item.generics);
    let id = tree.own(scope.module, &item.ident.to_string());
    inner.own = id.map(|id| Known { head: Head::Own(id), arguments: Vec::new() });
    inner
}

/// Returns the scope with further generic parameters.
pub fn with_generics(tree: &Tree, scope: &Scope, generics: &Generics) -> Scope {
    let mut inner = scope.clone();
    for parameter in &generics.params {
        if let GenericParam::Type(parameter) = parameter {
            let traits = traits(tree, scope.module, parameter.bounds.iter());
            inner.bounds.insert(parameter.ident.to_string(), traits);
        }
    }
    for predicate in generics.where_clause.iter().flat_map(|clause| &clause.predicates) {
        if let WherePredicate::Type(predicate) = predicate
            && let Type::Path(path) = &predicate.bounded_ty
            && let Some(ident) = path.path.get_ident()
        {
            let traits = traits(tree, scope.module, predicate.bounds.iter());
            inner.bounds.entry(ident.to_string()).or_default().extend(traits);
        }
    }
    inner
}

fn parameters(generics: &Generics) -> Vec<String> {
    let named = generics.params.iter().filter_map(|parameter| match parameter {
        GenericParam::Type(parameter) => Some(&parameter.ident),
        GenericParam::Const(parameter) => Some(&parameter.ident),
        GenericParam::Lifetime(_) => None,
    });
    named.map(|ident| ident.to_string()).collect()
}

fn traits<'a>(tree: &Tree, module: usize, bounds: impl Iterator<Item = &'a TypeParamBound>) -> Vec<usize> {
    bounds
        .filter_map(|bound| match bound {
            TypeParamBound::Trait(bound) => match tree.resolve(module, &names(&bound.path))?.place {
                Place::Definition(id) => Some(id),
                Place::Module(_) => None,
            },
            _ => None,
        })
        .collect()
}

/// Returns the names of a path.
pub fn names(path: &Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}
