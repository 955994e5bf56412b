//! Floating point: the x87, MMX, SSE and AVX registers of threads.
//!
//! The kernel never uses them. A thread starts with them off (CR0.TS); its first use faults, the core gives it an area
//! of its own (a frame, charged to its process), and from then on its registers are saved and loaded at every switch. A
//! thread without an area never sees them on, so it can't read another's.
//!
//! The kernel tracks whose state the registers hold, so that it needn't load them for a thread that comes back: a
//! switch to a program that has no area, and back, costs one save and two changes of CR0.TS.

mod state;

use core::arch::asm;
use core::ptr::NonNull;
use kernel::frames::Frame;
use state::Instructions;
use x86::controlregs::{Cr0, Cr4, cr0, cr0_write, cr4, cr4_write, xcr0_write};

/// The bytes of a thread's area: one frame, which every state component enabled here fits in (x87, SSE, AVX, AVX-512:
/// 2,688 bytes in the standard format).
pub const AREA_BYTES: usize = abi::PAGE_BYTES;

/// The CPU's features of floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FloatingPointFeatures {
    /// FXSAVE and FXRSTOR.
    pub fxsave: bool,
    /// SSE, hence MXCSR.
    pub sse: bool,
    /// XSAVE; the components that XCR0 may enable (CPUID leaf 0xD, EDX:EAX), 0 without it.
    pub components: u64,
    /// FXRSTOR leaves the last x87 instruction's addresses alone unless an exception is pending (AMD; CVE-2006-1056).
    pub keeps_addresses: bool,
}

/// The area of a thread, by its frame. Frame 0 is no area.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Area(u32);

impl Area {
    /// The area of a thread that has none.
    pub const NONE: Self = Self(0);
    /// No thread's area, and not that of a thread without one.
    const NOBODY: Self = Self(u32::MAX);

    /// The area in a frame.
    pub const fn of(frame: Frame) -> Self {
        Self(frame.0)
    }

    /// Whether there is one.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// The frame.
    pub const fn frame(self) -> Frame {
        Frame(self.0)
    }
}

/// The floating-point unit of this CPU.
#[derive(Debug)]
pub struct FloatingPoint {
    instructions: Instructions,
    /// The area whose state the registers hold; `NOBODY` if that area is gone.
    live: Area,
    /// The area of the thread that has the registers on, so that they may have changed since they were loaded; none
    /// while they are off.
    on: Area,
}

impl FloatingPoint {
    /// The value before [`Self::initialise`]; no thread has an area yet.
    pub const OFF: Self = Self { instructions: Instructions::OLDEST, live: Area::NOBODY, on: Area::NONE };

    /// Sets up the control registers for what the CPU has, and turns the registers off.
    pub fn initialise(&mut self, features: FloatingPointFeatures) {
        self.instructions = Instructions::choose(features);
        let components = self.instructions.components();
        let mut bits = Cr4::empty();
        if features.fxsave {
            bits |= Cr4::CR4_ENABLE_SSE;
        }
        if features.sse {
            bits |= Cr4::CR4_UNMASKED_SSE;
        }
        if components.is_some() {
            bits |= Cr4::CR4_ENABLE_OS_XSAVE;
        }
        // SAFETY: ring 0.
        let before = unsafe { cr4() };
        // SAFETY: only bits are added that CPUID says exist.
        unsafe { cr4_write(before | bits) };
        if let Some(components) = components {
            // SAFETY: CR4.OSXSAVE is set, and these are components that CPUID offers, x87 and SSE among them.
            unsafe { xcr0_write(components) };
        }
        // SAFETY: ring 0.
        let mut control = unsafe { cr0() };
        control.remove(Cr0::CR0_EMULATE_COPROCESSOR);
        control.insert(Cr0::CR0_MONITOR_COPROCESSOR | Cr0::CR0_NUMERIC_ERROR | Cr0::CR0_TASK_SWITCHED);
        // SAFETY: the bits concern floating point alone; the kernel uses none.
        unsafe { cr0_write(control) };
        self.live = Area::NOBODY;
        self.on = Area::NONE;
    }

    /// Makes an area of zeros hold the state after `fninit`, MXCSR at its default and every register 0.
    pub fn prepare(&self, area: &mut [u8; AREA_BYTES]) {
        self.instructions.prepare(area);
    }

    /// Switches to the area of the thread that runs next. Saves the registers, if they are another thread's and may
    /// have changed, and loads the next thread's, or turns the registers off if it has none. `locate` gives the address
    /// of an area.
    ///
    /// # Safety
    /// `locate` gives, for every area that [`Self::prepare`] filled and [`Self::forget`] wasn't told of, the address of
    /// its frame, which nothing else borrows.
    #[inline(always)]
    pub unsafe fn switch(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        if to != self.on {
            // SAFETY: the caller's promise is this function's.
            unsafe { self.exchange(to, locate) }
        }
    }

    /// Turns the registers on for a thread that has an area: a task gate had set CR0.TS, or the area is new.
    ///
    /// # Safety
    /// As for [`Self::switch`].
    pub unsafe fn restore(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        clear_task_switched();
        // SAFETY: the caller's promise is this function's.
        unsafe { self.switch(to, locate) }
    }

    /// Forgets the area of a thread that ends, which must not be written any more. If this thread has the registers on,
    /// another thread with another area leaves the kernel next.
    pub fn forget(&mut self, area: Area) {
        if area.is_some() && self.live == area {
            self.live = Area::NOBODY;
        }
    }

    /// # Safety
    /// As for [`Self::switch`].
    #[inline(always)]
    unsafe fn exchange(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        clear_task_switched();
        // The registers are on for the thread whose state they hold.
        if self.on == self.live {
            // SAFETY: the caller vouches for the area; the registers are on.
            unsafe { self.instructions.save(locate(self.live)) };
            if self.instructions.saving_empties() {
                self.live = Area::NOBODY;
            }
        }
        self.on = to;
        if !to.is_some() {
            set_task_switched();
            return;
        }
        if self.live != to {
            // SAFETY: the caller vouches for the area, which `prepare` or `save` filled; the registers are on.
            unsafe { self.instructions.load(locate(to)) };
            self.live = to;
        }
    }
}

/// Turns the registers on. Safe at any time in ring 0: the kernel uses no floating point.
pub fn clear_task_switched() {
    // SAFETY: concerns floating point alone.
    unsafe { asm!("clts", options(nomem, nostack, preserves_flags)) }
}

fn set_task_switched() {
    // SAFETY: ring 0.
    let control = unsafe { cr0() };
    // SAFETY: the bit concerns floating point alone.
    unsafe { cr0_write(control | Cr0::CR0_TASK_SWITCHED) }
}
