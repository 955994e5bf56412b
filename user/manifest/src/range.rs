//! Ranges of ports and addresses as people write them: `"0x3f8-0x3ff"`, both ends included, or one number.

use alloc::format;
use alloc::string::String;
use core::fmt;

/// A range that isn't empty.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(try_from = "String"))]
pub struct Range {
    /// The first number in it.
    pub first: u64,
    /// The last number in it.
    pub last: u64,
}

impl Range {
    /// Makes a range from its ends.
    pub const fn new(first: u64, last: u64) -> Range {
        Range { first, last }
    }

    /// Returns how many numbers the range holds.
    pub fn count(self) -> u64 {
        self.last - self.first + 1
    }

    /// Returns whether the ranges have a number in common.
    pub fn overlaps(self, other: Range) -> bool {
        self.first <= other.last && other.first <= self.last
    }
}

impl fmt::Display for Range {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{:#x}-{:#x}", self.first, self.last)
    }
}

impl TryFrom<String> for Range {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (first, last) = text.split_once('-').unwrap_or((&text, &text));
        match (number(first), number(last)) {
            (Some(first), Some(last)) if first <= last && last - first < u64::MAX => Ok(Range::new(first, last)),
            _ => Err(format!("{text:?} is no range; write for example \"0x3f8-0x3ff\"")),
        }
    }
}

fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_belong_to_a_range() {
        let range = Range::try_from("0x60-0x64".to_owned()).unwrap();
        assert_eq!(range.count(), 5);
        assert!(range.overlaps(Range::new(0x64, 0x70)));
        assert!(!range.overlaps(Range::new(0x65, 0x70)));
    }

    #[test]
    fn a_single_number_is_a_range_of_one() {
        assert_eq!(Range::try_from("0xf4".to_owned()), Ok(Range::new(0xf4, 0xf4)));
    }

    #[test]
    fn an_empty_or_meaningless_range_is_refused() {
        for text in ["0x64-0x60", "", "-", "0x", "ten", "1-2-3"] {
            assert!(Range::try_from(text.to_owned()).is_err(), "{text:?}");
        }
    }
}
