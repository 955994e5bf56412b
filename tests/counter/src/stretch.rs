//! How long the kernel runs between two instructions of user mode: so long an interrupt can wait.
//!
//! A stretch begins with the first kernel instruction after one of user mode, or after the idle context's `hlt`, and ends
//! with the last before the next. What runs before the first program has begun isn't counted: nothing waits yet. The
//! longest ones are kept, one for each place where they began, and for the very longest samples of where it was.

use std::fmt::{self, Write};

use crate::instruction::{Class, Instruction, Kind};

/// How many stretches are reported.
const KEPT: usize = 8;

/// Every so many instructions a sample is taken.
const SAMPLED: u64 = 16;

/// A stretch of kernel instructions.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Stretch {
    instructions: u64,
    began: u64,
}

/// The longest stretches, and the one at hand.
#[derive(Debug)]
pub struct Stretches {
    now: Stretch,
    seen_user: bool,
    longest: Vec<Stretch>,
    samples: Vec<u64>,
    samples_of_longest: Vec<u64>,
    count: u64,
}

impl Stretches {
    pub const fn new() -> Self {
        Self {
            now: Stretch { instructions: 0, began: 0 },
            seen_user: false,
            longest: Vec::new(),
            samples: Vec::new(),
            samples_of_longest: Vec::new(),
            count: 0,
        }
    }

    pub fn executed(&mut self, instruction: &Instruction) {
        match instruction.class {
            // The start code runs at low addresses too, before anything of the kernel's own.
            Class::User | Class::Mark(_) => {
                self.end();
                self.seen_user |= self.count > 0;
            }
            Class::Kernel(kind) => {
                self.count += 1;
                if self.now.instructions == 0 {
                    self.now.began = instruction.address;
                }
                if self.now.instructions.is_multiple_of(SAMPLED) && self.seen_user {
                    self.samples.push(instruction.address);
                }
                self.now.instructions += 1;
                if kind == Kind::Halt {
                    self.end();
                }
            }
        }
    }

    fn end(&mut self) {
        let stretch = std::mem::take(&mut self.now);
        let samples = std::mem::take(&mut self.samples);
        if stretch.instructions == 0 || !self.seen_user {
            return;
        }
        if self.longest.first().is_none_or(|longest| longest.instructions < stretch.instructions) {
            self.samples_of_longest = samples;
        } else {
            self.samples = samples;
            self.samples.clear();
        }
        match self.longest.iter_mut().find(|known| known.began == stretch.began) {
            Some(known) => known.instructions = known.instructions.max(stretch.instructions),
            None => self.longest.push(stretch),
        }
        self.longest.sort_unstable_by_key(|stretch| std::cmp::Reverse(stretch.instructions));
        self.longest.truncate(KEPT);
    }

    pub fn report(&self, text: &mut String) -> fmt::Result {
        for Stretch { instructions, began } in &self.longest {
            writeln!(text, "stretch {instructions} {began:#x}")?;
        }
        for sample in &self.samples_of_longest {
            writeln!(text, "sample {sample:#x}")?;
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
        let mut text = String::new();
        assert!(stretches.report(&mut text).is_ok());
        assert_eq!(text, "stretch 40 0x7d0\nstretch 20 0xbb8\nsample 0x7d0\nsample 0x7e0\nsample 0x7f0\n");
    }

    #[test]
    fn halting_ends_a_stretch() {
        let mut stretches = Stretches::new();
        run(&mut stretches, Class::Kernel(Kind::Plain), 0, 1);
        run(&mut stretches, Class::User, 0, 1);
        run(&mut stretches, Class::Kernel(Kind::Plain), 10, 6);
        run(&mut stretches, Class::Kernel(Kind::Halt), 16, 1);
        run(&mut stretches, Class::Kernel(Kind::Plain), 20, 6);
        run(&mut stretches, Class::User, 0, 1);
        assert_eq!(stretches.longest.iter().map(|stretch| stretch.instructions).collect::<Vec<_>>(), [7, 6]);
    }
}
