//! Shares of the CPU's time.

use core::fmt;

/// A part of the CPU's time, in thousandths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Share(u16);

impl Share {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// All of the CPU's time.
    pub const WHOLE: Self = Self(1_000);

    /// The share of that many thousandths; nothing for more than the whole.
    pub const fn from_thousandths(thousandths: usize) -> Option<Self> {
        if thousandths <= Self::WHOLE.0 as usize { Some(Self(thousandths as u16)) } else { None }
    }

    /// How many thousandths it is.
    pub const fn thousandths(self) -> u16 {
        self.0
    }

    /// Both shares together; nothing if they are more than the whole.
    pub const fn plus(self, other: Self) -> Option<Self> {
        Self::from_thousandths(self.0 as usize + other.0 as usize)
    }

    /// What is left without the other share; nothing if that is larger.
    pub const fn minus(self, other: Self) -> Option<Self> {
        match self.0.checked_sub(other.0) {
            Some(rest) => Some(Self(rest)),
            None => None,
        }
    }
}

/// In per cent, with a decimal if there is one: `20 %`, `2.5 %`.
impl fmt::Display for Share {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 10, self.0 % 10) {
            (whole, 0) => write!(formatter, "{whole} %"),
            (whole, tenths) => write!(formatter, "{whole}.{tenths} %"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    extern crate std;
    use std::format;

    #[test]
    fn shares_add_up_to_the_whole_and_no_further() {
        let share = |thousandths| Share::from_thousandths(thousandths).unwrap();
        assert_eq!(share(400).plus(share(600)), Some(Share::WHOLE));
        assert_eq!(share(400).plus(share(601)), None);
        assert_eq!(share(400).minus(share(401)), None);
        assert_eq!(Share::WHOLE.minus(share(250)), Some(share(750)));
        assert_eq!(Share::from_thousandths(1_001), None);
        assert_eq!(Share::from_thousandths(usize::MAX), None);
    }

    #[test]
    fn shares_print_as_per_cent() {
        let print = |thousandths| format!("{}", Share::from_thousandths(thousandths).unwrap());
        assert_eq!([print(200), print(25), print(1_000), print(0)], ["20 %", "2.5 %", "100 %", "0 %"]);
    }
}
