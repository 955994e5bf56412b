//! How an interrupt line gets to the CPU, and what the controllers on its way say about it: the answer of `info`
//! about a line, by which one finds out why an interrupt doesn't come.

use bitflags::bitflags;

/// The vector of line 0: line n has vector `FIRST_VECTOR` + n. A message interrupt's data is its vector, so its number
/// among the lines is that less this.
pub const FIRST_VECTOR: u8 = 0x20;

/// By which way a line's interrupts come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RouteKind {
    /// By none: the machine has no such line.
    #[default]
    Missing = 0,
    /// By an input of an 8259A.
    Pic = 1,
    /// By an input of an IOAPIC.
    IoApic = 2,
    /// By a device's write to the local APIC (MSI).
    Message = 3,
    /// By the CPU's own pin: the non-maskable interrupt.
    NonMaskable = 4,
    /// The line is the kernel's own: its timer's.
    Kernel = 5,
}

impl RouteKind {
    /// The kind of a number; a number from a newer kernel reads as [`RouteKind::Missing`].
    pub const fn from_number(number: usize) -> Self {
        match number {
            1 => Self::Pic,
            2 => Self::IoApic,
            3 => Self::Message,
            4 => Self::NonMaskable,
            5 => Self::Kernel,
            _ => Self::Missing,
        }
    }
}

bitflags! {
    /// What the controllers' registers say of a line. Where a controller has no such bit, it is 0.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct LineFlags: u32 {
        /// The line is level-triggered.
        const LEVEL = 1 << 0;
        /// The asserted level is the low one.
        const ACTIVE_LOW = 1 << 1;
        /// The controller masks the line (8259A: IMR; IOAPIC: the entry's mask bit).
        const MASKED = 1 << 2;
        /// An 8259A has a request of the line (IRR), even one that it masks. Also of a line that comes by an IOAPIC, if
        /// an 8259A has the same line, level-triggered.
        const REQUESTED = 1 << 3;
        /// [`LineFlags::REQUESTED`] means something: an 8259A was there to be asked.
        const REQUEST_KNOWN = 1 << 4;
        /// An 8259A has the line in service (ISR).
        const IN_SERVICE = 1 << 5;
        /// The IOAPIC has sent the interrupt, and no local APIC has accepted it yet (delivery status).
        const SENDING = 1 << 6;
        /// A local APIC has accepted the level-triggered interrupt and hasn't ended it (remote IRR).
        const REMOTE_REQUEST = 1 << 7;
        /// The local APIC has accepted the vector, and the CPU hasn't taken it yet (IRR).
        const LOCAL_REQUEST = 1 << 8;
        /// The CPU has taken the vector, and nobody has ended it (ISR).
        const LOCAL_IN_SERVICE = 1 << 9;
    }
}

/// A line as the machine's controllers have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineState {
    /// By which way it comes.
    pub route: RouteKind,
    /// The vector that it raises; 0 if it has none.
    pub vector: u8,
    /// Which of the controllers of that kind, from 0 on.
    pub controller: u8,
    /// The input of that controller.
    pub input: u8,
    /// What the registers say.
    pub flags: LineFlags,
}

impl LineState {
    /// The state as two words.
    pub const fn to_words(self) -> [usize; 2] {
        let route = self.route as u32 | (self.vector as u32) << 8;
        let place = (self.controller as u32) << 16 | (self.input as u32) << 24;
        [(route | place) as usize, self.flags.bits() as usize]
    }

    /// The state that two words carry.
    pub const fn from_words(words: [usize; 2]) -> Self {
        let [place, flags] = words;
        Self {
            route: RouteKind::from_number(place & 0xFF),
            vector: (place >> 8) as u8,
            controller: (place >> 16) as u8,
            input: (place >> 24) as u8,
            flags: LineFlags::from_bits_truncate(flags as u32),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_survives_the_words() {
        for route in 0..7 {
            let state = LineState {
                route: RouteKind::from_number(route),
                vector: 0xEF,
                controller: 7,
                input: 239,
                flags: LineFlags::MASKED | LineFlags::LOCAL_IN_SERVICE,
            };
            assert_eq!(LineState::from_words(state.to_words()), state);
        }
    }
}
