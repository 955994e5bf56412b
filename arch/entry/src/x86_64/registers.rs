//! Registers of a [`TrapFrame`] under names that both widths have, and frames that a kernel builds.
use super::TrapFrame;
use crate::KernelEntry;

impl TrapFrame {
    /// RFLAGS.IF, with which a frame is resumed with interrupts on (SDM 1 3.4.3).
    pub const INTERRUPTS_ON: usize = 1 << 9;

    /// RFLAGS's bit that is always set.
    const ALWAYS_SET: usize = 1 << 1;

    /// Makes a frame that enters ring 3 at `entry`, with an empty stack whose top is `stack`. All other registers are
    /// 0.
    pub const fn for_user<K: KernelEntry>(entry: usize, stack: usize, flags: usize) -> Self {
        crate::required::assert_selectors_of_ring_3::<K>();
        Self::new_in(K::SELECTORS.user_code, K::SELECTORS.user_data, entry, stack, flags)
    }

    /// Makes a frame that enters ring 0 at `entry`, with an empty stack whose top is `stack`. All other registers are
    /// 0.
    ///
    /// Nothing lies on the stack: the function at `entry` must not return.
    pub const fn for_kernel<K: KernelEntry>(entry: usize, stack: usize, flags: usize) -> Self {
        Self::new_in(K::SELECTORS.kernel_code, K::SELECTORS.kernel_data, entry, stack, flags)
    }

    const fn new_in(code: u16, data: u16, entry: usize, stack: usize, flags: usize) -> Self {
        Self {
            vector: crate::vector::REQUIRES_IRET as u64,
            rip: entry as u64,
            cs: code as u64,
            rflags: (flags | Self::ALWAYS_SET) as u64,
            rsp: stack as u64,
            ss: data as u64,
            ..Self::new()
        }
    }

    /// Returns rax: the number of a system call, and its result.
    pub const fn accumulator(&self) -> usize {
        self.rax as usize
    }

    /// Sets rax.
    pub const fn set_accumulator(&mut self, value: usize) {
        self.rax = value as u64;
    }

    /// Returns the registers in which every kind of system call can pass arguments (SDM 3A 5.8.8): rdi, rsi, rdx, r8,
    /// r9.
    ///
    /// `syscall` takes rcx for the return address.
    pub const fn arguments(&self) -> [usize; 5] {
        [self.rdi as usize, self.rsi as usize, self.rdx as usize, self.r8 as usize, self.r9 as usize]
    }

    /// Sets the registers of [`TrapFrame::arguments`].
    pub const fn set_arguments(&mut self, values: [usize; 5]) {
        let [rdi, rsi, rdx, r8, r9] = values;
        (self.rdi, self.rsi, self.rdx) = (rdi as u64, rsi as u64, rdx as u64);
        (self.r8, self.r9) = (r8 as u64, r9 as u64);
    }
}
