//! The two sides that every row is run against.
use x86_entry::vector::VectorRange;
use x86_entry::{KernelEntry, PrivilegeLevel, TableFiller, TrapFrame, WithSmap};

use crate::harness::{lead, table};
use crate::kernel::Ours;

/// The side that takes the traps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `extern "x86-interrupt"` functions, straight from the gate.
    Compiler,
    /// `x86-entry` and handlers of its types.
    Entry,
}

/// The vector of rows that need no exception.
pub const VECTOR: u8 = 0x40;

/// The frame that the compiler's ABI shows a handler, as the `x86_64` crate and others declare it.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct StackFrame {
    pub instruction: usize,
    pub code: usize,
    pub flags: usize,
    pub stack: usize,
    pub stack_segment: usize,
}

/// A handler of the compiler's ABI for a vector without an error code, and one with.
pub type Theirs = extern "x86-interrupt" fn(StackFrame);
pub type TheirsWithCode = extern "x86-interrupt" fn(StackFrame, usize);

impl StackFrame {
    /// Moves the instruction pointer behind an instruction of `bytes` bytes, by a write that release builds don't
    /// delete.
    pub fn skip(&mut self, bytes: usize) {
        let place = &raw mut self.instruction;
        // SAFETY: a field of a value that is borrowed.
        unsafe { place.write_volatile(self.instruction + bytes) };
    }
}

impl Column {
    /// Leads [`VECTOR`], which ring 3 may use, to the column's handler.
    pub fn interrupt(self, theirs: Theirs, ours: impl Fn(&mut TrapFrame, u8) + Sync + 'static) {
        match self {
            Column::Compiler => lead(VECTOR, theirs as usize),
            Column::Entry => interrupt::<Ours>(ours),
        }
    }

    /// Leads an exception with an error code to the column's handler.
    pub fn exception(
        self,
        vector: u8,
        theirs: TheirsWithCode,
        ours: impl FnOnce(&mut TableFiller<'_, Ours, WithSmap>),
    ) {
        match self {
            Column::Compiler => lead(vector, theirs as usize),
            Column::Entry => ours(&mut table().fill::<Ours, WithSmap>()),
        }
    }
}

/// Leads [`VECTOR`], which ring 3 may use, to a handler of a kernel.
pub fn interrupt<K: KernelEntry>(handler: impl Fn(&mut TrapFrame, u8) + Sync + 'static) {
    table().fill::<K, WithSmap>().interrupts(VectorRange::<VECTOR, VECTOR>, handler);
    *table().gate(VECTOR) = table().gate(VECTOR).callable_from(PrivilegeLevel::Ring3);
}
