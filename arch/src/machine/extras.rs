//! What a thread has beyond its saved registers: floating-point state, a thread pointer, ports. Few threads have any of
//! it, so it is loaded on the way out of the kernel, and only where two consecutive threads differ.

use super::Cpu;
use crate::context::{Extras, ThreadContext};
use crate::cpu::bell::Bell;
use crate::cpu::io_permission::PortUse;
use crate::cpu::segments::switch_thread_pointer;
use crate::fpu::Area;
use crate::layout;
use crate::memory::address_of;
use crate::paging::Space;
use core::ptr::NonNull;
use kernel::machine::Home;
use x86_entry::entry_data;

impl Cpu {
    /// Makes a new floating-point area hold the initial state.
    ///
    /// # Safety
    /// The area's frame is the running thread's alone.
    pub(crate) unsafe fn prepare_area(&self, area: Area) {
        // SAFETY: the caller vouches for the frame, which low memory shows.
        self.floating_point.prepare(unsafe { locate(area).cast().as_mut() });
    }

    /// Turns the running thread's floating-point registers on.
    ///
    /// # Safety
    /// The area is the running thread's, and was prepared.
    pub(crate) unsafe fn restore_area(&mut self, area: Area) {
        self.extras |= Extras::FLOATING_POINT;
        // SAFETY: the caller vouches for this area; others are those of threads that `forget` wasn't told of.
        unsafe { self.floating_point.restore(area, locate) }
    }

    /// Tells whether [`Self::load_extras`] has to be called before ring 3 runs: not 0 if so.
    #[inline(always)]
    pub(crate) fn extras_due(&self) -> u32 {
        self.extras_due
    }

    /// Loads the extras of the thread that runs next, and takes away those that the thread before had.
    #[cfg_attr(target_arch = "x86_64", inline(never))]
    #[optimize(speed)]
    pub(crate) fn load_extras<'a>(&mut self, to: &ThreadContext, home: impl FnOnce() -> Option<&'a Home<Space>>) {
        let due = core::mem::replace(&mut self.extras_due, 0);
        let concerns = |what: Extras| due & what.bits() != 0;
        self.extras = to.extras;
        if concerns(Extras::FLOATING_POINT) {
            // SAFETY: areas are frames that the core gave to threads; it tells `forget` before it takes one back.
            unsafe { self.floating_point.switch(to.area, locate) };
        }
        if due & !(Extras::PORTS | Extras::FLOATING_POINT).bits() != 0 {
            switch_thread_pointer(to.fs_base);
        }
        if concerns(Extras::PORTS) {
            self.load_ports(home);
        }
    }

    #[inline(never)]
    #[optimize(speed)]
    fn load_ports<'a>(&mut self, home: impl FnOnce() -> Option<&'a Home<Space>>) {
        let (Some(mut data), Some(home)) = (entry_data::<Bell>(), home()) else { return };
        // SAFETY: interrupts are off, and nothing else holds a reference to it.
        let data = unsafe { data.as_mut() };
        match self.ports.load(&mut data.io_bitmap, home) {
            PortUse::Some => data.enable_io_bitmap(),
            PortUse::None => data.disable_io_bitmap(),
        }
    }
}

/// Gives the address of an area's frame in the kernel's address space. The core takes areas from low memory, all of
/// which the direct map shows.
#[inline(always)]
fn locate(area: Area) -> NonNull<u8> {
    let address = layout::DIRECT_MAP.wrapping_add(address_of(area.frame()) as usize);
    NonNull::new(address as *mut u8).unwrap_or(NonNull::dangling())
}
