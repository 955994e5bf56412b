//! Running other programs, with errors that name the command.

use std::process::{Command, Stdio};

use crate::{Result, root};

/// Returns a command that runs in the root of the tree.
pub fn command(program: &str) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Returns a cargo command for one of `targets/*.json`, which builds the standard library too.
pub fn cargo_for_target(subcommand: &str, target: &str) -> Result<Command> {
    cargo_for_target_file(subcommand, &format!("targets/{target}.json"), Library::Whole)
}

/// Returns a cargo command that builds the same for several of `targets/*.json`.
pub fn cargo_for_targets(subcommand: &str, targets: &[String]) -> Result<Command> {
    let (first, others) = targets.split_first().ok_or("no target was named")?;
    let mut cargo = cargo_for_target(subcommand, first)?;
    for target in others {
        cargo.args(["--target", &format!("targets/{target}.json")]);
    }
    Ok(cargo)
}

/// The part of the standard library that is built too.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Library {
    /// All parts that kernels and programs use.
    Whole,
    /// `core` alone, which takes less time.
    Core,
}

/// The flags by which a panic names a path from the root of the tree or of a crate, so that an image doesn't say where
/// it was built. Line tables keep whole paths, so that a debugger finds the source. They don't go into images.
const TRIMMED: [&str; 5] = [
    "-Ztrim-paths",
    "--config",
    "profile.release.trim-paths=\"macro\"",
    "--config",
    "profile.dev.trim-paths=\"macro\"",
];

/// Returns a cargo command for a target by its file, which may lie outside `targets/`.
pub fn cargo_for_target_file(subcommand: &str, file: &str, library: Library) -> Result<Command> {
    let mut flags =
        std::env::var("BUILD_STD").map_err(|_| "BUILD_STD isn't set: use `just`, or source tools/env.sh first")?;
    if library == Library::Core {
        flags = flags.replace("core,alloc,", "core,");
    }
    let mut cargo = command("cargo");
    cargo.arg(subcommand);
    cargo.args(flags.split_whitespace());
    cargo.args(TRIMMED);
    cargo.args(["--target", file]);
    Ok(cargo)
}

/// A cargo command like that of a person who only uses `x86-entry`: for the host, and without the unstable features
/// that RUSTC_BOOTSTRAP unlocks.
pub fn stable_cargo(subcommand: &str) -> Command {
    let mut cargo = command("cargo");
    cargo.args([subcommand, "--target-dir", "target/stable", "-p", ENTRY]).env_remove("RUSTC_BOOTSTRAP");
    cargo
}

/// The package that other kernels adopt.
pub const ENTRY: &str = "x86-entry";

/// Runs a command to its end; anything but success is an error.
pub fn run(mut command: Command) -> Result {
    let status = command.status().map_err(|error| format!("can't run {}: {error}", describe(&command)))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed ({status})", describe(&command))) }
}

/// Runs a command that prints much, and shows its output only if it fails.
pub fn run_quietly(mut command: Command) -> Result {
    command.stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("can't run {}: {error}", describe(&command)))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{}{}{} failed ({})",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
        describe(&command),
        output.status
    ))
}

fn describe(command: &Command) -> String {
    let words: Vec<_> =
        std::iter::once(command.get_program()).chain(command.get_args()).map(|word| word.to_string_lossy()).collect();
    words.join(" ")
}
