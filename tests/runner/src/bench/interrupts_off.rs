//! The longest stretches with interrupts off: how many instructions of the kernel run between two of user mode, while
//! the whole suite runs and while the fuzzer of the entries does.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;
use std::process::Stdio;

use serde_json::{Value, json};
use xtask::process::command;
use xtask::{Width, build};

use super::{Figures, rows::LONGEST};
use crate::counter::Stretch;
use crate::fuzz::Fuzz;
use crate::machine::{Direct, Hardware};

/// The hostile load: steps of the fuzzer with a seed that neither its tests nor its long runs have.
const SEED: u64 = 30_000;
const STEPS: u64 = 8192;

/// How many reasons of long stretches are kept.
const KEPT: usize = 6;
/// How many functions are named for each.
const NAMED: usize = 3;

/// The name of the list of the longest stretches.
pub const KINDS: &str = "irqs_off";

/// Sets the figure, and says where the kernel was: [`KINDS`] lists the longest stretch of each kind.
pub fn measure(width: Width, figures: &mut Figures) {
    // The real-time clock, by which cases have a line interrupt, has to go by the machine's own time: a machine that
    // has nothing to do passes a deadline of seconds at once.
    let hardware = Hardware::counting(width).with(&["-rtc", "base=2000-01-01,clock=vm"]);
    let mut suite = hardware.speaking().counted().boot(Direct::suite());
    // Line by line: a busy host may take long for all of them.
    let mut failed = String::new();
    let result = loop {
        match suite.line() {
            Ok(line) if line.starts_with("suite: ") && line.contains(" passed, ") => break line,
            Ok(line) if line.contains("... FAILED") => failed.push_str(&line),
            Ok(_) => {}
            Err(missing) => panic!("{}: the suite didn't end ({missing:?}): {}", width.name(), suite.last_words()),
        }
    };
    assert!(
        result.contains(" 0 failed, "),
        "{}: the suite failed while it was counted: {result}{failed}",
        width.name()
    );
    let mut stretches = suite.counts().stretches;
    let fuzz = Fuzz { width, cpu: "max".to_owned(), seed: SEED, first: 0, steps: STEPS };
    match fuzz.counts() {
        Ok(counts) => stretches.extend(counts.stretches),
        Err(why) => panic!("{}: {why}", width.name()),
    }
    stretches.sort_by_key(|stretch| std::cmp::Reverse(stretch.instructions));
    figures.set(LONGEST, stretches.first().map_or(0, |longest| longest.instructions));
    let addresses = stretches.iter().flat_map(|stretch| stretch.samples.iter().chain([&stretch.began]));
    match Symbols::of(width, addresses.copied().collect()) {
        Ok(symbols) => figures.set(KINDS, kinds(&stretches, &symbols)),
        Err(error) => eprintln!("{}: no names for the longest stretches: {error}", width.name()),
    }
}

/// The longest stretch of each kind: of those that began in one function and were mostly in one.
fn kinds(stretches: &[Stretch], symbols: &Symbols) -> Vec<Value> {
    let mut seen = BTreeSet::new();
    let mut kinds = Vec::new();
    for stretch in stretches {
        let began = symbols.name(stretch.began);
        let mut shares: BTreeMap<&str, usize> = BTreeMap::new();
        for sample in &stretch.samples {
            *shares.entry(symbols.name(*sample)).or_default() += 1;
        }
        let mut shares: Vec<_> = shares.into_iter().collect();
        shares.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let Some((most, _)) = shares.first() else { continue };
        if kinds.len() < KEPT && seen.insert((began, *most)) {
            let share = |count: usize| count * 100 / stretch.samples.len();
            let inside = shares.iter().take(NAMED).map(|(name, count)| format!("{} % {name}", share(*count)));
            kinds.push(json!({
                "instructions": stretch.instructions,
                "began": format!("{:#x} {began}", stretch.began),
                "inside": inside.collect::<Vec<_>>(),
            }));
        }
    }
    kinds
}

/// The functions that addresses of the kernel lie in.
struct Symbols(BTreeMap<u64, String>);

impl Symbols {
    /// Asks `addr2line`, which knows inlined functions too.
    fn of(width: Width, addresses: BTreeSet<u64>) -> Result<Symbols, String> {
        let mut addr2line = command("addr2line");
        addr2line.args(["--functions", "--demangle", "--exe"]).arg(build::kernel_with_symbols(width));
        addr2line.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = addr2line.spawn().map_err(|error| format!("can't run addr2line: {error}"))?;
        let mut input = child.stdin.take().ok_or("addr2line takes no input")?;
        let list: String = addresses.iter().map(|address| format!("{address:#x}\n")).collect();
        // `addr2line` answers while it reads, so both ends must be served at once.
        let writer = std::thread::spawn(move || input.write_all(list.as_bytes()));
        let output = child.wait_with_output().map_err(|error| error.to_string())?;
        writer.join().map_err(|_| "addr2line can't be asked")?.map_err(|error| error.to_string())?;
        let text = String::from_utf8_lossy(&output.stdout);
        // Two lines for each address: the function, and the place in the source.
        let names = text.lines().step_by(2).map(short);
        Ok(Symbols(addresses.into_iter().zip(names).collect()))
    }

    fn name(&self, address: u64) -> &str {
        self.0.get(&address).map_or("??", String::as_str)
    }
}

/// A function's name as it fits a line: of each path in it the last two parts.
fn short(name: &str) -> String {
    let mut text = String::new();
    for part in
        name.replace("::<", "<").split_inclusive(|letter: char| !(letter.is_alphanumeric() || "_:".contains(letter)))
    {
        let parts: Vec<_> = part.split("::").collect();
        text.push_str(&parts[parts.len().saturating_sub(2)..].join("::"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_reason_is_shown_once() {
        let names = [(1, "entry"), (2, "map"), (3, "zero")].map(|(address, name)| (address, name.to_owned()));
        let symbols = Symbols(names.into_iter().collect());
        let stretch = |instructions, samples: &[u64]| Stretch { instructions, began: 1, samples: samples.to_vec() };
        let stretches = [stretch(90, &[1, 2, 2, 3]), stretch(80, &[1, 2, 2, 2]), stretch(70, &[1, 3, 3, 2])];
        let kinds = kinds(&stretches, &symbols);
        let lengths: Vec<_> = kinds.iter().map(|kind| kind["instructions"].as_u64()).collect();
        assert_eq!(lengths, [Some(90), Some(70)]);
        assert_eq!(kinds[0]["began"], "0x1 entry");
        assert_eq!(kinds[0]["inside"][0], "50 % map");
    }

    #[test]
    fn paths_are_shortened() {
        assert_eq!(short("<kernel::Kernel<arch::machine::Cpu>>::call"), "<kernel::Kernel<machine::Cpu>>::call");
        assert_eq!(short("a::b::gate::stub::<c::d::e, 7>"), "gate::stub<d::e, 7>");
    }
}
