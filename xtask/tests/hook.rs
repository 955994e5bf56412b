//! `just hook`: a commit of something wrong is refused with the reason, and one of something right is made.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::{hook, root};

/// A repository with a tree that is small enough, where `cargo run -p xtask` is this build's.
fn repository(name: &str) -> PathBuf {
    let tree = root().join("target/tmp").join(format!("hook-{name}"));
    let _ = fs::remove_dir_all(&tree);
    let rooms = "room = [{ name = 'top', holds = ['lib'] }, { name = 'bottom', holds = ['low'] }]\n";
    let package = "[package]\nname = \"small\"\nedition = \"2024\"\n[lib]\npath = \"kernel/src/lib.rs\"\n[workspace]\n";
    let tools = "cargo() { if [ \"$1\" = run ]; then shift 5; \"$XTASK\" \"$@\"; else command cargo \"$@\"; fi; }\n";
    for (file, text) in [
        ("Cargo.toml", package),
        (".gitignore", "/target\n"),
        ("tools/env.sh", tools),
        ("kernel/layers.toml", rooms),
        ("kernel/src/lib.rs", "mod low;\npub fn high() {}\n"),
        ("kernel/src/low.rs", "pub fn low() {}\n"),
        ("arch/layers.toml", rooms),
        ("arch/src/lib.rs", "mod low;\n"),
        ("arch/src/low.rs", ""),
    ] {
        write(&tree.join(file), text);
    }
    git(&tree, &["init", "--quiet"]).expect("git init");
    hook::install(&tree).expect("the hook is installed");
    tree
}

fn write(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("the folder is made");
    fs::write(file, text).expect("the file is written");
}

fn git(tree: &Path, arguments: &[&str]) -> Result<(), String> {
    let mut git = Command::new("git");
    git.current_dir(tree).args(["-c", "user.name=Somebody", "-c", "user.email=somebody@example.org"]).args(arguments);
    // Variables that git sets for hooks would lead to the repository of this tree.
    for name in ["GIT_DIR", "GIT_INDEX_FILE", "GIT_WORK_TREE", "GIT_PREFIX"] {
        git.env_remove(name);
    }
    let output = git.env("XTASK", env!("CARGO_BIN_EXE_xtask")).output().expect("git is there");
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

fn commit(tree: &Path) -> Result<(), String> {
    git(tree, &["commit", "--quiet", "--message", "small: change something"])
}

#[test]
fn what_is_staged_is_checked() {
    let tree = repository("checks");
    git(&tree, &["add", "."]).expect("git add");
    commit(&tree).expect("the first tree is right");
    for (text, reason) in [
        ("pub  fn low() {}\n".to_owned(), "Diff in"),
        (format!("// {}\npub fn low() {{}}\n", "a".repeat(130)), "kernel/src/low.rs:1: 133 columns"),
        ("pub fn low() {\n    crate::high();\n}\n".to_owned(), "kernel/src/low.rs:2 (bottom) calls crate::high"),
    ] {
        write(&tree.join("kernel/src/low.rs"), &text);
        git(&tree, &["add", "."]).expect("git add");
        let error = commit(&tree).expect_err(reason);
        assert!(error.contains(reason), "{reason}: {error}");
    }
    // The wrong file stays where it is, but isn't staged any more.
    git(&tree, &["reset", "--quiet"]).expect("git reset");
    write(&tree.join("arch/src/low.rs"), "pub fn low() {}\n");
    git(&tree, &["add", "arch"]).expect("git add");
    commit(&tree).expect("what isn't staged doesn't count");
}

#[test]
fn anothers_hook_stays() {
    let tree = repository("other");
    hook::install(&tree).expect("its own hook is replaced");
    write(&tree.join(".git/hooks/pre-commit"), "#!/bin/sh\nexit 0\n");
    let error = hook::install(&tree).expect_err("it isn't ours");
    assert!(error.contains("is there already"), "{error}");
}
