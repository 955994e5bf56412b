//! The 8254 interval timer, as the alarm where there is no local APIC.
//!
//! Channel 0 drives line 0. Mode 0 ("interrupt on terminal count") is one-shot and quiet until a count is written, so
//! stopping it is one write (Intel 8254 data sheet, 231164). Channel 2 is a reference: see `references`.

use crate::io::pc;
use crate::io::port::Port;

/// The input frequency of every channel.
pub const HERTZ: u64 = 1_193_182;
/// The largest count; 0x10000 (written as 0) would be possible, but nothing is gained by it.
pub const LARGEST: u32 = 0xFFFF;

/// Channel 0, mode 0, low byte then high byte.
const CHANNEL_0_ONE_SHOT: u8 = 0x30;

// SAFETY: the 8254 only raises line 0, whose vector has a gate; the code runs in ring 0.
const CHANNEL_0: Port = unsafe { Port::new(pc::PIT) };
/// Channel 2.
// SAFETY: as above; channel 2 raises no line.
pub const CHANNEL_2: Port = unsafe { Port::new(pc::PIT + 2) };
/// The control word of all channels.
// SAFETY: as above.
pub const CONTROL: Port = unsafe { Port::new(pc::PIT + 3) };
/// The gate of channel 2, and other things.
// SAFETY: the port holds the gate of channel 2, the speaker, and enables of NMI sources, which have a gate too.
pub const SYSTEM_CONTROL: Port = unsafe { Port::new(pc::SYSTEM_CONTROL) };

/// Makes channel 0 raise line 0 once, after `count` counts.
#[inline]
pub fn start(count: u32) {
    let [low, high, ..] = count.min(LARGEST).to_le_bytes();
    CONTROL.write(CHANNEL_0_ONE_SHOT);
    CHANNEL_0.write(low);
    CHANNEL_0.write(high);
}

/// Stops channel 0: in mode 0 it waits for a count with its output low.
#[inline]
pub fn stop() {
    CONTROL.write(CHANNEL_0_ONE_SHOT);
}
