//! The checks besides the tests: format, lints on host and targets, docs without a warning, and a package of
//! `x86-entry` that builds by itself.

use std::process::Command;

use crate::docs_index;
use crate::pages;
use crate::process::{ENTRY, cargo_for_target, command, run, run_quietly, stable_cargo};
use crate::steps::Steps;
use crate::test::bench_runner;
use crate::{Result, Width, arrows, lines, root};

/// What runs in ring 0 or is shared with it.
pub const KERNEL_PACKAGES: [&str; 7] = ["abi", "arch", "boot", "entry-abi", "executable", "kernel", "x86-entry"];

/// The packages whose docs are the same for every target.
const HOST_DOCS: [&str; 4] = ["abi", "kernel", "runner", "xtask"];

/// The folders of the packages of user programs.
const USER_FOLDERS: [&str; 3] = ["user", "user/drivers", "tests"];

/// Other packages inside those folders: host tools and a kernel.
const OTHER_PACKAGES: [&str; 4] = ["counter", "entry-abi", "fuzz-calls", "runner"];

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
