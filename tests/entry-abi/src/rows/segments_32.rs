//! Rows 15, 16 and 21: what segments do on i686.
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::TrapFrame;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, VECTOR};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring};
use crate::segments::{NARROW_STACK, SHIFT, SHIFTED_DATA};

/// The word that handlers write to.
static WRITTEN: AtomicUsize = AtomicUsize::new(0);
const MARK: usize = 0x4D41_524B;
/// The stack pointer that a handler was told.
static TOLD: AtomicUsize = AtomicUsize::new(0);

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

extern "x86-interrupt" fn theirs_writing(_: StackFrame) {
    WRITTEN.store(MARK, Ordering::Relaxed);
}

fn ours_writing(_: &mut TrapFrame, _: u8) {
    WRITTEN.store(MARK, Ordering::Relaxed);
}

/// Row 15.
pub fn user_data_segments(column: Column) -> Verdict {
    column.interrupt(theirs_writing, ours_writing);
    let check = || -> Result<(), Text> {
        WRITTEN.store(0, Ordering::Relaxed);
        let shifted = (&raw const WRITTEN as usize + SHIFT) as *mut usize;
        // SAFETY: no other code uses this memory.
        unsafe { shifted.write_volatile(0) };
        Program::new(call, Ring::Three).with(|registers| registers.segments[..2].fill(SHIFTED_DATA)).finish(&[])?;
        // SAFETY: as above.
        let elsewhere = unsafe { shifted.read_volatile() };
        ensure!(elsewhere != MARK, "the handler's global is written elsewhere, by the user's data segment");
        ensure!(WRITTEN.load(Ordering::Relaxed) == MARK, "the handler's global isn't written");
        Ok(())
    };
    check().into()
}

extern "x86-interrupt" fn theirs_telling(frame: StackFrame) {
    TOLD.store(frame.stack, Ordering::Relaxed);
}

fn ours_telling(frame: &mut TrapFrame, _: u8) {
    TOLD.store(frame.stack_pointer(), Ordering::Relaxed);
}

/// Row 16.
pub fn same_ring_stack(column: Column) -> Verdict {
    column.interrupt(theirs_telling, ours_telling);
    let check = || -> Result<(), Text> {
        let program = Program::new(call, Ring::Three);
        program.finish(&[])?;
        ensure!(TOLD.load(Ordering::Relaxed) == program.registers.stack, "ring 3's stack pointer isn't in the frame");
        let program = Program::new(call, Ring::Zero);
        program.finish(&[])?;
        let told = TOLD.load(Ordering::Relaxed);
        ensure!(told == program.registers.stack, "the frame's stack pointer is garbage");
        Ok(())
    };
    check().into()
}

extern "x86-interrupt" fn theirs_quiet(_: StackFrame) {}

fn ours_quiet(_: &mut TrapFrame, _: u8) {}

/// Tries each selector as a stack segment: the fault handler goes to the next one. What loads and is narrow is noted.
#[unsafe(naked)]
unsafe extern "C" fn narrow() {
    naked_asm!("mov ss, edx", "int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

/// Row 21: the upper half of the kernel's stack pointer must not come out.
///
/// The compiler's column has a table with such a segment, since nothing says that it mustn't have one. `x86-entry`'s
/// answer is its table, which has none: no selector in it may load as a stack of 16 bits.
pub fn narrow_stack(column: Column) -> Verdict {
    column.interrupt(theirs_quiet, ours_quiet);
    let check = || -> Result<(), Text> {
        let selectors = match column {
            Column::Compiler => NARROW_STACK..=NARROW_STACK,
            Column::Entry => 0..=x86_entry::GlobalDescriptorTable::new().entries().len() * 8 - 1,
        };
        let mut loaded = 0;
        for selector in selectors {
            let program = Program::new(narrow, Ring::Three);
            let program = program.with(|registers| *crate::harness::data_register(registers) = selector);
            let trap = program.run();
            if trap.registers.vector != usize::from(DONE) {
                continue;
            }
            loaded += 1;
            let (before, after) = (program.registers.stack, trap.registers.stack);
            ensure!(before >> 16 == after >> 16, "the upper half of the kernel's esp leaks out");
        }
        ensure!(loaded > 0, "no stack segment loads");
        Ok(())
    };
    check().into()
}
