//! A program's quotas: memory, as people write it (`"256 KiB"`), and objects.

#[cfg(feature = "serde")]
use alloc::{format, string::String};

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

/// How many kernel objects a program may own: threads, endpoints, timers, memory objects and their mappings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(transparent))]
pub struct Objects(pub u16);

impl Default for Objects {
    fn default() -> Self {
        Objects(64)
    }
}
