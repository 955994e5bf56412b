//! The registers of x86_64 in a crash record.

use core::fmt::{self, Write};

use x86_entry::TrapFrame;

/// Writes all registers of a frame.
pub(crate) fn write_registers(frame: &TrapFrame, to: &mut impl Write) -> fmt::Result {
    writeln!(to, "rip {:#018x} cs {:#x} rflags {:#x}", frame.rip, frame.cs, frame.rflags)?;
    writeln!(to, "rsp {:#018x} ss {:#x}", frame.rsp, frame.ss)?;
    let TrapFrame { rax, rbx, rcx, rdx, rsi, rdi, rbp, .. } = *frame;
    writeln!(to, "rax {rax:#018x} rbx {rbx:#018x} rcx {rcx:#018x}")?;
    writeln!(to, "rdx {rdx:#018x} rsi {rsi:#018x} rdi {rdi:#018x}")?;
    let TrapFrame { r8, r9, r10, r11, r12, r13, r14, r15, .. } = *frame;
    writeln!(to, "rbp {rbp:#018x} r8  {r8:#018x} r9  {r9:#018x}")?;
    writeln!(to, "r10 {r10:#018x} r11 {r11:#018x} r12 {r12:#018x}")?;
    writeln!(to, "r13 {r13:#018x} r14 {r14:#018x} r15 {r15:#018x}")
}
