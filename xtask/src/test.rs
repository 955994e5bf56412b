//! Runs the host tests and the booted tests, and counts them together.
//!
//! Both report like libtest, so their `test result:` lines are counted. The last line is the sum. A run that counted
//! nothing has failed: a test command that finds no tests is broken.

use std::cell::Cell;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::rc::Rc;

use crate::build::{Need, add_steps, build, build_counter, build_entry_benches};
use crate::iso::{self, Disc};
use crate::process::{ENTRY, command, stable_cargo};
use crate::steps::Steps;
use crate::{Result, Width, calls, faults, say};

/// A part of the tests that can run by itself.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Part {
    /// Tests that run on this machine.
    Host,
    /// Tests that boot a machine of this width.
    Machine(Width),
    /// Tests that boot a machine of this width in Bochs.
    Bochs(Width),
}

impl Part {
    /// All parts, the quick one first.
    pub const ALL: &[Part] = &[Part::Host, Part::Machine(Width::I686), Part::Machine(Width::X86_64)];

    /// Returns the width of the machine that the part boots.
    fn width(self) -> Option<Width> {
        match self {
            Part::Host => None,
            Part::Machine(width) | Part::Bochs(width) => Some(width),
        }
    }

    fn title(self) -> String {
        match self {
            Part::Host => "running the host tests".to_owned(),
            Part::Machine(width) => format!("booting the tests for {}", width.name()),
            Part::Bochs(width) => format!("booting the tests for {} in Bochs", width.name()),
        }
    }
}

/// The argument by which the tests that take long run too.
const LONG: &str = "--include-ignored";

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Count {
    passed: u64,
    failed: u64,
}

/// Builds what the given parts need, runs them and prints the sum. `arguments` go to the runner of the booted tests.
pub fn test(parts: &[Part], arguments: &[&str]) -> Result {
    let total = Rc::new(Cell::new(Count::default()));
    let mut steps = Steps::new();
    add_builds(&mut steps, parts)?;
    for &part in parts {
        let total = Rc::clone(&total);
        let arguments: Vec<_> = arguments.iter().map(|&argument| argument.to_owned()).collect();
        steps.add(part.title(), move || {
            let (sum, count) = (total.get(), run(part, &arguments)?);
            total.set(Count { passed: sum.passed + count.passed, failed: sum.failed + count.failed });
            Ok(())
        });
    }
    steps.run()?;
    let total = total.get();
    println!("{} passed, {} failed", total.passed, total.failed);
    match total {
        Count { failed: 0, passed: 1.. } => Ok(()),
        Count { failed: 0, passed: 0 } => Err("no test ran".to_owned()),
        Count { failed, .. } => Err(format!("{failed} tests failed")),
    }
}

fn add_builds(steps: &mut Steps, parts: &[Part]) -> Result {
    let booted: Vec<_> = parts.iter().filter_map(|part| part.width()).collect();
    if booted.is_empty() {
        return Ok(());
    }
    add_steps(steps, &booted, Need::Tests)?;
    for &part in parts {
        match part {
            Part::Host => {}
            Part::Machine(width) => iso::add_step(steps, Disc::Shipped, width),
            Part::Bochs(width) => {
                iso::add_step(steps, Disc::Suite, width);
                iso::add_step(steps, Disc::SelfTest, width);
            }
        }
    }
    Ok(())
}

fn run(part: Part, arguments: &[String]) -> Result<Count> {
    let booted = |binary: &str, width: Width| {
        let mut build = command("cargo");
        build.args(["build", "--quiet", "-p", "runner", "--bin", binary]);
        compile(build, &format!("the program `{binary}`, which boots the tests,"))?;
        let mut run = command("cargo");
        run.args(["run", "--quiet", "-p", "runner", "--bin", binary, "--", width.name()]);
        run.args(arguments);
        counted(run)
    };
    match part {
        Part::Host => {
            let others = host_tests(
                "the host tests",
                || {
                    let mut cargo = command("cargo");
                    cargo.args(["test", "--quiet", "--workspace", "--exclude", ENTRY]);
                    cargo
                },
                &[],
            )?;
            say("running the tests of x86-entry on the stable language");
            let entry = host_tests(
                "the tests of x86-entry",
                || {
                    let mut cargo = stable_cargo("test");
                    cargo.args(["--quiet", "--features", "x86_64"]);
                    cargo
                },
                &[],
            )?;
            say("running the fuzzer of the calls, small tables");
            let calls = calls_tests(&["--features", calls::SMALL], &[])?;
            let long = if arguments.iter().any(|argument| argument == LONG) {
                say("running the long fuzzer of the firmware's tables");
                host_tests(
                    "the fuzzer of the firmware's tables",
                    || {
                        let mut cargo = command("cargo");
                        cargo.args(["test", "--quiet", "--package", "arch", "--lib"]);
                        cargo
                    },
                    &["--ignored"],
                )?
            } else {
                Count::default()
            };
            let [calls_full, calls_small] = if arguments.iter().any(|argument| argument == LONG) {
                say("running the long fuzzer of the calls, and the lives of objects");
                let long = |options: &[&str]| calls_tests(&[&["--release"], options].concat(), &["--ignored"]);
                let counts = [long(&[])?, long(&["--features", calls::SMALL])?];
                say("putting faults back");
                faults::check("")?;
                counts
            } else {
                [Count::default(); 2]
            };
            let parts = [others, entry, calls, long, calls_full, calls_small];
            Ok(Count {
                passed: parts.iter().map(|count| count.passed).sum(),
                failed: parts.iter().map(|count| count.failed).sum(),
            })
        }
        Part::Machine(width) => booted("runner", width),
        Part::Bochs(width) => booted("bochs-runner", width),
    }
}

/// Runs the tests of the fuzzer of the calls, built with these options.
fn calls_tests(options: &[&str], choice: &[&str]) -> Result<Count> {
    let cargo = || {
        let mut cargo = command("cargo");
        cargo.args(["test", "--quiet", "-p", calls::PACKAGE]).args(options);
        cargo
    };
    host_tests("the fuzzer of the calls", cargo, choice)
}

/// Compiles tests, then runs and counts them. `choice` goes to libtest.
fn host_tests(what: &str, cargo: impl Fn() -> Command, choice: &[&str]) -> Result<Count> {
    let mut build = cargo();
    build.arg("--no-run");
    compile(build, what)?;
    let mut run = cargo();
    run.arg("--no-fail-fast").arg("--").args(choice);
    counted(run)
}

/// Runs a command that only compiles. If that fails, nothing was tested, and no test counts as failed.
fn compile(build: Command, what: &str) -> Result {
    crate::process::run(build)
        .map_err(|why| format!("{what} didn't compile, so nothing was tested; the compiler's errors are above\n{why}"))
}

/// Runs the host tests of one package, or of all. `arguments` are cargo's.
pub fn host(arguments: &[&str]) -> Result {
    let [package, rest @ ..] = arguments else { return test(&[Part::Host], &[]) };
    let mut cargo = if *package == ENTRY { stable_cargo("test") } else { command("cargo") };
    if *package != ENTRY {
        cargo.args(["test", "-p", package]);
    }
    cargo.args(rest);
    crate::process::run(cargo)
}

/// Runs the benches on both widths. `arguments` go to their runner.
pub fn bench(arguments: &[&str]) -> Result {
    build(&Width::ALL, Need::Sets)?;
    build_counter()?;
    say("building the bench of x86-entry");
    Width::ALL.into_iter().try_for_each(build_entry_benches)?;
    say("measuring");
    crate::process::run(bench_runner(arguments))
}

/// Runs the bench of large systems on both widths. `arguments` go to its runner.
pub fn bench_scale(arguments: &[&str]) -> Result {
    build(&Width::ALL, Need::Sets)?;
    say("measuring systems of different size");
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "scale-runner", "--"]);
    cargo.args(arguments);
    crate::process::run(cargo)
}

/// Returns the command of the benches' runner, which also writes and checks the tables of docs/measuring.md.
pub(crate) fn bench_runner(arguments: &[&str]) -> Command {
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "bench-runner", "--"]);
    cargo.args(arguments);
    cargo
}

/// Measures Debian's Linux for comparison. `arguments` choose widths and the CPU.
pub fn bench_linux(arguments: &[&str]) -> Result {
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "linux-runner", "--"]);
    cargo.args(arguments);
    crate::process::run(cargo)
}

/// Runs the fuzzer of the kernel's entries. `arguments` go to it.
pub fn fuzz(arguments: &[&str]) -> Result {
    build(&Width::ALL, Need::Sets)?;
    say("fuzzing the entries");
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "fuzz-runner", "--"]);
    cargo.args(arguments);
    crate::process::run(cargo)
}

/// Boots the shipped image, types some commands and writes a picture of the screen.
pub fn picture(file: &str) -> Result {
    iso::iso(&[Width::X86_64])?;
    say(&format!("taking {file}"));
    let mut cargo = command("cargo");
    cargo.args(["run", "--quiet", "-p", "runner", "--bin", "picture", "--", file]);
    crate::process::run(cargo)
}

/// Runs a command that reports like libtest, shows what it prints and adds up its results.
fn counted(mut command: Command) -> Result<Count> {
    let mut child = command
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|error| format!("can't run {:?}: {error}", command.get_program()))?;
    let output = child.stdout.take().ok_or("the output isn't piped")?;
    let mut count = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| format!("can't read what the tests print: {error}"))?;
        println!("{line}");
        if let Some(part) = parse(&line) {
            count.passed += part.passed;
            count.failed += part.failed;
        }
    }
    let status = child.wait().map_err(|error| format!("can't wait for the tests: {error}"))?;
    // A crash isn't a failed test: tests that hadn't run by then may pass.
    if !status.success() && count.failed == 0 {
        return Err(format!("the tests crashed ({status}) after {} had passed; their output is above", count.passed));
    }
    Ok(count)
}

/// Reads `test result: ok. 3 passed; 0 failed; ...`.
fn parse(line: &str) -> Option<Count> {
    let result = line.trim().strip_prefix("test result: ")?;
    let number = |name: &str| {
        let (before, _) = result.split_once(name)?;
        before.rsplit([' ', '.', ';']).find(|word| !word.is_empty())?.parse().ok()
    };
    Some(Count { passed: number(" passed")?, failed: number(" failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a package with the library `source`, tests it, and returns the result.
    fn test_package(name: &str, source: &str) -> Result<Count> {
        let folder = crate::root().join("target").join(name);
        std::fs::create_dir_all(folder.join("src")).expect("a folder");
        let manifest = format!("[package]\nname = \"{name}\"\nedition = \"2024\"\n[workspace]\n");
        std::fs::write(folder.join("Cargo.toml"), manifest).expect("written");
        std::fs::write(folder.join("src/lib.rs"), source).expect("written");
        host_tests(
            "the package",
            || {
                let mut cargo = command("cargo");
                cargo.args(["test", "--quiet", "--offline", "--lib"]).current_dir(&folder);
                cargo.env("CARGO_TARGET_DIR", folder.join("target"));
                cargo
            },
            &[],
        )
    }

    #[test]
    fn what_does_not_compile_is_no_failed_test() {
        let why = test_package("test-not-compiled", "compile_error!(\"as it should be\");").unwrap_err();
        assert!(why.starts_with("the package didn't compile, so nothing was tested"), "{why}");
        let last = why.lines().last().unwrap_or_default();
        assert!(!last.contains(" passed") && !last.contains(" failed,"), "{why}");
    }

    #[test]
    fn a_failed_test_is_counted_and_a_crash_is_not() {
        let tests = "#[test] fn right() {} #[test] fn wrong() { panic!() }";
        assert_eq!(test_package("test-failed", tests), Ok(Count { passed: 1, failed: 1 }));
        let why = test_package("test-crashed", "#[test] fn crash() { std::process::abort() }").unwrap_err();
        assert!(why.starts_with("the tests crashed"), "{why}");
    }

    #[test]
    fn a_result_line_is_counted() {
        let line = "test result: FAILED. 12 passed; 3 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(parse(line), Some(Count { passed: 12, failed: 3 }));
    }

    #[test]
    fn other_lines_are_not_counted() {
        assert_eq!(parse("test number_of_passed ... ok"), None);
        assert_eq!(parse("running 3 tests"), None);
    }
}
