//! Rows 17 and 20: what a handler does to the frame.
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::error_code::SelectorErrorCode;
use x86_entry::vector::{GENERAL_PROTECTION, INVALID_OPCODE, SEGMENT_NOT_PRESENT, STACK_SEGMENT_FAULT};
use x86_entry::{TrapFrame, WithSmap};

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame, VECTOR};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring, lead, table};
use crate::kernel::Ours;
use crate::segments::NO_SELECTOR;

/// How often the handler ran.
static RUNS: AtomicUsize = AtomicUsize::new(0);
/// So often means: for ever.
const ENDLESS: usize = 100;
/// Bytes of `ud2`.
const FAULT_BYTES: usize = 2;

#[inline(always)]
fn count() {
    if RUNS.fetch_add(1, Ordering::Relaxed) == ENDLESS {
        // SAFETY: the harness ends the run.
        unsafe { core::arch::asm!("int {}", const DONE) };
    }
}

/// The obvious way to write it. The frame is the handler's own argument, so the compiler sees no read of the assigned
/// value.
#[expect(unused_variables, unused_assignments, reason = "that is what is tested")]
extern "x86-interrupt" fn theirs(mut frame: StackFrame) {
    count();
    frame.instruction += FAULT_BYTES;
}

fn ours(frame: &mut TrapFrame) {
    count();
    frame.set_instruction_pointer(frame.instruction_pointer() + FAULT_BYTES);
}

#[unsafe(naked)]
unsafe extern "C" fn fault() {
    naked_asm!("ud2", "int {done}", done = const DONE)
}

#[unsafe(naked)]
unsafe extern "C" fn call() {
    naked_asm!("int {vector}", "int {done}", vector = const VECTOR, done = const DONE)
}

/// Row 17.
pub fn moved_instruction_pointer(column: Column) -> Verdict {
    match column {
        Column::Compiler => lead(6, theirs as *const () as usize),
        Column::Entry => {
            table().fill::<Ours, WithSmap>().exception(INVALID_OPCODE, ours);
        }
    }
    let check = || -> Result<(), Text> {
        for ring in [Ring::Three, Ring::Zero] {
            RUNS.store(0, Ordering::Relaxed);
            let trap = Program::new(fault, ring).run();
            let runs = RUNS.load(Ordering::Relaxed);
            ensure!(runs <= ENDLESS, "the change is optimised away: an endless fault");
            trap.check_done()?;
            ensure!(runs == 1, "the handler ran {runs} times");
        }
        Ok(())
    };
    check().into()
}

/// The parts of a frame that `iret` and segment pops check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
enum Part {
    Code,
    Stack,
    #[cfg(target_arch = "x86_64")]
    Instruction,
    #[cfg(target_arch = "x86")]
    Data,
    #[cfg(target_arch = "x86")]
    Extra,
    #[cfg(target_arch = "x86")]
    F,
    #[cfg(target_arch = "x86")]
    G,
}

#[cfg(target_arch = "x86_64")]
const PARTS: &[Part] = &[Part::Code, Part::Stack, Part::Instruction];
#[cfg(target_arch = "x86")]
const PARTS: &[Part] = &[Part::Code, Part::Stack, Part::Data, Part::Extra, Part::F, Part::G];

/// An address between both canonical halves.
#[cfg(target_arch = "x86_64")]
const NOT_CANONICAL: usize = 1 << 62;

/// The part that the handler breaks, and what was there.
static PART: AtomicUsize = AtomicUsize::new(0);
static KEPT: AtomicUsize = AtomicUsize::new(0);
/// How many faults of the program the kernel saw, as they should be.
static MENDED: AtomicUsize = AtomicUsize::new(0);

fn part() -> Part {
    PARTS[PART.load(Ordering::Relaxed)]
}

extern "x86-interrupt" fn theirs_breaking(mut frame: StackFrame) {
    let (place, value) = match part() {
        Part::Code => (&raw mut frame.code, NO_SELECTOR),
        Part::Stack => (&raw mut frame.stack_segment, NO_SELECTOR),
        #[cfg(target_arch = "x86_64")]
        Part::Instruction => (&raw mut frame.instruction, NOT_CANONICAL),
        // Not in the frame.
        #[cfg(target_arch = "x86")]
        _ => return,
    };
    // SAFETY: a field of the argument.
    unsafe { place.write_volatile(value) };
}

/// Puts a value into the part of a frame that is to be broken, and returns what was there.
fn replace(frame: &mut TrapFrame, value: usize) -> usize {
    match part() {
        Part::Code => core::mem::replace(&mut frame.cs, value as _) as usize,
        Part::Stack => core::mem::replace(&mut frame.ss, value as _) as usize,
        #[cfg(target_arch = "x86_64")]
        Part::Instruction => core::mem::replace(&mut frame.rip, value as _) as usize,
        #[cfg(target_arch = "x86")]
        Part::Data => core::mem::replace(&mut frame.ds, value as _) as usize,
        #[cfg(target_arch = "x86")]
        Part::Extra => core::mem::replace(&mut frame.es, value as _) as usize,
        #[cfg(target_arch = "x86")]
        Part::F => core::mem::replace(&mut frame.fs, value as _) as usize,
        #[cfg(target_arch = "x86")]
        Part::G => core::mem::replace(&mut frame.gs, value as _) as usize,
    }
}

fn ours_breaking(frame: &mut TrapFrame, _: u8) {
    #[cfg(target_arch = "x86_64")]
    let value = if part() == Part::Instruction { NOT_CANONICAL } else { NO_SELECTOR };
    #[cfg(target_arch = "x86")]
    let value = NO_SELECTOR;
    let kept = replace(frame, value);
    KEPT.store(kept, Ordering::Relaxed);
}

/// The fault must be the program's, with the frame as it was to be returned to.
fn ours_mending(frame: &mut TrapFrame, code: SelectorErrorCode) {
    let expected = match part() {
        #[cfg(target_arch = "x86_64")]
        Part::Instruction => 0,
        _ => NO_SELECTOR & !3,
    };
    let kept = KEPT.load(Ordering::Relaxed);
    if code.bits() as usize == expected && frame.from_user() {
        MENDED.fetch_add(1, Ordering::Relaxed);
    }
    replace(frame, kept);
}

/// Row 20.
pub fn unreturnable(column: Column) -> Verdict {
    column.interrupt(theirs_breaking, ours_breaking);
    if column == Column::Entry {
        table()
            .fill::<Ours, WithSmap>()
            .exception(GENERAL_PROTECTION, ours_mending)
            .exception(STACK_SEGMENT_FAULT, ours_mending)
            .exception(SEGMENT_NOT_PRESENT, ours_mending);
    }
    let check = || -> Result<(), Text> {
        for (index, part) in PARTS.iter().enumerate() {
            PART.store(index, Ordering::Relaxed);
            MENDED.store(0, Ordering::Relaxed);
            let trap = Program::new(call, Ring::Three).finish(&[])?;
            let mended = MENDED.load(Ordering::Relaxed);
            ensure!(mended == 1, "{part:?}: the kernel saw {mended} faults of the program");
            if let Some(registers) = trap.floats.changed(&crate::floats::Floats::known()) {
                ensure!(false, "{part:?}: the program's {registers} changed");
            }
        }
        Ok(())
    };
    check().into()
}
