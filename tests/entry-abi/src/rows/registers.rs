//! Row 11: interposition, which is to see and to change every register, and to run code around every handler.
use core::arch::{asm, naked_asm};
use core::cell::UnsafeCell;
use core::sync::atomic::Ordering;

use x86_entry::TrapFrame;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, VECTOR};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring};
use crate::kernel::{ENTERED, LEFT};

/// The registers that the handler saw.
struct Seen(UnsafeCell<Option<TrapFrame>>);

// SAFETY: one CPU; handler and row use it in turns.
unsafe impl Sync for Seen {}

static SEEN: Seen = Seen(UnsafeCell::new(None));

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

/// There is nothing that it could read them from; what it changes, the compiler puts back.
extern "x86-interrupt" fn theirs(_: StackFrame) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: clobbers what it says.
    unsafe {
        asm!(
            "not rax", "not rcx", "not rdx", "not rsi", "not rdi", "not r8", "not r9", "not r10", "not r11", "not r12",
            out("rax") _, out("rcx") _, out("rdx") _, out("rsi") _, out("rdi") _, out("r8") _, out("r9") _,
            out("r10") _, out("r11") _, out("r12") _,
        )
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: clobbers what it says.
    unsafe {
        asm!("not eax", "not ecx", "not edx", "not edi", out("eax") _, out("ecx") _, out("edx") _, out("edi") _)
    };
}

fn ours(frame: &mut TrapFrame, _: u8) {
    // SAFETY: see `Seen`.
    unsafe { *SEEN.0.get() = Some(*frame) };
    #[cfg(target_arch = "x86_64")]
    for register in [
        &mut frame.r15,
        &mut frame.r14,
        &mut frame.r13,
        &mut frame.r12,
        &mut frame.r11,
        &mut frame.r10,
        &mut frame.r9,
        &mut frame.r8,
        &mut frame.rbp,
        &mut frame.rdi,
        &mut frame.rsi,
        &mut frame.rdx,
        &mut frame.rcx,
        &mut frame.rbx,
        &mut frame.rax,
    ] {
        *register = !*register;
    }
    #[cfg(target_arch = "x86")]
    for register in
        [&mut frame.edi, &mut frame.esi, &mut frame.ebp, &mut frame.ebx, &mut frame.edx, &mut frame.ecx, &mut frame.eax]
    {
        *register = !*register;
    }
}

/// The general registers of a frame in the harness's order.
#[cfg(target_arch = "x86_64")]
fn general(frame: &TrapFrame) -> [usize; 15] {
    [
        frame.r15, frame.r14, frame.r13, frame.r12, frame.r11, frame.r10, frame.r9, frame.r8, frame.rbp, frame.rdi,
        frame.rsi, frame.rdx, frame.rcx, frame.rbx, frame.rax,
    ]
    .map(|register| register as usize)
}

/// The general registers of a frame in the harness's order; the fourth means nothing.
#[cfg(target_arch = "x86")]
fn general(frame: &TrapFrame) -> [usize; 8] {
    let esp = crate::harness::Registers::known(Ring::Three, 0, 0).general[3];
    [frame.edi, frame.esi, frame.ebp, esp as u32, frame.ebx, frame.edx, frame.ecx, frame.eax]
        .map(|register| register as usize)
}

/// Row 11.
pub fn interposition(column: Column) -> Verdict {
    column.interrupt(theirs, ours);
    check(column).into()
}

fn check(column: Column) -> Result<(), Text> {
    let hooks = || (ENTERED.load(Ordering::Relaxed), LEFT.load(Ordering::Relaxed));
    for ring in [Ring::Three, Ring::Zero] {
        let (entered, left) = hooks();
        let program = Program::new(call, ring);
        let trap = program.run();
        trap.check_done()?;
        let before = program.registers.general;
        let after = trap.registers.general;
        let is_register = |index: &usize| cfg!(target_arch = "x86_64") || *index != 3;
        let indices = || (0..before.len()).filter(is_register);
        let changed = indices().filter(|&index| after[index] == !before[index]).count();
        if column == Column::Compiler {
            ensure!(changed > 0, "the handler is shown no register and can change none, and no code runs around it");
        }
        ensure!(changed == indices().count(), "{changed} of {} registers could be changed", indices().count());
        // SAFETY: see `Seen`.
        let seen = unsafe { *SEEN.0.get() };
        let Some(seen) = seen else { return Err(Text::new(format_args!("the handler saw nothing"))) };
        ensure!(general(&seen) == before, "the handler saw other registers than the program's");
        ensure!(seen.instruction_pointer() == program.registers.instruction + 2, "the handler saw another address");
        ensure!(hooks() == (entered + 1, left + 1), "the hooks didn't run around the handler");
    }
    Ok(())
}
