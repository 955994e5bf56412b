//! Carries out the commands of pages that take seconds.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::commands::{COVER, Cover, OF_CASES, PAGES_DRIVER, words};
use super::{Kind, Page, pages};
use crate::process::{ENTRY, command, run_quietly};
use crate::{Result, root, say};

/// The page whose lines are run in the package's own folder: in `x86-entry` as `cargo package` has packed it.
const OF_PACKAGE: &str = "arch/entry/README.md";

/// The page that makes a package from nothing, with `x86-entry` as a dependency.
const NEW_PACKAGE: &str = "arch/entry/docs/first-kernel.md";

/// Where `cargo package` leaves what it has packed: `just check` runs it before the pages. All packages of the tree
/// have one version.
const PACKED: &str = concat!("target/stable/package/x86-entry-", env!("CARGO_PKG_VERSION"));

/// The lines of bash that run before the lines of a page.
///
/// A test downloads nothing, so `core` for the bare target is built instead of being added by rustup, and Debian's
/// linker takes the place of rustup's. `+nightly` is for rustup alone. A page may show that grep finds nothing. QEMU's
/// debug exit ends QEMU with 1 if a kernel ended with 0.
const PRELUDE: &str = r#"
set -euo pipefail
rustup() { :; }
export RUSTC_BOOTSTRAP=1 CARGO_UNSTABLE_BUILD_STD=core CARGO_TARGET_X86_64_UNKNOWN_NONE_LINKER=ld.lld
grep() { command grep "$@" || [ $? = 1 ]; }
cargo() { if [ "$1" = +nightly ]; then shift; fi; command cargo "$@"; }
qemu-system-x86_64() { command qemu-system-x86_64 "$@" || [ $? = 1 ]; }
qemu-system-i386() { command qemu-system-i386 "$@" || [ $? = 1 ]; }
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
    if page.path == Path::new(OF_PACKAGE) {
        return packed();
    }
    if page.path == Path::new(NEW_PACKAGE) {
        return new_package(page);
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

/// Copies the packed `x86-entry` to where no workspace is, and returns the folder.
fn packed() -> Result<PathBuf> {
    let to = root().join("target/pages").join(ENTRY);
    copy(&root().join(PACKED), &to)?;
    append(&to.join("Cargo.toml"), "\n[workspace]\n")?;
    Ok(to)
}

/// Makes the package that [`NEW_PACKAGE`] describes, and returns its folder. A comment before a block names the block's
/// file. The page's other files are those of the packed `x86-entry`, which stands for the registry's.
fn new_package(page: &Page) -> Result<PathBuf> {
    let entry = packed()?;
    let folder = root().join("target/pages/first");
    copy(&entry.join("examples/support"), &folder.join("support"))?;
    for (name, text) in page.files() {
        write(&folder.join(name), &text)?;
    }
    let patch = format!("\n[workspace]\n\n[patch.crates-io]\n{ENTRY} = {{ path = {entry:?} }}\n");
    append(&folder.join("Cargo.toml"), &patch)?;
    Ok(folder)
}

/// Copies a folder with all that is in it, over what is there.
fn copy(from: &Path, to: &Path) -> Result {
    fs::create_dir_all(to).map_err(|error| format!("can't make {}: {error}", to.display()))?;
    let entries = from.read_dir().map_err(|error| format!("can't list {}: {error}", from.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        let to = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &to)?;
        } else {
            fs::copy(&path, &to).map_err(|error| format!("can't copy {}: {error}", path.display()))?;
        }
    }
    Ok(())
}

fn append(file: &Path, text: &str) -> Result {
    let before = fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
    write(file, &format!("{before}{text}"))
}

fn write(file: &Path, text: &str) -> Result {
    let folder = file.parent().unwrap_or(Path::new(""));
    fs::create_dir_all(folder).map_err(|error| format!("can't make {}: {error}", folder.display()))?;
    fs::write(file, text).map_err(|error| format!("can't write {}: {error}", file.display()))
}
