//! Segments of 32-bit mode: flat ones, ordered as `sysenter` and `sysexit` need them, and task state segments.
use x86::bits32::task::TaskStateSegment;

use crate::segments::{ACCESSED, CODE, DATA, FLAT, PRESENT, Selectors, TSS_AVAILABLE, USER, WIDE};

/// A global descriptor table in the order that [`GlobalDescriptorTable::SELECTORS`] names.
///
/// `sysenter` and `sysexit` derive the four flat segments from one selector, in this order: ring 0 code, ring 0 data,
/// ring 3 code, ring 3 data (SDM 2B, SYSEXIT). The CPU's own TSS follows, then the TSSs of #DF, NMI and #MC.
#[repr(C, align(8))]
#[derive(Clone, Copy, Debug)]
pub struct GlobalDescriptorTable {
    entries: [u64; 9],
}

impl GlobalDescriptorTable {
    /// The table's selectors, those of ring 3 with its privilege level (SDM 3A 3.4.2).
    pub const SELECTORS: Selectors =
        Selectors { kernel_code: 0x08, kernel_data: 0x10, user_code: 0x1B, user_data: 0x23, tss: 0x28 };
    /// Selects the TSS of #DF's task gate (SDM 3A 6.12.2).
    pub const DOUBLE_FAULT_TSS: u16 = 0x30;
    /// Selects the TSS of the NMI's task gate (SDM 3A 6.12.2).
    pub const NON_MASKABLE_INTERRUPT_TSS: u16 = 0x38;
    /// Selects the TSS of #MC's task gate (SDM 3A 6.12.2).
    pub const MACHINE_CHECK_TSS: u16 = 0x40;

    /// Makes a table of flat segments, without a TSS (SDM 3A 3.2.2, 3.4.5).
    pub const fn new() -> Self {
        let code = FLAT | PRESENT | CODE | ACCESSED | WIDE;
        let data = FLAT | PRESENT | DATA | ACCESSED | WIDE;
        Self { entries: [0, code, data, code | USER, data | USER, 0, 0, 0, 0] }
    }

    /// Points a task selector at a TSS whose segment is `length` bytes long (SDM 3A 7.2.2).
    ///
    /// The bytes from the TSS's fixed part to `length` are the I/O permission bitmap.
    pub const fn set_tss(&mut self, selector: u16, address: u32, length: usize) {
        let index = selector as usize / size_of::<u64>();
        assert!(index >= Self::SELECTORS.tss as usize / size_of::<u64>(), "not the selector of a TSS");
        self.entries[index] = tss_descriptor(address, length);
    }

    /// Returns the entries that the CPU reads.
    pub const fn entries(&self) -> &[u64; 9] {
        &self.entries
    }
}

impl Default for GlobalDescriptorTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes the descriptor of an available 32-bit TSS (SDM 3A figure 7-3).
pub const fn tss_descriptor(address: u32, length: usize) -> u64 {
    assert!(length >= size_of::<TaskStateSegment>(), "a TSS shorter than this is refused");
    let limit = length as u64 - 1;
    assert!(limit < 1 << 20, "a TSS's limit has 20 bits");
    let address = address as u64;
    let low = limit & 0xFFFF | (address & 0xFF_FFFF) << 16 | TSS_AVAILABLE | PRESENT | (limit >> 16) << 48;
    low | (address >> 24) << 56
}

/// Returns the address in a TSS descriptor that [`tss_descriptor`] made.
#[cfg(any(target_arch = "x86", test))]
pub(crate) const fn tss_address(descriptor: u64) -> u32 {
    (descriptor >> 16 & 0xFF_FFFF | descriptor >> 56 << 24) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_reads_back() {
        for address in [0xC012_3480, 0x0012_3480, 0xFFFF_FF80] {
            assert_eq!(tss_address(tss_descriptor(address, 0x68 + 2)), address);
        }
    }

    #[test]
    fn segments_are_the_well_known_words() {
        let table = GlobalDescriptorTable::new();
        let words = table.entries();
        assert_eq!(words[1], 0x00CF_9B00_0000_FFFF);
        assert_eq!(words[2], 0x00CF_9300_0000_FFFF);
        assert_eq!(words[3], 0x00CF_FB00_0000_FFFF);
        assert_eq!(words[4], 0x00CF_F300_0000_FFFF);
    }

    #[test]
    fn selectors_keep_sysexit_s_distances() {
        let selectors = GlobalDescriptorTable::SELECTORS;
        assert_eq!(selectors.kernel_data, selectors.kernel_code + 8);
        assert_eq!(selectors.user_code & !3, selectors.kernel_code + 16);
        assert_eq!(selectors.user_data & !3, selectors.kernel_code + 24);
    }

    #[test]
    fn the_task_descriptor_agrees_with_the_x86_crate() {
        use x86::segmentation::{BuildDescriptor, Descriptor, DescriptorBuilder, GateDescriptorBuilder};
        let theirs: Descriptor =
            <DescriptorBuilder as GateDescriptorBuilder<u32>>::tss_descriptor(0xC123_4567, 0x2067, true)
                .present()
                .finish();
        assert_eq!(tss_descriptor(0xC123_4567, 0x2068), theirs.as_u64());
    }
}
