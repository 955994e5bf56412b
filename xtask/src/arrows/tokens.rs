//! Calls and paths among the tokens of a macro that can't be read as expressions.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use super::tree::line;

/// A use that was found.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Seen {
    /// A call of a method.
    Method {
        /// The method's name.
        name: String,
        /// Whether the method is called on `self` itself.
        on_self: bool,
        /// The line.
        line: usize,
    },
    /// A path, or a lone name that is called.
    Path {
        /// The path's names.
        names: Vec<String>,
        /// The line.
        line: usize,
    },
}

/// Finds all calls and paths, inside groups too.
pub fn scan(tokens: TokenStream) -> Vec<Seen> {
    let tokens: Vec<TokenTree> = tokens.into_iter().collect();
    let mut seen = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        match &tokens[at] {
            TokenTree::Group(group) => seen.extend(scan(group.stream())),
            TokenTree::Ident(first) => {
                let start = at;
                let mut names = vec![first.to_string()];
                while is_sign(&tokens, at + 1, ':') && is_sign(&tokens, at + 2, ':') {
                    let Some(TokenTree::Ident(next)) = tokens.get(at + 3) else { break };
                    names.push(next.to_string());
                    at += 3;
                }
                let is_called = matches!(tokens.get(at + 1), Some(TokenTree::Group(group))
                    if group.delimiter() == Delimiter::Parenthesis);
                let line = line(first.span());
                let after_dot = start > 0 && is_sign(&tokens, start - 1, '.');
                let defines = start > 0 && is_word(&tokens[start - 1], "fn");
                if after_dot && is_called {
                    let on_self = start > 1
                        && is_word(&tokens[start - 2], "self")
                        && !(start > 2 && is_sign(&tokens, start - 3, '.'));
                    seen.push(Seen::Method { name: names.swap_remove(0), on_self, line });
                } else if !after_dot && !defines && (names.len() > 1 || is_called) {
                    seen.push(Seen::Path { names, line });
                }
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => {}
        }
        at += 1;
    }
    seen
}

fn is_sign(tokens: &[TokenTree], at: usize, sign: char) -> bool {
    matches!(tokens.get(at), Some(TokenTree::Punct(found)) if found.as_char() == sign)
}

fn is_word(token: &TokenTree, word: &str) -> bool {
    matches!(token, TokenTree::Ident(found) if found == word)
}
