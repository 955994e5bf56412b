//! Puts faults back that were mended, one by one, into a copy of the tree, and checks that a test finds each.
//!
//! A fault is a patch in `tests/faults`. The lines above its first `---` are for people, but for `Found by:`, which
//! names a package, a part of a test's name, and `small` if the package is built with small tables.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::calls::SMALL;
use crate::{Result, root, say};

/// The folder of the patches.
const FOLDER: &str = "tests/faults";

/// The copy and what is built of it.
const COPY: &str = "target/faults";

/// A fault that can be put back.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Fault {
    name: String,
    patch: PathBuf,
    package: String,
    test: String,
    is_small: bool,
}

/// Puts back each fault whose name has that part.
pub fn check(part: &str) -> Result {
    let faults: Vec<_> = all()?.into_iter().filter(|fault| fault.name.contains(part)).collect();
    if faults.is_empty() {
        return Err(format!("no file of {FOLDER} has {part:?} in its name"));
    }
    let tree = copy()?;
    let mut wrong = Vec::new();
    for fault in &faults {
        say(&format!("putting back {}", fault.name));
        if let Err(why) = put_back(&tree, fault) {
            println!("fault {} ... FAILED: {why}", fault.name);
            wrong.push(fault.name.clone());
        } else {
            println!("fault {} ... found by {} {}", fault.name, fault.package, fault.test);
        }
    }
    match wrong.len() {
        0 => Ok(()),
        count => Err(format!("{count} faults weren't found as they should be: {}", wrong.join(", "))),
    }
}

/// Reads all patches.
fn all() -> Result<Vec<Fault>> {
    let folder = root().join(FOLDER);
    let entries = fs::read_dir(&folder).map_err(|error| format!("can't read {FOLDER}: {error}"))?;
    let mut files: Vec<_> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "patch"));
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

fn read(file: &Path) -> Result<Fault> {
    let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let text = fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
    let finder = text.lines().find_map(|line| line.strip_prefix("Found by: "));
    let words: Vec<_> = finder.unwrap_or_default().split_whitespace().collect();
    let [package, test, rest @ ..] = words.as_slice() else {
        return Err(format!("{name}: no line \"Found by: PACKAGE TEST\""));
    };
    Ok(Fault {
        name,
        patch: file.to_owned(),
        package: (*package).to_owned(),
        test: (*test).to_owned(),
        is_small: rest.contains(&"small"),
    })
}

/// Copies what git knows of, and returns the copy's folder.
fn copy() -> Result<PathBuf> {
    let tree = root().join(COPY).join("tree");
    let list = Command::new("git").args(["ls-files", "-z"]).current_dir(root()).output();
    let list = list.map_err(|error| format!("can't ask git for the files: {error}"))?;
    for name in String::from_utf8_lossy(&list.stdout).split('\0').filter(|name| !name.is_empty()) {
        let (from, to) = (root().join(name), tree.join(name));
        let Ok(content) = fs::read(&from) else { continue };
        // A file that is as it was needs no building.
        if fs::read(&to).is_ok_and(|there| there == content) {
            continue;
        }
        let folder = to.parent().unwrap_or(&tree);
        fs::create_dir_all(folder).map_err(|error| format!("can't make {}: {error}", folder.display()))?;
        fs::write(&to, content).map_err(|error| format!("can't write {}: {error}", to.display()))?;
    }
    Ok(tree)
}

/// Applies a patch, runs the test that has to fail, and takes the patch back.
fn put_back(tree: &Path, fault: &Fault) -> Result {
    apply(tree, fault, &[]).map_err(|why| format!("the patch doesn't apply to the present source: {why}"))?;
    let result = expect_failure(tree, fault);
    apply(tree, fault, &["--reverse"])?;
    result
}

fn apply(tree: &Path, fault: &Fault, options: &[&str]) -> Result {
    let mut git = Command::new("git");
    // The copy is no part of the repository around it.
    git.arg("apply")
        .args(options)
        .arg(&fault.patch)
        .current_dir(tree)
        .env("GIT_CEILING_DIRECTORIES", root().join(COPY));
    let output = git.output().map_err(|error| format!("can't run git: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()) }
}

/// The test has to be built, to run, and to fail.
fn expect_failure(tree: &Path, fault: &Fault) -> Result {
    let mut cargo = Command::new("cargo");
    cargo.args(["test", "--quiet", "-p", &fault.package]);
    if fault.is_small {
        cargo.args(["--features", SMALL]);
    }
    cargo.arg(&fault.test).current_dir(tree).env("CARGO_TARGET_DIR", root().join(COPY).join("target"));
    let output = cargo.stderr(Stdio::inherit()).output().map_err(|error| format!("can't run cargo: {error}"))?;
    let text = String::from_utf8_lossy(&output.stdout);
    if text.contains("test result: FAILED") {
        return Ok(());
    }
    if output.status.success() {
        Err(format!("{} {} passes all the same", fault.package, fault.test))
    } else {
        Err(format!("{} {} didn't come to run", fault.package, fault.test))
    }
}

#[cfg(test)]
mod tests {
    use super::{FOLDER, all};

    #[test]
    fn each_patch_says_what_finds_it() {
        let faults = all().expect("the patches are read");
        assert!(!faults.is_empty(), "{FOLDER} is empty");
    }

    /// Fails if a patch no longer applies: make it anew from what its head says, or delete it and say why.
    #[test]
    fn each_patch_applies() {
        for fault in all().expect("the patches are read") {
            let mut git = std::process::Command::new("git");
            git.args(["apply", "--check"]).arg(&fault.patch).current_dir(crate::root());
            let output = git.output().expect("git runs");
            assert!(output.status.success(), "{}: {}", fault.name, String::from_utf8_lossy(&output.stderr));
        }
    }
}
