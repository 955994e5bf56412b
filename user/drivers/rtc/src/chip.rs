//! The MC146818's registers, behind an index port and a data port.

use crate::Rate;
use bellwire::protocol::DateTime;
use bellwire::registers::Registers;
use bitflags::bitflags;

/// The index port, counted from 0x70. Its top bit switches NMIs off; it stays clear, so they stay on.
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

/// Register A: the time is being updated, which takes 2 milliseconds at most.
const UPDATE_IN_PROGRESS: u8 = 0x80;
/// Register A: the oscillator runs at 32768 hertz.
const TIME_BASE: u8 = 0x20;
/// Hours in 12-hour mode: after noon.
const AFTERNOON: u8 = 0x80;
/// How often a time that is being updated is tried again: 2 milliseconds of port reads, with room to spare.
const PATIENCE: usize = 10_000;

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
}

impl<R: Registers> Chip<R> {
    /// Takes the clock over with its interrupts off, whatever a predecessor had asked for.
    pub fn new(registers: R) -> Self {
        let mut chip = Self { registers, rate: Rate::OFF };
        chip.set_rate(Rate::OFF);
        chip
    }

    /// Lets it interrupt so often, from now on.
    pub fn set_rate(&mut self, rate: Rate) {
        self.rate = rate;
        self.store(REGISTER_A, TIME_BASE | rate.selector());
        let interrupts = Mode::UPDATE_INTERRUPT | Mode::ALARM_INTERRUPT | Mode::PERIODIC_INTERRUPT;
        let mut mode = self.mode() - interrupts - Mode::STOPPED;
        mode.set(Mode::PERIODIC_INTERRUPT, rate != Rate::OFF);
        self.store(REGISTER_B, mode.bits());
        self.acknowledge();
    }

    /// How often it interrupts.
    pub fn rate(&self) -> Rate {
        self.rate
    }

    /// Lets the chip interrupt again: it waits until register C, which says what the last one was for, has been read.
    pub fn acknowledge(&mut self) {
        self.load(REGISTER_C);
    }

    /// The date and time of day. The same twice in a row, so that no update came in between; a chip that never
    /// stops updating gets to say what it last said.
    pub fn time(&mut self) -> DateTime {
        let mut last = None;
        for _ in 0..PATIENCE {
            if self.load(REGISTER_A) & UPDATE_IN_PROGRESS != 0 {
                continue;
            }
            let time = self.time_now();
            if last == Some(time) {
                break;
            }
            last = Some(time);
        }
        last.unwrap_or_default()
    }

    fn time_now(&mut self) -> DateTime {
        let mode = self.mode();
        let number = |raw: u8| if mode.contains(Mode::BINARY) { raw } else { (raw >> 4) * 10 + (raw & 0x0F) };
        let raw_hour = self.load(HOUR);
        let hour = match (mode.contains(Mode::HOURS_24), raw_hour & AFTERNOON != 0) {
            (true, _) => number(raw_hour),
            (false, false) => number(raw_hour) % 12,
            (false, true) => number(raw_hour & !AFTERNOON) % 12 + 12,
        };
        DateTime {
            // Two digits are all that every chip has; this century is the guess of most systems.
            year: 2000 + u16::from(number(self.load(YEAR))),
            month: number(self.load(MONTH)),
            day: number(self.load(DAY)),
            hour,
            minute: number(self.load(MINUTE)),
            second: number(self.load(SECOND)),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Fake {
        index: u8,
        memory: [u8; 16],
        updating: u8,
        ticks_on_read: bool,
    }

    impl Registers for &mut Fake {
        fn read(&mut self, register: u16) -> u8 {
            assert_eq!(register, VALUE);
            let value = self.memory[self.index as usize];
            match self.index {
                REGISTER_A if self.updating > 0 => {
                    self.updating -= 1;
                    value | UPDATE_IN_PROGRESS
                }
                REGISTER_C => core::mem::take(&mut self.memory[REGISTER_C as usize]),
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

    fn at(hour: u8, mode: Mode) -> Fake {
        let mut memory = [0; 16];
        (memory[YEAR as usize], memory[MONTH as usize], memory[DAY as usize]) = (0x26, 0x11, 0x23);
        (memory[HOUR as usize], memory[MINUTE as usize]) = (hour, 0x59);
        memory[REGISTER_B as usize] = mode.bits();
        Fake { memory, ..Default::default() }
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
            let mut fake = at(raw, mode);
            assert_eq!(Chip::new(&mut fake).time().hour, hour, "{raw:#x}");
        }
    }

    #[test]
    fn decimal_digits_are_read() {
        let mut fake = at(0x08, Mode::HOURS_24);
        let time = Chip::new(&mut fake).time();
        assert_eq!(time, DateTime { year: 2026, month: 11, day: 23, hour: 8, minute: 59, second: 0 });
    }

    #[test]
    fn a_time_is_never_read_across_an_update() {
        let mut fake = at(0x08, Mode::HOURS_24);
        fake.updating = 5;
        fake.ticks_on_read = true;
        assert_eq!(Chip::new(&mut fake).time().hour, 9);
    }

    #[test]
    fn a_rate_is_set_and_acknowledged() {
        let mut fake = at(0, Mode::STOPPED | Mode::ALARM_INTERRUPT);
        let mut chip = Chip::new(&mut fake);
        chip.set_rate(Rate::new(1024).unwrap());
        chip.registers.memory[REGISTER_C as usize] = 0xC0;
        chip.acknowledge();
        assert_eq!(chip.registers.memory[REGISTER_C as usize], 0);
        assert_eq!(fake.memory[REGISTER_A as usize], 0x26);
        assert_eq!(fake.memory[REGISTER_B as usize], Mode::PERIODIC_INTERRUPT.bits());
    }
}
