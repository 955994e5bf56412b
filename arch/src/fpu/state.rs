//! The instructions that save and load floating-point state, and the layouts of that state.

use super::{AREA_BYTES, FloatingPointFeatures};
use crate::memory::clear;
use core::arch::asm;
use core::ptr::NonNull;
use x86::controlregs::Xcr0;

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

/// The instructions by which state is saved and loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Method {
    /// XSAVE and XRSTOR: all that XCR0 enables.
    Xsave,
    /// FXSAVE and FXRSTOR: SSE too.
    Fxsave,
    /// FNSAVE and FRSTOR: x87 and MMX. Saving empties the registers.
    Fnsave,
}

/// How this CPU saves and loads state.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instructions {
    method: Method,
    has_mxcsr: bool,
    keeps_addresses: bool,
    /// The components that are saved and loaded, as XSAVE takes them: its low and its high half.
    components: [u32; 2],
}

impl Instructions {
    /// The instructions that every CPU has.
    pub(super) const OLDEST: Self =
        Self { method: Method::Fnsave, has_mxcsr: false, keeps_addresses: false, components: [0; 2] };

    /// Chooses the newest instructions that the CPU has.
    pub(super) fn choose(features: FloatingPointFeatures) -> Self {
        let wanted = Xcr0::XCR0_FPU_MMX_STATE
            | Xcr0::XCR0_SSE_STATE
            | Xcr0::XCR0_AVX_STATE
            | Xcr0::XCR0_OPMASK_STATE
            | Xcr0::XCR0_ZMM_HI256_STATE
            | Xcr0::XCR0_HI16_ZMM_STATE;
        let method = match (features.components, features.fxsave) {
            (0, false) => Method::Fnsave,
            (0, true) => Method::Fxsave,
            _ => Method::Xsave,
        };
        let components = wanted.bits() & features.components;
        Self {
            method,
            has_mxcsr: features.sse && features.fxsave,
            keeps_addresses: features.keeps_addresses,
            components: [components as u32, (components >> 32) as u32],
        }
    }

    /// Gives the components that XCR0 is to enable, if the CPU has XCR0.
    pub(super) fn components(&self) -> Option<Xcr0> {
        let [low, high] = self.components;
        (self.method == Method::Xsave).then(|| Xcr0::from_bits_truncate(u64::from(low) | u64::from(high) << 32))
    }

    /// Tells whether saving empties the registers.
    pub(super) fn saving_empties(&self) -> bool {
        self.method == Method::Fnsave
    }

    /// The bytes at an area's start that decide what is loaded: XSAVE's header ends them, and says that nothing behind
    /// it means anything yet (SDM 1, 13.4.2).
    const DECIDING_BYTES: usize = 512 + 64;

    /// Makes an area hold the state after `fninit`, MXCSR at its default and every register 0.
    pub(super) fn prepare(&self, area: &mut [u8; AREA_BYTES]) {
        let deciding = &mut area[..Self::DECIDING_BYTES];
        // SAFETY: these bytes are borrowed, and whole words.
        unsafe { clear(deciding.as_mut_ptr(), deciding.len()) };
        area[..2].copy_from_slice(&INITIAL_CONTROL.to_le_bytes());
        match self.method {
            Method::Fnsave => area[TAGS_OFFSET..TAGS_OFFSET + 2].copy_from_slice(&INITIAL_TAGS.to_le_bytes()),
            // Tags are abridged here: 0 is "every register empty". XSTATE_BV stays 0, which loads initial values but
            // for MXCSR, which is always taken from its place (SDM 1, 13.8.1).
            Method::Fxsave | Method::Xsave if self.has_mxcsr => {
                area[MXCSR_OFFSET..MXCSR_OFFSET + 4].copy_from_slice(&INITIAL_MXCSR.to_le_bytes());
            }
            Method::Fxsave | Method::Xsave => {}
        }
    }

    /// # Safety
    /// `area` is a writable frame; CR0.TS is clear.
    #[optimize(speed)]
    pub(super) unsafe fn save(&self, area: NonNull<u8>) {
        let area = area.as_ptr();
        let [low, high] = self.components;
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
    #[optimize(speed)]
    pub(super) unsafe fn load(&self, area: NonNull<u8>) {
        let area = area.as_ptr();
        let [low, high] = self.components;
        if self.keeps_addresses {
            // An x87 load of a kernel constant replaces the other thread's instruction and data addresses.
            static ZERO: u32 = 0;
            // SAFETY: the registers are about to be replaced; `fnclex` keeps the load from raising what is pending, and
            // `emms` frees a register for it.
            unsafe { asm!("fnclex", "emms", "fild dword ptr [{}]", in(reg) &ZERO, options(nostack, preserves_flags)) };
        }
        match self.method {
            // FRSTOR first raises what is pending (SDM 1, 8.3.11), which a thread that has ended may have left behind.
            // SAFETY: reads 108 bytes of the caller's frame.
            Method::Fnsave => unsafe { asm!("fnclex", "frstor [{}]", in(reg) area, options(nostack, preserves_flags)) },
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Loading must not raise an exception in ring 0.
    #[test]
    fn loading_raises_nothing_that_somebody_left_pending() {
        let mut area = prepared(Method::Fnsave);
        let unmasked: u16 = INITIAL_CONTROL & !0x3F;
        // SAFETY: no code between here and `load` uses the x87 registers.
        unsafe { asm!("fninit", "fldcw [{}]", "fld1", "fldz", "fdivp", in(reg) &unmasked, options(nostack)) };
        let instructions = Instructions::OLDEST;
        // SAFETY: the area was prepared, and is as long as a frame.
        unsafe { instructions.load(NonNull::from(&mut area).cast()) };
        let mut status = 0_u16;
        // SAFETY: writes the status word where it is told to.
        unsafe { asm!("fnstsw [{}]", in(reg) &mut status, options(nostack)) };
        assert_eq!(status, 0);
    }

    fn prepared(method: Method) -> [u8; AREA_BYTES] {
        let mut area = [0; AREA_BYTES];
        Instructions { method, has_mxcsr: method != Method::Fnsave, ..Instructions::OLDEST }.prepare(&mut area);
        area
    }

    #[test]
    fn a_new_area_is_the_reset_state() {
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
