//! Rates of the chip's periodic interrupts.

/// A rate of periodic interrupts that the chip can give.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rate(u32);

impl Rate {
    /// No interrupts.
    pub const OFF: Self = Self(0);

    /// Makes a rate from interrupts a second: 0, or a power of two from 2 to 1024. The chip could do 8192, but then the
    /// machine would do little else, for a driver that counts.
    pub fn new(hertz: u32) -> Option<Self> {
        (hertz == 0 || hertz.is_power_of_two() && (2..=1024).contains(&hertz)).then_some(Self(hertz))
    }

    /// Returns the interrupts a second.
    pub fn hertz(self) -> u32 {
        self.0
    }

    /// Returns the rate selector in register A: the rate is 32768 >> (selector - 1), and selector 0 is off (MC146818A
    /// data sheet, table 5).
    pub(crate) fn selector(self) -> u8 {
        match self.0 {
            0 => 0,
            hertz => 16 - hertz.ilog2() as u8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_give_the_rate_that_was_asked_for() {
        for hertz in [2, 4, 8, 16, 32, 64, 128, 256, 512, 1024] {
            let selector = Rate::new(hertz).unwrap().selector();
            assert_eq!(32768 >> (selector - 1), hertz);
        }
        assert_eq!(Rate::OFF.selector(), 0);
    }

    #[test]
    fn other_rates_are_refused() {
        for hertz in [1, 3, 1023, 2048, u32::MAX] {
            assert_eq!(Rate::new(hertz), None);
        }
    }
}
