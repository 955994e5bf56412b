//! Segments of 64-bit mode: flat ones, ordered as `syscall` and `sysret` need them, and the TSS.
use x86::bits64::task::TaskStateSegment;

use crate::segments::{ACCESSED, CODE, DATA, FLAT, LONG, PRESENT, Selectors, TSS_AVAILABLE, USER, WIDE};

/// A global descriptor table in the order that [`GlobalDescriptorTable::SELECTORS`] names.
///
/// `sysret` derives SS as 8 and CS as 16 above one base (SDM 2B, SYSRET). The base itself would select 32-bit code. Its
/// descriptor is left empty, so that ring 3 can't enter compatibility mode.
#[repr(C, align(16))]
#[derive(Clone, Copy, Debug)]
pub struct GlobalDescriptorTable {
    entries: [u64; 8],
}

impl GlobalDescriptorTable {
    /// The table's selectors, those of ring 3 with its privilege level (SDM 3A 3.4.2).
    pub const SELECTORS: Selectors =
        Selectors { kernel_code: 0x08, kernel_data: 0x10, user_code: 0x2B, user_data: 0x23, tss: 0x30 };

    /// Makes a table of flat segments, without a TSS (SDM 3A 3.2.4, 3.4.5).
    pub const fn new() -> Self {
        let code = FLAT | PRESENT | CODE | ACCESSED | LONG;
        let data = FLAT | PRESENT | DATA | ACCESSED | WIDE;
        Self { entries: [0, code, data, 0, data | USER, code | USER, 0, 0] }
    }

    /// Points the task selector at a TSS whose segment is `length` bytes long (SDM 3A 7.2.3).
    ///
    /// The bytes from the TSS's fixed part to `length` are the I/O permission bitmap.
    pub const fn set_tss(&mut self, address: u64, length: usize) {
        let [low, high] = tss_descriptor(address, length);
        self.entries[6] = low;
        self.entries[7] = high;
    }

    /// Returns the entries that the CPU reads.
    pub const fn entries(&self) -> &[u64; 8] {
        &self.entries
    }
}

impl Default for GlobalDescriptorTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the 16-byte descriptor of an available 64-bit TSS (SDM 3A figure 7-4).
pub const fn tss_descriptor(address: u64, length: usize) -> [u64; 2] {
    assert!(length >= size_of::<TaskStateSegment>(), "a TSS shorter than this is refused by ltr");
    let limit = length as u64 - 1;
    assert!(limit < 1 << 20, "a TSS's limit has 20 bits");
    let low = limit & 0xFFFF | (address & 0xFF_FFFF) << 16 | TSS_AVAILABLE | PRESENT | (limit >> 16) << 48;
    [low | (address >> 24 & 0xFF) << 56, address >> 32]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_are_the_well_known_words() {
        let table = GlobalDescriptorTable::new();
        let words = table.entries();
        assert_eq!(words[1], 0x00AF_9B00_0000_FFFF);
        assert_eq!(words[2], 0x00CF_9300_0000_FFFF);
        assert_eq!(words[4], 0x00CF_F300_0000_FFFF);
        assert_eq!(words[5], 0x00AF_FB00_0000_FFFF);
    }

    #[test]
    fn selectors_keep_sysret_s_distances() {
        let selectors = GlobalDescriptorTable::SELECTORS;
        assert_eq!(selectors.user_data - selectors.star_user_base(), 8);
        assert_eq!(selectors.user_code - selectors.star_user_base(), 16);
        assert_eq!(selectors.kernel_data - selectors.kernel_code, 8);
    }

    #[test]
    fn the_task_descriptor_agrees_with_the_x86_crate() {
        use x86::bits64::segmentation::Descriptor64;
        use x86::segmentation::{BuildDescriptor, DescriptorBuilder, GateDescriptorBuilder};
        let address = 0xFFFF_8123_4567_89AB_u64;
        let theirs: Descriptor64 =
            <DescriptorBuilder as GateDescriptorBuilder<u64>>::tss_descriptor(address, 0x2067, true).present().finish();
        // SAFETY: both are 16 plain bytes, and every bit pattern is a value of [u64; 2].
        let theirs = unsafe { core::mem::transmute::<Descriptor64, [u64; 2]>(theirs) };
        assert_eq!(tss_descriptor(address, 0x2068), theirs);
    }
}
