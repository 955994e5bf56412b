//! A step: its code, its registers, and the interrupts that come meanwhile.

use crate::calls;
use crate::code::Code;
use crate::instructions;
use crate::layout::{BATCH_STEPS, CODE, DATA_BYTES, LONG, STEP_BYTES};
use crate::qemu;
use crate::random::{Purpose, Random};
use crate::registers::Registers;
use crate::sequences;
use crate::values;

/// The number of a step, and the seed of its run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// The run's seed.
    pub seed: u64,
    /// The step's number.
    pub number: u64,
}

/// How a thread gets its registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Launch {
    /// Code in the victim loads them, so that flags and segments are tried which the kernel wouldn't take.
    Code {
        /// Whether x87 and MXCSR are loaded, too.
        floating: usize,
    },
    /// System calls set the registers.
    Calls,
}

/// The plan of a step.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The registers at its start.
    pub registers: Registers,
    /// The way in which it gets them.
    pub launch: Launch,
    /// The nanoseconds before the step in which only the witness runs.
    pub pause: Option<usize>,
    /// Nanoseconds until it has had its time.
    pub patience: usize,
    /// Nanoseconds until a timer's interrupt.
    pub timer: Option<usize>,
    /// Microseconds until a non-maskable interrupt.
    pub non_maskable: Option<usize>,
    /// How often it goes on after a fault.
    pub retries: usize,
    /// The stream for decisions on the way.
    pub random: Random,
}

impl Step {
    /// The step's place in its batch.
    pub const fn position(self) -> usize {
        (self.number % BATCH_STEPS as u64) as usize
    }

    /// The batch.
    pub const fn batch(self) -> u64 {
        self.number / BATCH_STEPS as u64
    }

    /// The address of its code.
    pub const fn address(self) -> usize {
        CODE + self.position() * STEP_BYTES
    }

    /// Makes the plan of this step.
    pub fn plan(self) -> Plan {
        let mut random = Random::new(self.seed, self.number, Purpose::Plan);
        let mut registers = Registers::random(&mut random, self.address());
        let launch = match random.below(8) {
            0 => Launch::Calls,
            1..=2 => {
                registers.floating.fill_with(|| random.bits());
                Launch::Code { floating: 1 }
            }
            _ => Launch::Code { floating: 0 },
        };
        let pause = random.one_in(8).then(|| 500 + random.below(2_000));
        let patience = FIRST_USE + 4_000 + random.below(6_000);
        let timer = random.one_in(4).then(|| random.below(4_000));
        let non_maskable = random.one_in(64).then(|| random.below(4));
        let retries = match random.below(4) {
            0 => random.below(8),
            _ => 0,
        };
        Plan { registers, launch, pause, patience, timer, non_maskable, retries, random }
    }

    /// Writes the code: about as much of each kind, and an end that faults.
    pub fn write_code(self, bytes: &mut [u8; STEP_BYTES], machine: Machine) {
        let mut random = Random::new(self.seed, self.number, Purpose::Code);
        let (body, end) = bytes.split_at_mut(STEP_BYTES - UNDEFINED.len());
        end.copy_from_slice(&UNDEFINED);
        let mut code = Code::new(body);
        while code.left() > 0 {
            match random.below(16) {
                0..=1 => (0..1 + random.below(8)).for_each(|_| code.put(&[random.byte()])),
                2..=5 => calls::put(&mut code, &mut random),
                6..=8 => sequences::put(&mut code, &mut random),
                _ => instructions::put(&mut code, &mut random),
            }
        }
        match machine {
            Machine::Right => {}
            Machine::Qemu7 => qemu::avoid(bytes, qemu::avoid_7_at),
            Machine::Qemu10 => qemu::avoid(bytes, qemu::avoid_10_at),
        }
    }

    /// Fills the memory that each step of this one's batch begins with.
    pub fn fill_memory(self, words: &mut [usize; DATA_BYTES / size_of::<usize>()]) {
        let mut random = Random::new(self.seed, self.batch(), Purpose::Memory);
        words.fill_with(|| values::word(&mut random));
    }
}

/// The most nanoseconds that a thread's first use of floating point takes on i686, where the kernel fills a page in
/// small steps.
const FIRST_USE: usize = if LONG { 0 } else { 8_000 };

/// The processor or emulator that runs the code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Machine {
    /// A processor or an emulator that does what the manuals say.
    Right,
    /// QEMU's emulation before version 10.
    Qemu7,
    /// QEMU's emulation from version 10 on.
    Qemu10,
}

impl Machine {
    /// The emulator of this major version. The runner passes the version, which QEMU's own registers don't tell.
    pub fn qemu(major_version: u64) -> Self {
        if major_version < 10 { Machine::Qemu7 } else { Machine::Qemu10 }
    }
}

/// `ud2`.
const UNDEFINED: [u8; 2] = [0x0F, 0x0B];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_step_is_always_the_same() {
        for number in [0, 1, 511, 512, 9_999_999] {
            let step = Step { seed: 42, number };
            let mut codes = [[0; STEP_BYTES]; 2];
            codes.iter_mut().for_each(|code| step.write_code(code, Machine::Right));
            assert_eq!(codes[0], codes[1]);
            let [one, other] = [step.plan(), step.plan()];
            assert_eq!(one.registers.general, other.registers.general);
            assert_eq!((one.launch, one.patience, one.timer), (other.launch, other.patience, other.timer));
        }
    }

    #[test]
    fn steps_of_a_batch_stand_one_behind_the_other() {
        let at = |number| Step { seed: 1, number }.address();
        assert_eq!(at(1), at(0) + STEP_BYTES);
        assert_eq!(at(BATCH_STEPS as u64), at(0));
    }
}
