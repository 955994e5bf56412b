//! Floating point: the x87, MMX, SSE and AVX registers of threads.
//!
//! The kernel never uses them. A thread starts with them off (CR0.TS); its first use faults, the core gives it an area of
//! its own (a frame, charged to its process), and from then on its registers are saved and loaded at every switch. A
//! thread without an area never sees them on, so it can't read another's.
//!
//! What the registers hold is tracked, so that a thread that comes back finds them as they are: a switch to a program
//! that has no area, and back, costs one save and two changes of CR0.TS.

use core::arch::asm;
use core::ptr::NonNull;
use kernel::memory::Frame;
use x86::controlregs::{Cr0, Cr4, Xcr0, cr0, cr0_write, cr4, cr4_write, xcr0_write};

/// The bytes of a thread's area: one frame, which every state component enabled here fits in (x87, SSE, AVX, AVX-512:
/// 2,688 bytes in the standard format).
pub const AREA_BYTES: usize = abi::PAGE_BYTES;

/// FCW after `fninit`: every exception masked, extended precision, round to nearest (SDM 1, 8.1.5).
const INITIAL_CONTROL: u16 = 0x037F;
/// FTW after `fninit`, as FNSAVE stores it: every register empty.
const INITIAL_TAGS: u16 = 0xFFFF;
/// MXCSR after reset: every exception masked, round to nearest (SDM 1, 10.2.3).
const INITIAL_MXCSR: u32 = 0x1F80;
/// Where FXSAVE and XSAVE keep MXCSR.
const MXCSR_OFFSET: usize = 24;
/// Where FNSAVE keeps the tag word in 32-bit protected mode.
const TAGS_OFFSET: usize = 8;

/// What the CPU has of floating point.
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

/// By which instructions state is saved and loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// FNSAVE and FRSTOR: x87 and MMX. Saving empties the registers.
    Fnsave,
    /// FXSAVE and FXRSTOR: SSE too.
    Fxsave,
    /// XSAVE and XRSTOR: whatever XCR0 enables.
    Xsave,
}

/// The area of a thread, by its frame. Frame 0 is nobody's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(transparent)]
pub struct Area(u32);

impl Area {
    /// A thread that has none.
    pub const NONE: Self = Self(0);

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
    method: Method,
    has_mxcsr: bool,
    keeps_addresses: bool,
    components: u64,
    /// Whose state the registers hold.
    live: Area,
    /// Whether they are on, so that they may have changed since they were loaded.
    is_on: bool,
}

impl FloatingPoint {
    /// Before [`Self::initialise`]; no thread has an area yet.
    pub const OFF: Self = Self {
        method: Method::Fnsave,
        has_mxcsr: false,
        keeps_addresses: false,
        components: 0,
        live: Area::NONE,
        is_on: false,
    };

    /// Sets up the control registers for what the CPU has, and turns the registers off.
    pub fn initialise(&mut self, features: FloatingPointFeatures) {
        let wanted = Xcr0::XCR0_FPU_MMX_STATE
            | Xcr0::XCR0_SSE_STATE
            | Xcr0::XCR0_AVX_STATE
            | Xcr0::XCR0_OPMASK_STATE
            | Xcr0::XCR0_ZMM_HI256_STATE
            | Xcr0::XCR0_HI16_ZMM_STATE;
        self.components = wanted.bits() & features.components;
        self.method = match (features.components, features.fxsave) {
            (0, false) => Method::Fnsave,
            (0, true) => Method::Fxsave,
            _ => Method::Xsave,
        };
        self.has_mxcsr = features.sse && features.fxsave;
        self.keeps_addresses = features.keeps_addresses;
        let mut bits = Cr4::empty();
        if features.fxsave {
            bits |= Cr4::CR4_ENABLE_SSE;
        }
        if features.sse {
            bits |= Cr4::CR4_UNMASKED_SSE;
        }
        if self.method == Method::Xsave {
            bits |= Cr4::CR4_ENABLE_OS_XSAVE;
        }
        // SAFETY: ring 0.
        let before = unsafe { cr4() };
        // SAFETY: only bits are added that CPUID says exist.
        unsafe { cr4_write(before | bits) };
        if self.method == Method::Xsave {
            // SAFETY: CR4.OSXSAVE is set, and `components` has only bits that CPUID offers, x87 and SSE among them.
            unsafe { xcr0_write(Xcr0::from_bits_truncate(self.components)) };
        }
        // SAFETY: ring 0.
        let mut control = unsafe { cr0() };
        control.remove(Cr0::CR0_EMULATE_COPROCESSOR);
        control.insert(Cr0::CR0_MONITOR_COPROCESSOR | Cr0::CR0_NUMERIC_ERROR | Cr0::CR0_TASK_SWITCHED);
        // SAFETY: the bits concern floating point alone; the kernel uses none.
        unsafe { cr0_write(control) };
        self.live = Area::NONE;
        self.is_on = false;
    }

    /// Fills an area with the state after `fninit`, MXCSR at its default and every register 0.
    pub fn prepare(&self, area: &mut [u8; AREA_BYTES]) {
        area.fill(0);
        area[..2].copy_from_slice(&INITIAL_CONTROL.to_le_bytes());
        match self.method {
            Method::Fnsave => area[TAGS_OFFSET..TAGS_OFFSET + 2].copy_from_slice(&INITIAL_TAGS.to_le_bytes()),
            // Tags are abridged here: 0 is "every register empty". XSTATE_BV stays 0, which loads initial values but for
            // MXCSR, which is always taken from its place (SDM 1, 13.8.1).
            Method::Fxsave | Method::Xsave if self.has_mxcsr => {
                area[MXCSR_OFFSET..MXCSR_OFFSET + 4].copy_from_slice(&INITIAL_MXCSR.to_le_bytes());
            }
            Method::Fxsave | Method::Xsave => {}
        }
    }

    /// Another thread is about to run: saves what the registers hold, if they are another's and may have changed, and
    /// loads this thread's, or turns the registers off if it has none. `locate` gives the address of an area.
    ///
    /// # Safety
    /// `locate` gives, for every area that [`Self::prepare`] filled and [`Self::forget`] wasn't told of, the address of
    /// its frame, which nothing else borrows.
    #[inline(always)]
    pub unsafe fn switch(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        if to == self.live && self.is_on == to.is_some() {
            return;
        }
        if !to.is_some() && !self.is_on {
            return;
        }
        // SAFETY: the caller's promise is this function's.
        unsafe { self.exchange(to, locate) }
    }

    /// A thread's registers are off though it has an area: a task gate set CR0.TS, or the area is new. Turns them on.
    ///
    /// # Safety
    /// As for [`Self::switch`].
    pub unsafe fn restore(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        if self.live == to && self.is_on {
            clear_task_switched();
            return;
        }
        // SAFETY: the caller's promise is this function's.
        unsafe { self.exchange(to, locate) }
    }

    /// A thread ends: its area must not be written any more.
    pub fn forget(&mut self, area: Area) {
        if area.is_some() && self.live == area {
            self.live = Area::NONE;
        }
    }

    /// # Safety
    /// As for [`Self::switch`].
    unsafe fn exchange(&mut self, to: Area, locate: impl Fn(Area) -> NonNull<u8>) {
        if self.is_on && self.live.is_some() && self.live != to {
            clear_task_switched();
            // SAFETY: the caller vouches for the area; the registers are on.
            unsafe { self.save(locate(self.live)) };
            if self.method == Method::Fnsave {
                self.live = Area::NONE;
            }
        }
        if !to.is_some() {
            set_task_switched();
            self.is_on = false;
            return;
        }
        clear_task_switched();
        self.is_on = true;
        if self.live != to {
            // SAFETY: the caller vouches for the area, which `prepare` or `save` filled; the registers are on.
            unsafe { self.load(locate(to)) };
            self.live = to;
        }
    }

    /// # Safety
    /// `area` is a writable frame; CR0.TS is clear.
    unsafe fn save(&self, area: NonNull<u8>) {
        let area = area.as_ptr();
        let (low, high) = (self.components as u32, (self.components >> 32) as u32);
        match self.method {
            // SAFETY: writes 108 bytes of the caller's frame.
            Method::Fnsave => unsafe { asm!("fnsave [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: writes 512 bytes of the caller's frame, which is aligned to more than 16.
            Method::Fxsave => unsafe { asm!("fxsave64 [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86")]
            // SAFETY: writes 512 bytes of the caller's frame, which is aligned to more than 16.
            Method::Fxsave => unsafe { asm!("fxsave [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: writes at most AREA_BYTES of the caller's frame, which is aligned to more than 64.
            Method::Xsave => unsafe {
                asm!("xsave64 [{}]", in(reg) area, in("eax") low, in("edx") high, options(nostack, preserves_flags))
            },
            #[cfg(target_arch = "x86")]
            // SAFETY: writes at most AREA_BYTES of the caller's frame, which is aligned to more than 64.
            Method::Xsave => unsafe {
                asm!("xsave [{}]", in(reg) area, in("eax") low, in("edx") high, options(nostack, preserves_flags))
            },
        }
    }

    /// # Safety
    /// `area` is a frame that [`Self::prepare`] or [`Self::save`] filled; CR0.TS is clear.
    unsafe fn load(&self, area: NonNull<u8>) {
        let area = area.as_ptr();
        let (low, high) = (self.components as u32, (self.components >> 32) as u32);
        if self.keeps_addresses {
            // An x87 load of a kernel constant replaces the other thread's instruction and data addresses.
            static ZERO: u32 = 0;
            // SAFETY: the registers are about to be replaced; `fnclex` keeps the load from raising what is pending, and
            // `emms` frees a register for it.
            unsafe { asm!("fnclex", "emms", "fild dword ptr [{}]", in(reg) &ZERO, options(nostack, preserves_flags)) };
        }
        match self.method {
            // SAFETY: reads 108 bytes of the caller's frame.
            Method::Fnsave => unsafe { asm!("frstor [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: reads 512 bytes of the caller's frame, whose MXCSR has no reserved bit.
            Method::Fxsave => unsafe { asm!("fxrstor64 [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86")]
            // SAFETY: reads 512 bytes of the caller's frame, whose MXCSR has no reserved bit.
            Method::Fxsave => unsafe { asm!("fxrstor [{}]", in(reg) area, options(nostack, preserves_flags)) },
            #[cfg(target_arch = "x86_64")]
            // SAFETY: reads at most AREA_BYTES of the caller's frame, whose header only `save` and `prepare` wrote.
            Method::Xsave => unsafe {
                asm!("xrstor64 [{}]", in(reg) area, in("eax") low, in("edx") high, options(nostack, preserves_flags))
            },
            #[cfg(target_arch = "x86")]
            // SAFETY: reads at most AREA_BYTES of the caller's frame, whose header only `save` and `prepare` wrote.
            Method::Xsave => unsafe {
                asm!("xrstor [{}]", in(reg) area, in("eax") low, in("edx") high, options(nostack, preserves_flags))
            },
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

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(method: Method) -> [u8; AREA_BYTES] {
        let mut area = [0xA5; AREA_BYTES];
        FloatingPoint { method, has_mxcsr: method != Method::Fnsave, ..FloatingPoint::OFF }.prepare(&mut area);
        area
    }

    #[test]
    fn a_new_area_is_the_reset_state_and_nothing_else() {
        for method in [Method::Fnsave, Method::Fxsave, Method::Xsave] {
            let mut area = prepared(method);
            assert_eq!(area[..2], [0x7F, 0x03]);
            area[..2].fill(0);
            match method {
                Method::Fnsave => {
                    assert_eq!(area[8..10], [0xFF; 2]);
                    area[8..10].fill(0);
                }
                _ => {
                    assert_eq!(area[24..28], [0x80, 0x1F, 0, 0]);
                    area[24..28].fill(0);
                }
            }
            assert!(area.iter().all(|&byte| byte == 0));
        }
    }
}
