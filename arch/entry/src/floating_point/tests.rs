//! Every format keeps what it says, on the host, whose registers a test may change.
use super::*;

/// x87 control word, MXCSR, and the top of the x87 stack, as integers.
fn state() -> (u16, u32, i32) {
    let (mut control, mut status, mut top) = (0_u16, 0_u32, 0_i32);
    // SAFETY: stores of registers; the x87 stack has a value on top, see `disturb`.
    unsafe {
        asm!(
            "fnstcw [{}]", "stmxcsr [{}]", "fist dword ptr [{}]",
            in(reg) &mut control, in(reg) &mut status, in(reg) &mut top,
        )
    };
    (control, status, top)
}

/// Leaves a control word, an MXCSR and a value that a clean unit hasn't.
fn disturb(control: u16, status: u32, value: i32) {
    // SAFETY: exceptions stay masked in the values that the tests use.
    unsafe {
        asm!(
            "fninit", "fldcw [{}]", "ldmxcsr [{}]", "fild dword ptr [{}]",
            in(reg) &control, in(reg) &status, in(reg) &value,
        )
    };
}

/// Room for the state of any host: XSAVE needs 11,008 bytes where the CPU has AMX, the most of today's.
const ROOM: usize = 64 * 1024;

fn keeps_state(format: FloatingPointFormat) {
    let mut area = FloatingPointArea::<ROOM>::new();
    // A handler's area holds the state of an earlier trap.
    area.bytes().fill(0xFF);
    disturb(0x0F7F, 0x7F80, 1234);
    let before = state();
    let mut clean = (0_u16, 0_u32);
    let body = || {
        // SAFETY: stores of registers.
        unsafe { asm!("fnstcw [{}]", "stmxcsr [{}]", in(reg) &mut clean.0, in(reg) &mut clean.1) };
        disturb(0x037F, 0x1F80, 99);
    };
    // SAFETY: a user program may use floating point, and the CPU has the format.
    unsafe { with_state_kept(format, mxcsr_of(format), area.bytes(), body) };
    let after = state();
    disturb(0x037F, 0x1F80, 0);
    // SAFETY: takes the value off the stack, as other code expects.
    unsafe { asm!("fninit") };
    assert_eq!(clean.0, 0x037F, "{format:?}: the body gets a clean control word");
    if format == FloatingPointFormat::Fnsave {
        assert_eq!((after.0, after.2), (before.0, before.2), "{format:?}");
    } else {
        assert_eq!(clean.1, CLEAN_MXCSR, "{format:?}: the body gets a clean MXCSR");
        assert_eq!(after, before, "{format:?}");
    }
}

fn scratch_mmx() {
    // SAFETY: the register is the test's.
    unsafe { asm!("pxor mm3, mm3", "emms", options(nomem, nostack)) };
}

fn scratch_avx() {
    // SAFETY: the register is the test's, and the caller has found AVX.
    unsafe { asm!("vpxor xmm15, xmm15, xmm15", options(nomem, nostack)) };
}

/// A user program has whatever the CPU has.
fn mxcsr_of(format: FloatingPointFormat) -> Mxcsr {
    if format.has_mxcsr() { Mxcsr::Clean } else { Mxcsr::Untouched }
}

#[test]
fn every_format_keeps_the_state() {
    keeps_state(FloatingPointFormat::Fnsave);
    keeps_state(FloatingPointFormat::Fxsave);
    keeps_state(FloatingPointFormat::detect().expect("the host has x87"));
}

/// MMX registers are the x87's: every format must keep their bits, and the tags that using one sets.
#[test]
fn every_format_keeps_mmx_registers() {
    for format in [FloatingPointFormat::Fnsave, FloatingPointFormat::Fxsave] {
        let mut area = FloatingPointArea::<512>::new();
        let (before, mut after) = (0x0123_4567_89AB_CDEF_u64, 0_u64);
        // SAFETY: the register is read below, and given back to x87 code there.
        unsafe { asm!("movq mm3, [{}]", in(reg) &before, options(nostack)) };
        // SAFETY: a user program may use MMX, and the CPU has the format.
        unsafe { with_state_kept(format, mxcsr_of(format), area.bytes(), scratch_mmx) };
        // SAFETY: a store of a register; other code expects an empty x87.
        unsafe { asm!("movq [{}], mm3", "emms", in(reg) &mut after, options(nostack)) };
        assert_eq!(after, before, "{format:?}");
    }
}

/// The halves that an SSE kernel's own saves don't know of.
#[test]
fn xsave_keeps_upper_halves_of_avx_registers() {
    const AVX: u64 = 1 << 2;
    let format = FloatingPointFormat::detect().expect("the host has x87");
    let FloatingPointFormat::Xsave { components, .. } = format else { return };
    if components & AVX == 0 {
        return;
    }
    let mut area = FloatingPointArea::<ROOM>::new();
    let before: [u64; 4] = core::array::from_fn(|index| 0x1111 * (index as u64 + 1));
    let mut after = [0_u64; 4];
    // The value lives in a register between three pieces of assembly: nothing else here uses this one.
    // SAFETY: the CPU has AVX, and its kernel has enabled it.
    unsafe { asm!("vmovdqu ymm15, [{}]", in(reg) &before, options(nostack)) };
    // SAFETY: a user program may use AVX, and the CPU has the format.
    unsafe { with_state_kept(format, Mxcsr::Clean, area.bytes(), scratch_avx) };
    // SAFETY: a store of a register.
    unsafe { asm!("vmovdqu [{}], ymm15", "vzeroupper", in(reg) &mut after, options(nostack)) };
    assert_eq!(after, before);
}

/// A division by zero with its exception unmasked is raised by whatever waits next, here a signal that ends the test.
#[test]
fn what_the_handler_leaves_pending_is_nobodys() {
    for format in [FloatingPointFormat::Fnsave, FloatingPointFormat::Fxsave] {
        let mut area = FloatingPointArea::<512>::new();
        let leave_pending = || {
            let unmasked = 0x0300_u16;
            // SAFETY: nothing here waits for the exception; the state is loaded over.
            unsafe { asm!("fldcw [{}]", "fld1", "fldz", "fdivp", in(reg) &unmasked, options(nostack)) };
        };
        // SAFETY: a user program may use floating point, and the CPU has the format.
        unsafe { with_state_kept(format, mxcsr_of(format), area.bytes(), leave_pending) };
        // SAFETY: it waits.
        unsafe { asm!("fwait", options(nomem, nostack)) };
    }
}

#[test]
#[should_panic(expected = "no room for the state")]
fn a_small_area_is_refused() {
    let mut area = FloatingPointArea::<{ FXSAVE_BYTES - 1 }>::new();
    // SAFETY: it never comes to a save.
    unsafe { with_state_kept(FloatingPointFormat::Fxsave, Mxcsr::Clean, area.bytes(), || ()) };
}

#[test]
#[should_panic(expected = "no room for the state")]
fn an_area_off_a_multiple_of_64_is_refused() {
    let mut area = FloatingPointArea::<1024>::new();
    // SAFETY: it never comes to a save.
    unsafe { with_state_kept(FloatingPointFormat::Fxsave, Mxcsr::Clean, &mut area.bytes()[16..], || ()) };
}
