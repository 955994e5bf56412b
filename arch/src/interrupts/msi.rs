//! Message-signalled interrupts: what a device writes where, so that a local APIC takes it as a vector.
//!
//! The formats are those of Intel SDM 3A, 11.11 (AMD's are the same: APM 2, 16.11). Each write is one interrupt. It is
//! an edge, for which no controller keeps a mask, so the core counts instead of masking.

use core::ops::Range;
use kernel::machine::InterruptWrite;

/// The address at which the local APICs take such writes (SDM 3A, 11.11.1). The other fields are 0: physical
/// destination, no redirection.
const BASE: u64 = 0xFEE0_0000;
/// The frames in which the address of such a write lies, whichever APIC it is for.
pub const FRAMES: Range<u32> = 0xF_EE00..0xF_EF00;
/// The bit from which on the destination's APIC number stands.
const DESTINATION_SHIFT: u32 = 12;

/// Makes the write that raises a vector on the CPU with this APIC number. In the data (SDM 3A, 11.11.2) only the vector
/// isn't 0: fixed delivery, edge-triggered.
pub const fn message(destination: u8, vector: u8) -> InterruptWrite {
    InterruptWrite { address: BASE | (destination as u64) << DESTINATION_SHIFT, data: vector as u32 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_destination_stands_in_the_address_and_the_vector_in_the_data() {
        assert_eq!(message(0, 0x81), InterruptWrite { address: 0xFEE0_0000, data: 0x81 });
        assert_eq!(message(0xA5, 0xEE), InterruptWrite { address: 0xFEEA_5000, data: 0xEE });
    }

    #[test]
    fn the_write_to_each_destination_lies_in_the_frames() {
        for destination in [0, 1, u8::MAX] {
            let frame = (message(destination, 0x81).address >> 12) as u32;
            assert!(FRAMES.contains(&frame), "{frame:#x}");
        }
    }
}
