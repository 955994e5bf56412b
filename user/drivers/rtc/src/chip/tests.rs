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
        Self { index: 0, memory, updating: 0, pauses: 0, paused: 0, ticks_on_read: false, scrambled: 0, absent: None }
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
        assert_eq!(time, Some(DateTime { year: 2026, month: 11, day: 23, hour, minute: 59, second: 0 }), "{raw:#x}");
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
    for (register, value) in
        [(MONTH, 0), (MONTH, 0x13), (DAY, 0), (DAY, 0x32), (HOUR, 0x24), (MINUTE, 0x60), (SECOND, 0x5A), (YEAR, 0xA0)]
    {
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

/// A chip whose every update takes nearly as long as a reader waits, and none of whose readings agree.
#[derive(Default)]
struct Slow {
    index: u8,
    value: u8,
    paused: usize,
    /// The number of pauses that the update in progress still takes.
    left: usize,
}

impl Registers for &mut Slow {
    fn read(&mut self, _: u16) -> u8 {
        match self.index {
            REGISTER_A if self.left != 0 => TIME_BASE | UPDATE_IN_PROGRESS,
            REGISTER_A => TIME_BASE,
            SECOND => {
                self.value = self.value.wrapping_add(1);
                self.left = MOST_PAUSES - 1;
                self.value
            }
            _ => 0xFF,
        }
    }

    fn write(&mut self, register: u16, value: u8) {
        if register == INDEX {
            self.index = value;
        }
    }
}

impl Ports for &mut Slow {
    fn pause(&mut self) {
        self.left = self.left.saturating_sub(1);
        self.paused += 1;
    }
}

#[test]
fn slow_updates_hold_a_reader_up_for_no_longer_than_a_stuck_one() {
    let mut slow = Slow::default();
    let mut chip = Chip::new(&mut slow, None).expect("a chip");
    assert_eq!(chip.time(), None);
    assert_eq!(chip.registers.paused, MOST_PAUSES, "all waits of a reader together");
    assert_eq!(chip.time(), None);
    assert_eq!(chip.registers.paused, MOST_PAUSES, "only the first reader waits");
}
