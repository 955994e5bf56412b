//! A check that no line of the tree is longer than a reader's window.

use std::fs;
use std::path::Path;

use crate::Result;

/// The most columns of a line.
const MOST: usize = 120;

/// Folders with files that aren't ours.
const SKIPPED: [&str; 2] = ["target", ".git"];

/// Names and endings of the files that people write.
const WRITTEN: [&str; 9] = [".rs", ".md", ".toml", ".sh", ".S", ".ld", "justfile", "justw", ".ci/run"];

/// Beginnings of paths that may have longer lines, and why.
const EXEMPT: &[(&str, &str)] = &[
    ("docs/upstream/", "reports to other projects, whose trackers take a line feed for the end of a paragraph"),
    ("kernel/abi/src/call.rs", "the table of calls: each is one row"),
    ("tests/entry-abi/snippets/", "what the compiler says to them is recorded with their lines"),
];

/// Checks all files below a folder, which is the root of this tree or of a copy.
pub fn check(folder: &Path) -> Result {
    let mut found = Vec::new();
    collect(folder, folder, &mut found)?;
    found.sort();
    if found.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{} lines have more than {MOST} columns", found.join("\n"), found.len()))
}

fn collect(root: &Path, folder: &Path, found: &mut Vec<String>) -> Result {
    let entries = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    for entry in entries.flatten() {
        let (path, kind) = (entry.path(), entry.file_type());
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy().into_owned();
        if kind.is_ok_and(|kind| kind.is_dir()) {
            if !SKIPPED.iter().any(|skipped| entry.file_name() == *skipped) {
                collect(root, &path, found)?;
            }
        } else if WRITTEN.iter().any(|end| name.ends_with(end)) && !EXEMPT.iter().any(|(at, _)| name.starts_with(at)) {
            let text = fs::read_to_string(&path).map_err(|error| format!("can't read {name}: {error}"))?;
            found.extend(long_lines(&name, &text));
        }
    }
    Ok(())
}

/// Returns the lines of a file that are too long and could be shorter.
fn long_lines(name: &str, text: &str) -> Vec<String> {
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line, line.chars().count()));
    let long = lines.filter(|(_, line, columns)| *columns > MOST && !is_whole(name, line));
    long.map(|(number, _, columns)| format!("{name}:{number}: {columns} columns")).collect()
}

/// Returns whether a line can't be divided: a row of a table, on a page or in a comment, or a link that is too long by
/// itself.
fn is_whole(name: &str, line: &str) -> bool {
    let line = line.trim_start();
    let text = if name.ends_with(".md") {
        line
    } else if let Some(text) = ["//! ", "/// "].iter().find_map(|mark| line.strip_prefix(mark)) {
        text
    } else {
        return false;
    };
    text.starts_with('|') || text.starts_with("![") || !text.trim_start_matches(['-', '*', ' ']).contains(' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_lines_are_named() {
        let text = format!("{}\n{}\n// {}\n", "ä".repeat(120), "a".repeat(121), "b ".repeat(60));
        assert_eq!(long_lines("a.rs", &text), ["a.rs:2: 121 columns", "a.rs:3: 123 columns"]);
    }

    #[test]
    fn rows_and_lone_links_of_pages_are_whole() {
        let long = "b ".repeat(80);
        let page = format!("| {long} |\n[a](https://{})\n{long}\n", "c".repeat(150));
        assert_eq!(long_lines("a.md", &page), ["a.md:3: 160 columns"]);
        assert_eq!(long_lines("a.rs", &page).len(), 3);
        assert_eq!(long_lines("a.rs", &page.lines().map(|line| format!("//! {line}\n")).collect::<String>()).len(), 1);
    }
}
