//! Row 13: the GS base, which ring 3 chooses.
use core::arch::{asm, naked_asm};
use core::sync::atomic::{AtomicU64, Ordering};

use x86::msr::{IA32_GS_BASE, IA32_KERNEL_GSBASE, rdmsr, wrmsr};
use x86_entry::TrapFrame;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, VECTOR, interrupt};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring, USER_DATA, lead};
use crate::kernel::Swapping;

const KERNEL_MARK: u64 = 0x4B45_524E_454C;
const USER_MARK: u64 = 0x5553_4552;

static KERNEL_DATA: AtomicU64 = AtomicU64::new(KERNEL_MARK);
/// The word that the last handler read at its GS base.
static SEEN: AtomicU64 = AtomicU64::new(0);

#[inline(always)]
fn read_mark() {
    let mark: u64;
    // SAFETY: both bases have a mark.
    unsafe { asm!("mov {}, gs:[0]", out(reg) mark, options(nostack, readonly)) };
    SEEN.store(mark, Ordering::Relaxed);
}

extern "x86-interrupt" fn theirs(_: StackFrame) {
    read_mark();
}

fn ours(_: &mut TrapFrame, _: u8) {
    read_mark();
}

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

fn set(register: u32, base: usize) {
    // SAFETY: ring 0; this kernel uses no GS but in this row.
    unsafe { wrmsr(register, base as u64) };
}

fn get(register: u32) -> usize {
    // SAFETY: ring 0.
    unsafe { rdmsr(register) as usize }
}

/// Row 13.
pub fn swapgs(column: Column) -> Verdict {
    match column {
        Column::Compiler => lead(VECTOR, theirs as *const () as usize),
        Column::Entry => interrupt::<Swapping>(ours),
    }
    let kernel = &raw const KERNEL_DATA as usize;
    // SAFETY: memory of programs, in which nothing else lies.
    unsafe { (USER_DATA as *mut u64).write_volatile(USER_MARK) };
    let check = || -> Result<(), Text> {
        // From ring 3 the user's base is loaded and the kernel's parked; from ring 0 the other way round.
        for (ring, loaded, parked) in [(Ring::Three, USER_DATA, kernel), (Ring::Zero, kernel, USER_DATA)] {
            set(IA32_GS_BASE, loaded);
            set(IA32_KERNEL_GSBASE, parked);
            Program::new(call, ring).finish(&[])?;
            let seen = SEEN.load(Ordering::Relaxed);
            ensure!(seen != USER_MARK, "the handler runs on the user's GS base");
            ensure!(seen == KERNEL_MARK, "the handler runs on no known GS base");
            let bases = (get(IA32_GS_BASE), get(IA32_KERNEL_GSBASE));
            ensure!(bases == (loaded, parked), "the GS bases weren't put back");
        }
        Ok(())
    };
    let verdict = check().into();
    set(IA32_GS_BASE, 0);
    set(IA32_KERNEL_GSBASE, 0);
    verdict
}
