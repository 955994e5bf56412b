//! The fixed hardware (FADT, 5.2.9): where the power management timer counts, and which register of the real-time clock
//! holds the century.

use super::table::{long, word};

/// The fields of the table that the kernel uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fadt {
    /// The power management timer, if it is at a port.
    pub power_timer: Option<PowerTimer>,
    /// The real-time clock's register for the century, if it has one.
    pub century_register: Option<u8>,
}

/// The power management timer (4.8.3.3): 24 or 32 bits that count up at 3.579545 MHz.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerTimer {
    /// Its port.
    pub port: u16,
}

/// The bytes of the first revision's table, header included (ACPI 1.0b, 5.2.5).
pub const LEAST_BYTES: usize = 116;

const TIMER_PORT: usize = 76;
const TIMER_BYTES: usize = 91;
const CENTURY: usize = 108;
/// The timer's address in the form that also says which kind of address it is (5.2.3.2).
const EXTENDED_TIMER: usize = 208;
const PORT_SPACE: u8 = 1;
/// Registers of the clock that can hold a century: behind the date and its status, within the two banks of its memory.
const CENTURY_REGISTERS: core::ops::RangeInclusive<u8> = 0x0E..=0x7F;

impl Fadt {
    /// Decodes the table's bytes, header included. What a shorter, older table doesn't have isn't there.
    pub fn decode(table: &[u8]) -> Self {
        let byte = |at: usize| table.get(at).copied();
        let short = word(table, TIMER_PORT).map(u64::from).filter(|_| byte(TIMER_BYTES) == Some(4));
        let extended = long(table, EXTENDED_TIMER + 4).filter(|_| byte(EXTENDED_TIMER) == Some(PORT_SPACE));
        // Four ports from there on must exist.
        let is_port = |port: u64| u16::try_from(port).ok().filter(|port| (1..=0xFFFC).contains(port));
        let port = extended.and_then(is_port).or_else(|| short.and_then(is_port));
        if port.is_none()
            && let Some(address) = extended.or(short).filter(|&address| address != 0)
        {
            log::warn!("firmware: the FADT has its timer at {address:#x}, which is no port");
        }
        Self {
            power_timer: port.map(|port| PowerTimer { port }),
            century_register: byte(CENTURY).filter(|register| CENTURY_REGISTERS.contains(register)),
        }
    }
}
