//! x86_64: what single-stepping the stubs needs.
use x86::msr::{IA32_CSTAR, IA32_LSTAR, rdmsr};
use x86_entry::{Gate, TrapFrame};

/// Returns the address to which a gate leads (SDM 3A figure 6-8).
pub fn gate_address(gate: &Gate) -> usize {
    let [low, high] = gate.bits();
    (low & 0xFFFF | low >> 48 << 16 | high << 32) as usize
}

/// Returns the address to which `syscall` leads.
pub fn fast_call_address() -> usize {
    // SAFETY: ring 0; the register exists where `syscall` does.
    unsafe { rdmsr(IA32_LSTAR) as usize }
}

/// Returns the address to which `syscall` of 32-bit code leads.
pub fn compatibility_call_address() -> usize {
    // SAFETY: ring 0; the register exists where `syscall` does.
    unsafe { rdmsr(IA32_CSTAR) as usize }
}

/// The instruction that ends a fast call.
pub const FAST_RETURN: &[u8] = &[0x48, 0x0F, 0x07];

/// Single steps come everywhere here.
pub fn unstepped_behind(_frame: &TrapFrame) -> Option<usize> {
    None
}

/// The stubs load no flags here.
pub fn step_over_flags(_frame: &mut TrapFrame) {}
