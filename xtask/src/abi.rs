//! Builds the conformance suite of the interrupt entry (`tests/entry-abi`): one kernel for each variant of the
//! compiler's target, because the target decides which registers a handler's code may use.

use std::path::PathBuf;
use std::process::Command;

use crate::build::strip;
use crate::process::{Library, cargo_for_target_file, command, run};
use crate::{Result, Width, root, say};

/// The registers in which compiled code keeps floating point.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Floats {
    /// In no registers: the kernel's own target.
    Soft,
    /// On the x87 stack (i686).
    X87,
    /// In xmm registers.
    Sse,
    /// In xmm registers, by the target of Linux programs (i686), for which LLVM aligns the stack differently.
    SseGnu,
    /// In ymm registers (x86_64).
    Avx,
}

/// How much the compiler optimises.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Profile {
    /// Not at all.
    Debug,
    /// As the kernel is built.
    Release,
}

/// One build of the suite.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Variant {
    /// The processor.
    pub width: Width,
    /// The target's registers.
    pub floats: Floats,
    /// The optimisation.
    pub profile: Profile,
}

impl Variant {
    /// Returns the variant that `just test` runs. It needs no build of the standard library of its own.
    pub fn shipped(width: Width) -> Variant {
        Variant { width, floats: Floats::Soft, profile: Profile::Release }
    }

    /// Returns all variants of a width.
    pub fn all(width: Width) -> Vec<Variant> {
        let floats: &[Floats] = match width {
            Width::I686 => &[Floats::Soft, Floats::X87, Floats::Sse, Floats::SseGnu],
            Width::X86_64 => &[Floats::Soft, Floats::Sse, Floats::Avx],
        };
        let both =
            |&floats: &Floats| [Profile::Debug, Profile::Release].map(|profile| Variant { width, floats, profile });
        floats.iter().flat_map(both).collect()
    }

    /// Returns the variant's name in tables and files.
    pub fn name(self) -> String {
        let floats = match self.floats {
            Floats::Soft => "soft",
            Floats::X87 => "x87",
            Floats::Sse => "sse",
            Floats::SseGnu => "sse-gnu",
            Floats::Avx => "avx",
        };
        format!("{}-{floats}-{}", self.width.name(), self.profile.folder())
    }

    /// Returns the file of the suite's kernel, which [`build`] makes.
    pub fn kernel(self) -> PathBuf {
        root().join("target/abi").join(self.name())
    }

    /// Returns the target's file, and its name, which is that of cargo's folder.
    fn target(self) -> (String, String) {
        match self.floats {
            Floats::Soft => (format!("targets/{}.json", self.width.kernel_target()), self.width.kernel_target()),
            Floats::X87 | Floats::Sse | Floats::SseGnu | Floats::Avx => {
                let name = self.name();
                let name = name.rsplit_once('-').map_or(name.as_str(), |(name, _)| name);
                (format!("tests/entry-abi/targets/abi-{name}.json"), format!("abi-{name}"))
            }
        }
    }

    /// Returns the package's features for the variant.
    fn features(self) -> &'static str {
        if self.floats == Floats::Soft { "" } else { "hard-float" }
    }

    /// Returns a cargo command for the suite in this variant.
    fn cargo(self, subcommand: &str) -> Result<Command> {
        // The kernel's own target has the whole library built already.
        let library = if self.floats == Floats::Soft { Library::Whole } else { Library::Core };
        let mut cargo = cargo_for_target_file(subcommand, &self.target().0, library)?;
        cargo.args(["-p", "entry-abi"]);
        if self.profile == Profile::Release {
            cargo.arg("--release");
        }
        Ok(cargo)
    }
}

impl Profile {
    /// Returns the name of the profile's folder.
    fn folder(self) -> &'static str {
        match self {
            Profile::Debug => "debug",
            Profile::Release => "release",
        }
    }
}

/// Builds a variant's kernel. It has a linker script of its own, which a package can't choose for a single target.
pub fn build(variant: Variant) -> Result {
    let mut cargo = variant.cargo("rustc")?;
    cargo.args([
        "--quiet",
        "--features",
        variant.features(),
        "--bin",
        "entry-abi",
        "--",
        "-C",
        "link-arg=-Ttests/entry-abi/link.ld",
    ]);
    run(cargo)?;
    let folder = root().join("target").join(variant.target().1).join(variant.profile.folder());
    strip(&folder.join("entry-abi"), &variant.kernel())
}

/// What the compiler says to one of `tests/entry-abi/snippets`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compiled {
    /// The snippet compiles.
    Accepted,
    /// The compiler reports an error that names a line of the source.
    Refused,
    /// The compiler ends with an error that names no line.
    Failed,
}

/// Compiles all snippets, and returns the verdict on each whose name begins with `prefix`.
pub fn compile_snippets(variant: Variant, prefix: &str) -> Result<Vec<(String, Compiled)>> {
    let mut cargo = variant.cargo("build")?;
    cargo.args(["--examples", "--keep-going", "--message-format", "short", "--features"]);
    cargo.arg(format!("snippets,{}", variant.features()));
    let output = cargo.output().map_err(|error| format!("can't run cargo: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let names = snippets()?;
    let judged = names.into_iter().map(|name| {
        let compiled = judge(&said, &name);
        (name, compiled)
    });
    let judged: Vec<_> = judged.collect();
    // If cargo itself has failed, there is no verdict on any snippet.
    let control = |name: &str, compiled: Compiled| !name.ends_with(RIGHT) || compiled == Compiled::Accepted;
    if !judged.iter().all(|(name, compiled)| control(name, *compiled)) || !said.contains("could not compile") {
        return Err(format!("the snippets can't be compiled:\n{said}"));
    }
    Ok(judged.into_iter().filter(|(name, _)| name.starts_with(prefix) && !name.ends_with(RIGHT)).collect())
}

/// The end of the names of snippets that must compile.
const RIGHT: &str = "_right";

/// Returns the names of all snippets.
fn snippets() -> Result<Vec<String>> {
    let folder = root().join("tests/entry-abi/snippets");
    let entries = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    let name = |entry: std::fs::DirEntry| Some(entry.path().file_stem()?.to_str()?.to_owned());
    let mut names: Vec<String> = entries.flatten().filter_map(name).collect();
    names.sort();
    Ok(names)
}

/// Finds the verdict on a snippet in cargo's messages, of one line each.
fn judge(said: &str, name: &str) -> Compiled {
    let place = format!("snippets/{name}.rs:");
    let failed = format!("(example \"{name}\")");
    if !said.lines().any(|line| line.starts_with("error: could not compile") && line.contains(&failed)) {
        Compiled::Accepted
    } else if said.lines().any(|line| line.contains(&place) && line.contains(": error")) {
        Compiled::Refused
    } else {
        Compiled::Failed
    }
}

/// Runs the whole matrix, and prints and writes its table.
pub fn matrix(arguments: &[&str]) -> Result {
    say("running every row of the interrupt entry's table in every variant");
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "abi-runner", "--"]);
    cargo.args(arguments);
    run(cargo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_without_a_line_is_told_from_one_with() {
        let said = "tests/entry-abi/snippets/a.rs:9:5: error[E0277]: no\n\
                    error: could not compile `entry-abi` (example \"a\") due to 1 previous error\n\
                    tests/entry-abi/snippets/b.rs:9:5: warning: hm\nrustc-LLVM ERROR: no\n\
                    error: could not compile `entry-abi` (example \"b\")\n";
        assert_eq!(judge(said, "a"), Compiled::Refused);
        assert_eq!(judge(said, "b"), Compiled::Failed);
        assert_eq!(judge(said, "c"), Compiled::Accepted);
    }
}
