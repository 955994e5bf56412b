//! Rows 9 and 18: error codes, and handlers for vectors that have one or don't.
use core::arch::naked_asm;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::TrapFrame;
use x86_entry::error_code::{PageFaultErrorCode, SelectorErrorCode};
use x86_entry::vector::{BREAKPOINT, GENERAL_PROTECTION, PAGE_FAULT};

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring, data_register, lead};
use crate::segments::NO_SELECTOR;
use crate::start::{HOLE, USER};

/// The last error code, and none.
static CODE: AtomicUsize = AtomicUsize::new(0);
const NONE: usize = usize::MAX;

/// Bytes of each faulting instruction here.
const FAULT_BYTES: usize = 2;

extern "x86-interrupt" fn theirs(mut frame: StackFrame, code: usize) {
    CODE.store(code, Ordering::Relaxed);
    frame.skip(FAULT_BYTES);
}

fn ours_page(frame: &mut TrapFrame, code: PageFaultErrorCode) {
    CODE.store(code.bits() as usize, Ordering::Relaxed);
    frame.set_instruction_pointer(frame.instruction_pointer() + FAULT_BYTES);
}

fn ours_protection(frame: &mut TrapFrame, code: SelectorErrorCode) {
    CODE.store(code.bits() as usize, Ordering::Relaxed);
    frame.set_instruction_pointer(frame.instruction_pointer() + FAULT_BYTES);
}

macro_rules! program {
    ($name:ident, $wide:literal, $narrow:literal) => {
        #[unsafe(naked)]
        unsafe extern "C" fn $name() {
            #[cfg(target_arch = "x86_64")]
            naked_asm!($wide, "int {done}", done = const DONE);
            #[cfg(target_arch = "x86")]
            naked_asm!($narrow, "int {done}", done = const DONE);
        }
    };
}
program!(read, "mov bl, [rdx]", "mov bl, [edx]");
program!(write, "mov [rdx], bl", "mov [edx], bl");
program!(load_segment, "mov es, edx", "mov es, edx");
program!(breakpoint, "int3", "int3");

/// Row 9.
pub fn error_codes(column: Column) -> Verdict {
    column.exception(14, theirs, |fill| {
        fill.exception(PAGE_FAULT, ours_page);
    });
    column.exception(13, theirs, |fill| {
        fill.exception(GENERAL_PROTECTION, ours_protection);
    });
    check_error_codes().into()
}

fn check_error_codes() -> Result<(), Text> {
    let (present, writes, user) = (1, 2, 4);
    // Ring 3 may not touch what lies below its part of memory.
    let kernel = USER - 4096;
    let cases: [(unsafe extern "C" fn(), Ring, usize, usize); 7] = [
        (read, Ring::Three, HOLE, user),
        (write, Ring::Three, HOLE, user | writes),
        (read, Ring::Three, kernel, user | present),
        (write, Ring::Three, kernel, user | writes | present),
        (read, Ring::Zero, HOLE, 0),
        (write, Ring::Zero, HOLE, writes),
        (load_segment, Ring::Three, NO_SELECTOR, NO_SELECTOR & !3),
    ];
    for (code, ring, data, expected) in cases {
        CODE.store(NONE, Ordering::Relaxed);
        Program::new(code, ring).with(|registers| *data_register(registers) = data).finish(&[])?;
        let found = CODE.load(Ordering::Relaxed);
        ensure!(found == expected, "an error code of {expected:#x} arrived as {found:#x}");
    }
    Ok(())
}

extern "x86-interrupt" fn theirs_code_for_none(_: StackFrame, code: usize) {
    CODE.store(code, Ordering::Relaxed);
}

extern "x86-interrupt" fn theirs_none_for_code(mut frame: StackFrame) {
    frame.skip(FAULT_BYTES);
}

/// Row 18. The compiler refuses handlers of the wrong kind for `x86-entry` (`snippets/`). This row checks that handlers
/// of the right kind get their error codes.
pub fn handlers_by_kind(column: Column) -> Verdict {
    match column {
        Column::Compiler => {
            lead(3, theirs_code_for_none as *const () as usize);
            let one = Program::new(breakpoint, Ring::Three).finish(&[]);
            lead(14, theirs_none_for_code as *const () as usize);
            let other = Program::new(read, Ring::Three).with(|registers| *data_register(registers) = HOLE).finish(&[]);
            match (one, other) {
                (Err(one), Err(other)) => Verdict::Broken(Text::new(format_args!(
                    "both compile; unwanted code: {one}; missing code: {other}"
                ))),
                (Err(why), Ok(_)) | (Ok(_), Err(why)) => Verdict::Broken(why),
                (Ok(_), Ok(_)) => Verdict::Ok,
            }
        }
        Column::Entry => {
            crate::harness::table()
                .fill::<crate::kernel::Ours, x86_entry::WithSmap>()
                .exception(BREAKPOINT, |_: &mut TrapFrame| CODE.store(3, Ordering::Relaxed))
                .exception(PAGE_FAULT, ours_page);
            let gate = crate::harness::table().gate(3);
            *gate = gate.callable_from(x86_entry::PrivilegeLevel::Ring3);
            check_kinds().into()
        }
    }
}

fn check_kinds() -> Result<(), Text> {
    Program::new(breakpoint, Ring::Three).finish(&[])?;
    ensure!(CODE.load(Ordering::Relaxed) == 3, "int3 had no handler");
    Program::new(read, Ring::Three).with(|registers| *data_register(registers) = HOLE).finish(&[])?;
    ensure!(CODE.load(Ordering::Relaxed) == 4, "the page fault had no code");
    Ok(())
}
