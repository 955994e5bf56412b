//! x86_64: a CPU's data at its GS base.
use x86::msr::{IA32_GS_BASE, rdmsr};
use x86_entry::{EntryDataLocation, TakeOnce};

use crate::{MOST_CPUS, PerCpu};

/// The entries swap the base, as ring 3 may set its own.
pub const DATA_LOCATION: EntryDataLocation = EntryDataLocation::GsBase;

static CPUS: [TakeOnce<PerCpu>; MOST_CPUS] = [const { TakeOnce::new(PerCpu::new(0)) }; MOST_CPUS];

/// Returns the memory for a CPU's data.
///
/// # Safety
///
/// None on this width.
pub unsafe fn place(number: usize) -> &'static mut PerCpu {
    CPUS[number].take().expect("each CPU starts once")
}

/// Sets this CPU's GS base.
///
/// # Safety
///
/// As for `start_cpu`; the stacks of the CPU's paranoid gates are set.
pub unsafe fn set_base(cpu: &mut PerCpu) {
    let base = &raw const *cpu as u64;
    // SAFETY: the caller's promise; a static's address is canonical.
    unsafe { cpu.entry.set_kernel_gs_base(base) };
}

/// Returns this CPU's data.
pub fn this_cpu() -> &'static PerCpu {
    // SAFETY: ring 0.
    let base = unsafe { rdmsr(IA32_GS_BASE) };
    // SAFETY: in the kernel the base is that of `set_base`. From then on the CPU alone writes to the `entry` in it.
    unsafe { &*(base as *const PerCpu) }
}
