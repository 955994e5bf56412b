//! Services that a program notifies, as people write them: `"console"`, or with a bit, `"console:3"`.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// A service that a program notifies, and the one bit of the notify word that the program may set.
#[derive(Clone, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct Notify {
    /// The service.
    pub service: String,
    /// The bit's number.
    pub bit: u8,
}

impl Notify {
    /// The number of bits that can be granted one by one, from bit 0 on.
    pub const BITS: u8 = 7;

    /// Returns the bit as a mask.
    pub const fn mask(&self) -> u32 {
        1 << self.bit
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (service, bit) = text.split_once(':').unwrap_or((text, "0"));
        let bit = bit.parse().ok().filter(|bit| *bit < Self::BITS)?;
        Some(Self { service: service.into(), bit })
    }
}

impl fmt::Display for Notify {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.service, self.bit)
    }
}

impl TryFrom<String> for Notify {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let last = Self::BITS - 1;
        Self::parse(&text)
            .ok_or_else(|| format!("{text:?} is no notification; write \"console\" or \"console:{last}\""))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bit_may_be_left_out() {
        let parsed = |text: &str| Notify::try_from(text.to_owned()).map(|notify| (notify.to_string(), notify.mask()));
        assert_eq!(parsed("console"), Ok(("console:0".into(), 1)));
        assert_eq!(parsed("console:6"), Ok(("console:6".into(), 1 << 6)));
        for text in ["console:7", "console:", "console:x", "console:1:2"] {
            assert!(parsed(text).is_err(), "{text}");
        }
    }
}
