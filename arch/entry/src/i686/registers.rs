//! Registers of a [`TrapFrame`] under names that both widths have, and frames that a kernel builds.
use super::TrapFrame;
use crate::KernelEntry;

impl TrapFrame {
    /// EFLAGS.IF, with which a frame is resumed with interrupts on (SDM 1 3.4.3).
    pub const INTERRUPTS_ON: usize = 1 << 9;

    /// EFLAGS's bit that is always set.
    const ALWAYS_SET: usize = 1 << 1;

    /// Makes a frame that enters ring 3 at `entry`, with an empty stack whose top is `stack`. All other registers are
    /// 0, and the data segments are flat.
    pub const fn for_user<K: KernelEntry>(entry: usize, stack: usize, flags: usize) -> Self {
        crate::required::assert_selectors_of_ring_3::<K>();
        Self::new_in(K::SELECTORS.user_code, K::SELECTORS.user_data, entry, stack, flags)
    }

    /// Makes a frame that enters ring 0 at `entry`, with an empty stack whose top is `stack`. All other registers are
    /// 0, and the data segments are flat.
    ///
    /// Nothing lies on the stack: the function at `entry` must not return.
    pub const fn for_kernel<K: KernelEntry>(entry: usize, stack: usize, flags: usize) -> Self {
        Self::new_in(K::SELECTORS.kernel_code, K::SELECTORS.kernel_data, entry, stack, flags)
    }

    const fn new_in(code: u16, data: u16, entry: usize, stack: usize, flags: usize) -> Self {
        let (code, data) = (code as u32, data as u32);
        Self {
            ds: data,
            es: data,
            vector: crate::vector::REQUIRES_IRET as u32,
            eip: entry as u32,
            cs: code,
            eflags: (flags | Self::ALWAYS_SET) as u32,
            esp: stack as u32,
            ss: data,
            ..Self::new()
        }
    }

    /// Returns eax: the number of a system call, and its result.
    pub const fn accumulator(&self) -> usize {
        self.eax as usize
    }

    /// Sets eax.
    pub const fn set_accumulator(&mut self, value: usize) {
        self.eax = value as u32;
    }

    /// Returns the registers in which every kind of system call can pass arguments (SDM 3A 5.8.7): ebx, edx, esi, edi,
    /// ebp.
    ///
    /// `sysenter` takes ecx for the caller's stack pointer.
    pub const fn arguments(&self) -> [usize; 5] {
        [self.ebx as usize, self.edx as usize, self.esi as usize, self.edi as usize, self.ebp as usize]
    }

    /// Sets the registers of [`TrapFrame::arguments`] (SDM 3A 5.8.7).
    ///
    /// `sysexit` spoils edx: call [`TrapFrame::require_iret`] to return a value there from a call by `sysenter`.
    pub const fn set_arguments(&mut self, values: [usize; 5]) {
        let [ebx, edx, esi, edi, ebp] = values;
        (self.ebx, self.edx, self.esi) = (ebx as u32, edx as u32, esi as u32);
        (self.edi, self.ebp) = (edi as u32, ebp as u32);
    }
}
