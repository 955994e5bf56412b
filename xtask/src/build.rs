//! Builds the kernel and the user programs of each width and lays them out as images in `target/`.
//!
//! An image is a folder: the kernel, `init`, the manifest as the module `system`, and one module a program, under the
//! names that the manifest gives them. What boots together is a [`Set`]. Modules are stripped copies; the files with
//! their symbols stay where cargo put them.
//!
//! A command builds what it needs ([`Need`]), by as few runs of cargo as there are kinds of targets: one for the
//! kernels of all widths, one for the programs of all widths and sets.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::abi;
use crate::output::{replace, write};
use crate::process::{cargo_for_target, cargo_for_targets, command, run, run_quietly};
use crate::steps::Steps;
use crate::{Result, Width, root, say};

mod entry_kernels;
mod set;

use self::entry_kernels::build_entry_kernels;
pub use self::entry_kernels::{
    CHECKED_KERNEL, ENTRY_BENCH_PROFILES, RED_ZONE_KERNEL, SSE_KERNEL, TWO_CRATES_KERNEL, build_entry_benches,
    build_without_user_data, entry_bench, entry_kernel, entry_kernel_with_symbols, refuse_sse,
};
use self::set::Programs;
pub use self::set::Set;

/// The cargo profile of the kernel.
const KERNEL_PROFILE: &str = "kernel";

/// The flags of the kernel's code. The fast paths need the compiler to inline its intermediate code, which it does by
/// itself only where it optimises for speed throughout. The kernel formats nothing by `Debug`.
const KERNEL_FLAGS: &str = r#"build.rustflags=["-Zinline-mir=yes", "-Zfmt-debug=none"]"#;

/// The flag for the standard library's smaller algorithms.
const KERNEL_LIBRARY: &str = "-Zbuild-std-features=compiler-builtins-mem,optimize_for_size";

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
