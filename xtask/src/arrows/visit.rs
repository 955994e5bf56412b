//! The walk through the source, which keeps the scope and the local names of each place.

use syn::visit::{self, Visit};
use syn::{
    Arm, Block, Expr, ExprClosure, ExprForLoop, ExprIf, ExprLet, ExprMatch, ExprMethodCall, ExprWhile, FnArg,
    ImplItemFn, Item, ItemFn, ItemImpl, ItemMacro, ItemTrait, ItemUse, Local, Macro, Pat, Path, Signature, TraitItemFn,
};

use super::calls::Visitor;
use super::tree::{is_for_tests, line};
use super::types::{Head, names, trait_scope, with_generics};

impl<'ast> Visit<'ast> for Visitor<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        match item {
            // The modules of the crate aren't among the items any more. A module inside a function may have any names.
            Item::Mod(_) => {}
            item => visit::visit_item(self, item),
        }
    }

    fn visit_item_use(&mut self, item: &'ast ItemUse) {
        self.import(&mut Vec::new(), &item.tree);
    }

    fn visit_item_impl(&mut self, item: &'ast ItemImpl) {
        let scope = self.context.types.impl_scope(self.context.tree, &self.context.scope, item);
        self.in_scope(scope, |visitor| visit::visit_item_impl(visitor, item));
    }

    fn visit_item_trait(&mut self, item: &'ast ItemTrait) {
        let scope = trait_scope(self.context.tree, &self.context.scope, item);
        self.in_scope(scope, |visitor| visit::visit_item_trait(visitor, item));
    }

    fn visit_item_fn(&mut self, item: &'ast ItemFn) {
        if !is_for_tests(&item.attrs) {
            let scope = with_generics(self.context.tree, &self.context.scope, &item.sig.generics);
            self.in_scope(scope, |visitor| {
                visitor.bind_arguments(&item.sig);
                visit::visit_item_fn(visitor, item);
            });
        }
    }

    fn visit_impl_item_fn(&mut self, item: &'ast ImplItemFn) {
        if !is_for_tests(&item.attrs) {
            let scope = with_generics(self.context.tree, &self.context.scope, &item.sig.generics);
            self.in_scope(scope, |visitor| {
                visitor.bind_arguments(&item.sig);
                visit::visit_impl_item_fn(visitor, item);
            });
        }
    }

    fn visit_trait_item_fn(&mut self, item: &'ast TraitItemFn) {
        let scope = with_generics(self.context.tree, &self.context.scope, &item.sig.generics);
        self.in_scope(scope, |visitor| {
            visitor.bind_arguments(&item.sig);
            visit::visit_trait_item_fn(visitor, item);
        });
    }

    fn visit_item_macro(&mut self, item: &'ast ItemMacro) {
        self.tokens(&item.mac.tokens);
    }

    fn visit_macro(&mut self, item: &'ast Macro) {
        self.macro_body(&item.tokens);
    }

    fn visit_block(&mut self, block: &'ast Block) {
        self.within(|visitor| visit::visit_block(visitor, block));
    }

    fn visit_local(&mut self, local: &'ast Local) {
        visit::visit_local(self, local);
        let meaning = local.init.as_ref().and_then(|init| self.context.type_of(&init.expr));
        self.context.bind(&local.pat, meaning);
    }

    fn visit_expr_let(&mut self, item: &'ast ExprLet) {
        visit::visit_expr_let(self, item);
        let meaning = self.context.type_of(&item.expr);
        self.context.bind(&item.pat, meaning);
    }

    fn visit_expr_if(&mut self, item: &'ast ExprIf) {
        self.within(|visitor| visit::visit_expr_if(visitor, item));
    }

    fn visit_expr_while(&mut self, item: &'ast ExprWhile) {
        self.within(|visitor| visit::visit_expr_while(visitor, item));
    }

    fn visit_expr_match(&mut self, item: &'ast ExprMatch) {
        self.visit_expr(&item.expr);
        let meaning = self.context.type_of(&item.expr);
        for arm in &item.arms {
            self.within(|visitor| {
                visitor.context.bind(&arm.pat, meaning.clone());
                visitor.visit_arm(arm);
            });
        }
    }

    fn visit_arm(&mut self, arm: &'ast Arm) {
        if !is_for_tests(&arm.attrs) {
            visit::visit_arm(self, arm);
        }
    }

    fn visit_expr_for_loop(&mut self, item: &'ast ExprForLoop) {
        self.within(|visitor| {
            visitor.context.bind(&item.pat, None);
            visit::visit_expr_for_loop(visitor, item);
        });
    }

    fn visit_expr_closure(&mut self, item: &'ast ExprClosure) {
        self.within(|visitor| {
            for input in &item.inputs {
                // `visit_expr_method_call` has bound the argument that a method gives its closure.
                if !matches!(input, Pat::Ident(inner) if visitor.context.local(&inner.ident.to_string()).is_some()) {
                    visitor.context.bind(input, None);
                }
            }
            visit::visit_expr_closure(visitor, item);
        });
    }

    fn visit_expr_method_call(&mut self, call: &'ast ExprMethodCall) {
        let receiver = self.context.type_of(&call.receiver);
        self.method_call(receiver.clone(), &call.method.to_string(), Some(call.args.len()), line(call.method.span()));
        self.within(|visitor| {
            // An option's methods give their closure the value inside.
            let inside = receiver.filter(|of| of.head == Head::Foreign("Option".to_owned()));
            let inside = inside.and_then(|of| of.arguments.into_iter().next().flatten());
            for closure in &call.args {
                if let Expr::Closure(closure) = closure {
                    closure.inputs.iter().for_each(|input| visitor.context.bind(input, inside.clone()));
                }
            }
            visit::visit_expr_method_call(visitor, call);
        });
    }

    fn visit_path(&mut self, path: &'ast Path) {
        let start = path.segments.first().map_or(0, |segment| line(segment.ident.span()));
        self.path(&names(path), start);
        visit::visit_path(self, path);
    }
}

impl Visitor<'_> {
    fn bind_arguments(&mut self, signature: &Signature) {
        for input in &signature.inputs {
            if let FnArg::Typed(input) = input {
                let meaning = self.context.types.known(self.context.tree, &self.context.scope, &input.ty);
                self.context.bind(&input.pat, meaning);
            }
        }
    }
}
