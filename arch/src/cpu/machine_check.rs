//! What the CPU records of a machine check: registers in banks, each for a part of the hardware (SDM 3B, 16.3).

use core::fmt::{self, Write};

use x86::msr::{IA32_MCG_CAP, IA32_MCG_STATUS, rdmsr};

use crate::cpu::features::cpuid;

/// The status register of the first bank. Its address register and its miscellaneous register follow; each bank has
/// four registers.
const FIRST_STATUS: u32 = 0x401;
const BANK_REGISTERS: u32 = 4;

/// The bits of IA32_MCG_CAP that count banks.
const BANKS: u64 = 0xFF;

/// Bits of a bank's status: the bank holds an error, and its other two registers are valid (SDM 3B, 16.3.2.2).
const VALID: u64 = 1 << 63;
const MORE_VALID: u64 = 1 << 59;
const ADDRESS_VALID: u64 = 1 << 58;

/// Writes the content of the banks, if the CPU has any.
pub(crate) fn write_banks(to: &mut impl Write) -> fmt::Result {
    if !cpuid().get_feature_info().is_some_and(|flags| flags.has_mca()) {
        return writeln!(to, "machine check: this CPU doesn't say why");
    }
    writeln!(to, "machine check: global status {:#x}", read(IA32_MCG_STATUS))?;
    for bank in 0..(read(IA32_MCG_CAP) & BANKS) as u32 {
        let [status, address, more] = [0, 1, 2].map(|register| FIRST_STATUS + BANK_REGISTERS * bank + register);
        let status = read(status);
        if status & VALID == 0 {
            continue;
        }
        write!(to, "bank {bank}: status {status:#x}")?;
        if status & ADDRESS_VALID != 0 {
            write!(to, " address {:#x}", read(address))?;
        }
        if status & MORE_VALID != 0 {
            write!(to, " more {:#x}", read(more))?;
        }
        writeln!(to)?;
    }
    Ok(())
}

fn read(register: u32) -> u64 {
    // SAFETY: ring 0, on a CPU whose banks these registers are; a bank's second and third are read where its status
    // says that it has them.
    unsafe { rdmsr(register) }
}
