//! The routes of lines: the input of the IOAPICs that a line is, and how it signals.
//!
//! Users name lines: 0 to 15 are the ISA lines of the PC, wherever the board has wired them (the MADT's overrides);
//! higher numbers are the IOAPICs' further inputs as the board numbers them. An ISA line that no input carries, and an
//! input that is already an ISA line, is not a line of its own.

use crate::firmware::madt::{Madt, Polarity};
use crate::interrupts::pic;
use kernel::machine::Trigger;

/// The number of lines: what fits between the first device vector and the system call's.
pub const VECTOR_LINES: usize = 0x80 - 0x20;
/// The ISA lines.
pub const ISA: usize = 16;
/// The cascade of the two 8259As, which carries no device.
const CASCADE: usize = pic::CASCADE as usize;

/// An input of the IOAPICs and how its line signals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// The input's number, counted over all IOAPICs.
    pub input: u32,
    /// The firmware's trigger of the line.
    pub trigger: Trigger,
    /// Which level is the asserted one.
    pub polarity: Polarity,
}

/// Gives the route of a line, if the firmware's table has one.
pub fn route(madt: &Madt, line: usize) -> Option<Route> {
    if line >= VECTOR_LINES {
        return None;
    }
    if let Some(found) = madt.overrides().iter().find(|entry| usize::from(entry.line) == line) {
        return Some(Route { input: found.input, trigger: found.trigger, polarity: found.polarity });
    }
    let input = line as u32;
    let is_taken = madt.overrides().iter().any(|entry| entry.input == input);
    match line {
        _ if is_taken => None,
        CASCADE => None,
        0..ISA => Some(Route { input, trigger: Trigger::Edge, polarity: Polarity::ActiveHigh }),
        // What isn't ISA is PCI: level-triggered, active low (PCI Local Bus Specification 3.0, 2.2.6).
        _ => Some(Route { input, trigger: Trigger::Level, polarity: Polarity::ActiveLow }),
    }
}

/// Makes the low word of a redirection entry (82093AA data sheet, 3.2.4): fixed delivery to one CPU, unmasked.
pub const fn redirection(vector: u8, trigger: Trigger, polarity: Polarity) -> u32 {
    let level = match trigger {
        Trigger::Edge => 0,
        Trigger::Level => 1 << 15,
    };
    let low = match polarity {
        Polarity::ActiveHigh => 0,
        Polarity::ActiveLow => 1 << 13,
    };
    vector as u32 | level | low
}

/// The bit of a redirection entry's low word that masks it.
pub const MASKED: u32 = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::madt::tests::{QEMU_PC, table};

    #[test]
    fn follows_the_overrides() {
        let madt = Madt::decode(&table(QEMU_PC));
        let input = |line| route(&madt, line).map(|found| found.input);
        assert_eq!(input(0), Some(2));
        assert_eq!(input(1), Some(1));
        assert_eq!(input(2), None);
        assert_eq!(input(16), Some(16));
        assert_eq!(input(VECTOR_LINES), None);
        assert_eq!(route(&madt, 11).map(|found| found.trigger), Some(Trigger::Level));
        assert_eq!(route(&madt, 4).map(|found| found.trigger), Some(Trigger::Edge));
        assert_eq!(route(&madt, 17).map(|found| found.polarity), Some(Polarity::ActiveLow));
    }

    #[test]
    fn an_input_is_one_line_only() {
        let madt = Madt::decode(&table(&[&[2, 10, 0, 9, 20, 0, 0, 0, 0x0F, 0]]));
        assert_eq!(route(&madt, 9).map(|found| found.input), Some(20));
        assert_eq!(route(&madt, 20), None);
        for line in 0..VECTOR_LINES {
            for other in 0..line {
                let (one, two) = (route(&madt, line), route(&madt, other));
                assert!(one.is_none() || one.map(|r| r.input) != two.map(|r| r.input), "{line} and {other}");
            }
        }
    }

    #[test]
    fn encodes_redirections() {
        assert_eq!(redirection(0x21, Trigger::Edge, Polarity::ActiveHigh), 0x21);
        assert_eq!(redirection(0x30, Trigger::Level, Polarity::ActiveLow), 0xA030);
        assert_eq!(redirection(0x2B, Trigger::Level, Polarity::ActiveHigh) | MASKED, 0x1_802B);
    }
}
