//! A program's quotas: memory and CPU time, as people write them (`"256 KiB"`, `"20 %"`), and objects.

#[cfg(feature = "serde")]
use alloc::{format, string::String};
use core::fmt;

/// How much RAM a program may have, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct Quota(pub u64);

impl Default for Quota {
    fn default() -> Self {
        Quota(256 << 10)
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Quota {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no amount of memory; write for example \"256 KiB\" or \"2 MiB\"");
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let shift = match unit {
            "KiB" => 10,
            "MiB" => 20,
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        Ok(Quota(u64::from(number) << shift))
    }
}

/// A program's share of the CPU's time, in thousandths.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct Budget(pub u16);

impl Budget {
    /// All of the CPU's time.
    pub const WHOLE: Self = Self(1_000);
}

impl Default for Budget {
    fn default() -> Self {
        Self(50)
    }
}

/// As people write it: `20 %`, `2.5 %`.
impl fmt::Display for Budget {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(formatter, "{whole} %"),
            (whole, tenths) => write!(formatter, "{whole}.{tenths} %"),
        }
    }
}

#[cfg(feature = "serde")]
impl TryFrom<String> for Budget {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no share of the CPU; write for example \"20 %\" or \"2.5 %\"");
        let number = text.strip_suffix('%').map(str::trim_end).ok_or_else(wrong)?;
        let (whole, tenths) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|digit| digit.is_ascii_digit());
        if !digits(whole) || !digits(tenths) || tenths.len() != 1 {
            return Err(wrong());
        }
        let (whole, tenths): (u16, u16) = (whole.parse().map_err(|_| wrong())?, tenths.parse().map_err(|_| wrong())?);
        let thousandths = whole.checked_mul(10).and_then(|whole| whole.checked_add(tenths)).ok_or_else(wrong)?;
        if thousandths == 0 || thousandths > Self::WHOLE.0 { Err(wrong()) } else { Ok(Self(thousandths)) }
    }
}

/// How many kernel objects a program may own: threads, endpoints, timers, put-off calls, memory objects and their
/// mappings. A process that it makes counts as two, beside the objects that it gives to that.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(transparent))]
pub struct Objects(pub u16);

impl Default for Objects {
    fn default() -> Self {
        Objects(64)
    }
}
