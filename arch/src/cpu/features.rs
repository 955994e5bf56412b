//! The features of this CPU, by CPUID, and switching on the protection among them.
//!
//! The start code has checked the features that the kernel needs before any Rust ran. The features here are used where
//! they exist.

use core::fmt;

use raw_cpuid::{CpuId, CpuIdReader, CpuIdResult};
use spin::Once;
use x86::controlregs::{self, Cr0, Cr4};
use x86::debugregs::{self, Dr7};
use x86::msr::{IA32_EFER, rdmsr, wrmsr};

/// EFER.NXE: bit 63 of a page-table entry means "no execute" instead of being reserved (SDM 3A 4.1.4).
const EFER_NO_EXECUTE: u64 = 1 << 11;

/// CR4's bits that stay: those of the paging that is on, and those that other parts of this crate switch on. A boot
/// loader or firmware may have left others set, features that the kernel doesn't use and a switch of threads knows
/// nothing of: with FSGSBASE ring 3 changes segment bases that aren't restored, with PCE it reads performance counters,
/// and with PKE one program keeps another from its pages (SDM 3A 2.5).
const KEPT: Cr4 = Cr4::CR4_ENABLE_PAE
    .union(Cr4::CR4_ENABLE_LA57)
    .union(Cr4::CR4_ENABLE_GLOBAL_PAGES)
    .union(Cr4::CR4_ENABLE_MACHINE_CHECK)
    .union(Cr4::CR4_ENABLE_SSE)
    .union(Cr4::CR4_UNMASKED_SSE)
    .union(Cr4::CR4_ENABLE_OS_XSAVE);

/// Executes the instruction for `raw-cpuid`, whose own function needs SSE on i686: the kernel is built without.
#[derive(Clone, Copy, Debug)]
pub struct Instruction;

impl CpuIdReader for Instruction {
    fn cpuid2(&self, leaf: u32, subleaf: u32) -> CpuIdResult {
        #[cfg(target_arch = "x86")]
        use core::arch::x86::__cpuid_count;
        #[cfg(target_arch = "x86_64")]
        use core::arch::x86_64::__cpuid_count;
        let result = __cpuid_count(leaf, subleaf);
        CpuIdResult { eax: result.eax, ebx: result.ebx, ecx: result.ecx, edx: result.edx }
    }
}

/// Gives the CPU's description of itself.
pub fn cpuid() -> CpuId<Instruction> {
    CpuId::with_cpuid_reader(Instruction)
}

/// The protection that this CPU offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Pages can forbid execution.
    pub no_execute: bool,
    /// The kernel can be kept from executing user pages.
    pub smep: bool,
    /// The kernel can be kept from touching user pages.
    pub smap: bool,
    /// User mode can be kept from reading descriptor-table registers.
    pub umip: bool,
    /// Pages of tables with four levels can be a gibibyte large.
    pub gigabyte_pages: bool,
    /// How many bits physical addresses have.
    pub physical_bits: u8,
}

impl Features {
    const NONE: Self =
        Self { no_execute: false, smep: false, smap: false, umip: false, gigabyte_pages: false, physical_bits: 32 };

    fn detect() -> Self {
        let cpuid = cpuid();
        let extended = cpuid.get_extended_feature_info();
        let processor = cpuid.get_extended_processor_and_feature_identifiers();
        let structured = |test: fn(&raw_cpuid::ExtendedFeatures) -> bool| extended.as_ref().is_some_and(test);
        Self {
            no_execute: processor.as_ref().is_some_and(|flags| flags.has_execute_disable()),
            smep: structured(|flags| flags.has_smep()),
            smap: structured(|flags| flags.has_smap()),
            umip: structured(|flags| flags.has_umip()),
            gigabyte_pages: processor.as_ref().is_some_and(|flags| flags.has_1gib_pages()),
            // SDM 3A 4.1.4: 36 where the leaf doesn't exist and the CPU has PAE.
            physical_bits: cpuid
                .get_processor_capacity_feature_info()
                .map_or(36, |capacity| capacity.physical_address_bits().clamp(32, 52)),
        }
    }
}

impl fmt::Display for Features {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = [("NX", self.no_execute), ("SMEP", self.smep), ("SMAP", self.smap), ("UMIP", self.umip)];
        to.write_str("WP")?;
        names.iter().filter(|(_, has)| *has).try_for_each(|(name, _)| write!(to, " {name}"))?;
        if names.iter().all(|(_, has)| *has) {
            return Ok(());
        }
        to.write_str("; this CPU has no")?;
        names.iter().filter(|(_, has)| !has).try_for_each(|(name, _)| write!(to, " {name}"))
    }
}

static FEATURES: Once<Features> = Once::new();

/// Finds out which features this CPU has.
pub(crate) fn detect() {
    FEATURES.call_once(Features::detect);
}

/// Gives the features of this CPU; none before `detect`.
pub fn features() -> &'static Features {
    FEATURES.get().unwrap_or(&Features::NONE)
}

/// Switches on write protection in ring 0, NX, SMEP, SMAP and UMIP, as far as they exist; and lets programs have
/// unaligned accesses fault by EFLAGS.AC, which concerns ring 3 alone (SDM 3A, 2.5). What a boot loader or firmware
/// left on beside that, and breakpoints, go off.
///
/// # Safety
/// Nothing in the kernel may rely on writing read-only pages or on touching user pages.
pub unsafe fn protect() {
    let features = features();
    if features.no_execute {
        // SAFETY: the register exists where NX does, and reading it has no effect.
        let efer = unsafe { rdmsr(IA32_EFER) };
        // SAFETY: no page-table entry has bit 63 set yet, so only what comes after is affected.
        unsafe { wrmsr(IA32_EFER, efer | EFER_NO_EXECUTE) };
    }
    // SAFETY: this is ring 0.
    let cr0 = unsafe { controlregs::cr0() };
    // SAFETY: the caller vouches that the kernel writes no read-only page.
    unsafe { controlregs::cr0_write(cr0 | Cr0::CR0_WRITE_PROTECT | Cr0::CR0_ALIGNMENT_MASK) };
    // SAFETY: this is ring 0.
    let mut cr4 = unsafe { controlregs::cr4() } & KEPT;
    cr4.set(Cr4::CR4_ENABLE_SMEP, features.smep);
    cr4.set(Cr4::CR4_ENABLE_SMAP, features.smap);
    cr4.set(Cr4::CR4_ENABLE_UMIP, features.umip);
    // SAFETY: each bit is set only where the CPU has it, and the kernel's pages aren't user pages.
    unsafe { controlregs::cr4_write(cr4) };
    // SAFETY: this is ring 0, and nothing in the kernel waits for a breakpoint.
    unsafe { debugregs::dr7_write(Dr7::default()) };
}

/// Allows global pages, whose translations outlive a change of address space.
///
/// # Safety
/// The tables in use mark only those pages global that are the same in every address space.
pub unsafe fn allow_global_pages() {
    // SAFETY: this is ring 0.
    let cr4 = unsafe { controlregs::cr4() };
    // SAFETY: the start code refuses a CPU without global pages; the caller vouches for the tables.
    unsafe { controlregs::cr4_write(cr4 | Cr4::CR4_ENABLE_GLOBAL_PAGES) };
}

/// Tells whether the CPU has a `sysenter` that works: the Pentium Pro says that it has one (SDM 2B, SYSENTER).
#[cfg(target_arch = "x86")]
pub(crate) fn has_sysenter() -> bool {
    cpuid().get_feature_info().is_some_and(|flags| {
        let version = (flags.family_id(), flags.model_id(), flags.stepping_id());
        flags.has_sysenter_sysexit() && !(version.0 == 6 && (version.1, version.2) < (3, 3))
    })
}

/// Passes the CPU's brand string to `use_name`, or its vendor's name where it has none.
pub fn with_name<R>(use_name: impl FnOnce(&str) -> R) -> R {
    let cpuid = cpuid();
    if let Some(brand) = cpuid.get_processor_brand_string() {
        return use_name(brand.as_str().trim());
    }
    match cpuid.get_vendor_info() {
        Some(vendor) => use_name(vendor.as_str()),
        None => use_name("unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_use_goes_off() {
        let left = Cr4::all() & KEPT;
        let harmful = Cr4::CR4_ENABLE_FSGSBASE
            | Cr4::CR4_ENABLE_PPMC
            | Cr4::CR4_ENABLE_PROTECTION_KEY
            | Cr4::CR4_ENABLE_PCID
            | Cr4::CR4_TIME_STAMP_DISABLE
            | Cr4::CR4_VIRTUAL_INTERRUPTS
            | Cr4::CR4_ENABLE_VME;
        assert!(!left.intersects(harmful), "{left:?}");
        assert!(left.contains(Cr4::CR4_ENABLE_PAE | Cr4::CR4_ENABLE_LA57), "paging is on");
    }
}
