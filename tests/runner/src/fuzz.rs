//! Runs the fuzzer of the kernel's entries, and finds the step if the kernel can't report it any more.
//!
//! The machine's only clock counts instructions, so a run with a seed repeats exactly. Its watchdog raises non-maskable
//! interrupts when the fuzzer asks for one. The number of the current step stands in the machine's memory. A machine
//! that crashes, hangs or resets stays, so that the runner can read the number.

use xtask::Width;

use crate::console::Missing;
use crate::counter::Counts;
use crate::machine::{Direct, Hardware, Machine};
use crate::qemu::major_version;

/// The steps to run.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Fuzz {
    /// The width.
    pub width: Width,
    /// The CPU, by QEMU's name.
    pub cpu: String,
    /// The seed.
    pub seed: u64,
    /// The first step.
    pub first: u64,
    /// The count of steps.
    pub steps: u64,
}

/// The machine's first line: the count of steps that share a process, and the address of the step's number.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Start {
    batch: u64,
    address: u64,
}

impl Fuzz {
    /// Boots a machine, runs the steps there, and passes its lines to `say`. The error is for a person, with the
    /// commands that run the failing step again.
    pub fn run(&self, say: impl FnMut(&str)) -> Result<(), String> {
        self.follow(&mut self.hardware().boot(self.image()?), say)
    }

    /// Does so while the plugin counts.
    pub fn counts(&self) -> Result<Counts, String> {
        let mut machine = self.hardware().counted().boot(self.image()?);
        self.follow(&mut machine, |_| {})?;
        Ok(machine.counts())
    }

    fn follow(&self, machine: &mut Machine, mut say: impl FnMut(&str)) -> Result<(), String> {
        let mut start = None;
        let mut crash = String::new();
        loop {
            let line = match machine.line() {
                Ok(line) => line,
                Err(Missing::Ended) => {
                    let what = format!("{crash}the emulator ended: {}", machine.last_words());
                    return Err(self.found(start, None, &what));
                }
                Err(Missing::Late) => {
                    let what = format!("{crash}the machine says nothing more");
                    return Err(self.lost(machine, start, &what));
                }
            };
            let line = line.trim();
            if !crash.is_empty() || line.starts_with("CRASH: ") {
                crash += line;
                crash += "\n";
                if line == "The kernel has stopped." {
                    return Err(self.lost(machine, start, &crash));
                }
                continue;
            }
            let Some(text) = line.strip_prefix("fuzz: ") else { continue };
            say(text);
            start = start.or_else(|| parse(text));
            if text.starts_with("passed ") {
                return Ok(());
            }
            if let Some(failure) = text.strip_prefix("FAILED") {
                let step = failure.strip_prefix(" at step ").and_then(|rest| rest.split(':').next()?.parse().ok());
                return Err(self.found(start, step, text));
            }
        }
    }

    fn hardware(&self) -> Hardware {
        Hardware::counting(self.width).speaking().with(&["-cpu", &self.cpu, "-device", "i6300esb"]).with(&[
            "-action",
            "watchdog=inject-nmi",
            "-action",
            "shutdown=pause",
        ])
    }

    fn image(&self) -> Result<Direct, String> {
        let qemu = major_version(self.width.qemu()).map_err(|error| error.to_string())?;
        let words = format!("console=serial qemu={qemu} seed={} first={} steps={}", self.seed, self.first, self.steps);
        Ok(Direct::fuzz().command_line(&words))
    }

    /// The kernel doesn't go on: reads the step from the machine's memory.
    fn lost(&self, machine: &mut Machine, start: Option<Start>, what: &str) -> String {
        let step = start.and_then(|start| {
            let bytes = machine.memory(start.address, size_of::<u64>());
            bytes.try_into().ok().map(u64::from_le_bytes)
        });
        self.found(start, step, what)
    }

    fn found(&self, start: Option<Start>, step: Option<u64>, what: &str) -> String {
        let (Some(start), Some(step)) = (start, step) else {
            return format!("{what}\nThe step isn't known; the run was: {}", self.command(self.first, self.steps));
        };
        let batch = (step - step % start.batch).max(self.first);
        format!(
            "step {step} failed: {what}\nIt alone: {}\nWith what came before it in its process: {}",
            self.command(step, 1),
            self.command(batch, step + 1 - batch)
        )
    }

    /// The command that runs steps of this run again.
    fn command(&self, first: u64, steps: u64) -> String {
        let Fuzz { width, cpu, seed, .. } = self;
        format!("just fuzz-entry {} seed={seed} first={first} steps={steps} cpu={cpu}", width.name())
    }
}

/// Reads `batches of 512 steps, the step's number at 0xfec0000`.
fn parse(text: &str) -> Option<Start> {
    let (batch, address) = text.strip_prefix("batches of ")?.split_once(" steps, the step's number at 0x")?;
    Some(Start { batch: batch.parse().ok()?, address: u64::from_str_radix(address, 16).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_commands() {
        let fuzz = Fuzz { width: Width::I686, cpu: "max".to_owned(), seed: 7, first: 0, steps: 9999 };
        let start = parse("batches of 512 steps, the step's number at 0xfec0000");
        assert_eq!(start, Some(Start { batch: 512, address: 0xfec_0000 }));
        let text = fuzz.found(start, Some(1030), "it hangs");
        assert!(text.contains("just fuzz-entry i686 seed=7 first=1030 steps=1 cpu=max"), "{text}");
        assert!(text.contains("just fuzz-entry i686 seed=7 first=1024 steps=7 cpu=max"), "{text}");
        assert!(fuzz.found(None, None, "it hangs").contains("first=0 steps=9999"));
    }
}
