//! PCI devices as people name them: `"1234:11e8"`, vendor and device in hexadecimal.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// The numbers of a kind of PCI device. A program drives all functions that have them.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct PciId {
    /// The vendor.
    pub vendor: u16,
    /// The vendor's number of the device.
    pub device: u16,
}

/// How a program's PCI devices interrupt.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Signal {
    /// By the line to which the firmware has wired their pin.
    #[default]
    Line,
    /// By messages. These are writes by the device, so they need the right [`crate::Right::Dma`].
    Msi,
}

impl fmt::Display for PciId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:04x}:{:04x}", self.vendor, self.device)
    }
}

impl TryFrom<String> for PciId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no PCI device; write for example \"1234:11e8\""))
    }
}

impl PciId {
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (vendor, device) = text.split_once(':')?;
        let number = |digits: &str| {
            let plain = digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
            plain.then(|| u16::from_str_radix(digits, 16).ok()).flatten()
        };
        Some(Self { vendor: number(vendor)?, device: number(device)? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_what_is_written() {
        for text in ["1234:11e8", "0000:ffff"] {
            assert_eq!(PciId::try_from(text.to_owned()).map(|id| id.to_string()).as_deref(), Ok(text));
        }
    }

    #[test]
    fn what_is_no_device_is_refused() {
        for text in ["", "1234", "1234:", ":11e8", "1234:11e8:1", "123:11e8", "12345:11e8", "+234:11e8", "1234:11g8"] {
            assert!(PciId::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
