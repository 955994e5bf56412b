//! The commands that the pages tell a reader to type, and the files that they name.
//!
//! A page is any `*.md` of the tree. `xtask/tests/pages.rs` checks that all these commands are known and all these
//! files exist. [`run::run`] carries out commands that take seconds, as a step of `just check`; [`commands::COVER`]
//! says what carries out the others.

pub mod commands;
pub mod paths;
pub mod run;

use std::fs;
use std::path::{Path, PathBuf};

use crate::{Result, root};

/// Folders without pages of ours.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// A page.
pub struct Page {
    /// The page's path from the root of the tree.
    pub path: PathBuf,
    text: String,
}

/// Something on a page that isn't prose.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Snippet {
    /// The page and the line, for messages.
    pub place: String,
    /// The kind of the text.
    pub kind: Kind,
    /// The text: one line.
    pub text: String,
}

/// The kind of a snippet's text.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    /// A line for a shell of the host: in a block that is fenced as `sh` or indented, or after `$ ` in any block.
    Typed,
    /// A line for Bellwire's shell: behind its prompt in a block.
    TypedInBellwire,
    /// Code within a sentence.
    Inline,
    /// The target of a link.
    Link,
}

/// The kind of block in which a line of a page stands.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Block {
    Prose,
    /// Indented by four columns.
    Indented,
    /// Fenced as lines for a shell.
    Shell,
    /// Fenced as anything else.
    Other,
}

/// Returns all pages of the tree, in the order of their paths.
pub fn pages() -> Result<Vec<Page>> {
    let mut found = Vec::new();
    collect(&root(), &mut found)?;
    found.sort();
    found.into_iter().map(|path| Page::read(&path)).collect()
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) -> Result {
    let entries = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() && !SKIPPED.iter().any(|name| entry.file_name() == *name) {
            collect(&path, found)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            found.push(path);
        }
    }
    Ok(())
}

impl Page {
    fn read(path: &Path) -> Result<Page> {
        let text = fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
        Ok(Page { path: path.strip_prefix(root()).unwrap_or(path).to_owned(), text })
    }

    /// Makes a page of a text, as if it lay at the root.
    pub fn of(text: &str) -> Page {
        Page { path: "page.md".into(), text: text.to_owned() }
    }

    /// The content of the page's fenced blocks whose first line is `fence`.
    pub fn blocks(&self, fence: &str) -> Vec<String> {
        let mut blocks = Vec::new();
        let mut lines = self.text.lines();
        while let Some(line) = lines.next() {
            if line == fence {
                blocks.push(lines.by_ref().take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect());
            }
        }
        blocks
    }

    /// The code in the page's blocks that are fenced as Rust, without the indentation of a list, each with its line.
    pub fn rust_code(&self) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        let mut lines = self.text.lines().enumerate();
        while let Some((index, line)) = lines.next() {
            let Some(indentation) = line.strip_suffix("```rust") else { continue };
            let code = lines.by_ref().map(|(_, line)| line.strip_prefix(indentation).unwrap_or(line));
            let code = code.take_while(|line| *line != "```").map(|line| format!("{line}\n")).collect();
            found.push((index + 1, code));
        }
        found
    }

    /// The files that the page's fenced blocks make up: a comment before a block names its file. Blocks of one file
    /// follow each other. A comment of several words names none.
    pub fn files(&self) -> Vec<(String, String)> {
        let mut files: Vec<(String, String)> = Vec::new();
        let mut lines = self.text.lines();
        let mut name = None;
        while let Some(line) = lines.next() {
            if !line.starts_with("```") {
                name = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->"));
                continue;
            }
            let block = lines.by_ref().take_while(|line| *line != "```");
            let text: String = block.map(|line| format!("{line}\n")).collect();
            let Some(name) = name.take().filter(|name| !name.contains(' ')) else { continue };
            match files.iter_mut().find(|(file, _)| file == name) {
                Some((_, before)) => *before += &format!("\n{text}"),
                None => files.push((name.to_owned(), text)),
            }
        }
        files
    }

    /// The names by which a link leads to the page's headings, in the form that forges give them.
    fn anchors(&self) -> Vec<String> {
        let headings = self.text.lines().filter(|line| line.starts_with('#'));
        headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
    }

    /// Returns everything that isn't prose, in order.
    pub fn snippets(&self) -> Vec<Snippet> {
        let mut snippets = Vec::new();
        let mut block = Block::Prose;
        let mut after_empty = true;
        let mut typed = String::new();
        for (index, line) in self.text.lines().enumerate() {
            let place = format!("{}:{}", self.path.display(), index + 1);
            block = match (block, line.trim_start().strip_prefix("```")) {
                (Block::Shell | Block::Other, Some(_)) => Block::Prose,
                (_, Some("sh")) => Block::Shell,
                (_, Some(_)) => Block::Other,
                (Block::Shell | Block::Other, None) => block,
                (_, None) if line.starts_with("    ") && (after_empty || block == Block::Indented) => Block::Indented,
                (_, None) => Block::Prose,
            };
            after_empty = line.trim().is_empty();
            if line.trim_start().starts_with("```") {
                continue;
            }
            if block == Block::Prose {
                inline(&place, line, &mut snippets);
                continue;
            }
            let line = line.trim();
            if let Some(line) = line.strip_prefix("bellwire> ") {
                snippets.push(Snippet { place, kind: Kind::TypedInBellwire, text: line.to_owned() });
                continue;
            }
            let line = match (block, line.strip_prefix("$ ")) {
                (_, Some(line)) => line,
                (Block::Other, None) => continue,
                (_, None) => line,
            };
            // A line that ends with a backslash goes on in the next one.
            typed.push_str(line.strip_suffix('\\').unwrap_or(line));
            if !line.ends_with('\\') && !typed.trim().is_empty() {
                let text = std::mem::take(&mut typed).split_whitespace().collect::<Vec<_>>().join(" ");
                if !text.starts_with('#') {
                    snippets.push(Snippet { place, kind: Kind::Typed, text });
                }
            }
        }
        snippets
    }
}

/// Finds code and links in a line of prose.
fn inline(place: &str, line: &str, snippets: &mut Vec<Snippet>) {
    let mut add = |kind, text: &str| {
        snippets.push(Snippet { place: place.to_owned(), kind, text: text.to_owned() });
    };
    for code in line.split('`').skip(1).step_by(2) {
        add(Kind::Inline, code);
    }
    for rest in line.split("](").skip(1) {
        if let Some((target, _)) = rest.split_once(')') {
            add(Kind::Link, target);
        }
    }
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|letter| letter.is_alphanumeric() || [' ', '-', '_'].contains(letter));
    kept.map(|letter| if letter == ' ' { '-' } else { letter.to_ascii_lowercase() }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(page: &str, kind: Kind) -> Vec<String> {
        let snippets = Page::of(page).snippets();
        snippets.into_iter().filter(|snippet| snippet.kind == kind).map(|snippet| snippet.text).collect()
    }

    #[test]
    fn lines_to_type_are_found() {
        let page = "Run\n\n    just build\n    bellwire> irq\n\n```sh\ncargo a \\\n    --b  # c\n# not this\n```\n\n\
                    ```text\nnot this\n$ but this\n```\n- a\n    not this\n";
        assert_eq!(texts(page, Kind::Typed), ["just build", "cargo a --b # c", "but this"]);
        assert_eq!(texts(page, Kind::TypedInBellwire), ["irq"]);
    }

    #[test]
    fn code_and_links_are_found_in_prose() {
        let page = "`a` and [`b`](c.md#d), `e f`\n\n```rust\n`not`\n```\n";
        assert_eq!(texts(page, Kind::Inline), ["a", "b", "e f"]);
        assert_eq!(texts(page, Kind::Link), ["c.md#d"]);
    }

    #[test]
    fn rust_code_is_found_in_a_list_too() {
        let page =
            Page::of("```rust\na\n\n    b\n```\n1. c\n\n   ```rust\n   d {\n\n       e\n   ```\n```toml\nf\n```\n");
        assert_eq!(page.rust_code(), [(1, "a\n\n    b\n".to_owned()), (8, "d {\n\n    e\n".to_owned())]);
    }

    #[test]
    fn blocks_make_files() {
        let page = "<!-- a.rs -->\n```rust\na\n```\n```sh\nb\n```\n<!-- part of c -->\n```rust\nc\n```\n\
                    <!-- a.rs -->\n```rust\nd\n```\n";
        assert_eq!(Page::of(page).files(), [("a.rs".to_owned(), "a\n\nd\n".to_owned())]);
    }

    #[test]
    fn headings_have_anchors() {
        assert_eq!(Page::of("# The `init` of it\n").anchors(), ["the-init-of-it"]);
    }
}
