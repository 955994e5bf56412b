//! Inference of types at a place in a function: those of names and expressions.

use std::collections::HashMap;

use syn::{Expr, ExprMethodCall, Member, Pat, Path};

use super::tree::{Place, Tree};
use super::types::{Head, Known, Method, Scope, Types, fill, names};

/// The meaning of names at a place in a function.
pub struct Context<'a> {
    /// The crate.
    pub tree: &'a Tree,
    /// The crate's types.
    pub types: &'a Types,
    /// The scope in which names of types are read.
    pub scope: Scope,
    /// The types of local names, by block.
    pub locals: Vec<HashMap<String, Option<Known>>>,
}

impl Context<'_> {
    /// Returns the type of a local name, or `Some(None)` if the type isn't known.
    pub fn local(&self, name: &str) -> Option<&Option<Known>> {
        self.locals.iter().rev().find_map(|names| names.get(name))
    }

    /// Notes the types of the names in a pattern.
    pub fn bind(&mut self, pattern: &Pat, meaning: Option<Known>) {
        let argument = |index: usize| meaning.as_ref().and_then(|known| known.arguments.get(index).cloned().flatten());
        match pattern {
            Pat::Ident(inner) => {
                if let Some(names) = self.locals.last_mut() {
                    names.insert(inner.ident.to_string(), meaning);
                }
            }
            Pat::Reference(inner) => self.bind(&inner.pat, meaning),
            Pat::Paren(inner) => self.bind(&inner.pat, meaning),
            Pat::Type(inner) => {
                let meaning = self.types.known(self.tree, &self.scope, &inner.ty);
                self.bind(&inner.pat, meaning);
            }
            Pat::Tuple(inner) => {
                let types: Vec<_> = (0..inner.elems.len()).map(argument).collect();
                inner.elems.iter().zip(types).for_each(|(pattern, meaning)| self.bind(pattern, meaning));
            }
            Pat::TupleStruct(inner) => {
                let index = match inner.path.segments.last().map(|segment| segment.ident.to_string()).as_deref() {
                    Some("Some" | "Ok") => Some(0),
                    Some("Err") => Some(1),
                    _ => None,
                };
                let meaning = index.and_then(argument);
                inner.elems.iter().for_each(|pattern| self.bind(pattern, meaning.clone()));
            }
            Pat::Struct(inner) => inner.fields.iter().for_each(|field| {
                let meaning = match (&field.member, self.types.known_path(self.tree, &self.scope, &inner.path)) {
                    (Member::Named(name), Some(of)) => self.types.field(&of, &name.to_string()),
                    _ => None,
                };
                self.bind(&field.pat, meaning);
            }),
            Pat::Slice(inner) => {
                let meaning = argument(0);
                inner.elems.iter().for_each(|pattern| self.bind(pattern, meaning.clone()));
            }
            Pat::Or(inner) => inner.cases.iter().for_each(|pattern| self.bind(pattern, meaning.clone())),
            _ => {}
        }
    }

    /// Returns the type of an expression.
    pub fn type_of(&self, expression: &Expr) -> Option<Known> {
        match expression {
            Expr::Path(path) if path.qself.is_none() => match names(&path.path).as_slice() {
                [name] if name == "self" => self.scope.own.clone(),
                [name] => self.local(name).cloned().flatten(),
                _ => None,
            },
            Expr::Field(field) => {
                let of = self.type_of(&field.base)?;
                match &field.member {
                    Member::Named(name) => self.types.field(&of, &name.to_string()),
                    Member::Unnamed(index) => self.types.field(&of, &index.index.to_string()),
                }
            }
            Expr::MethodCall(call) => self.returned(call),
            Expr::Call(call) => {
                let Expr::Path(path) = &*call.func else { return None };
                self.returned_by_path(&path.path)
            }
            Expr::Struct(inner) => self.types.known_path(self.tree, &self.scope, &inner.path),
            Expr::Try(inner) => self.type_of(&inner.expr)?.arguments.into_iter().next().flatten(),
            Expr::Reference(inner) => self.type_of(&inner.expr),
            Expr::Paren(inner) => self.type_of(&inner.expr),
            Expr::Group(inner) => self.type_of(&inner.expr),
            Expr::Unary(inner) if matches!(inner.op, syn::UnOp::Deref(_)) => self.type_of(&inner.expr),
            Expr::Cast(inner) => self.types.known(self.tree, &self.scope, &inner.ty),
            Expr::Index(inner) => match self.type_of(&inner.expr)? {
                Known { head: Head::Foreign(head), arguments } if head == "[]" => arguments.into_iter().next()?,
                _ => None,
            },
            _ => None,
        }
    }

    fn returned(&self, call: &ExprMethodCall) -> Option<Known> {
        let of = self.type_of(&call.receiver)?;
        let name = call.method.to_string();
        if let Head::Foreign(head) = &of.head {
            let first = of.arguments.first().cloned().flatten();
            return match (head.as_str(), name.as_str()) {
                (_, "unwrap" | "expect" | "unwrap_or" | "unwrap_or_default" | "unwrap_or_else") => first,
                ("Option", "ok_or" | "ok_or_else") => Some(Known { head: Head::Foreign("Result".to_owned()), ..of }),
                ("Result", "ok") => Some(Known { head: Head::Foreign("Option".to_owned()), ..of }),
                (
                    "Option" | "Result",
                    "as_ref" | "as_mut" | "as_deref" | "copied" | "cloned" | "take" | "filter" | "or",
                ) => Some(of),
                ("[]", "get" | "get_mut" | "first" | "last") => {
                    Some(Known { head: Head::Foreign("Option".to_owned()), arguments: vec![first] })
                }
                _ => None,
            };
        }
        let (owner, methods) = self.methods_of(&of, &name)?;
        let method = methods.first()?;
        self.fill_owner(method, &owner)
    }

    /// Returns what a method returns, with the owner's arguments in the place of the parameters of the `impl`.
    fn fill_owner(&self, method: &Method, owner: &Known) -> Option<Known> {
        let written = method.returns.clone()?;
        let parameters = method.owner.iter().flat_map(|own| &own.arguments);
        let given = parameters.zip(&owner.arguments).filter_map(|(parameter, argument)| match parameter {
            Some(Known { head: Head::Parameter(name), .. }) => Some((name.clone(), argument.clone())),
            _ => None,
        });
        fill(written, &given.collect())
    }

    fn returned_by_path(&self, path: &Path) -> Option<Known> {
        let names = names(path);
        if let [start @ .., last] = names.as_slice()
            && !start.is_empty()
            && let Some(owner) = self.owner_of(start)
            && let Some((owner, methods)) = self.methods_of(&owner, last)
        {
            return self.fill_owner(methods.first()?, &owner);
        }
        let found = self.tree.resolve(self.scope.module, &names)?;
        match found.place {
            Place::Definition(id) if found.rest.is_empty() => match self.types.functions.get(&id) {
                Some(returned) => returned.clone(),
                None => Some(Known { head: Head::Own(id), arguments: Vec::new() }),
            },
            // The path names a variant.
            Place::Definition(id) => Some(Known { head: Head::Own(id), arguments: Vec::new() }),
            Place::Module(_) => None,
        }
    }

    /// Returns the type that a path without its last name names.
    pub fn owner_of(&self, path: &[String]) -> Option<Known> {
        if let [name] = path {
            if name == "Self" {
                return self.scope.own.clone();
            }
            if self.scope.bounds.contains_key(name) {
                return Some(Known { head: Head::Parameter(name.clone()), arguments: Vec::new() });
            }
        }
        let found = self.tree.resolve(self.scope.module, path)?;
        match found.place {
            Place::Definition(id) if found.rest.is_empty() => {
                Some(Known { head: Head::Own(id), arguments: Vec::new() })
            }
            _ => None,
        }
    }

    /// Returns the methods of a type by a name, with the type that has them: the type itself, a trait that bounds it,
    /// or the type to which it dereferences.
    pub fn methods_of(&self, of: &Known, name: &str) -> Option<(Known, Vec<&Method>)> {
        match &of.head {
            Head::Own(id) => {
                let own = |id: usize| move |owner: &Known| owner.head == Head::Own(id);
                let found = self.methods_where(name, own(*id));
                if !found.is_empty() {
                    return Some((of.clone(), found));
                }
                for &above in self.types.supertraits(*id) {
                    let known = Known { head: Head::Own(above), arguments: Vec::new() };
                    if let Some(found) = self.methods_of(&known, name) {
                        return Some(found);
                    }
                }
                self.methods_of(&self.types.target(of)?, name)
            }
            Head::Parameter(parameter) => self
                .scope
                .bounds
                .get(parameter)?
                .iter()
                .find_map(|&id| self.methods_of(&Known { head: Head::Own(id), arguments: Vec::new() }, name)),
            Head::Foreign(_) => None,
        }
    }

    /// Returns the methods by a name whose type or trait fits.
    pub fn methods_where(&self, name: &str, is_owner: impl Fn(&Known) -> bool) -> Vec<&Method> {
        let named = self.types.methods.iter().filter(|method| method.name == name);
        named.filter(|method| method.owner.as_ref().is_some_and(&is_owner)).collect()
    }
}
