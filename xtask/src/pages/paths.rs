//! The files that pages name.

use std::path::{Path, PathBuf};

use super::{Kind, Page, Snippet};
use crate::build::kernel_with_symbols;
use crate::iso::Disc;
use crate::{Width, root};

/// The folders from which pages count paths, besides the root and the page's own folder.
const BASES: [&str; 4] = ["tests/runner/src", "tests/suite/src", "arch/entry", "user/sdk"];

/// Texts with a slash that name no file of the tree.
const OTHERS: [&str; 6] =
    ["/dev/uio0", "/init", "user/drivers/NAME", "user/drivers/counter", "src/lib.rs", "src/main.rs"];

/// Files and folders that commands write, besides those that the tools themselves name.
const WRITTEN: [&str; 9] = [
    "target/bench.json",
    "target/bench-linux.json",
    "target/bench-scale.json",
    "target/doc/index.html",
    "target/linux",
    "target/linux/WIDTH",
    "target/picture.png",
    "target/stable",
    "target/doc",
];

/// Returns what is wrong with a path or a link of a page.
pub fn problem(page: &Page, snippet: &Snippet) -> Option<String> {
    let missing = match snippet.kind {
        Kind::Link => !link_leads_somewhere(page, &snippet.text),
        Kind::Inline => is_path(&snippet.text) && !exists(page, &snippet.text),
        Kind::Typed | Kind::TypedInBellwire => false,
    };
    missing.then(|| format!("nothing is at {}", snippet.text))
}

fn is_path(code: &str) -> bool {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-/*".contains(letter);
    code.contains('/') && code.chars().all(plain) && code.chars().any(|letter| letter.is_ascii_alphabetic())
}

fn exists(page: &Page, path: &str) -> bool {
    if OTHERS.contains(&path) || WRITTEN.contains(&path) {
        return true;
    }
    if path.starts_with("target/") {
        let written = |width: &Width| is_written(&path.replace("WIDTH", width.name()), *width);
        return if path.contains("WIDTH") { Width::ALL.iter().all(written) } else { Width::ALL.iter().any(written) };
    }
    let folder = page.path.parent().unwrap_or(Path::new(""));
    let bases = [Path::new(""), folder].into_iter().chain(BASES.iter().map(Path::new));
    bases.map(|base| root().join(base).join(path)).any(|path| leads_to_a_file(&path))
}

/// Returns whether a path leads to a file. A star in its last part stands for any name.
fn leads_to_a_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let Some((before, after)) = name.split_once('*') else { return path.exists() };
    let entries = path.parent().and_then(|folder| folder.read_dir().ok()).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| {
        let name = name.to_string_lossy();
        name.starts_with(before) && name.ends_with(after)
    })
}

/// Returns whether the tools write such a file. The path is compared with those that the tools name, since nothing may
/// be built yet.
fn is_written(path: &str, width: Width) -> bool {
    let discs = [Disc::Shipped, Disc::Suite, Disc::SelfTest].map(|disc| disc.file(width));
    let folders = [width.image_folder(), root().join("target").join(width.user_target()).join("release")];
    let docs =
        [width.kernel_target(), width.user_target()].map(|target| root().join("target").join(target).join("doc"));
    let files: Vec<PathBuf> =
        discs.into_iter().chain(folders.clone()).chain(docs).chain([kernel_with_symbols(width)]).collect();
    let path = root().join(path);
    // A binary of a user program lies in the folder of all of them.
    files.contains(&path) || path.parent().is_some_and(|folder| folders.iter().any(|known| known == folder))
}

fn link_leads_somewhere(page: &Page, target: &str) -> bool {
    if target.contains("://") {
        return true;
    }
    let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
    let folder = page.path.parent().unwrap_or(Path::new(""));
    let file = if path.is_empty() { page.path.clone() } else { folder.join(path) };
    if !root().join(&file).exists() {
        return false;
    }
    anchor.is_empty()
        || Page::read(&root().join(file)).is_ok_and(|page| page.anchors().iter().any(|name| name == anchor))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(code: &str) -> bool {
        exists(&Page::of(""), code)
    }

    #[test]
    fn files_of_the_tree_and_of_the_tools_are_found() {
        for path in ["docs/boot.md", "kernel/", "cases/pci.rs", "targets/*.json", "target/WIDTH-kernel/kernel/boot"] {
            assert!(is_path(path) && found(path), "{path}");
        }
        for path in ["docs/no.md", "target/WIDTH-kernel/release/boot", "targets/*.xml", "cases/no.rs"] {
            assert!(is_path(path) && !found(path), "{path}");
        }
        assert!(!is_path("N/M + 1") && !is_path("3/4"));
    }

    #[test]
    fn a_link_leads_to_a_heading() {
        let page = Page::of("# A heading\n");
        for link in ["docs/boot.md#in-order", "docs/boot.md", "https://example.org"] {
            assert!(link_leads_somewhere(&page, link), "{link}");
        }
        for link in ["docs/boot.md#nowhere", "no.md"] {
            assert!(!link_leads_somewhere(&page, link), "{link}");
        }
    }
}
