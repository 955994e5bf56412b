//! The compiler's side: functions of `extern "x86-interrupt"`, straight from the gate.
use x86_entry::vector::SEGMENT_NOT_PRESENT;
use x86_entry::{CpuSegments, Gate, GlobalDescriptorTable, InterruptDescriptorTable};

use crate::rounds::BAD_LOAD_BYTES;
use crate::work;

/// A data segment that isn't present: loading it raises #NP with an error code, as another bad selector raises #GP.
pub const NOT_PRESENT: u64 = 0x0000_1200_0000_0000;

/// The selector of [`NOT_PRESENT`].
pub const NOT_PRESENT_SELECTOR: u16 = CpuSegments::<1>::extra_selector(0);

/// What the CPU pushes.
#[repr(C)]
struct StackFrame {
    instruction: usize,
    code: usize,
    flags: usize,
    stack: usize,
    stack_segment: usize,
}

extern "x86-interrupt" fn interrupt(_frame: StackFrame) {
    work();
}

extern "x86-interrupt" fn fault(mut frame: StackFrame, _code: usize) {
    work();
    let next = frame.instruction + BAD_LOAD_BYTES;
    // Volatile, or a release build drops it.
    // SAFETY: the frame is a local variable.
    unsafe { (&raw mut frame.instruction).write_volatile(next) };
}

/// Leads two vectors to the functions.
pub fn fill(table: &mut InterruptDescriptorTable) {
    let code = GlobalDescriptorTable::SELECTORS.kernel_code;
    *table.gate(crate::COMPILERS) = Gate::interrupt(code, interrupt as *const () as usize as _);
    *table.gate(SEGMENT_NOT_PRESENT.number() as u8) = Gate::interrupt(code, fault as *const () as usize as _);
}
