//! The PCI bus: what is on it, and, for `init` alone, what its devices may do.

use super::{Request, narrow, wide};
use crate::{Error, InterruptWrite, Result};
use abi::split;
use alloc::format;
use core::fmt;

/// Where a function of a device sits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PciAddress(u16);

impl PciAddress {
    /// A function (0 to 7) of a device (0 to 31) on a bus.
    pub const fn new(bus: u8, device: u8, function: u8) -> Self {
        Self((bus as u16) << 8 | ((device & 31) as u16) << 3 | (function & 7) as u16)
    }

    /// The address as one number: bus, device and function from the top down.
    pub const fn number(self) -> u16 {
        self.0
    }

    /// The address that a number stands for.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// The bus.
    pub const fn bus(self) -> u8 {
        (self.0 >> 8) as u8
    }

    /// The device.
    pub const fn device(self) -> u8 {
        (self.0 >> 3) as u8 & 31
    }

    /// The function.
    pub const fn function(self) -> u8 {
        self.0 as u8 & 7
    }
}

impl fmt::Display for PciAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{:02x}:{:02x}.{}", self.bus(), self.device(), self.function()))
    }
}

/// Who made a function, and what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PciId {
    /// The vendor.
    pub vendor: u16,
    /// The vendor's number of it.
    pub device: u16,
}

impl fmt::Display for PciId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&format!("{:04x}:{:04x}", self.vendor, self.device))
    }
}

/// What a function says of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PciFunction {
    /// Where it is.
    pub address: PciAddress,
    /// Which it is.
    pub id: PciId,
    /// What it is good for: class, subclass and programming interface, 8 bits each.
    pub class: u32,
    /// The interrupt line to which the firmware has wired its pin.
    pub line: Option<u8>,
    /// Whether it can interrupt by a message (MSI).
    pub has_messages: bool,
}

impl PciFunction {
    const HAS_LINE: u32 = 1 << 8;
    const HAS_MESSAGES: u32 = 1 << 9;

    /// The function as four words.
    pub fn to_words(self) -> [usize; 4] {
        let mut interrupts = self.line.map_or(0, |line| u32::from(line) | Self::HAS_LINE);
        if self.has_messages {
            interrupts |= Self::HAS_MESSAGES;
        }
        let id = u32::from(self.id.vendor) << 16 | u32::from(self.id.device);
        [usize::from(self.address.number()), id as usize, self.class as usize, interrupts as usize]
    }

    /// The function that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [address, id, class, interrupts] = words;
        let (id, interrupts): (u32, u32) = (narrow(id)?, narrow(interrupts)?);
        let [line, ..] = interrupts.to_le_bytes();
        if interrupts & !(Self::HAS_LINE | Self::HAS_MESSAGES) != u32::from(line) {
            return Err(Error::BadArgument);
        }
        Ok(Self {
            address: PciAddress::from_number(narrow(address)?),
            id: PciId { vendor: (id >> 16) as u16, device: (id & 0xFFFF) as u16 },
            class: narrow(class)?,
            line: (interrupts & Self::HAS_LINE != 0).then_some(line),
            has_messages: interrupts & Self::HAS_MESSAGES != 0,
        })
    }
}

/// Registers of a function, by one of its base address registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PciBar {
    /// The register isn't there.
    #[default]
    None,
    /// The function can't answer to the register's addresses, since the firmware gave none to it or to another of its
    /// kind: memory or ports.
    Off,
    /// Registers in memory.
    Memory {
        /// Their physical address.
        address: u64,
        /// Their size, a power of two.
        bytes: u64,
    },
    /// I/O ports.
    Ports {
        /// The first one.
        first: u16,
        /// How many, a power of two.
        count: u16,
    },
}

impl PciBar {
    /// The registers as four words.
    pub fn to_words(self) -> [usize; 4] {
        match self {
            Self::None => [0; 4],
            Self::Off => [3, 0, 0, 0],
            Self::Memory { address, bytes } => {
                let [low, high] = split(address);
                [1, low, high, bytes.trailing_zeros() as usize]
            }
            Self::Ports { first, count } => [2, usize::from(first), 0, count.trailing_zeros() as usize],
        }
    }

    /// The registers that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        Ok(match words {
            [0, ..] => Self::None,
            [1, low, high, shift @ 0..64] => Self::Memory { address: wide(low, high)?, bytes: 1 << shift },
            [2, first, _, shift @ 0..16] => Self::Ports { first: narrow(first)?, count: 1 << shift },
            [3, ..] => Self::Off,
            _ => return Err(Error::BadArgument),
        })
    }
}

/// How a function interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciSignal {
    /// By its pin, on the line to which that is wired.
    Line,
    /// By a message, which is a write of 16 bits.
    Message(InterruptWrite),
}

/// What a client asks of the PCI bus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciRequest {
    /// The [`PciFunction`] with that index, from 0 on; refused after the last one.
    Get(u32),
    /// The [`PciBar`] with that index, from 0 to 5. Finding its size turns the function off for a moment, so this is
    /// asked before it is used, and by `init` alone.
    Bar {
        /// The function.
        function: PciAddress,
        /// The index of one of its base address registers; where a 64-bit one takes two, the second is none.
        index: u8,
    },
    /// Let a function answer to its addresses and interrupt by its pin. It doesn't master the bus, and so sends no
    /// message, before [`PciRequest::Master`]. For `init` alone.
    Enable {
        /// The function.
        function: PciAddress,
        /// How it interrupts.
        signal: PciSignal,
        /// The badge of the handle by which a client may let the function master the bus, see
        /// [`crate::pci::master_badge`]; `None` if nobody may. Messages need it.
        master: Option<u16>,
    },
    /// Have a function neither interrupt nor read and write memory from now on; what it wrote before the answer has
    /// arrived. For `init` alone.
    Disable(PciAddress),
    /// Let a function master the bus: read and write memory by itself, and send messages. For the function's driver
    /// alone, once its device does nothing any more that it was told before.
    Master(PciAddress),
}

const ENABLE_MESSAGE: usize = 1 << 16;
const ENABLE_MASTER: usize = 1 << 17;
/// The place of the badge in the word that holds the 16 bits of a message.
const BADGE_SHIFT: u32 = 16;

impl Request for PciRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Get(index) => (96, [index as usize, 0, 0, 0]),
            Self::Bar { function, index } => (97, [function.number().into(), index.into(), 0, 0]),
            Self::Enable { function, signal, master } => {
                let masters = if master.is_some() { ENABLE_MASTER } else { 0 };
                let (flag, InterruptWrite { address, data }) = match signal {
                    PciSignal::Line => (0, InterruptWrite { address: 0, data: 0 }),
                    PciSignal::Message(write) => (ENABLE_MESSAGE, write),
                };
                let [low, high] = split(address);
                let last = data & 0xFFFF | u32::from(master.unwrap_or_default()) << BADGE_SHIFT;
                (98, [usize::from(function.number()) | flag | masters, low, high, last as usize])
            }
            Self::Disable(function) => (99, [function.number().into(), 0, 0, 0]),
            Self::Master(function) => (100, [function.number().into(), 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        let [first, second, third, fourth] = words;
        let function = |word| narrow(word).map(PciAddress::from_number).ok();
        match label {
            96 => narrow(first).ok().map(Self::Get),
            97 if second < 6 => Some(Self::Bar { function: function(first)?, index: narrow(second).ok()? }),
            98 => {
                let last: u32 = narrow(fourth).ok()?;
                let write = InterruptWrite { address: wide(second, third).ok()?, data: last & 0xFFFF };
                let signal = if first & ENABLE_MESSAGE != 0 { PciSignal::Message(write) } else { PciSignal::Line };
                let master = (first & ENABLE_MASTER != 0).then_some((last >> BADGE_SHIFT) as u16);
                let function = function(first & !(ENABLE_MESSAGE | ENABLE_MASTER))?;
                Some(Self::Enable { function, signal, master })
            }
            99 => function(first).map(Self::Disable),
            100 => function(first).map(Self::Master),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FUNCTION: PciAddress = PciAddress::new(0x80, 31, 7);

    #[test]
    fn an_address_shows_its_parts() {
        assert_eq!((FUNCTION.bus(), FUNCTION.device(), FUNCTION.function()), (0x80, 31, 7));
        assert_eq!(FUNCTION.to_string(), "80:1f.7");
        assert_eq!(PciId { vendor: 0x1234, device: 0x11E8 }.to_string(), "1234:11e8");
    }

    #[test]
    fn a_function_survives_the_words() {
        for (line, has_messages) in [(None, false), (Some(0), true), (Some(255), false)] {
            let id = PciId { vendor: 0x8086, device: 0xFFFE };
            let function = PciFunction { address: FUNCTION, id, class: 0xFF_00_01, line, has_messages };
            assert_eq!(PciFunction::from_words(function.to_words()), Ok(function));
        }
    }

    #[test]
    fn bars_survive_the_words() {
        let memory = |shift: u32| PciBar::Memory { address: 0x12_FEB0_0000, bytes: 1_u64 << shift };
        for bar in
            [PciBar::None, PciBar::Off, memory(4), memory(20), memory(63), PciBar::Ports { first: 0xC000, count: 256 }]
        {
            assert_eq!(PciBar::from_words(bar.to_words()), Ok(bar));
        }
        for words in [[1, 0, 0, 64], [2, 0x1_0000, 0, 3], [2, 0, 0, 16], [4, 0, 0, 0]] {
            assert_eq!(PciBar::from_words(words), Err(Error::BadArgument), "{words:x?}");
        }
    }

    #[test]
    fn requests_survive_the_words() {
        let function = FUNCTION;
        let signal = PciSignal::Message(InterruptWrite { address: 0x1_FEE0_1000, data: 0x81 });
        for request in [
            PciRequest::Get(7),
            PciRequest::Bar { function, index: 5 },
            PciRequest::Enable { function, signal, master: Some(0) },
            PciRequest::Enable { function, signal, master: Some(0xFFFE) },
            PciRequest::Enable { function, signal: PciSignal::Line, master: None },
            PciRequest::Disable(function),
            PciRequest::Master(function),
        ] {
            let (label, words) = request.encode();
            assert_eq!(PciRequest::decode(label, words), Some(request));
        }
        assert_eq!(PciRequest::decode(97, [0, 6, 0, 0]), None);
    }
}
