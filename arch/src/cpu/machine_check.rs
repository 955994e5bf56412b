//! What the CPU knows of a machine check: registers of banks, each for a part of the hardware (SDM 3B, 16.3).

use core::fmt::{self, Write};

use x86::msr::{IA32_MCG_CAP, IA32_MCG_STATUS, rdmsr};

use crate::cpu::features::cpuid;

/// The first bank's status register, the next two its address and what else there is. Each bank has four.
const FIRST_STATUS: u32 = 0x401;
const BANK_REGISTERS: u32 = 4;

/// The bits of IA32_MCG_CAP that count banks.
const BANKS: u64 = 0xFF;

/// Bits of a bank's status: it holds an error, and the other two registers say more of it (SDM 3B, 16.3.2.2).
const VALID: u64 = 1 << 63;
const MORE_VALID: u64 = 1 << 59;
const ADDRESS_VALID: u64 = 1 << 58;

/// Writes what the banks hold, if the CPU has any.
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
    // SAFETY: ring 0, on a CPU whose banks these registers are; a bank's second and third are read where its status says
    // that it has them.
    unsafe { rdmsr(register) }
}
