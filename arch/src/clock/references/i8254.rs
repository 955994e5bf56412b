//! The 8254's channel 2, whose output goes to the speaker alone.
//!
//! It counts down once from its largest value, in mode 0. The read-back command (Intel 8254 data sheet, 231164) latches
//! the channel's status together with its count: the status says how the channel is programmed, which tells a chip from
//! an empty bus, and whether the count has run out. So nothing depends on port 0x61, but for the channel's gate.

use super::Reference;
use crate::clock::pit::{CHANNEL_2, CONTROL, HERTZ, SYSTEM_CONTROL};

/// Channel 2, low byte then high byte, mode 0, binary.
const ONE_SHOT: u8 = 0xB0;
/// Read back: the status and the count of channel 2.
const READ_BACK: u8 = 0xC8;
/// A status: how the channel is programmed.
const PROGRAMMED: u8 = 0x3F;
/// A status: the new count isn't loaded yet.
const NOT_LOADED: u8 = 1 << 6;
/// A status: the output, which mode 0 raises when the count has run out.
const OUTPUT: u8 = 1 << 7;
/// Port 0x61: the gate of channel 2.
const GATE: u8 = 1 << 0;
/// Port 0x61: channel 2 sounds the speaker.
const SPEAKER: u8 = 1 << 1;
/// Port 0x61: the bits that can be written.
const WRITABLE: u8 = 0x0F;
/// Looks until the count must be loaded, which takes the chip a microsecond.
const LOOKS: usize = 1000;

/// The channel.
#[derive(Debug, Default)]
pub struct Interval {
    /// Port 0x61 as it was, with the gate closed.
    closed: u8,
}

impl Interval {
    /// Tells whether a chip is there.
    pub fn is_there() -> bool {
        let mut channel = Self::default();
        let found = channel.start().is_some();
        channel.stop();
        found
    }

    fn status_and_count() -> (u8, u16) {
        CONTROL.write(READ_BACK);
        let [status, low, high] = [(); 3].map(|()| CHANNEL_2.read());
        (status, u16::from_le_bytes([low, high]))
    }
}

impl Reference for Interval {
    fn name(&self) -> &'static str {
        "the 8254"
    }

    fn hertz(&self) -> Option<u64> {
        Some(HERTZ)
    }

    fn bits(&self) -> u32 {
        16
    }

    fn start(&mut self) -> Option<()> {
        self.closed = SYSTEM_CONTROL.read() & WRITABLE & !(GATE | SPEAKER);
        SYSTEM_CONTROL.write(self.closed | GATE);
        CONTROL.write(ONE_SHOT);
        CHANNEL_2.write(0xFF);
        CHANNEL_2.write(0xFF);
        let mut looks = (0..LOOKS).map(|_| Self::status_and_count().0);
        let status = looks.find(|status| status & NOT_LOADED == 0)?;
        (status & PROGRAMMED == ONE_SHOT & PROGRAMMED).then_some(())
    }

    fn count(&mut self) -> Option<u32> {
        let (status, count) = Self::status_and_count();
        (status & OUTPUT == 0).then_some(u32::from(u16::MAX - count))
    }

    fn stop(&mut self) {
        SYSTEM_CONTROL.write(self.closed);
    }
}
