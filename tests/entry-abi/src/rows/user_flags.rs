//! Rows 12 and 14: flags that a program sets and a handler must not inherit.
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86::controlregs::{Cr4, cr4, cr4_write};
use x86_entry::TrapFrame;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, VECTOR};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring, USER_DATA};

const DIRECTION: usize = 1 << 10;
const ALIGNMENT_CHECK: usize = 1 << 18;

/// The flags that the last handler ran with.
static FLAGS: AtomicUsize = AtomicUsize::new(0);

#[inline(always)]
fn note_flags() {
    #[unsafe(naked)]
    extern "C" fn flags() -> usize {
        #[cfg(target_arch = "x86_64")]
        naked_asm!("pushfq", "pop rax", "ret");
        #[cfg(target_arch = "x86")]
        naked_asm!("pushfd", "pop eax", "ret");
    }
    FLAGS.store(flags(), Ordering::Relaxed);
}

extern "x86-interrupt" fn theirs(_: StackFrame) {
    note_flags();
}

fn ours(_: &mut TrapFrame, _: u8) {
    note_flags();
}

/// Reads what belongs to a program, which a kernel with SMAP does only where it means to.
#[inline(always)]
fn read_user() {
    // SAFETY: memory is there, which nothing else is in.
    let _ = unsafe { (USER_DATA as *const u8).read_volatile() };
}

extern "x86-interrupt" fn theirs_reading(_: StackFrame) {
    read_user();
}

fn ours_reading(_: &mut TrapFrame, _: u8) {
    read_user();
}

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

/// The handler must run without the flag, and the program go on with it.
fn check_flag(flag: usize, name: &str) -> Result<(), Text> {
    for ring in [Ring::Three, Ring::Zero] {
        let trap = Program::new(call, ring).with(|registers| registers.flags |= flag).finish(&[])?;
        ensure!(FLAGS.load(Ordering::Relaxed) & flag == 0, "the handler runs with the program's {name}");
        ensure!(trap.registers.flags & flag != 0, "the program lost {name}");
    }
    Ok(())
}

/// Row 12.
pub fn direction(column: Column) -> Verdict {
    column.interrupt(theirs, ours);
    check_flag(DIRECTION, "direction flag").into()
}

/// Row 14.
pub fn smap(column: Column) -> Verdict {
    column.interrupt(theirs_reading, ours_reading);
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: the kernel lies in memory of its own; the machine has SMAP.
    unsafe { cr4_write(control | Cr4::CR4_ENABLE_SMAP) };
    let with = run_with_smap(ALIGNMENT_CHECK);
    let without = run_with_smap(0);
    // SAFETY: as it was.
    unsafe { cr4_write(control) };
    column.interrupt(theirs, ours);
    let check = || -> Result<(), Text> {
        ensure!(without.registers.vector == 14, "SMAP isn't in force");
        ensure!(with.registers.vector == 14, "with AC=1 a program switches SMAP off for the handler");
        ensure!(with.registers.code & 3 == 0, "the fault isn't the handler's");
        check_flag(ALIGNMENT_CHECK, "AC flag")
    };
    check().into()
}

fn run_with_smap(flags: usize) -> crate::harness::Trap {
    let program = {
        // Programs are copied to user memory.
        // SAFETY: ring 0 on a CPU with SMAP.
        unsafe { core::arch::asm!("stac", options(nomem, nostack)) };
        let program = Program::new(call, Ring::Three).with(|registers| registers.flags |= flags);
        // SAFETY: as above.
        unsafe { core::arch::asm!("clac", options(nomem, nostack)) };
        program
    };
    program.run()
}
