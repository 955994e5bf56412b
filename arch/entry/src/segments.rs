//! [`Selectors`], and the descriptor bits that both widths share (SDM 3A 3.4.5).

/// The selectors of a kernel with flat segments; those of ring 3 carry its privilege level (SDM 3A 3.2.2, 3.4.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Selectors {
    /// Ring 0 code.
    pub kernel_code: u16,
    /// Ring 0 data: the descriptor behind `kernel_code`, as `syscall` and `sysenter` require (SDM 3A 5.8.7, 5.8.8).
    pub kernel_data: u16,
    /// Ring 3 code, or 0 in a kernel without ring 3.
    pub user_code: u16,
    /// Ring 3 data and stack. In a kernel without ring 3, `kernel_data` on i686, where the stubs load this selector
    /// into DS and ES, and 0 on x86_64.
    pub user_data: u16,
    /// The CPU's task state segment.
    pub tss: u16,
}

/// A selector's bits for the privilege level.
const RING: u16 = 3;

impl Selectors {
    /// Returns whether the descriptors stand in the order that `syscall` and `sysret`, or `sysenter` and `sysexit`,
    /// derive from one selector (SDM 3A 5.8.7, 5.8.8). A fast call with others would end in segments that don't exist.
    pub const fn suit_fast_calls(self) -> bool {
        let distances = if cfg!(target_arch = "x86") {
            self.user_code == self.kernel_code + 16 + 3 && self.user_data == self.kernel_code + 24 + 3
        } else {
            self.user_code == self.user_data + 8 && self.user_code > 16
        };
        distances && self.kernel_data == self.kernel_code + 8 && self.name_rings() && self.name_ring_3()
    }

    /// Returns whether the selectors carry the privilege level of the ring that they are for (SDM 3A 3.4.2). Those of
    /// ring 3 may be missing in a kernel without it: 0, or for data ring 0's.
    pub(crate) const fn name_rings(self) -> bool {
        self.kernel_code & RING == 0
            && self.kernel_data & RING == 0
            && (self.user_code == 0 || self.user_code & RING == RING)
            && (self.user_data == 0 || self.user_data == self.kernel_data || self.user_data & RING == RING)
    }

    /// Returns whether there are selectors of ring 3 (SDM 3A 3.4.2).
    pub(crate) const fn name_ring_3(self) -> bool {
        self.user_code & RING == RING && self.user_data & RING == RING
    }

    /// Returns bits 63 to 48 of IA32_STAR. `sysret` derives SS as 8 and 64-bit CS as 16 above this base (SDM 3A 5.8.8).
    pub const fn star_user_base(self) -> u16 {
        self.user_code - 16
    }
}

/// Base 0, limit 0xFFFFF.
pub(crate) const FLAT: u64 = 0x000F_0000_0000_FFFF;
/// The descriptor is present.
pub(crate) const PRESENT: u64 = 1 << 47;
/// Readable code.
pub(crate) const CODE: u64 = 0b1_1010 << 40;
/// Writable data.
pub(crate) const DATA: u64 = 0b1_0010 << 40;
/// Accessed. Set beforehand, so that the CPU doesn't write to the table.
pub(crate) const ACCESSED: u64 = 1 << 40;
/// For ring 3.
pub(crate) const USER: u64 = 3 << 45;
/// Limit in pages, 64-bit code.
pub(crate) const LONG: u64 = 1 << 55 | 1 << 53;
/// Limit in pages, 32-bit.
pub(crate) const WIDE: u64 = 1 << 55 | 1 << 54;
/// An available TSS of the width.
pub(crate) const TSS_AVAILABLE: u64 = 0x9 << 40;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_without_their_ring_suit_nothing() {
        let good = crate::GlobalDescriptorTable::SELECTORS;
        assert!(good.suit_fast_calls());
        for bad in [
            Selectors { user_code: good.user_code & !3, user_data: good.user_data & !3, ..good },
            Selectors { kernel_code: good.kernel_code | 3, kernel_data: good.kernel_data | 3, ..good },
        ] {
            assert!(!bad.suit_fast_calls(), "{bad:?}");
        }
    }
}
