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
/// How many pauses an update may take before the chip counts as stuck. With pauses of a millisecond that is longer than
/// the second between two updates. A count of port reads would be no bound: a busy host may end an update late, and
/// reads go on meanwhile.
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
    /// The last update didn't end within [`MOST_PAUSES`]: no reader waits for it again.
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

    /// Returns the date and the time of day, or `None` if the chip never stops updating, or holds no valid date. Reads
    /// the registers until two readings agree, since an update may begin meanwhile: a mixture of two seconds' registers
    /// is no date, or a wrong one.
    pub fn time(&mut self) -> Option<DateTime> {
        let mut last = None;
        for _ in 0..MOST_READINGS {
            self.await_end_of_update()?;
            let reading = self.reading();
            if last == Some(reading) {
                return reading.time();
            }
            last = Some(reading);
        }
        None
    }

    /// Waits until no update is in progress. Returns `None` if the update doesn't end.
    fn await_end_of_update(&mut self) -> Option<()> {
        let pauses = match self.updates {
            Updates::End => MOST_PAUSES,
            Updates::Stuck => 0,
        };
        self.updates = Updates::End;
        for _ in 0..pauses {
            if self.load(REGISTER_A) & UPDATE_IN_PROGRESS == 0 {
                return Some(());
            }
            self.registers.pause();
        }
        if self.load(REGISTER_A) & UPDATE_IN_PROGRESS == 0 {
            return Some(());
        }
        self.updates = Updates::Stuck;
        None
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
mod tests {
    use super::*;

    struct Fake {
        index: u8,
        memory: [u8; 128],
        /// The number of reads of register A that find an update in progress.
        updating: usize,
        /// The number of pauses that the update in progress still takes.
        pauses: usize,
        paused: usize,
        ticks_on_read: bool,
        /// The number of reads of the second's register that give no number, as in an update.
        scrambled: usize,
        /// The value that every register reads as where there is no chip.
        absent: Option<u8>,
    }

    impl Default for Fake {
        fn default() -> Self {
            let mut memory = [0; 128];
            memory[REGISTER_D as usize] = TIME_IS_VALID;
            Self {
                index: 0,
                memory,
                updating: 0,
                pauses: 0,
                paused: 0,
                ticks_on_read: false,
                scrambled: 0,
                absent: None,
            }
        }
    }

    impl Registers for &mut Fake {
        fn read(&mut self, register: u16) -> u8 {
            assert_eq!(register, VALUE);
            if let Some(value) = self.absent {
                return value;
            }
            let value = self.memory[self.index as usize];
            match self.index {
                REGISTER_A if self.updating > 0 => {
                    self.updating -= 1;
                    value | UPDATE_IN_PROGRESS
                }
                REGISTER_A if self.pauses > 0 => value | UPDATE_IN_PROGRESS,
                REGISTER_C => core::mem::take(&mut self.memory[REGISTER_C as usize]),
                SECOND if self.scrambled > 0 => {
                    self.scrambled -= 1;
                    0xF0 | self.scrambled as u8
                }
                // The second passes between the hour's being read and its own.
                SECOND if core::mem::take(&mut self.ticks_on_read) => {
                    self.memory[HOUR as usize] += 1;
                    0
                }
                _ => value,
            }
        }

        fn write(&mut self, register: u16, value: u8) {
            match register {
                INDEX => self.index = value,
                _ => self.memory[self.index as usize] = value,
            }
        }
    }

    impl Ports for &mut Fake {
        fn pause(&mut self) {
            self.pauses = self.pauses.saturating_sub(1);
            self.paused += 1;
        }
    }

    const CENTURY: u8 = 0x32;

    /// Makes a clock in a mode, with the raw value of its hour register.
    fn at(hour: u8, mode: Mode) -> Fake {
        let digits = |value: u8| if mode.contains(Mode::BINARY) { value } else { ((value / 10) << 4) | (value % 10) };
        let mut fake = Fake::default();
        for (register, value) in [(YEAR, 26), (MONTH, 11), (DAY, 23), (MINUTE, 59)] {
            fake.memory[register as usize] = digits(value);
        }
        fake.memory[HOUR as usize] = hour;
        fake.memory[REGISTER_B as usize] = mode.bits();
        fake
    }

    fn time(fake: &mut Fake, century: Option<u8>) -> Option<DateTime> {
        Chip::new(fake, century).expect("a chip").time()
    }

    #[test]
    fn every_way_of_writing_hours_is_read() {
        for (raw, mode, hour) in [
            (0x23, Mode::HOURS_24, 23),
            (23, Mode::HOURS_24 | Mode::BINARY, 23),
            (0x12, Mode::empty(), 0),
            (0x92, Mode::empty(), 12),
            (0x91, Mode::empty(), 23),
            (0x80 | 11, Mode::BINARY, 23),
        ] {
            let time = time(&mut at(raw, mode), None);
            assert_eq!(
                time,
                Some(DateTime { year: 2026, month: 11, day: 23, hour, minute: 59, second: 0 }),
                "{raw:#x}"
            );
        }
    }

    #[test]
    fn a_time_is_never_read_across_an_update() {
        let mut fake = at(0x08, Mode::HOURS_24);
        fake.updating = 5;
        fake.ticks_on_read = true;
        assert_eq!(time(&mut fake, None).unwrap().hour, 9);
    }

    fn year(mode: Mode, year: u8, register: u8, century: u8) -> u16 {
        let mut fake = at(0x08, mode | Mode::HOURS_24);
        fake.memory[YEAR as usize] = year;
        fake.memory[register as usize] = century;
        time(&mut fake, Some(register)).unwrap().year
    }

    #[test]
    fn the_century_is_what_its_register_says() {
        for (raw, full) in [(0x19, 1999), (0x20, 2099), (0x21, 2199)] {
            assert_eq!(year(Mode::empty(), 0x99, CENTURY, raw), full);
            assert_eq!(year(Mode::BINARY, 99, 0x7F, raw), full, "decimal digits in binary mode");
        }
        for (raw, full) in [(19, 1900), (20, 2000), (21, 2100)] {
            assert_eq!(year(Mode::BINARY, 0, CENTURY, raw), full);
        }
    }

    #[test]
    fn a_century_that_cannot_be_is_ignored() {
        for raw in [0x00, 0xFF, 0x18, 0x22, 0x2A] {
            assert_eq!(year(Mode::empty(), 0x99, CENTURY, raw), 1999, "{raw:#x}");
            assert_eq!(year(Mode::empty(), 0x26, CENTURY, raw), 2026, "{raw:#x}");
        }
        // Registers of the clock itself, or beyond the last: firmware lies.
        for register in [YEAR, REGISTER_D, 0x80, 0xFF] {
            assert_eq!(time(&mut at(0x08, Mode::HOURS_24), Some(register)).unwrap().year, 2026, "{register:#x}");
        }
    }

    #[test]
    fn without_a_register_the_century_is_the_nearest() {
        for (raw, full) in [(0x70, 1970), (0x99, 1999), (0x00, 2000), (0x69, 2069)] {
            let mut fake = at(0x08, Mode::HOURS_24);
            fake.memory[YEAR as usize] = raw;
            assert_eq!(time(&mut fake, None).unwrap().year, full);
        }
    }

    #[test]
    fn what_is_no_date_is_none() {
        for (register, value) in [
            (MONTH, 0),
            (MONTH, 0x13),
            (DAY, 0),
            (DAY, 0x32),
            (HOUR, 0x24),
            (MINUTE, 0x60),
            (SECOND, 0x5A),
            (YEAR, 0xA0),
        ] {
            let mut fake = at(0x08, Mode::HOURS_24);
            fake.memory[register as usize] = value;
            assert_eq!(time(&mut fake, None), None, "{register:#x} {value:#x}");
        }
    }

    /// A busy host ends the update late: reads alone would use any bound up.
    #[test]
    fn an_update_that_takes_long_is_waited_for() {
        let mut fake = at(0x08, Mode::HOURS_24);
        fake.pauses = 1_500;
        assert_eq!(time(&mut fake, None).unwrap().hour, 8);
        assert_eq!(fake.paused, 1_500, "one pause a look, and none without an update");
    }

    /// A driver may be preempted between its look at register A and its reads, more than once.
    #[test]
    fn what_is_no_date_once_is_read_again() {
        for times in 1..4 {
            let mut fake = at(0x08, Mode::HOURS_24);
            fake.scrambled = times;
            assert_eq!(time(&mut fake, None).unwrap().second, 0, "{times}");
        }
    }

    #[test]
    fn a_chip_that_never_stops_updating_has_no_time() {
        let mut fake = at(0x08, Mode::HOURS_24);
        fake.pauses = usize::MAX;
        let mut chip = Chip::new(&mut fake, None).expect("a chip");
        assert_eq!(chip.time(), None);
        assert_eq!(chip.registers.paused, MOST_PAUSES);
        assert_eq!(chip.time(), None);
        assert_eq!(chip.registers.paused, MOST_PAUSES, "only the first reader waits");
        chip.registers.pauses = 0;
        assert_eq!(chip.time().unwrap().hour, 8);
    }

    #[test]
    fn where_no_chip_is_none_is_found() {
        for value in [0xFF, 0x00, 0x80, 0x70] {
            let mut fake = Fake { absent: Some(value), ..Fake::default() };
            assert!(Chip::new(&mut fake, None).is_none(), "{value:#x}");
        }
    }

    #[test]
    fn an_empty_battery_is_noticed() {
        let mut fake = at(0x08, Mode::HOURS_24);
        assert_eq!(Chip::new(&mut fake, None).unwrap().power(), Power::Kept);
        fake.memory[REGISTER_D as usize] = 0;
        assert_eq!(Chip::new(&mut fake, None).unwrap().power(), Power::Lost);
    }

    /// Firmware may have left an alarm on, and the clock stopped for being set.
    #[test]
    fn it_begins_silent_and_running() {
        let all = Mode::STOPPED | Mode::ALARM_INTERRUPT | Mode::UPDATE_INTERRUPT | Mode::PERIODIC_INTERRUPT;
        let mut fake = at(0, all | Mode::HOURS_24);
        fake.memory[REGISTER_C as usize] = 0xF0;
        assert!(Chip::new(&mut fake, None).is_some());
        assert_eq!((fake.memory[REGISTER_B as usize], fake.memory[REGISTER_C as usize]), (Mode::HOURS_24.bits(), 0));
    }

    #[test]
    fn a_rate_is_set_and_acknowledged() {
        let mut fake = at(0, Mode::STOPPED | Mode::ALARM_INTERRUPT);
        let mut chip = Chip::new(&mut fake, None).unwrap();
        chip.set_rate(Rate::new(1024).unwrap());
        chip.registers.memory[REGISTER_C as usize] = 0xC0;
        chip.acknowledge();
        assert_eq!(chip.registers.memory[REGISTER_C as usize], 0);
        assert_eq!(fake.memory[REGISTER_A as usize], 0x26);
        assert_eq!(fake.memory[REGISTER_B as usize], Mode::PERIODIC_INTERRUPT.bits());
    }
}
