//! The high precision event timer (IA-PC HPET Specification 1.0a, 2.3).

use super::Reference;
use crate::io::registers::Registers;

/// The bytes of the timer's registers.
pub const REGISTER_BYTES: usize = 0x400;

const PERIOD: usize = 0x04;
const CAPABILITIES: usize = 0x00;
const CONFIGURATION: usize = 0x10;
const COUNTER: usize = 0xF0;
const TIMERS: usize = 0x100;
const TIMER_BYTES: usize = 0x20;

/// Configuration: the counter runs.
const RUNS: u32 = 1 << 0;
/// Configuration: two of its timers take the lines of the 8254 and of the real-time clock.
const TAKES_LINES: u32 = 1 << 1;
/// A timer's configuration: it interrupts.
const INTERRUPTS: u32 = 1 << 2;
/// The most femtoseconds of a period: the specification wants at least 10 MHz.
const LONGEST_PERIOD: u32 = 100_000_000;
const FEMTOSECONDS: u64 = 1_000_000_000_000_000;

/// The timer.
#[derive(Debug)]
pub struct Hpet {
    registers: Registers,
    hertz: u64,
    configuration: u32,
}

impl Hpet {
    /// Takes the timer by its registers, if one is there. Turns its interrupts off, which firmware may have left on, so
    /// that the 8254 and the real-time clock have their lines.
    pub fn new(mut registers: Registers) -> Option<Self> {
        let period = registers.read(PERIOD);
        if !(1..=LONGEST_PERIOD).contains(&period) {
            return None;
        }
        let last = (registers.read(CAPABILITIES) >> 8 & 0x1F) as usize;
        for timer in 0..=last {
            let place = TIMERS + timer * TIMER_BYTES;
            // A register that isn't there reads as all ones, and a write to it has no effect.
            let before = registers.read(place);
            registers.write(place, before & !INTERRUPTS);
        }
        let configuration = registers.read(CONFIGURATION) & !TAKES_LINES;
        registers.write(CONFIGURATION, configuration);
        Some(Self { registers, hertz: FEMTOSECONDS / u64::from(period), configuration })
    }
}

impl Reference for Hpet {
    fn name(&self) -> &'static str {
        "the HPET"
    }

    fn hertz(&self) -> Option<u64> {
        Some(self.hertz)
    }

    /// Only the lower half is read: the upper one may be missing, and no measurement is long enough to need it.
    fn bits(&self) -> u32 {
        32
    }

    fn start(&mut self) -> Option<()> {
        self.registers.write(CONFIGURATION, self.configuration | RUNS);
        (self.registers.read(CONFIGURATION) & RUNS != 0).then_some(())
    }

    fn count(&mut self) -> Option<u32> {
        Some(self.registers.read(COUNTER))
    }

    fn stop(&mut self) {
        self.registers.write(CONFIGURATION, self.configuration);
    }
}
