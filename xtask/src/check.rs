//! The checks besides the tests: format, lints on host and targets, docs without a warning, and a package of
//! `x86-entry` that builds by itself.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::docs_index;
use crate::pages;
use crate::process::{ENTRY, cargo_for_target, command, run, run_quietly, stable_cargo};
use crate::steps::Steps;
use crate::test::bench_runner;
use crate::{Result, Width, arrows, lines, root, say};

/// What runs in ring 0 or is shared with it.
pub const KERNEL_PACKAGES: [&str; 8] =
    ["abi", "arch", "boot", "entry-abi", "entry-crates", "executable", "kernel", "x86-entry"];

/// The packages whose docs are the same for every target.
const HOST_DOCS: [&str; 4] = ["abi", "kernel", "runner", "xtask"];

/// The folders of the packages of user programs.
const USER_FOLDERS: [&str; 3] = ["user", "user/drivers", "tests"];

/// Other packages inside those folders: host tools and a kernel.
const OTHER_PACKAGES: [&str; 5] = ["counter", "entry-abi", "entry-crates", "fuzz-calls", "runner"];

/// Checks everything; the first failure ends it.
pub fn check() -> Result {
    let mut steps = Steps::new();
    steps.add("checking the format", || {
        let mut format = command("cargo");
        format.args(["fmt", "--all", "--check"]);
        run(format)
    });
    steps.add("checking that calls lead down", || arrows::check(&root()));
    steps.add("checking the length of lines", || lines::check(&root()));
    steps.add("checking the tables of docs/measuring.md", || run(bench_runner(&["--check-page"])));
    steps.add("linting for the host", || {
        let mut clippy = command("cargo");
        clippy.args(["clippy", "--quiet", "--workspace", "--all-targets"]);
        deny_lints(&mut clippy);
        run(clippy)
    });
    for width in Width::ALL {
        let (kernel, user) = (width.kernel_target(), width.user_target());
        steps.add(format!("linting for {kernel}"), move || {
            lint(&kernel, &KERNEL_PACKAGES.map(str::to_owned))?;
            lint_entry_kernels(width)
        });
        steps.add(format!("linting for {user}"), move || lint(&user, &user_packages()?));
    }
    steps.add("packaging x86-entry", package);
    steps.add("building x86-entry for the targets that rustup ships", build_for_shipped_targets);
    steps.add("building x86-entry with its oldest compiler", build_with_oldest_compiler);
    add_docs(&mut steps)?;
    steps.add("running the commands of the pages", pages::run::run);
    steps.run()
}

/// Packages `x86-entry` as for a registry, and builds the package on the stable language.
///
/// The lints have fetched its dependencies. Its files may have changes that aren't committed yet.
fn package() -> Result {
    let mut package = stable_cargo("package");
    package.args(["--quiet", "--offline", "--allow-dirty"]);
    run_quietly(package)
}

/// Targets that rustup has a library for: one for kernels, and one on which a kernel's use of `x86-entry` can be
/// checked.
const SHIPPED_TARGETS: [&str; 2] = ["x86_64-unknown-none", "i686-unknown-uefi"];

/// Builds `x86-entry` for [`SHIPPED_TARGETS`]: on the stable language, where the compiler has the target's library.
/// Where it hasn't, `core` is built first, which is unstable.
fn build_for_shipped_targets() -> Result {
    SHIPPED_TARGETS.iter().try_for_each(|target| {
        let mut cargo = stable_cargo("build");
        cargo.args(["--quiet", "--target", target]);
        if !has_library(target)? {
            cargo.arg("-Zbuild-std=core").env("RUSTC_BOOTSTRAP", "1");
        }
        run(cargo)
    })
}

/// Returns whether the compiler has a built library for the target.
fn has_library(target: &str) -> Result<bool> {
    let mut rustc = command("rustc");
    rustc.args(["--print", "target-libdir", "--target", target]);
    let output = rustc.output().map_err(|error| format!("can't run rustc: {error}"))?;
    let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
    Ok(output.status.success() && Path::new(&folder).is_dir())
}

/// Builds `x86-entry` with the compiler that its manifest promises as the oldest, if rustup has it installed.
///
/// Where it isn't, clippy's `incompatible_msrv` is all that looks at the promise: at the library's functions, and not
/// at the language. Nothing downloads a compiler unasked.
fn build_with_oldest_compiler() -> Result {
    let path = root().join("arch/entry/Cargo.toml");
    let manifest = std::fs::read_to_string(&path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
    let oldest = manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")?.strip_suffix('"'));
    let oldest = oldest.ok_or("x86-entry's manifest names no oldest compiler")?;
    let Some(toolchain) = toolchain(oldest) else {
        say(&format!(
            "rustup has no compiler {oldest} here, so x86-entry was NOT built with its oldest one; `rustup toolchain \
             install {oldest} --profile minimal` installs it"
        ));
        return Ok(());
    };
    let mut cargo = Command::new(toolchain.join("bin/cargo"));
    cargo.current_dir(root()).args(["check", "--quiet", "-p", ENTRY, "--target-dir", "target/oldest"]);
    cargo.env("RUSTC", toolchain.join("bin/rustc")).env_remove("RUSTC_BOOTSTRAP");
    run(cargo)
}

/// Returns the folder of rustup's toolchain of a version, as `1.88-...` or `1.88.0-...`.
fn toolchain(version: &str) -> Option<PathBuf> {
    let rustup = std::env::var_os("RUSTUP_HOME").map(PathBuf::from);
    let rustup = rustup.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".rustup")))?;
    let entries = rustup.join("toolchains").read_dir().ok()?;
    let is_it = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let rest = name.strip_prefix(version).map(|rest| rest.strip_prefix(".0").unwrap_or(rest));
        rest.is_some_and(|rest| rest.starts_with('-')) && path.join("bin/cargo").exists()
    };
    entries.flatten().map(|entry| entry.path()).find(is_it)
}

fn lint(target: &str, packages: &[String]) -> Result {
    let mut clippy = cargo_for_target("clippy", target)?;
    clippy.args(["--quiet", "--release"]);
    for package in packages {
        clippy.args(["-p", package]);
    }
    deny_lints(&mut clippy);
    run(clippy)
}

/// Lints the kernels among the examples of `x86-entry`.
fn lint_entry_kernels(width: Width) -> Result {
    let mut clippy = cargo_for_target("clippy", &width.kernel_target())?;
    clippy.args(["--quiet", "--release", "-p", ENTRY, "--features", "kernels,checks", "--examples"]);
    deny_lints(&mut clippy);
    run(clippy)
}

fn deny_lints(clippy: &mut Command) {
    clippy.args(["--", "--deny", "warnings"]);
}

/// Builds the reference of all packages with warnings as errors, and an index of them all. Packages that depend on the
/// processor have docs of their own for each width (`target/WIDTH-kernel/doc`).
pub fn doc() -> Result {
    let mut steps = Steps::new();
    add_docs(&mut steps)?;
    steps.run()?;
    println!("file://{}", docs_index::file().display());
    Ok(())
}

fn add_docs(steps: &mut Steps) -> Result {
    steps.add("building the docs of the host tools and the portable core", || {
        let mut doc = command("cargo");
        doc.arg("doc");
        build_docs(doc, &HOST_DOCS.map(str::to_owned))
    });
    for width in Width::ALL {
        for (target, packages) in [
            (width.kernel_target(), KERNEL_PACKAGES.map(str::to_owned).to_vec()),
            (width.user_target(), user_packages()?),
        ] {
            steps.add(format!("building the docs for {target}"), move || {
                let mut doc = cargo_for_target("doc", &target)?;
                doc.arg("--release");
                build_docs(doc, &packages)
            });
        }
    }
    steps.add("writing the index of the docs", docs_index::write);
    Ok(())
}

fn build_docs(mut doc: Command, packages: &[String]) -> Result {
    doc.args(["--quiet", "--no-deps"]);
    for package in packages {
        doc.args(["-p", package]);
    }
    doc.env("RUSTDOCFLAGS", "--deny warnings");
    run(doc)
}

/// Returns the packages in the folders of user programs.
pub fn user_packages() -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for folder in USER_FOLDERS {
        let entries = root().join(folder).read_dir().map_err(|error| format!("can't list {folder}: {error}"))?;
        for entry in entries.flatten() {
            let Ok(manifest) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else { continue };
            let name = manifest
                .lines()
                .find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'))
                .ok_or_else(|| format!("{} has no package name", entry.path().display()))?;
            if !OTHER_PACKAGES.contains(&name) {
                packages.push(name.to_owned());
            }
        }
    }
    packages.sort();
    Ok(packages)
}
