//! The registers of i686 in a crash record.

use core::fmt::{self, Write};

use x86_entry::TrapFrame;

/// Writes all registers of a frame.
pub(crate) fn write_registers(frame: &TrapFrame, to: &mut impl Write) -> fmt::Result {
    writeln!(to, "eip {:#010x} cs {:#x} eflags {:#x}", frame.eip, frame.cs & 0xFFFF, frame.eflags)?;
    writeln!(to, "esp {:#010x}", frame.esp)?;
    let TrapFrame { eax, ebx, ecx, edx, esi, edi, ebp, .. } = *frame;
    writeln!(to, "eax {eax:#010x} ebx {ebx:#010x} ecx {ecx:#010x} edx {edx:#010x}")?;
    writeln!(to, "esi {esi:#010x} edi {edi:#010x} ebp {ebp:#010x}")?;
    let [ds, es, fs, gs] = [frame.ds, frame.es, frame.fs, frame.gs].map(|selector| selector & 0xFFFF);
    writeln!(to, "ds {ds:#x} es {es:#x} fs {fs:#x} gs {gs:#x}")
}
