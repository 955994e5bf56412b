//! Rows 1, 2, 5 and 10: floating-point registers of the interrupted program.
use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU32, Ordering};

use x86_entry::{FloatingPointFormat, TrapFrame};

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, Theirs, VECTOR};
use crate::console::Text;
use crate::floats::Floats;
use crate::harness::{DONE, Program, Ring, best_format, keep_floats};

/// MXCSR as reset leaves it: what a handler may expect.
const CLEAN_MXCSR: u32 = 0x1F80;

/// MXCSR as the last handler found it.
static MXCSR: AtomicU32 = AtomicU32::new(0);

/// In a kernel that is built without floating point, a handler that uses it asks for it. In a kernel that is built with
/// it, `x86-entry` keeps the state for every handler.
fn with_floats(body: impl FnOnce()) {
    #[cfg(feature = "hard-float")]
    body();
    #[cfg(not(feature = "hard-float"))]
    {
        use x86_entry::{FloatingPointArea, with_floating_point};
        let mut area = FloatingPointArea::<2048>::new();
        // SAFETY: a soft-float kernel with interrupts off.
        unsafe { with_floating_point(best_format(), area.bytes(), body) };
    }
}

macro_rules! handlers {
    ($body:ident, $theirs:ident, $ours:ident) => {
        extern "x86-interrupt" fn $theirs(_: StackFrame) {
            $body();
        }

        fn $ours(_: &mut TrapFrame, _: u8) {
            with_floats($body);
        }
    };
}
handlers!(use_x87, theirs_x87, ours_x87);
handlers!(use_mmx, theirs_mmx, ours_mmx);
handlers!(use_f64, theirs_f64, ours_f64);
handlers!(use_mxcsr, theirs_mxcsr, ours_mxcsr);
handlers!(use_sse, theirs_sse, ours_sse);
handlers!(use_avx, theirs_avx, ours_avx);

#[inline(always)]
fn use_x87() {
    // SAFETY: clobbers what it says.
    unsafe {
        asm!(
            "fninit", "fldpi", "fld1", "faddp",
            out("st(0)") _, out("st(1)") _, out("st(2)") _, out("st(3)") _,
            out("st(4)") _, out("st(5)") _, out("st(6)") _, out("st(7)") _,
            options(nostack),
        )
    };
}

#[inline(always)]
fn use_mmx() {
    // SAFETY: clobbers what it says; `emms` leaves the tag word as compiled code expects it.
    unsafe {
        asm!(
            "pcmpeqd mm0, mm0", "pcmpeqd mm7, mm7", "emms",
            out("mm0") _, out("mm1") _, out("mm2") _, out("mm3") _,
            out("mm4") _, out("mm5") _, out("mm6") _, out("mm7") _,
            options(nostack),
        )
    };
}

/// Plain Rust that uses numbers. The compiler chooses the registers.
#[inline(always)]
fn use_f64() {
    let mut sum = core::hint::black_box(0.5_f64);
    for term in 1..20 {
        sum += core::hint::black_box(f64::from(term)) / 3.0;
    }
    core::hint::black_box(sum);
}

#[inline(always)]
fn use_mxcsr() {
    let mut mxcsr = 0_u32;
    // SAFETY: a store; CPUs here have SSE.
    unsafe { asm!("stmxcsr [{}]", in(reg) &mut mxcsr, options(nostack)) };
    MXCSR.store(mxcsr, Ordering::Relaxed);
    #[cfg(target_feature = "sse")]
    {
        // Inexact: that sets a sticky flag.
        core::hint::black_box(core::hint::black_box(1.0_f32) / core::hint::black_box(3.0_f32));
    }
    #[cfg(not(target_feature = "sse"))]
    {
        let numbers = [1.0_f32, 3.0];
        // SAFETY: reads two numbers. The register isn't one that the compiler of this target knows.
        unsafe { asm!("movss xmm0, [{0}]", "divss xmm0, [{0} + 4]", in(reg) &numbers, options(nostack)) };
    }
}

#[inline(always)]
fn use_sse() {
    #[cfg(target_feature = "sse")]
    // SAFETY: clobbers what it says.
    unsafe {
        asm!(
            "pcmpeqd xmm0, xmm0", "pcmpeqd xmm7, xmm7",
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            out("xmm4") _, out("xmm5") _, out("xmm6") _, out("xmm7") _,
            options(nostack),
        )
    };
    #[cfg(not(target_feature = "sse"))]
    // SAFETY: the registers aren't ones that the compiler of this target knows.
    unsafe {
        asm!("pcmpeqd xmm0, xmm0", "pcmpeqd xmm7, xmm7", options(nostack))
    };
}

/// Calls a function that is compiled for AVX, as a kernel does that looks at CPUID first.
#[inline(always)]
fn use_avx() {
    #[cfg(target_feature = "sse")]
    {
        #[target_feature(enable = "avx")]
        #[inline(never)]
        fn clear() {
            // SAFETY: clobbers what it says.
            unsafe {
                asm!(
                    "vzeroall",
                    out("ymm0") _, out("ymm1") _, out("ymm2") _, out("ymm3") _,
                    out("ymm4") _, out("ymm5") _, out("ymm6") _, out("ymm7") _,
                    options(nostack),
                )
            };
            #[cfg(target_arch = "x86_64")]
            // SAFETY: as above.
            unsafe {
                asm!(
                    "/* and the other half */",
                    out("ymm8") _, out("ymm9") _, out("ymm10") _, out("ymm11") _,
                    out("ymm12") _, out("ymm13") _, out("ymm14") _, out("ymm15") _,
                    options(nostack),
                )
            };
        }
        // SAFETY: the machines that this runs on have AVX, and the start code has switched it on.
        unsafe { clear() };
    }
    #[cfg(not(target_feature = "sse"))]
    // SAFETY: the registers aren't ones that the compiler of this target knows.
    unsafe {
        asm!("vzeroall", options(nostack))
    };
}

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

/// Interrupts a program once, in both rings, and has its state before and after compared.
fn interrupt(changed: impl Fn(&Floats, &Floats) -> Option<&'static str>) -> Result<(), Text> {
    for ring in [Ring::Three, Ring::Zero] {
        let trap = Program::new(call, ring).finish(&[])?;
        if let Some(part) = changed(&trap.floats, &Floats::known()) {
            ensure!(false, "the program's {part} changed");
        }
    }
    Ok(())
}

/// Row 1.
pub fn x87_and_mmx(column: Column) -> Verdict {
    let all = || -> Result<(), Text> {
        keeps_x87(column, theirs_f64, ours_f64, "plain f64")?;
        keeps_x87(column, theirs_x87, ours_x87, "x87")?;
        keeps_x87(column, theirs_mmx, ours_mmx, "MMX")
    };
    all().into()
}

/// Runs a test once for each format that keeps the tested registers, of those in which `x86-entry` keeps the state for
/// a kernel that is built with floating point. `x86-entry` chooses the format by the CPU, and the formats are of CPUs
/// of different ages.
fn in_every_format(
    column: Column,
    formats: &[FloatingPointFormat],
    run: impl Fn() -> Result<(), Text>,
) -> Result<(), Text> {
    run()?;
    if column == Column::Compiler || cfg!(not(feature = "hard-float")) {
        return Ok(());
    }
    for format in formats {
        keep_floats(*format);
        let result = run().map_err(|why| Text::new(format_args!("{format:?}: {why}")));
        keep_floats(best_format());
        result?;
    }
    Ok(())
}

#[cfg(target_arch = "x86_64")]
const WITH_X87: &[FloatingPointFormat] = &[FloatingPointFormat::Fxsave];
#[cfg(target_arch = "x86")]
const WITH_X87: &[FloatingPointFormat] = &[FloatingPointFormat::Fxsave, FloatingPointFormat::Fnsave];
const WITH_SSE: &[FloatingPointFormat] = &[FloatingPointFormat::Fxsave];

fn keeps_x87(
    column: Column,
    theirs: Theirs,
    ours: impl Fn(&mut TrapFrame, u8) + Sync + 'static,
    what: &str,
) -> Result<(), Text> {
    column.interrupt(theirs, ours);
    let run = || interrupt(Floats::changed_x87).map_err(|why| Text::new(format_args!("{what}: {why}")));
    in_every_format(column, WITH_X87, run)
}

/// Row 2.
pub fn mxcsr(column: Column) -> Verdict {
    column.interrupt(theirs_mxcsr, ours_mxcsr);
    let check = || -> Result<(), Text> {
        MXCSR.store(0, Ordering::Relaxed);
        let after = interrupt(Floats::changed_mxcsr);
        let seen = MXCSR.load(Ordering::Relaxed);
        let leak = if after.is_err() { ", and its flags leak out" } else { "" };
        ensure!(seen == CLEAN_MXCSR, "the handler runs with the program's MXCSR of {seen:#x}{leak}");
        after
    };
    check().into()
}

/// Row 5. Without SSE in the kernel, a handler must run where SSE isn't even switched on; with it, all of it must be
/// kept.
pub fn sse(column: Column) -> Verdict {
    if cfg!(target_feature = "sse") {
        column.interrupt(theirs_sse, ours_sse);
        return in_every_format(column, WITH_SSE, || interrupt(Floats::changed_sse)).into();
    }
    column.interrupt(theirs_plain, ours_plain);
    // The format of a CPU without SSE, for kernels whose floating point is x87's.
    keep_floats(FloatingPointFormat::Fnsave);
    let verdict = without_sse(|| Program::new(call, Ring::Three).without_floats().finish(&[]).map(drop)).into();
    keep_floats(best_format());
    verdict
}

extern "x86-interrupt" fn theirs_plain(_: StackFrame) {
    work();
}

fn ours_plain(_: &mut TrapFrame, _: u8) {
    work();
}

/// A call that the compiler knows nothing about: it would have to save every register that the function may use.
fn work() {
    let body: fn() = core::hint::black_box(|| MXCSR.store(0, Ordering::Relaxed));
    body();
}

/// Runs something on a CPU whose SSE isn't switched on: any such instruction is invalid.
fn without_sse<R>(body: impl FnOnce() -> R) -> R {
    use x86::controlregs::{Cr4, cr4, cr4_write};
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: only SSE and AVX are switched off, which this kernel wasn't built for.
    unsafe { cr4_write(control & !(Cr4::CR4_ENABLE_SSE | Cr4::CR4_ENABLE_OS_XSAVE)) };
    let result = body();
    // SAFETY: as it was.
    unsafe { cr4_write(control) };
    result
}

/// Row 10.
pub fn avx(column: Column) -> Verdict {
    column.interrupt(theirs_avx, ours_avx);
    interrupt(|after, before| after.changed_avx(before).or(after.changed_sse(before))).into()
}
