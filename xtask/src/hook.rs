//! A check before each commit that takes seconds: format, line lengths and arrows of the staged files.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::process::run_quietly;
use crate::{Result, arrows, lines};

/// The script that git runs before a commit, in the root of the tree.
const HOOK: &str = "#!/usr/bin/env bash
# Installed by `just hook`. `git commit --no-verify` goes round it.
set -euo pipefail
. tools/env.sh
cargo run --quiet -p xtask -- before-commit
";

/// Installs the hook in the repository of a tree. A hook that isn't ours stays, and is an error.
pub fn install(tree: &Path) -> Result {
    let mut git = Command::new("git");
    let output = git.current_dir(tree).args(["rev-parse", "--git-path", "hooks/pre-commit"]).output();
    let output = output.map_err(|error| format!("can't run git: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).trim().to_owned());
    }
    let file = tree.join(String::from_utf8_lossy(&output.stdout).trim());
    if fs::read_to_string(&file).is_ok_and(|text| !text.contains("`just hook`")) {
        return Err(format!("{} is there already, and isn't of `just hook`", file.display()));
    }
    let cannot = |error| format!("can't write {}: {error}", file.display());
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(cannot)?;
    }
    fs::write(&file, HOOK).map_err(cannot)?;
    make_executable(&file).map_err(cannot)
}

fn make_executable(file: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(file, fs::Permissions::from_mode(0o755))
}

/// Checks a copy of the tree as git's index has it: changes that aren't staged don't count. Every check runs, even if
/// another fails.
pub fn before_commit(tree: &Path) -> Result {
    let copy = tree.join("target/staged");
    if copy.exists() {
        fs::remove_dir_all(&copy).map_err(|error| format!("can't remove {}: {error}", copy.display()))?;
    }
    let mut checkout = Command::new("git");
    checkout.current_dir(tree).args(["checkout-index", "--all", "--prefix=target/staged/"]);
    run_quietly(checkout)?;
    let mut format = Command::new("cargo");
    format.current_dir(&copy).args(["fmt", "--all", "--", "--check"]);
    let results = [run_quietly(format), lines::check(&copy), arrows::check(&copy)];
    let failures: Vec<_> = results.into_iter().filter_map(Result::err).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}
