//! Carries out the commands of pages that take seconds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::commands::{COVER, Cover, OF_CASES, PAGES_DRIVER, words};
use super::{Kind, Page, pages};
use crate::process::{command, run_quietly};
use crate::{Result, root, say};

/// The page whose lines are run where it lies, since they are about the package in its folder.
const IN_PLACE: &str = "arch/entry/README.md";

/// The lines of bash that run before the lines of a page.
///
/// A test downloads nothing, so `core` for the bare target is built instead of being added by rustup, and Debian's
/// linker takes the place of rustup's. A page may show that grep finds nothing. QEMU's debug exit ends QEMU with an odd
/// status.
const PRELUDE: &str = r#"
set -euo pipefail
rustup() { :; }
export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=core CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER=ld.lld
grep() { command grep "$@" || [ $? = 1 ]; }
qemu-system-x86_64() { command qemu-system-x86_64 "$@" || [ $(($? % 2)) = 1 ]; }
"#;

/// Runs each line of `just` that is to be run, once, and the lines for other programs, page by page.
pub fn run() -> Result {
    let pages = pages()?;
    let mut recipes = BTreeSet::new();
    for page in &pages {
        let snippets = page.snippets();
        let code = snippets.iter().filter(|snippet| matches!(snippet.kind, Kind::Typed | Kind::Inline));
        recipes.extend(code.filter_map(|snippet| recipe_to_run(&snippet.text)));
    }
    for words in recipes {
        say(&format!("just {}", words.join(" ")));
        let mut just = command(&std::env::var("JUST").unwrap_or_else(|_| "just".to_owned()));
        just.args(words);
        run_quietly(just)?;
    }
    pages.iter().try_for_each(run_script)
}

/// Returns the arguments of `just` in a line, if the line is one to run.
fn recipe_to_run(line: &str) -> Option<Vec<String>> {
    let words = words(line);
    let ["just" | "./justw", recipe, ..] = words.as_slice() else { return None };
    let covered = COVER.iter().any(|(name, cover)| name == recipe && *cover == Cover::Check);
    // The page's driver isn't in this tree, and all host tests at once are a part of `just test`.
    let exists = !words.contains(&PAGES_DRIVER) && words != ["just", "test-host"];
    (exists && (covered || *recipe == "--list")).then(|| words[1..].iter().map(|&word| word.to_owned()).collect())
}

/// Runs the commands of a page's blocks that aren't recipes, as one script.
fn run_script(page: &Page) -> Result {
    let snippets = page.snippets().into_iter().filter(|snippet| snippet.kind == Kind::Typed);
    let lines: Vec<_> = snippets.map(|snippet| snippet.text).filter(|line| !runs_elsewhere(line)).collect();
    if lines.is_empty() {
        return Ok(());
    }
    say(&format!("the commands of {}", page.path.display()));
    let mut bash = Command::new("bash");
    bash.current_dir(folder(page)?).args(["-c", &format!("{PRELUDE}{}", lines.join("\n"))]);
    run_quietly(bash)
}

fn runs_elsewhere(line: &str) -> bool {
    words(line).first().is_none_or(|first| ["just", "./justw"].contains(first) || OF_CASES.contains(first))
}

/// Returns the folder in which a page's lines run: a copy of the page's own, where they may leave files behind.
fn folder(page: &Page) -> Result<PathBuf> {
    let original = root().join(page.path.parent().unwrap_or(Path::new("")));
    if page.path == Path::new(IN_PLACE) {
        return Ok(original);
    }
    let copy = root().join("target/pages").join(page.path.file_stem().unwrap_or_default());
    fs::create_dir_all(&copy).map_err(|error| format!("can't make {}: {error}", copy.display()))?;
    let entries = original.read_dir().map_err(|error| format!("can't list {}: {error}", original.display()))?;
    for file in entries.flatten().map(|entry| entry.path()).filter(|path| path.is_file()) {
        let to = copy.join(file.file_name().unwrap_or_default());
        fs::copy(&file, &to).map_err(|error| format!("can't copy {}: {error}", file.display()))?;
    }
    Ok(copy)
}
