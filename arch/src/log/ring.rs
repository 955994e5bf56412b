//! A ring of atomics that keeps the last bytes of the log. It can be written and read at any point, without a lock that
//! a crash may have interrupted.

use core::sync::atomic::{AtomicU8, AtomicU32, Ordering};

/// The last bytes of the log, by position: a count of all bytes ever written, which wraps.
#[derive(Debug)]
pub struct Ring<const BYTES: usize> {
    bytes: [AtomicU8; BYTES],
    written: AtomicU32,
}

impl<const BYTES: usize> Ring<BYTES> {
    /// Masks a position to an index. The size is a power of two, so that positions may wrap at 2^32.
    const MASK: u32 = {
        assert!(BYTES.is_power_of_two());
        BYTES as u32 - 1
    };

    /// An empty ring.
    pub const fn new() -> Self {
        Self { bytes: [const { AtomicU8::new(0) }; BYTES], written: AtomicU32::new(0) }
    }

    /// Appends bytes, in the place of the oldest ones.
    pub fn write(&self, bytes: &[u8]) {
        for &byte in bytes {
            let position = self.written.load(Ordering::Relaxed);
            if let Some(slot) = self.bytes.get((position & Self::MASK) as usize) {
                slot.store(byte, Ordering::Relaxed);
            }
            self.written.store(position.wrapping_add(1), Ordering::Release);
        }
    }

    /// Gives the position of the next byte.
    pub fn position(&self) -> u32 {
        self.written.load(Ordering::Relaxed)
    }

    /// Writes other bytes in the place of those at a position.
    pub fn overwrite(&self, position: u32, bytes: &[u8]) {
        for (byte, at) in bytes.iter().zip(0..) {
            if let Some(slot) = self.bytes.get((position.wrapping_add(at) & Self::MASK) as usize) {
                slot.store(*byte, Ordering::Relaxed);
            }
        }
    }

    /// Copies the bytes that were written from `position` on and are still kept. Returns the position to go on from,
    /// and the number of bytes copied. A position that was never reached reads from the oldest byte.
    pub fn read(&self, position: u32, to: &mut [u8]) -> (u32, usize) {
        let written = self.written.load(Ordering::Acquire);
        let behind = written.wrapping_sub(position);
        let kept = if behind <= BYTES as u32 { behind } else { written.min(BYTES as u32) };
        let start = written.wrapping_sub(kept);
        let count = to.len().min(kept as usize);
        for (slot, at) in to.iter_mut().zip(0..count as u32) {
            if let Some(byte) = self.bytes.get((start.wrapping_add(at) & Self::MASK) as usize) {
                *slot = byte.load(Ordering::Relaxed);
            }
        }
        (start.wrapping_add(count as u32), count)
    }
}

impl<const BYTES: usize> Default for Ring<BYTES> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reader_that_follows_sees_every_byte() {
        let ring = Ring::<8>::new();
        let mut to = [0; 8];
        ring.write(b"abc");
        assert_eq!(ring.read(0, &mut to), (3, 3));
        assert_eq!(&to[..3], b"abc");
        ring.write(b"defgh");
        assert_eq!(ring.read(3, &mut to[..2]), (5, 2));
        assert_eq!(&to[..2], b"de");
        assert_eq!(ring.read(8, &mut to), (8, 0));
    }

    #[test]
    fn a_late_reader_gets_what_is_kept() {
        let ring = Ring::<8>::new();
        let mut to = [0; 16];
        ring.write(b"0123456789");
        assert_eq!(ring.read(0, &mut to), (10, 8));
        assert_eq!(&to[..8], b"23456789");
        assert_eq!(ring.read(500, &mut to), (10, 8));
    }

    #[test]
    fn what_is_kept_can_be_put_right() {
        let ring = Ring::<8>::new();
        ring.write(b"0123456789");
        ring.overwrite(7, b"xy");
        let mut to = [0; 8];
        ring.read(2, &mut to);
        assert_eq!(&to, b"23456xy9");
    }

    #[test]
    fn positions_wrap() {
        let ring = Ring::<8>::new();
        ring.written.store(u32::MAX - 1, Ordering::Relaxed);
        let mut to = [0; 8];
        ring.write(b"abcd");
        assert_eq!(ring.read(u32::MAX - 1, &mut to), (2, 4));
        assert_eq!(&to[..4], b"abcd");
    }
}
