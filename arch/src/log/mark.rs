//! The mark on the serial line where bytes of the log are missing.

/// The longest mark: ten digits and what stands around them.
const BYTES: usize = 32;
/// The digits of the largest number.
const DIGITS: usize = 10;

/// A line that says how many bytes are missing, as far as the chip hasn't got it.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    bytes: [u8; BYTES],
    next: u8,
    end: u8,
}

impl Mark {
    /// No mark, or one that the chip has got.
    pub const NONE: Self = Self { bytes: [0; BYTES], next: 0, end: 0 };

    /// Makes the mark for a number of bytes. It stands on a line of its own, since what was lost may end anywhere.
    pub fn new(lost: u32) -> Self {
        let mut mark = Self::NONE;
        mark.append(b"\n[");
        let mut digits = [b'0'; DIGITS];
        let (mut rest, mut first) = (lost, DIGITS);
        for (place, digit) in digits.iter_mut().enumerate().rev() {
            *digit = b'0' + (rest % 10) as u8;
            rest /= 10;
            first = place;
            if rest == 0 {
                break;
            }
        }
        mark.append(digits.get(first..).unwrap_or(&[]));
        mark.append(b" bytes lost]\n");
        mark
    }

    /// Gives the first byte that the chip hasn't got.
    pub fn first(&self) -> Option<u8> {
        if self.next == self.end { None } else { self.bytes.get(usize::from(self.next)).copied() }
    }

    /// Notes that the chip has got the first byte.
    pub const fn advance(&mut self) {
        self.next = self.next.saturating_add(1);
    }

    /// Gives the number of bytes that the chip hasn't got.
    pub const fn left(&self) -> usize {
        (self.end - self.next) as usize
    }

    fn append(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if let Some(place) = self.bytes.get_mut(usize::from(self.end)) {
                *place = *byte;
                self.end += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_fits() {
        for (lost, expected) in [(1, "\n[1 bytes lost]\n"), (u32::MAX, "\n[4294967295 bytes lost]\n")] {
            let mut mark = Mark::new(lost);
            let mut text = String::new();
            assert_eq!(mark.left(), expected.len());
            while let Some(byte) = mark.first() {
                text.push(byte.into());
                mark.advance();
            }
            assert_eq!((text.as_str(), mark.left()), (expected, 0));
        }
    }
}
