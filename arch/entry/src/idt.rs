//! [`InterruptDescriptorTable`] with its 256 gates.
use x86::dtables::{DescriptorTablePointer, lidt};

use crate::kernel_entry::{Entries, Smap, keeps_state};
use crate::{Gate, KernelEntry};

mod filler;
mod paranoid;
#[cfg(all(test, target_arch = "x86_64"))]
mod tests;

pub use filler::TableFiller;
pub(crate) use paranoid::PARANOID_VECTORS;
#[cfg(target_arch = "x86_64")]
pub(crate) use paranoid::{
    DEBUG_STACK, DOUBLE_FAULT_STACK, MACHINE_CHECK_STACK, NON_MASKABLE_INTERRUPT_STACK, PARANOID_STACKS,
};

/// The table as the CPU reads it (SDM 3A 6.10, 6.14.1 for 64-bit mode).
#[repr(C, align(16))]
#[derive(Debug)]
pub struct InterruptDescriptorTable {
    gates: [Gate; 256],
    /// Whether it was filled for CPUs without SMAP, and for CPUs with it. The CPU doesn't read this.
    filled: [bool; 2],
    /// What [`InterruptDescriptorTable::load`] asserts once it was filled for a kernel that swaps the GS base. A
    /// function's address, so that other kernels don't contain the function.
    #[cfg(target_arch = "x86_64")]
    assert_swapping: Option<fn(&[Gate; 256])>,
    /// As above, for a kernel whose entries keep floating-point state.
    assert_state_kept: Option<unsafe fn()>,
}

impl InterruptDescriptorTable {
    /// Makes a table without gates. While it is loaded, any interrupt is a triple fault.
    pub const fn new() -> Self {
        Self {
            gates: [Gate::MISSING; 256],
            filled: [false; 2],
            #[cfg(target_arch = "x86_64")]
            assert_swapping: None,
            assert_state_kept: None,
        }
    }

    /// Returns a filler of gates for the kernel `K`, on a CPU with or without SMAP.
    ///
    /// # Panics
    ///
    /// If the kernel uses floating point anywhere and
    /// [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) hasn't run.
    pub fn fill<K: KernelEntry, S: Smap>(&mut self) -> TableFiller<'_, K, S> {
        crate::required::assert_selectors::<K>();
        crate::required::assert_floating_point_kept::<K>();
        self.filled[S::Entries::CLEARS_AC] = true;
        if keeps_state::<K>() == 1 {
            self.assert_state_kept = Some(crate::floating_point::assert_entry_format_enabled);
        }
        #[cfg(target_arch = "x86_64")]
        if crate::kernel_entry::swaps_gs::<K>() == 1 {
            self.assert_swapping = Some(crate::required::assert_suits_swapping);
        }
        TableFiller::new(&mut self.gates)
    }

    /// Returns whether the table was filled for CPUs without SMAP, and for CPUs with it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn filled(&self) -> [bool; 2] {
        self.filled
    }

    /// Returns a vector's gate.
    pub const fn gate(&mut self, vector: u8) -> &mut Gate {
        &mut self.gates[vector as usize]
    }

    /// Loads the table on this CPU (`lidt`, SDM 3A 2.4.3).
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0.
    /// 2. The table was filled for a kernel whose [`KernelEntry`] promises hold on this CPU: selectors, TSS and entry
    ///    data.
    /// 3. A gate that [`InterruptDescriptorTable::gate`] set leads to code that can take its vector.
    /// 4. Each handler, and each hook of [`KernelEntry`], leaves a frame that is valid to resume, as [`KernelEntry`]
    ///    says under 3. Handlers are safe functions, but a frame of ring 0 can be made to continue anywhere.
    ///
    /// # Panics
    ///
    /// On x86_64, if the crate was built with the red zone: interrupts of ring 0 would overwrite it. And if the table
    /// was filled [`WithSmap`](crate::WithSmap) and the CPU lacks it, or [`WithoutSmap`](crate::WithoutSmap) and
    /// CR4.SMAP is on: the kernel sets CR4 first. And if it was filled for a kernel that swaps the GS base, and NMI,
    /// #DB or #MC doesn't lead to a [paranoid gate](TableFiller::paranoid_gates).
    ///
    /// On both widths, if the kernel uses floating point anywhere, and CR4 or XCR0 of this CPU doesn't enable the
    /// format that [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) chose.
    pub unsafe fn load(&'static self) {
        crate::required::assert_no_red_zone();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller promises ring 0.
        unsafe {
            crate::required::assert_suits_smap(self.filled)
        };
        #[cfg(target_arch = "x86_64")]
        if let Some(assert_swapping) = self.assert_swapping {
            assert_swapping(&self.gates);
        }
        if let Some(assert_state_kept) = self.assert_state_kept {
            // SAFETY: the caller promises ring 0.
            unsafe { assert_state_kept() };
        }
        #[cfg(target_arch = "x86_64")]
        crate::stub::note_table(self);
        let pointer = DescriptorTablePointer::new_from_slice(&self.gates);
        // SAFETY: the table is static, and `TableFiller` leads gates to stubs. The caller promises ring 0, what the
        // stubs need, and that gates of its own lead to code for them.
        unsafe { lidt(&pointer) };
    }
}

impl Default for InterruptDescriptorTable {
    fn default() -> Self {
        Self::new()
    }
}
