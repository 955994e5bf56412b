//! Builds the kernel and the user programs of each width and lays them out as images in `target/`.
//!
//! An image is a folder: the kernel, `init`, the manifest as the module `system`, and one module a program, under the
//! names that the manifest gives them. The shipped image comes from `user/system.toml`; each further set of programs
//! (the test suite) has a manifest of its own and a folder inside. Modules are stripped copies; the files with their
//! symbols stay where cargo put them.
//!
//! A command builds what it needs ([`Need`]), by as few runs of cargo as there are kinds of targets: one for the
//! kernels of all widths, one for the programs of all widths and sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::abi;
use crate::manifest;
use crate::output::{replace, write};
use crate::process::{Library, cargo_for_target, cargo_for_target_file, cargo_for_targets, command, run, run_quietly};
use crate::steps::Steps;
use crate::{Result, Width, root, say};

/// The cargo profile of the kernel.
const KERNEL_PROFILE: &str = "kernel";

/// The flags of the kernel's code. The fast paths need the compiler to inline its intermediate code, which it does by
/// itself only where it optimises for speed throughout. The kernel formats nothing by `Debug`.
const KERNEL_FLAGS: &str = r#"build.rustflags=["-Zinline-mir=yes", "-Zfmt-debug=none"]"#;

/// The flag for the standard library's smaller algorithms.
const KERNEL_LIBRARY: &str = "-Zbuild-std-features=compiler-builtins-mem,optimize_for_size";

/// The module of the first process.
const INIT: &str = "init";

/// A set of programs that boots together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Set {
    /// The image that users get.
    Shipped,
    /// The user-mode test programs.
    Suite,
    /// The shipped programs and the benches beside them.
    Bench,
    /// The shipped programs, where a device interrupts by messages.
    Messages,
    /// The benches of interrupts, where the device interrupts by messages.
    BenchMessages,
    /// The fuzzer of the kernel's entries.
    Fuzz,
    /// The bench of large systems.
    Scale,
    /// The shipped programs, with a driver that gets stuck, and one that dies over and over.
    Clumsy,
    /// The shipped programs, with a PCI bus and a keyboard that are stuck.
    Stuck,
    /// The shipped programs, with a driver of the serial line that gets stuck.
    StuckSerial,
    /// The shipped programs, with a hostile client of all of them.
    Vandal,
}

impl Set {
    /// All sets.
    pub const ALL: [Set; 11] = [
        Set::Shipped,
        Set::Suite,
        Set::Bench,
        Set::Messages,
        Set::BenchMessages,
        Set::Fuzz,
        Set::Scale,
        Set::Clumsy,
        Set::Stuck,
        Set::StuckSerial,
        Set::Vandal,
    ];

    /// Returns the manifests of the set, which are read as one.
    pub fn manifests(self) -> Vec<PathBuf> {
        let files: &[&str] = match self {
            Set::Shipped => &["user/system.toml"],
            Set::Suite => &["tests/suite/system.toml"],
            Set::Bench => &["user/system.toml", "tests/bench/system.toml"],
            Set::Messages => &["user/system.toml", "tests/runner/messages.toml"],
            Set::BenchMessages => &["user/system.toml", "tests/bench/system.toml", "tests/bench/msi.toml"],
            Set::Fuzz => &["tests/fuzz/system.toml"],
            Set::Scale => &["tests/bench/scale.toml"],
            Set::Clumsy => &["user/system.toml", "tests/clumsy/system.toml", "tests/restarts/system.toml"],
            Set::Stuck => &["user/system.toml", "tests/clumsy/stuck.toml"],
            Set::StuckSerial => &["user/system.toml", "tests/clumsy/serial.toml"],
            Set::Vandal => &["user/system.toml", "tests/vandal/system.toml"],
        };
        files.iter().map(|file| root().join(file)).collect()
    }

    /// Returns the package of the first process and its binary. The suite's conductor, the fuzzer and the bench of
    /// large systems take `init`'s place, since they do what only the first process may.
    fn first(self) -> (&'static str, &'static str) {
        match self {
            Set::Shipped | Set::Bench | Set::Messages | Set::BenchMessages => (INIT, INIT),
            Set::Clumsy | Set::Stuck | Set::StuckSerial | Set::Vandal => (INIT, INIT),
            Set::Suite => ("suite", "suite"),
            Set::Fuzz => ("fuzz", "fuzz"),
            Set::Scale => ("bench", "bench-scale"),
        }
    }

    /// Returns whether the tree has all manifests of the set, and so can build it.
    pub fn exists(self) -> bool {
        self.manifests().iter().all(|manifest| manifest.exists())
    }

    /// Reads the set's manifests.
    fn programs(self) -> Result<Programs> {
        let manifest = manifest::read(&self.manifests())?;
        let (package, binary) = self.first();
        let first = Program { package: package.to_owned(), binary: binary.to_owned(), module: INIT.to_owned() };
        let others = manifest.programs.iter().map(|program| Program {
            package: program.package(),
            binary: program.binary(),
            module: program.name.clone(),
        });
        let programs = [first].into_iter().chain(others).collect();
        Ok(Programs { set: self, programs, encoded: manifest.encode() })
    }

    /// Returns the folder with the set's modules.
    pub fn folder(self, width: Width) -> PathBuf {
        match self {
            Set::Shipped => width.image_folder(),
            Set::Suite => width.image_folder().join("suite"),
            Set::Bench => width.image_folder().join("bench"),
            Set::Messages => width.image_folder().join("msi"),
            Set::BenchMessages => width.image_folder().join("bench-msi"),
            Set::Fuzz => width.image_folder().join("fuzz"),
            Set::Scale => width.image_folder().join("scale"),
            Set::Clumsy => width.image_folder().join("clumsy"),
            Set::Stuck => width.image_folder().join("stuck"),
            Set::StuckSerial => width.image_folder().join("stuck-serial"),
            Set::Vandal => width.image_folder().join("vandal"),
        }
    }

    /// Returns the names of the set's modules in the order in which the kernel gets them. A set without a manifest has
    /// none. A set without programs has the first process alone, since a module can't be empty.
    pub fn modules(self) -> Result<Vec<String>> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let manifest = manifest::read(&self.manifests())?;
        if manifest.programs.is_empty() {
            return Ok(vec![INIT.to_owned()]);
        }
        let programs = manifest.programs.into_iter().map(|program| program.name);
        Ok([INIT.to_owned(), "system".to_owned()].into_iter().chain(programs).collect())
    }
}

/// Returns the kernel inside the image's folder.
pub fn kernel(width: Width) -> PathBuf {
    width.image_folder().join("kernel")
}

/// Returns the kernel with its symbols.
pub fn kernel_with_symbols(width: Width) -> PathBuf {
    root().join("target").join(width.kernel_target()).join(KERNEL_PROFILE).join("boot")
}

/// Returns the plugin of QEMU that counts what the CPU executes, which [`build_counter`] makes.
pub fn counter() -> PathBuf {
    root().join("target/release/libcounter.so")
}

/// Builds the plugin [`counter`].
pub fn build_counter() -> Result {
    let mut cargo = command("cargo");
    cargo.args(["build", "--quiet", "--release", "-p", "counter"]);
    run(cargo)
}

/// The kernels among the examples of `x86-entry`.
pub const ENTRY_KERNELS: [&str; 8] =
    ["self_test", "bare", "port-before", "port-kept", "port-after", "misuse", "cpus", "fixed"];

/// Returns the file of one of [`ENTRY_KERNELS`].
pub fn entry_kernel(width: Width, name: &str) -> PathBuf {
    width.image_folder().join(format!("entry-{name}"))
}

/// The images that a command needs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Need {
    /// The kernel and the shipped programs, which a person boots.
    Shipped,
    /// The kernel and all sets of programs, which benches and the fuzzer boot.
    Sets,
    /// All sets, and the kernels that test `x86-entry` without Bellwire's own.
    Tests,
}

impl Need {
    fn sets(self) -> Vec<Set> {
        match self {
            Need::Shipped => vec![Set::Shipped],
            Need::Sets | Need::Tests => Set::ALL.into_iter().filter(|set| set.exists()).collect(),
        }
    }
}

/// Builds the images that are needed, for the given widths.
pub fn build(widths: &[Width], need: Need) -> Result {
    let mut steps = Steps::new();
    add_steps(&mut steps, widths, need)?;
    steps.run()
}

/// Adds the steps that build the images that are needed. The manifests are read at once, so their errors come before
/// anything is built.
pub fn add_steps(steps: &mut Steps, widths: &[Width], need: Need) -> Result {
    let sets: Vec<_> = need.sets().into_iter().map(|set| set.programs()).collect::<Result<_>>()?;
    let names = widths.iter().map(|width| width.name()).collect::<Vec<_>>().join(" and ");
    let widths = widths.to_vec();
    steps.add(format!("building the kernel for {names}"), {
        let widths = widths.clone();
        move || build_kernels(&widths)
    });
    let binaries: BTreeSet<_> = sets.iter().flat_map(|set| &set.programs).map(|program| &program.binary).collect();
    let count = binaries.len();
    steps.add(format!("building {count} programs for {names}"), {
        let widths = widths.clone();
        move || build_programs(&widths, &sets)
    });
    if need == Need::Tests {
        steps.add(format!("building the kernels that test interrupt entry for {names}"), move || {
            widths.iter().try_for_each(|&width| {
                build_entry_kernels(width)?;
                abi::build(abi::Variant::shipped(width))
            })
        });
    }
    Ok(())
}

fn build_kernels(widths: &[Width]) -> Result {
    let targets: Vec<_> = widths.iter().map(|width| width.kernel_target()).collect();
    let mut cargo = cargo_for_targets("build", &targets)?;
    cargo.args(["--profile", KERNEL_PROFILE, "-p", "boot", "--config", KERNEL_FLAGS, KERNEL_LIBRARY]);
    run(cargo)?;
    widths.iter().try_for_each(|&width| strip(&kernel_with_symbols(width), &kernel(width)))
}

/// The example that is built for a target with SSE, and its name as a file.
pub const SSE_KERNEL: &str = "sse";

/// The name as a file of `bare` with the red zone.
pub const RED_ZONE_KERNEL: &str = "bare-red-zone";

/// The kernel with several CPUs whose data lie at one address, built without optimisation: then returns are checked.
pub const CHECKED_KERNEL: &str = "fixed-checked";

/// The flag that gives code the red zone, which targets for kernels switch off. i686 has none in any case.
const RED_ZONE: &str = r#"build.rustflags=["-Cno-redzone=no"]"#;

/// The name as a file of the kernel in two crates.
pub const TWO_CRATES_KERNEL: &str = "two-crates";

/// Returns the file of one of [`ENTRY_KERNELS`] with its symbols.
pub fn entry_kernel_with_symbols(width: Width, name: &str) -> PathBuf {
    built(&width.kernel_target(), &format!("examples/{name}"))
}

/// Returns the file of the kernel in two crates with its symbols.
pub fn two_crates_with_symbols(width: Width) -> PathBuf {
    root().join("target").join(width.kernel_target()).join("no-lto/entry-crates")
}

/// Builds the kernel in two crates. Without optimisation across crates, each keeps its own copy of what is generic.
fn build_two_crates(width: Width) -> Result {
    let target = width.kernel_target();
    let mut cargo = cargo_for_target_file("rustc", &format!("targets/{target}.json"), Library::Core)?;
    cargo.args(["--profile", "no-lto", "--quiet", "-p", "entry-crates", "--bin", "entry-crates"]);
    cargo.args(["--", "-C", "link-arg=-Tarch/entry/examples/support/link.ld"]);
    run(cargo)?;
    strip(&two_crates_with_symbols(width), &entry_kernel(width, TWO_CRATES_KERNEL))
}

/// The features of a kernel of [`ENTRY_KERNELS`].
fn features(name: &str) -> &'static str {
    if name == "misuse" { "kernels,checks" } else { "kernels" }
}

/// Builds [`ENTRY_KERNELS`] and the further builds of examples. They have a linker script of their own, which a package
/// can't choose for its examples alone.
fn build_entry_kernels(width: Width) -> Result {
    let target = width.kernel_target();
    for name in ENTRY_KERNELS {
        run(example(cargo_for_target("rustc", &target)?, name))?;
        strip(&built(&target, &format!("examples/{name}")), &entry_kernel(width, name))?;
    }
    build_two_crates(width)?;
    build_checked(width)?;
    run(example(cargo_for_sse(width)?, SSE_KERNEL))?;
    let target = sse_target(width);
    strip(&built(&target, &format!("examples/{SSE_KERNEL}")), &entry_kernel(width, SSE_KERNEL))?;
    let target = width.kernel_target();
    let mut cargo = cargo_for_target_file("rustc", &format!("targets/{target}.json"), Library::Core)?;
    cargo.args(["--config", RED_ZONE]);
    run(example(cargo, "bare"))?;
    strip(&built(&target, "examples/bare"), &entry_kernel(width, RED_ZONE_KERNEL))
}

/// Builds [`CHECKED_KERNEL`].
fn build_checked(width: Width) -> Result {
    let target = width.kernel_target();
    let mut cargo = cargo_for_target_file("rustc", &format!("targets/{target}.json"), Library::Core)?;
    cargo.args(["--profile", "dev", "--quiet", "-p", "x86-entry", "--features", "kernels", "--example", "fixed"]);
    cargo.args(["--", "-C", "link-arg=-Tarch/entry/examples/support/link.ld"]);
    run(cargo)?;
    let file = root().join("target").join(&target).join("debug/examples/fixed");
    strip(&file, &entry_kernel(width, CHECKED_KERNEL))
}

/// Completes a command that builds an example of `x86-entry`.
fn example(mut cargo: Command, name: &str) -> Command {
    cargo.args(["--release", "--quiet", "-p", "x86-entry", "--features", features(name), "--example", name, "--"]);
    cargo.args(["-C", "link-arg=-Tarch/entry/examples/support/link.ld"]);
    cargo
}

/// Returns the name of the target with SSE.
fn sse_target(width: Width) -> String {
    format!("abi-{}-sse", width.name())
}

fn cargo_for_sse(width: Width) -> Result<Command> {
    cargo_for_target_file("rustc", &format!("tests/entry-abi/targets/{}.json", sse_target(width)), Library::Core)
}

/// Builds an example that doesn't expect SSE for the target with SSE, and returns what the compiler says.
pub fn refuse_sse(width: Width, name: &str) -> Result<String> {
    let mut cargo = example(cargo_for_sse(width)?, name);
    let output = cargo.output().map_err(|error| format!("can't run cargo: {error}"))?;
    if output.status.success() {
        return Err(format!("{name} compiles for a target with SSE"));
    }
    Ok(String::from_utf8_lossy(&output.stderr).into_owned())
}

/// The profiles in which the bench of `x86-entry` is built: without optimisation, without optimisation across crates,
/// and with it.
pub const ENTRY_BENCH_PROFILES: [&str; 3] = ["dev", "no-lto", "release"];

/// Returns the kernel that is the bench of `x86-entry`, built in a profile.
pub fn entry_bench(width: Width, profile: &str) -> PathBuf {
    width.image_folder().join(format!("entry-bench-{profile}"))
}

/// Builds the bench of `x86-entry` in all its profiles.
pub fn build_entry_benches(width: Width) -> Result {
    for profile in ENTRY_BENCH_PROFILES {
        let target = width.kernel_target();
        let mut cargo = cargo_for_target_file("rustc", &format!("targets/{target}.json"), Library::Core)?;
        cargo.args(["--profile", profile, "--quiet", "-p", "x86-entry", "--features", "kernels", "--example", "bench"]);
        cargo.args(["--", "-C", "link-arg=-Tarch/entry/examples/support/link.ld"]);
        run(cargo)?;
        // Cargo's folder of this profile has another name.
        let folder = if profile == "dev" { "debug" } else { profile };
        let file = root().join("target").join(&target).join(folder).join("examples/bench");
        strip(&file, &entry_bench(width, profile))?;
    }
    Ok(())
}

/// Returns the program that measures Linux.
pub fn linux_program(width: Width) -> PathBuf {
    width.image_folder().join("bench-linux")
}

/// Builds the program that measures Linux. A target without a system suits it, since it makes its system calls itself.
pub fn build_linux_program(width: Width) -> Result {
    say(&format!("building the program that measures Linux for {}", width.name()));
    let mut cargo = cargo_for_target("build", &width.user_target())?;
    cargo.args(["--release", "--quiet", "-p", "bench-linux"]);
    run(cargo)?;
    strip(&built(&width.user_target(), "bench-linux"), &linux_program(width))
}

/// A set's programs, as its manifests name them.
struct Programs {
    set: Set,
    programs: Vec<Program>,
    /// The manifest as `init` reads it.
    encoded: String,
}

struct Program {
    package: String,
    binary: String,
    module: String,
}

/// Builds the programs of all sets by one run of cargo, and lays them out.
fn build_programs(widths: &[Width], sets: &[Programs]) -> Result {
    let targets: Vec<_> = widths.iter().map(|width| width.user_target()).collect();
    let mut cargo = cargo_for_targets("build", &targets)?;
    cargo.arg("--release");
    for program in sets.iter().flat_map(|set| &set.programs) {
        cargo.args(["-p", &program.package, "--bin", &program.binary]);
    }
    run(cargo)?;
    for &width in widths {
        for set in sets {
            let folder = set.set.folder(width);
            for program in &set.programs {
                strip(&built(&width.user_target(), &program.binary), &folder.join(&program.module))?;
            }
            write(&folder.join("system"), &set.encoded)?;
        }
    }
    Ok(())
}

/// Returns a program of the shipped image, with its symbols.
pub fn program_with_symbols(width: Width, name: &str) -> Result<PathBuf> {
    let set = Set::Shipped.programs()?;
    let found = set.programs.iter().find(|program| program.module == name);
    let names = || set.programs.iter().map(|program| program.module.as_str()).collect::<Vec<_>>().join(", ");
    let program = found.ok_or_else(|| format!("no program {name:?}: there are kernel, {}", names()))?;
    Ok(built(&width.user_target(), &program.binary))
}

fn built(target: &str, binary: &str) -> PathBuf {
    root().join("target").join(target).join("release").join(binary)
}

/// Copies a program without its symbols and line tables. They are most of a file, and the image needs neither.
pub fn strip(from: &Path, to: &Path) -> Result {
    replace(to, |part| {
        let mut strip = command("strip");
        strip.arg("--strip-all").arg("-o").arg(part).arg(from);
        run_quietly(strip)
    })
}

/// Returns how many bytes of text and read-only data the kernel has, including those that only boot needs. The bytes
/// between the linker script's marks count, without the padding to whole pages behind them.
pub fn kernel_bytes(width: Width) -> Result<u64> {
    let mut nm = command("nm");
    nm.arg(kernel_with_symbols(width));
    let output = nm.output().map_err(|error| format!("can't run nm: {error}"))?;
    let symbols = String::from_utf8_lossy(&output.stdout).into_owned();
    let address = |name: &str| {
        let mut words = symbols.lines().map(|line| line.split_whitespace());
        let mut found = words.find(|words| words.clone().nth(2) == Some(name)).ok_or(format!("no {name}"))?;
        found.next().and_then(|word| u64::from_str_radix(word, 16).ok()).ok_or(format!("no address of {name}"))
    };
    Ok(address("text_end")? - address("text_start")? + address("rodata_end")? - address("rodata_start")?)
}
