//! The MC146818's registers, behind an index port and a data port.

use crate::Rate;
use bellwire::protocol::DateTime;
use bellwire::registers::Registers;
use bitflags::bitflags;

/// The first of the clock's ports.
pub const FIRST_PORT: u16 = 0x70;
/// The index port, counted from [`FIRST_PORT`]. Its top bit switches NMIs off; it stays clear, so they stay on.
const INDEX: u16 = 0;
const VALUE: u16 = 1;

const SECOND: u8 = 0x00;
const MINUTE: u8 = 0x02;
const HOUR: u8 = 0x04;
const DAY: u8 = 0x07;
const MONTH: u8 = 0x08;
const YEAR: u8 = 0x09;
const REGISTER_A: u8 = 0x0A;
const REGISTER_B: u8 = 0x0B;
const REGISTER_C: u8 = 0x0C;
const REGISTER_D: u8 = 0x0D;

/// The registers that can hold the century: those behind the clock's own, as far as the index port reaches.
const CENTURY_REGISTERS: core::ops::Range<u8> = 0x0E..0x80;
/// The centuries that a clock can be in.
const CENTURIES: core::ops::RangeInclusive<u16> = 19..=21;
/// The first year of the century that two digits stand for if no register names the century, as in POSIX.
const FIRST_YEAR: u8 = 70;

/// Register A: the time is being updated, which takes 2 milliseconds at most.
const UPDATE_IN_PROGRESS: u8 = 0x80;
/// Register A: the oscillator runs at 32768 hertz.
const TIME_BASE: u8 = 0x20;
/// Register D: the time has been kept since it was set. Reading the register sets the bit.
const TIME_IS_VALID: u8 = 0x80;
/// Hours in 12-hour mode: after noon.
const AFTERNOON: u8 = 0x80;
/// How many pauses a reader of the time takes before the chip counts as stuck. With pauses of a millisecond that is
/// longer than the second between two updates. A count of port reads would be no bound: a busy host may end an update
/// late, and reads go on meanwhile.
const MOST_PAUSES: usize = 2_000;
/// How many readings are compared at most. An update comes once a second, so the third reading agrees with the second,
/// unless the driver is preempted for a second each time.
const MOST_READINGS: usize = 16;

/// The chip's two ports, and a way to wait for it.
pub trait Ports: Registers {
    /// Lets other programs run for a millisecond or more.
    fn pause(&mut self);
}

bitflags! {
    /// Register B.
    #[derive(Clone, Copy)]
    struct Mode: u8 {
        const HOURS_24 = 1 << 1;
        const BINARY = 1 << 2;
        const UPDATE_INTERRUPT = 1 << 4;
        const ALARM_INTERRUPT = 1 << 5;
        const PERIODIC_INTERRUPT = 1 << 6;
        const STOPPED = 1 << 7;
    }
}

/// The clock.
pub struct Chip<R> {
    registers: R,
    rate: Rate,
    century: Option<u8>,
    power: Power,
    updates: Updates,
}

/// Whether updates of the time end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Updates {
    End,
    /// The last reader has used [`MOST_PAUSES`] up: the next one doesn't wait.
    Stuck,
}

/// The values of the registers of the time, except [`UPDATE_IN_PROGRESS`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reading {
    mode: u8,
    century: Option<u8>,
    year: u8,
    month: u8,
    day: u8,
    hour: u8,
    minute: u8,
    second: u8,
}

/// Whether the chip has always had power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Power {
    /// The chip has kept the time.
    Kept,
    /// The battery is empty, so the time may be anything.
    Lost,
}

impl<R: Ports> Chip<R> {
    /// Takes the clock over and turns its interrupts off, whatever a predecessor or the firmware had asked for. Returns
    /// `None` if no chip keeps what is written. `century` is the register that holds the century, if the firmware names
    /// one.
    pub fn new(registers: R, century: Option<u8>) -> Option<Self> {
        let century = century.filter(|register| CENTURY_REGISTERS.contains(register));
        let mut chip = Self { registers, rate: Rate::OFF, century, power: Power::Kept, updates: Updates::End };
        chip.set_rate(Rate::OFF);
        if chip.load(REGISTER_A) & !UPDATE_IN_PROGRESS != TIME_BASE {
            return None;
        }
        if chip.load(REGISTER_D) & TIME_IS_VALID == 0 {
            chip.power = Power::Lost;
        }
        Some(chip)
    }

    /// Returns whether the time can be right.
    pub fn power(&self) -> Power {
        self.power
    }

    /// Sets the rate of periodic interrupts.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.store(REGISTER_A, TIME_BASE | rate.selector());
        let interrupts = Mode::UPDATE_INTERRUPT | Mode::ALARM_INTERRUPT | Mode::PERIODIC_INTERRUPT;
        let mut mode = self.mode() - interrupts - Mode::STOPPED;
        mode.set(Mode::PERIODIC_INTERRUPT, rate != Rate::OFF);
        self.store(REGISTER_B, mode.bits());
        self.acknowledge();
    }

    /// Returns the rate of periodic interrupts.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Acknowledges an interrupt. The chip interrupts again only when register C, which holds the interrupt's cause,
    /// was read.
    pub fn acknowledge(&mut self) {
        self.load(REGISTER_C);
    }

    /// Returns the date and the time of day, or `None` if an update takes too long, or the chip holds no valid date.
    /// Reads the registers until two readings agree, since an update may begin meanwhile: a mixture of two seconds'
    /// registers is no date, or a wrong one. All readings together wait for some two seconds at most.
    pub fn time(&mut self) -> Option<DateTime> {
        let mut pauses = match self.updates {
            Updates::End => MOST_PAUSES,
            Updates::Stuck => 0,
        };
        self.updates = Updates::End;
        let mut last = None;
        for _ in 0..MOST_READINGS {
            self.await_end_of_update(&mut pauses)?;
            let reading = self.reading();
            if last == Some(reading) {
                return reading.time();
            }
            last = Some(reading);
        }
        None
    }

    /// Waits until no update is in progress, and counts the pauses off. Returns `None` if the update doesn't end within
    /// those.
    fn await_end_of_update(&mut self, pauses: &mut usize) -> Option<()> {
        while self.load(REGISTER_A) & UPDATE_IN_PROGRESS != 0 {
            let Some(left) = pauses.checked_sub(1) else {
                self.updates = Updates::Stuck;
                return None;
            };
            *pauses = left;
            self.registers.pause();
        }
        Some(())
    }

    fn reading(&mut self) -> Reading {
        Reading {
            mode: self.load(REGISTER_B),
            century: self.century.map(|register| self.load(register)),
            year: self.load(YEAR),
            month: self.load(MONTH),
            day: self.load(DAY),
            hour: self.load(HOUR),
            minute: self.load(MINUTE),
            second: self.load(SECOND),
        }
    }

    fn mode(&mut self) -> Mode {
        Mode::from_bits_retain(self.load(REGISTER_B))
    }

    fn load(&mut self, index: u8) -> u8 {
        self.registers.write(INDEX, index);
        self.registers.read(VALUE)
    }

    fn store(&mut self, index: u8, value: u8) {
        self.registers.write(INDEX, index);
        self.registers.write(VALUE, value);
    }
}

impl Reading {
    fn time(self) -> Option<DateTime> {
        let mode = Mode::from_bits_retain(self.mode);
        let hour = match (mode.contains(Mode::HOURS_24), self.hour & AFTERNOON != 0) {
            (true, _) => number(mode, self.hour)?,
            (false, false) => number(mode, self.hour)? % 12,
            (false, true) => number(mode, self.hour & !AFTERNOON)? % 12 + 12,
        };
        let time = DateTime {
            year: self.full_year(mode)?,
            month: number(mode, self.month)?,
            day: number(mode, self.day)?,
            hour,
            minute: number(mode, self.minute)?,
            second: number(mode, self.second)?,
        };
        let is_date = (1..=12).contains(&time.month) && (1..=31).contains(&time.day);
        (is_date && time.hour < 24 && time.minute < 60 && time.second < 60).then_some(time)
    }

    /// Returns the year with its century. A chip is only sure to have two digits of the year.
    fn full_year(self, mode: Mode) -> Option<u16> {
        let year = number(mode, self.year).filter(|year| *year < 100)?;
        let century = self.century.and_then(|raw| century(mode, raw));
        let guess = if year < FIRST_YEAR { 20 } else { 19 };
        Some(century.unwrap_or(guess) * 100 + u16::from(year))
    }
}

/// Returns the number that a register holds, or `None` if its digits aren't valid.
fn number(mode: Mode, raw: u8) -> Option<u8> {
    let (tens, ones) = (raw >> 4, raw & 0x0F);
    match mode.contains(Mode::BINARY) {
        true => Some(raw),
        false => (tens < 10 && ones < 10).then_some(tens * 10 + ones),
    }
}

/// Returns the century, if the register holds a plausible one. Some firmware writes decimal digits in every mode. No
/// number stands for a century in both notations.
fn century(mode: Mode, raw: u8) -> Option<u16> {
    let readings = [number(mode, raw), number(mode - Mode::BINARY, raw)];
    readings.into_iter().flatten().map(u16::from).find(|century| CENTURIES.contains(century))
}

#[cfg(test)]
mod tests;
