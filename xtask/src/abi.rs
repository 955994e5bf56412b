//! Builds the conformance suite of the interrupt entry (`tests/abi`): one kernel for each variant of the compiler's
//! target, since what a handler's code may do to registers is the target's choice.

use std::path::PathBuf;
use std::process::Command;

use crate::build::{create, strip};
use crate::process::{cargo_for_target_file, command, run};
use crate::{Result, Width, root, say};

/// In which registers compiled code keeps numbers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Floats {
    /// In none: the kernel's own target.
    Soft,
    /// On the x87 stack (i686).
    X87,
    /// In xmm registers.
    Sse,
    /// In xmm registers, by the target that Linux programs have (i686): LLVM keeps the stack otherwise there.
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
    /// What `just test` runs: it needs no build of the standard library of its own.
    pub fn shipped(width: Width) -> Variant {
        Variant { width, floats: Floats::Soft, profile: Profile::Release }
    }

    /// All variants of a width.
    pub fn all(width: Width) -> Vec<Variant> {
        let floats: &[Floats] = match width {
            Width::I686 => &[Floats::Soft, Floats::X87, Floats::Sse, Floats::SseGnu],
            Width::X86_64 => &[Floats::Soft, Floats::Sse, Floats::Avx],
        };
        let both =
            |&floats: &Floats| [Profile::Debug, Profile::Release].map(|profile| Variant { width, floats, profile });
        floats.iter().flat_map(both).collect()
    }

    /// The name that tables and files use.
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

    /// The suite's kernel, once [`build`] has made it.
    pub fn kernel(self) -> PathBuf {
        root().join("target/abi").join(self.name())
    }

    /// The target's file and its name, which cargo's folder has.
    fn target(self) -> (String, String) {
        match self.floats {
            Floats::Soft => (format!("targets/{}.json", self.width.kernel_target()), self.width.kernel_target()),
            Floats::X87 | Floats::Sse | Floats::SseGnu | Floats::Avx => {
                let name = self.name();
                let name = name.rsplit_once('-').map_or(name.as_str(), |(name, _)| name);
                (format!("tests/abi/targets/abi-{name}.json"), format!("abi-{name}"))
            }
        }
    }

    /// A cargo command for the suite in this variant.
    fn cargo(self, subcommand: &str) -> Result<Command> {
        let mut cargo = cargo_for_target_file(subcommand, &self.target().0)?;
        cargo.args(["--quiet", "-p", "conformance"]);
        if self.profile == Profile::Release {
            cargo.arg("--release");
        }
        if self.floats != Floats::Soft {
            cargo.args(["--features", "hard-float"]);
        }
        Ok(cargo)
    }
}

impl Profile {
    /// Cargo's name of it.
    fn folder(self) -> &'static str {
        match self {
            Profile::Debug => "debug",
            Profile::Release => "release",
        }
    }
}

/// Builds a variant's kernel. It has a linker script of its own, which a package can't say for a single target.
pub fn build(variant: Variant) -> Result {
    let mut cargo = variant.cargo("rustc")?;
    cargo.args(["--bin", "conformance", "--", "-C", "link-arg=-Ttests/abi/link.ld"]);
    run(cargo)?;
    create(&root().join("target/abi"))?;
    let folder = root().join("target").join(variant.target().1).join(variant.profile.folder());
    strip(&folder.join("conformance"), &variant.kernel())
}

/// Runs the whole matrix, prints and writes its table.
pub fn matrix(arguments: &[&str]) -> Result {
    say("running every row of the interrupt entry's table in every variant");
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "abi-runner", "--"]);
    cargo.args(arguments);
    run(cargo)
}
