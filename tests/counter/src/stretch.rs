//! Measures how long the kernel runs from an entry to its exit. Interrupts are off all that time, so this is how long
//! an interrupt can wait.
//!
//! A stretch begins with the first kernel instruction after another stretch or after user mode. It ends with the
//! instruction that returns to user mode, even if an interrupt waits there and no instruction of user mode comes first,
//! and with the idle context's `hlt`. The `iret` of a non-maskable interrupt that came in the kernel ends a stretch,
//! too: it makes two of one, but other runs of the same path have it whole. No stretch counts before the first program
//! has begun, since nothing waits yet. The longest stretches are kept, one for each length and place where they began,
//! with samples of the places on the way, so that one reason for long stretches doesn't hide the next.

use std::fmt::{self, Write};

use crate::instruction::{Class, Instruction, Kind};

/// How many stretches are reported.
const KEPT: usize = 512;

/// A sample is taken once in this count of instructions.
const SAMPLED: u64 = 16;

/// A stretch of kernel instructions.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
struct Stretch {
    instructions: u64,
    began: u64,
    samples: Vec<u64>,
}

/// The longest stretches, and the one at hand.
#[derive(Debug)]
pub struct Stretches {
    now: Stretch,
    seen_user: bool,
    seen_kernel: bool,
    /// The longest stretches, the longest first.
    longest: Vec<Stretch>,
}

impl Stretches {
    pub const fn new() -> Self {
        Self {
            now: Stretch { instructions: 0, began: 0, samples: Vec::new() },
            seen_user: false,
            seen_kernel: false,
            longest: Vec::new(),
        }
    }

    pub fn executed(&mut self, instruction: &Instruction) {
        match instruction.class {
            // The start code runs at low addresses too, before anything of the kernel's own.
            Class::User | Class::Mark(_) => {
                self.end();
                self.seen_user |= self.seen_kernel;
            }
            Class::Kernel(kind) => {
                self.seen_kernel = true;
                if self.now.instructions == 0 {
                    self.now.began = instruction.address;
                }
                if self.now.instructions.is_multiple_of(SAMPLED) && self.seen_user {
                    self.now.samples.push(instruction.address);
                }
                self.now.instructions += 1;
                if matches!(kind, Kind::Halt | Kind::InterruptReturn | Kind::FastReturn) {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        let Stretch { instructions, began, .. } = self.now;
        if instructions == 0 {
            return;
        }
        let place = self.longest.partition_point(|known| (known.instructions, known.began) > (instructions, began));
        let is_known =
            self.longest.get(place).is_some_and(|known| (known.instructions, known.began) == (instructions, began));
        if self.seen_user && !is_known && place < KEPT {
            self.longest.truncate(KEPT - 1);
            self.longest.insert(place, std::mem::take(&mut self.now));
        } else {
            self.now.instructions = 0;
            self.now.samples.clear();
        }
    }

    pub fn report(&self, text: &mut String) -> fmt::Result {
        for Stretch { instructions, began, samples } in &self.longest {
            write!(text, "stretch {instructions} {began:#x}")?;
            for sample in samples {
                write!(text, " {sample:#x}")?;
            }
            writeln!(text)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stretches: &mut Stretches, class: Class, address: u64, count: usize) {
        for offset in 0..count as u64 {
            stretches.executed(&Instruction { address: address + offset, class });
        }
    }

    #[test]
    fn the_longest_stretch_between_user_instructions_is_kept() {
        let mut stretches = Stretches::new();
        run(&mut stretches, Class::User, 0, 5);
        run(&mut stretches, Class::Kernel(Kind::Plain), 1000, 500);
        run(&mut stretches, Class::User, 0, 5);
        run(&mut stretches, Class::Kernel(Kind::Plain), 2000, 40);
        run(&mut stretches, Class::User, 0, 1);
        run(&mut stretches, Class::Kernel(Kind::Plain), 3000, 20);
        run(&mut stretches, Class::User, 0, 1);
        run(&mut stretches, Class::Kernel(Kind::Plain), 2000, 30);
        run(&mut stretches, Class::User, 0, 1);
        run(&mut stretches, Class::Kernel(Kind::Plain), 3000, 20);
        run(&mut stretches, Class::User, 0, 1);
        let mut text = String::new();
        assert!(stretches.report(&mut text).is_ok());
        assert_eq!(
            text,
            "stretch 40 0x7d0 0x7d0 0x7e0 0x7f0\nstretch 30 0x7d0 0x7d0 0x7e0\nstretch 20 0xbb8 0xbb8 0xbc8\n"
        );
    }

    #[test]
    fn halting_and_returning_end_a_stretch() {
        let mut stretches = Stretches::new();
        run(&mut stretches, Class::Kernel(Kind::Plain), 0, 1);
        run(&mut stretches, Class::User, 0, 1);
        for (number, kind) in [Kind::Halt, Kind::InterruptReturn, Kind::FastReturn].into_iter().enumerate() {
            run(&mut stretches, Class::Kernel(Kind::Plain), 10, 6 + number);
            run(&mut stretches, Class::Kernel(kind), 20, 1);
        }
        run(&mut stretches, Class::Kernel(Kind::Plain), 30, 4);
        run(&mut stretches, Class::User, 0, 1);
        let found: Vec<_> = stretches.longest.iter().map(|stretch| (stretch.instructions, stretch.began)).collect();
        assert_eq!(found, [(9, 10), (8, 10), (7, 10), (4, 30)]);
    }
}
