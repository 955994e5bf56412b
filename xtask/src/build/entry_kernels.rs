//! The kernels that test and measure `x86-entry` without Bellwire's own: its examples, and a kernel in two crates.

use std::path::PathBuf;
use std::process::Command;

use super::strip;
use crate::process::{Library, cargo_for_target_file, run};
use crate::{Result, Width, root};

/// The examples that are built for a kernel's target, with optimisation. A kernel's file has the example's name.
const EXAMPLES: [&str; 8] = ["self_test", "bare", "port-before", "port-kept", "port-after", "misuse", "cpus", "fixed"];

/// The example that is built for a target with SSE.
pub const SSE_KERNEL: &str = "sse";

/// The example `bare` with the red zone.
pub const RED_ZONE_KERNEL: &str = "bare-red-zone";

/// The kernel with several CPUs whose data lie at one address, built without optimisation: then returns are checked.
pub const CHECKED_KERNEL: &str = "fixed-checked";

/// The kernel in two crates.
pub const TWO_CRATES_KERNEL: &str = "two-crates";

/// The profiles in which the bench of `x86-entry` is built: without optimisation, without optimisation across crates,
/// and with it.
pub const ENTRY_BENCH_PROFILES: [&str; 3] = ["dev", "no-lto", "release"];

/// The linker script of all these kernels. A package can't choose one for its examples alone.
const LINKER_SCRIPT: &str = "link-arg=-Tarch/entry/examples/support/link.ld";

/// The flag that gives code the red zone, which targets for kernels switch off. i686 has none in any case.
const RED_ZONE: &str = r#"build.rustflags=["-Cno-redzone=no"]"#;

/// Returns the file of a kernel.
pub fn entry_kernel(width: Width, name: &str) -> PathBuf {
    width.image_folder().join(format!("entry-{name}"))
}

/// Returns the file of a kernel with its symbols.
pub fn entry_kernel_with_symbols(width: Width, name: &str) -> PathBuf {
    Build::of(name).with_symbols(width)
}

/// Returns the kernel that is the bench of `x86-entry`, built in a profile.
pub fn entry_bench(width: Width, profile: &str) -> PathBuf {
    entry_kernel(width, &format!("bench-{profile}"))
}

/// Builds all kernels that test. Cargo has one place for `bare`, with the red zone and without; what is built last
/// stays there with its symbols.
pub(super) fn build_entry_kernels(width: Width) -> Result {
    let special = [TWO_CRATES_KERNEL, CHECKED_KERNEL, SSE_KERNEL, RED_ZONE_KERNEL];
    special.into_iter().chain(EXAMPLES).try_for_each(|name| build(name, &Build::of(name), width))
}

/// Builds the bench of `x86-entry` in all its profiles.
pub fn build_entry_benches(width: Width) -> Result {
    ENTRY_BENCH_PROFILES.into_iter().try_for_each(|profile| {
        let bench = Build { profile, ..Build::of("bench") };
        build(&format!("bench-{profile}"), &bench, width)
    })
}

/// Builds an example that doesn't expect SSE for the target with SSE, and returns what the compiler says.
pub fn refuse_sse(width: Width, name: &str) -> Result<String> {
    let refused = refusal(&Build { target: Target::Sse, ..Build::of(name) }, width)?;
    refused.ok_or_else(|| format!("{name} compiles for a target with SSE"))
}

/// Builds a kernel without a data segment for ring 3, and returns what the compiler says if it refuses.
pub fn build_without_user_data(width: Width) -> Result<Option<String>> {
    refusal(&Build { source: Source::WithoutUserData, ..Build::of(TWO_CRATES_KERNEL) }, width)
}

/// Builds a kernel, and returns what the compiler says if it refuses.
fn refusal(how: &Build, width: Width) -> Result<Option<String>> {
    let output = how.command(width)?.output().map_err(|error| format!("can't run cargo: {error}"))?;
    Ok((!output.status.success()).then(|| String::from_utf8_lossy(&output.stderr).into_owned()))
}

/// Builds a kernel, and lays it out under its name.
fn build(name: &str, how: &Build, width: Width) -> Result {
    run(how.command(width)?)?;
    strip(&how.with_symbols(width), &entry_kernel(width, name))
}

/// How a kernel is built.
#[derive(Clone, Copy)]
struct Build<'a> {
    source: Source<'a>,
    target: Target,
    profile: &'a str,
    /// What is added to cargo's configuration.
    configuration: Option<&'a str>,
}

/// What a kernel is built from.
#[derive(Clone, Copy)]
enum Source<'a> {
    /// An example of `x86-entry`.
    Example(&'a str),
    /// The package with two crates. Without optimisation across crates, each keeps its own copy of what is generic.
    TwoCrates,
    /// The library in that package, with a kernel that has no data segment for ring 3.
    WithoutUserData,
}

/// What a kernel is built for.
#[derive(Clone, Copy)]
enum Target {
    /// The target of Bellwire's kernel.
    Kernel,
    /// A target with SSE.
    Sse,
}

impl<'a> Build<'a> {
    /// Returns how the kernel of a name is built.
    fn of(name: &'a str) -> Build<'a> {
        let example = |name| Build {
            source: Source::Example(name),
            target: Target::Kernel,
            profile: "release",
            configuration: None,
        };
        match name {
            TWO_CRATES_KERNEL => Build { source: Source::TwoCrates, profile: "no-lto", ..example(name) },
            CHECKED_KERNEL => Build { profile: "dev", ..example("fixed") },
            SSE_KERNEL => Build { target: Target::Sse, ..example(name) },
            RED_ZONE_KERNEL => Build { configuration: Some(RED_ZONE), ..example("bare") },
            _ => example(name),
        }
    }

    /// Returns the command that builds the kernel.
    fn command(&self, width: Width) -> Result<Command> {
        let file = match self.target {
            Target::Kernel => format!("targets/{}.json", self.target.name(width)),
            Target::Sse => format!("tests/entry-abi/targets/{}.json", self.target.name(width)),
        };
        let mut cargo = cargo_for_target_file("rustc", &file, Library::Core)?;
        cargo.args(self.configuration.iter().flat_map(|configuration| ["--config", configuration]));
        cargo.args(["--profile", self.profile, "--quiet"]);
        match self.source {
            Source::Example(name) => {
                let features = if name == "misuse" { "kernels,checks" } else { "kernels" };
                cargo.args(["-p", "x86-entry", "--features", features, "--example", name])
            }
            Source::TwoCrates => cargo.args(["-p", "entry-crates", "--bin", "entry-crates"]),
            Source::WithoutUserData => cargo.args(["-p", "entry-crates", "--lib", "--features", "no-user-data"]),
        };
        cargo.args(["--", "-C", LINKER_SCRIPT]);
        Ok(cargo)
    }

    /// Returns the file that the command makes.
    fn with_symbols(&self, width: Width) -> PathBuf {
        // Cargo's folder of this profile has another name.
        let profile = if self.profile == "dev" { "debug" } else { self.profile };
        let folder = root().join("target").join(self.target.name(width)).join(profile);
        match self.source {
            Source::Example(name) => folder.join("examples").join(name),
            Source::TwoCrates => folder.join("entry-crates"),
            Source::WithoutUserData => folder.join("libentry_crates.rlib"),
        }
    }
}

impl Target {
    fn name(self, width: Width) -> String {
        match self {
            Target::Kernel => width.kernel_target(),
            Target::Sse => format!("abi-{}-sse", width.name()),
        }
    }
}
