//! Turns off the fast call that this width doesn't offer: a boot loader or firmware may have left its registers set,
//! and ring 3 would reach the code that they name.
//!
//! x86_64 offers `syscall`, i686 `sysenter`. `sysenter` with a null code selector is #GP (SDM 2B, SYSENTER), and
//! `syscall` without EFER.SCE is #UD (SDM 2B, SYSCALL).

use crate::cpu::features::cpuid;
use x86::msr::{
    IA32_CSTAR, IA32_EFER, IA32_FMASK, IA32_LSTAR, IA32_STAR, IA32_SYSENTER_CS, IA32_SYSENTER_EIP, IA32_SYSENTER_ESP,
    rdmsr, wrmsr,
};

/// EFER: `syscall` is on.
const SYSTEM_CALLS: u64 = 1 << 0;
/// EFER: long mode is on once paging is, and active.
const LONG_MODE: u64 = 1 << 8 | 1 << 10;
/// EFER: page-table entries can forbid execution.
const NO_EXECUTE: u64 = 1 << 11;

/// What the CPU has of fast calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Calls {
    /// `sysenter`, with its three registers.
    sysenter: bool,
    /// `syscall`, with STAR.
    syscall: bool,
    /// 64-bit mode: `syscall` with all of its registers.
    long_mode: bool,
    /// EFER.
    efer: bool,
}

impl Calls {
    fn detect() -> Self {
        let cpuid = cpuid();
        let extended = cpuid.get_extended_processor_and_feature_identifiers();
        let has =
            |test: fn(&raw_cpuid::ExtendedProcessorFeatureIdentifiers) -> bool| extended.as_ref().is_some_and(test);
        let long_mode = has(|flags| flags.has_64bit_mode());
        // Intel's CPUs say that they have `syscall` in 64-bit mode only (SDM 2A, CPUID).
        let syscall = long_mode || has(|flags| flags.has_syscall_sysret());
        Self {
            sysenter: cpuid.get_feature_info().is_some_and(|flags| flags.has_sysenter_sysexit()),
            syscall,
            long_mode,
            efer: syscall || has(|flags| flags.has_execute_disable()),
        }
    }

    /// Gives the registers of the calls that a width doesn't offer. All of them are to be 0.
    fn left(self, offered: Offered) -> impl Iterator<Item = u32> {
        let [enter, call] =
            [offered == Offered::Syscall && self.sysenter, offered == Offered::Sysenter && self.syscall];
        [
            (IA32_SYSENTER_CS, enter),
            (IA32_SYSENTER_ESP, enter),
            (IA32_SYSENTER_EIP, enter),
            (IA32_STAR, call),
            (IA32_LSTAR, call && self.long_mode),
            (IA32_FMASK, call && self.long_mode),
            // The entry of 32-bit programs in 64-bit mode, which Bellwire doesn't have.
            (IA32_CSTAR, self.long_mode),
        ]
        .into_iter()
        .filter(|(_, is_left)| *is_left)
        .map(|(register, _)| register)
    }
}

/// The fast call that a width offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Offered {
    Sysenter,
    Syscall,
}

const OFFERED: Offered = if cfg!(target_arch = "x86_64") { Offered::Syscall } else { Offered::Sysenter };

/// Gives EFER's bits that stay as they are. All others are features that the kernel doesn't use: with FFXSR, for one,
/// FXSAVE leaves registers out.
const fn kept(offered: Offered) -> u64 {
    match offered {
        Offered::Syscall => SYSTEM_CALLS | LONG_MODE | NO_EXECUTE,
        Offered::Sysenter => NO_EXECUTE,
    }
}

/// Takes away the fast calls that this width doesn't offer.
///
/// # Safety
/// This is ring 0, before ring 3 runs.
pub(crate) unsafe fn take_away() {
    let calls = Calls::detect();
    if calls.efer {
        // SAFETY: the CPU has the register, and reading it has no effect.
        let efer = unsafe { rdmsr(IA32_EFER) };
        // SAFETY: the bits that the code in use depends on stay.
        unsafe { wrmsr(IA32_EFER, efer & kept(OFFERED)) };
    }
    for register in calls.left(OFFERED) {
        // SAFETY: the CPU has the register, and ring 0 doesn't use what it is for.
        unsafe { wrmsr(register, 0) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: Calls = Calls { sysenter: true, syscall: true, long_mode: true, efer: true };

    fn left(calls: Calls, offered: Offered) -> Vec<u32> {
        calls.left(offered).collect()
    }

    #[test]
    fn each_width_clears_the_other_ones_registers() {
        let enter = [IA32_SYSENTER_CS, IA32_SYSENTER_ESP, IA32_SYSENTER_EIP];
        assert_eq!(left(ALL, Offered::Syscall), [&enter[..], &[IA32_CSTAR]].concat());
        assert_eq!(left(ALL, Offered::Sysenter), [IA32_STAR, IA32_LSTAR, IA32_FMASK, IA32_CSTAR]);
        // The first CPUs with `syscall` had STAR alone.
        let old = Calls { long_mode: false, ..ALL };
        assert_eq!(left(old, Offered::Sysenter), [IA32_STAR]);
        let none = Calls { sysenter: false, syscall: false, long_mode: false, efer: false };
        assert!([Offered::Sysenter, Offered::Syscall].into_iter().all(|offered| left(none, offered).is_empty()));
    }

    #[test]
    fn no_call_of_the_other_width_stays_on() {
        assert_eq!(kept(Offered::Sysenter) & (SYSTEM_CALLS | LONG_MODE), 0);
        assert_eq!(kept(Offered::Syscall) & LONG_MODE, LONG_MODE);
    }
}
