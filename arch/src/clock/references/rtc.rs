//! The real-time clock's seconds (Motorola MC146818, as every PC has it): the last resort, since it takes two seconds.

use super::{NamedRate, Rate};
use crate::io::pc;
use crate::io::port::Port;

const SECONDS: u8 = 0x00;
const STATUS_A: u8 = 0x0A;
/// Status A: the date is about to change, or changing. Its registers aren't valid then.
const UPDATES: u8 = 1 << 7;
/// The largest value of the seconds, decimal digits in four bits each.
const LAST_SECOND: u8 = 0x59;
/// The seconds whose two ends are looked for.
const ATTEMPTS: usize = 8;
/// The bounds of a second are narrow if they differ by less than this part of it: real chips hide two milliseconds of
/// each second.
const NARROW: u64 = 200;
/// Looks for the end of a second before the clock is given up.
const MOST_LOOKS: usize = 1 << 24;
/// Cycles before the clock is given up: 3 s on the quickest CPU.
const PATIENCE: u64 = 1 << 34;

// SAFETY: the clock's registers affect no memory, and the code runs in ring 0.
const INDEX: Port = unsafe { Port::new(pc::RTC) };
// SAFETY: as above.
const DATA: Port = unsafe { Port::new(pc::RTC + 1) };

/// Reads a register of the machine's clock.
pub fn register(number: u8) -> u8 {
    // Bit 7 would hold non-maskable interrupts back.
    INDEX.write(number);
    DATA.read()
}

/// The moment at which a second ended: the time stamp counter before and after.
#[derive(Clone, Copy, Debug)]
struct End {
    before: u64,
    after: u64,
}

/// Measures the time stamp counter by a second. `register` reads a register of the clock.
pub fn measure(mut register: impl FnMut(u8) -> u8, cycles: &mut impl FnMut() -> u64) -> Option<NamedRate> {
    let mut last = end_of_second(&mut register, cycles)?;
    for _ in 0..ATTEMPTS {
        let next = end_of_second(&mut register, cycles)?;
        let rate = Rate { least: next.before.saturating_sub(last.after), most: next.after.saturating_sub(last.before) };
        if rate.most - rate.least <= rate.most / NARROW {
            return Some(NamedRate::measured("the real-time clock", rate));
        }
        last = next;
    }
    log::warn!("clock: the real-time clock isn't steady");
    None
}

fn end_of_second(register: &mut impl FnMut(u8) -> u8, cycles: &mut impl FnMut() -> u64) -> Option<End> {
    let start = cycles();
    let mut last: Option<(u8, u64)> = None;
    for _ in 0..MOST_LOOKS {
        let before = cycles();
        let is_quiet = register(STATUS_A) & UPDATES == 0;
        let second = register(SECONDS);
        let is_quiet = is_quiet && register(STATUS_A) & UPDATES == 0;
        let after = cycles();
        if is_quiet && second > LAST_SECOND {
            // An empty bus.
            return None;
        }
        match last {
            Some((known, at)) if is_quiet && known != second => return Some(End { before: at, after }),
            _ if is_quiet => last = Some((second, before)),
            _ => {}
        }
        if before.saturating_sub(start) > PATIENCE {
            break;
        }
    }
    log::warn!("clock: the real-time clock stands still");
    None
}
