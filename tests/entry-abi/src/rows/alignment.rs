//! Rows 3, 4, 6, 7 and 8: where the stack is when a handler runs.
use core::arch::naked_asm;
use core::hint::black_box;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::TrapFrame;
use x86_entry::error_code::PageFaultErrorCode;
use x86_entry::vector::PAGE_FAULT;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring, cpu, data_register};
use crate::start::HOLE;

/// The alignment that both ABIs of C promise to a function (System V: the stack is 16-byte aligned at a call).
const CALL_ALIGNMENT: usize = 16;

/// The stack pointer of the last call, as it was before the return address was pushed.
static AT_CALL: AtomicUsize = AtomicUsize::new(0);
/// How far the last locals of 16, 32 and 64 bytes were from their alignment.
static LOCALS: [AtomicUsize; 3] = [const { AtomicUsize::new(0) }; 3];
/// How many handlers ran.
static RUNS: AtomicUsize = AtomicUsize::new(0);

#[repr(align(16))]
struct Aligned16([u64; 8]);
#[repr(align(32))]
struct Aligned32([u64; 8]);
#[repr(align(64))]
struct Aligned64([u64; 8]);

/// Notes the stack pointer at a call.
#[inline(always)]
fn note_call() {
    #[unsafe(naked)]
    extern "C" fn at_call() -> usize {
        #[cfg(target_arch = "x86_64")]
        naked_asm!("lea rax, [rsp + {word}]", "ret", word = const size_of::<usize>());
        #[cfg(target_arch = "x86")]
        naked_asm!("lea eax, [esp + {word}]", "ret", word = const size_of::<usize>());
    }
    AT_CALL.store(at_call(), Ordering::Relaxed);
    RUNS.fetch_add(1, Ordering::Relaxed);
}

/// Has a local of an alignment in the handler's own frame, and notes where it lies.
macro_rules! note_local {
    ($type:ident, $index:literal) => {
        // Zeroed by vector instructions, where the target has them and optimisation is on.
        let mut local = $type([0; 8]);
        // An address that the compiler knows nothing about; of a reference it knows the alignment.
        let address = black_box(&raw mut local.0 as usize);
        LOCALS[$index].store(address % align_of::<$type>(), Ordering::Relaxed);
    };
}

extern "x86-interrupt" fn theirs(_: StackFrame) {
    note_call();
    note_local!(Aligned16, 0);
}

extern "x86-interrupt" fn theirs_with_code(mut frame: StackFrame, _: usize) {
    note_call();
    note_local!(Aligned16, 0);
    frame.skip(FAULT_BYTES);
}

fn ours(_: &mut TrapFrame, _: u8) {
    note_call();
    note_local!(Aligned16, 0);
}

fn ours_with_code(frame: &mut TrapFrame, _: PageFaultErrorCode) {
    note_call();
    note_local!(Aligned16, 0);
    skip(frame);
}

extern "x86-interrupt" fn theirs_wide(_: StackFrame) {
    note_local!(Aligned32, 1);
    note_local!(Aligned64, 2);
    RUNS.fetch_add(1, Ordering::Relaxed);
}

extern "x86-interrupt" fn theirs_wide_with_code(mut frame: StackFrame, _: usize) {
    note_local!(Aligned32, 1);
    note_local!(Aligned64, 2);
    RUNS.fetch_add(1, Ordering::Relaxed);
    frame.skip(FAULT_BYTES);
}

fn ours_wide(_: &mut TrapFrame, _: u8) {
    note_local!(Aligned32, 1);
    note_local!(Aligned64, 2);
    RUNS.fetch_add(1, Ordering::Relaxed);
}

fn ours_wide_with_code(frame: &mut TrapFrame, _: PageFaultErrorCode) {
    note_local!(Aligned32, 1);
    note_local!(Aligned64, 2);
    RUNS.fetch_add(1, Ordering::Relaxed);
    skip(frame);
}

fn skip(frame: &mut TrapFrame) {
    frame.set_instruction_pointer(frame.instruction_pointer() + FAULT_BYTES);
}

/// Bytes of the instruction that faults in [`fault`].
const FAULT_BYTES: usize = 2;

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const crate::column::VECTOR, done = const DONE)
}

#[unsafe(naked)]
unsafe extern "C" fn fault() {
    #[cfg(target_arch = "x86_64")]
    naked_asm!("mov [rdx], eax", "int {done}", done = const DONE);
    #[cfg(target_arch = "x86")]
    naked_asm!("mov [edx], eax", "int {done}", done = const DONE);
}

/// The event that interrupts a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Interrupt,
    PageFault,
}

/// Runs a program in a ring whose trap begins `below` bytes below the usual place.
fn run(by: By, ring: Ring, below: usize) -> Result<(), Text> {
    let code = match by {
        By::Interrupt => call,
        By::PageFault => fault,
    };
    let program = Program::new(code, ring).with(|registers| *data_register(registers) = HOLE);
    let program = match ring {
        Ring::Zero => program.with(|registers| registers.stack -= below),
        Ring::Three => {
            move_trap_stack(below);
            program
        }
    };
    AT_CALL.store(0, Ordering::Relaxed);
    RUNS.store(0, Ordering::Relaxed);
    LOCALS.iter().for_each(|local| local.store(0, Ordering::Relaxed));
    let result = program.finish(&[]);
    if ring == Ring::Three {
        move_trap_stack(below.wrapping_neg());
    }
    // Where the stack is comes first: a fault is what it leads to.
    let over = AT_CALL.load(Ordering::Relaxed) % CALL_ALIGNMENT;
    let register = if cfg!(target_arch = "x86") { "esp" } else { "rsp" };
    let fault = result.as_ref().err();
    let then = fault.map_or(Text::new(format_args!("")), |why| Text::new(format_args!(", then {why}")));
    ensure!(over == 0, "{register} % {CALL_ALIGNMENT} == {over} at a call{then}");
    for (local, alignment) in LOCALS.iter().zip([16, 32, 64]) {
        let over = local.load(Ordering::Relaxed);
        ensure!(over == 0, "a local aligned to {alignment} lies {over} bytes off{then}");
    }
    result?;
    ensure!(RUNS.load(Ordering::Relaxed) == 1, "the handler ran {} times", RUNS.load(Ordering::Relaxed));
    Ok(())
}

/// The CPU itself aligns the stack on x86_64.
#[cfg(target_arch = "x86_64")]
fn move_trap_stack(below: usize) {
    let top = cpu().tss.rsp[0];
    cpu().tss.rsp[0] = top.wrapping_sub(below as u64);
}

#[cfg(target_arch = "x86")]
fn move_trap_stack(below: usize) {
    let top = cpu().tss.esp0;
    cpu().tss.esp0 = top.wrapping_sub(below as u32);
}

/// Runs a program in both rings with the stack anywhere.
fn run_everywhere(by: By) -> Result<(), Text> {
    for ring in [Ring::Three, Ring::Zero] {
        for below in (0..64).step_by(size_of::<usize>()) {
            run(by, ring, below)?;
        }
    }
    Ok(())
}

fn install(column: Column) {
    column.interrupt(theirs, ours);
    column.exception(14, theirs_with_code, |fill| {
        fill.exception(PAGE_FAULT, ours_with_code);
    });
}

fn install_wide(column: Column) {
    column.interrupt(theirs_wide, ours_wide);
    column.exception(14, theirs_wide_with_code, |fill| {
        fill.exception(PAGE_FAULT, ours_wide_with_code);
    });
}

/// Row 3.
pub fn with_error_code(column: Column) -> Verdict {
    if cfg!(target_arch = "x86") {
        return Verdict::None("rows 6 and 7 are i686's");
    }
    install(column);
    run_everywhere(By::PageFault).into()
}

/// Row 4.
pub fn without_error_code(column: Column) -> Verdict {
    if cfg!(target_arch = "x86") {
        return Verdict::None("rows 6 and 7 are i686's");
    }
    install(column);
    run_everywhere(By::Interrupt).into()
}

/// Row 6.
pub fn any_stack_pointer(column: Column) -> Verdict {
    if cfg!(any(target_arch = "x86_64", target_env = "gnu")) {
        return Verdict::None("for i686's targets without an operating system");
    }
    install(column);
    run_everywhere(By::Interrupt).and_then(|()| run_everywhere(By::PageFault)).into()
}

/// Row 7.
pub fn any_stack_pointer_gnu(column: Column) -> Verdict {
    if cfg!(not(all(target_arch = "x86", target_env = "gnu"))) {
        return Verdict::None("for i686's linux-gnu target");
    }
    install(column);
    run_everywhere(By::Interrupt).and_then(|()| run_everywhere(By::PageFault)).into()
}

/// Row 8.
pub fn wide_locals(column: Column) -> Verdict {
    install_wide(column);
    run_everywhere(By::Interrupt).and_then(|()| run_everywhere(By::PageFault)).into()
}
