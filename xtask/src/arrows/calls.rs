//! The uses in a crate: the imports, paths and calls of all its functions.

use std::collections::HashMap;

use proc_macro2::TokenStream;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::visit::Visit;
use syn::{Block, Expr, Token, UseTree};

use super::infer::Context;
use super::tokens;
use super::tree::{Place, Tree, line};
use super::types::{Head, Known, Method, Scope, Types};

/// Methods that both our types and the standard library's have. A call of one on a value of unknown type says nothing.
const COMMON: &[&str] = &[
    "add",
    "all",
    "and_then",
    "any",
    "as_mut",
    "as_ptr",
    "as_ref",
    "as_slice",
    "bits",
    "borrow",
    "chain",
    "clear",
    "clone",
    "cloned",
    "collect",
    "contains",
    "copied",
    "count",
    "default",
    "drop",
    "entry",
    "enumerate",
    "eq",
    "expect",
    "extend",
    "fill",
    "filter",
    "filter_map",
    "find",
    "find_map",
    "first",
    "flush",
    "fmt",
    "fold",
    "get",
    "get_mut",
    "insert",
    "into",
    "is_empty",
    "is_none",
    "is_some",
    "is_some_and",
    "iter",
    "iter_mut",
    "last",
    "len",
    "load",
    "lock",
    "map",
    "map_err",
    "map_or",
    "max",
    "min",
    "next",
    "ok_or",
    "or",
    "parse",
    "peek",
    "pop",
    "position",
    "push",
    "read",
    "remove",
    "replace",
    "reserve",
    "rev",
    "set",
    "skip",
    "sort",
    "split",
    "step_by",
    "store",
    "sub",
    "sum",
    "swap",
    "take",
    "then",
    "toggle",
    "truncate",
    "try_from",
    "try_into",
    "unwrap",
    "unwrap_or",
    "write",
    "zip",
];

/// The kind of a use.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    /// A function or a method is called or named.
    Call,
    /// Something else is imported or named.
    Use,
}

/// One use.
#[derive(Clone, Debug)]
pub struct Usage {
    /// The file of the use.
    pub file: usize,
    /// The line of the use.
    pub line: usize,
    /// The kind of the use.
    pub kind: Kind,
    /// The used item, as it is written.
    pub what: String,
    /// The files and lines of the definitions: several, where the type isn't known.
    pub targets: Vec<(usize, usize)>,
}

/// Returns all uses in a crate.
pub fn usages(tree: &Tree, types: &Types) -> Vec<Usage> {
    let mut found = Vec::new();
    for (module, items) in &tree.bodies {
        let scope = Scope { module: *module, ..Scope::default() };
        let mut visitor =
            Visitor { context: Context { tree, types, scope, locals: vec![HashMap::new()] }, found: &mut found };
        items.iter().for_each(|item| visitor.visit_item(item));
    }
    found
}

/// A walk through a module's items, which notes all uses.
pub struct Visitor<'a> {
    /// The types that are known at the present place.
    pub context: Context<'a>,
    found: &'a mut Vec<Usage>,
}

impl Visitor<'_> {
    fn file(&self) -> usize {
        self.context.tree.modules[self.context.scope.module].file
    }

    fn add(&mut self, line: usize, kind: Kind, what: String, targets: Vec<(usize, usize)>) {
        if !targets.is_empty() {
            let file = self.file();
            self.found.push(Usage { file, line, kind, what, targets });
        }
    }

    pub(super) fn within(&mut self, visit: impl FnOnce(&mut Self)) {
        self.context.locals.push(HashMap::new());
        visit(self);
        self.context.locals.pop();
    }

    pub(super) fn in_scope(&mut self, scope: Scope, visit: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.context.scope, scope);
        self.within(visit);
        self.context.scope = outer;
    }

    /// Notes a call of a method. Where the type isn't known, each method of that name may be meant.
    pub(super) fn method_call(&mut self, receiver: Option<Known>, name: &str, arguments: Option<usize>, line: usize) {
        let places =
            |methods: Vec<&Method>| methods.iter().map(|method| (method.file, method.line)).collect::<Vec<_>>();
        let targets = match &receiver {
            Some(of @ Known { head: Head::Own(_) | Head::Parameter(_), .. }) => {
                self.context.methods_of(of, name).map(|(_, methods)| places(methods)).unwrap_or_default()
            }
            Some(Known { head: head @ Head::Foreign(_), .. }) => {
                places(self.context.methods_where(name, |own| own.head == *head))
            }
            None if COMMON.contains(&name) => Vec::new(),
            None => {
                let fits = |method: &&Method| arguments.is_none_or(|count| count == method.arguments);
                let named = self.context.types.methods.iter().filter(|method| method.name == name && method.takes_self);
                places(named.filter(fits).collect())
            }
        };
        let what = match receiver.map(|of| of.head) {
            Some(Head::Own(id)) => format!("{}::{name}", self.context.tree.definitions[id].name),
            _ => format!(".{name}"),
        };
        self.add(line, Kind::Call, what, targets);
    }

    /// Notes a path that isn't an import: a function, a method, a type, a constant.
    pub(super) fn path(&mut self, names: &[String], line: usize) {
        let what = names.join("::");
        if let [start @ .., last] = names
            && !start.is_empty()
            && let Some(owner) = self.context.owner_of(start)
            && let Some((_, methods)) = self.context.methods_of(&owner, last)
        {
            let targets = methods.iter().map(|method| (method.file, method.line)).collect();
            self.add(line, Kind::Call, what, targets);
            return;
        }
        let is_local = names.len() == 1 && self.context.local(&names[0]).is_some();
        let Some(found) = self.context.tree.resolve(self.context.scope.module, names).filter(|_| !is_local) else {
            return;
        };
        let Place::Definition(id) = found.place else { return };
        let definition = &self.context.tree.definitions[id];
        let target = vec![(definition.file, definition.line)];
        // The import of a lone name is counted already, unless it is called.
        match (definition.is_function, names.len()) {
            (true, _) => self.add(line, Kind::Call, what, target),
            (false, 1) => {}
            (false, _) => self.add(line, Kind::Use, what, target),
        }
    }

    pub(super) fn import(&mut self, before: &mut Vec<String>, tree: &UseTree) {
        let (ident, span) = match tree {
            UseTree::Path(path) => {
                before.push(path.ident.to_string());
                self.import(before, &path.tree);
                before.pop();
                return;
            }
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(before, tree));
                return;
            }
            UseTree::Name(name) => (Some(&name.ident), name.ident.span()),
            UseTree::Rename(rename) => (Some(&rename.ident), rename.ident.span()),
            UseTree::Glob(glob) => (None, glob.star_token.spans[0]),
        };
        let own = ident.filter(|ident| *ident != "self").map(|ident| ident.to_string());
        let path: Vec<_> = before.iter().cloned().chain(own).collect();
        let Some(found) = self.context.tree.resolve(self.context.scope.module, &path) else { return };
        let target = match found.place {
            Place::Module(id) => (self.context.tree.modules[id].file, 1),
            Place::Definition(id) => (self.context.tree.definitions[id].file, self.context.tree.definitions[id].line),
        };
        self.add(line(span), Kind::Use, path.join("::"), vec![target]);
    }

    /// Notes the uses inside a macro: as expressions or statements if they can be parsed, else by their tokens.
    pub(super) fn macro_body(&mut self, body: &TokenStream) {
        if let Ok(list) = Punctuated::<Expr, Token![,]>::parse_terminated.parse2(body.clone()) {
            list.iter().for_each(|expression| self.visit_expr(expression));
        } else if let Ok(statements) = Block::parse_within.parse2(body.clone()) {
            self.within(|visitor| statements.iter().for_each(|statement| visitor.visit_stmt(statement)));
        } else {
            self.tokens(body);
        }
    }

    pub(super) fn tokens(&mut self, body: &TokenStream) {
        for seen in tokens::scan(body.clone()) {
            match seen {
                tokens::Seen::Method { name, on_self, line } => {
                    let receiver = if on_self { self.context.scope.own.clone() } else { None };
                    self.method_call(receiver, &name, None, line);
                }
                tokens::Seen::Path { names, line } => self.path(&names, line),
            }
        }
    }
}
