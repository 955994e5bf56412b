//! What a kernel's set-up must have done, asserted where the next step would go wrong in silence.
use x86::dtables::{DescriptorTablePointer, sidt};

#[cfg(target_arch = "x86_64")]
use crate::kernel_entry::swaps_gs;
use crate::stub::is_paranoid;
use crate::vector::{DEBUG, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{FloatingPointUse, Gate, KernelEntry};

// The stubs pass arguments as the System V ABI does. On this target `extern "C"` is Microsoft's ABI: functions would
// take another register for the frame.
#[cfg(all(target_arch = "x86_64", target_os = "uefi"))]
compile_error!(
    "x86_64-unknown-uefi has another `extern \"C\"` than the stubs: build the kernel for x86_64-unknown-none"
);

/// Whether a compiler that builds this crate uses SSE wherever it likes. A host's programs are no kernels; a kernel's
/// target file may name any system.
const BUILT_WITH_SSE: bool = cfg!(all(target_feature = "sse", not(any(unix, windows, test))));

/// Asserts that floating-point state is kept if the kernel uses floating point, and that a format is chosen.
pub(crate) fn assert_floating_point_kept<K: KernelEntry>() {
    const {
        assert!(
            !BUILT_WITH_SSE || matches!(K::FLOATING_POINT_USE, FloatingPointUse::Anywhere),
            "the target has SSE, so the compiler may use it anywhere: set KernelEntry::FLOATING_POINT_USE to Anywhere, \
             or build for a soft-float target"
        );
    }
    assert!(
        matches!(K::FLOATING_POINT_USE, FloatingPointUse::OnRequest) || crate::floating_point::has_entry_format(),
        "FloatingPointUse::Anywhere needs a format: call FloatingPointFormat::use_in_entries first"
    );
}

/// Asserts that the code of ring 0 keeps nothing below its stack pointer, where interrupts of ring 0 push.
pub(crate) fn assert_no_red_zone() {
    #[cfg(target_arch = "x86_64")]
    assert!(
        !uses_red_zone(),
        "the kernel is built with the red zone, which interrupts of ring 0 overwrite: build it with -C no-redzone, or \
         \"disable-redzone\": true in the target file"
    );
}

/// Returns whether the compiler puts a local variable of a function without calls below the stack pointer.
#[cfg(target_arch = "x86_64")]
#[inline(never)]
fn uses_red_zone() -> bool {
    let mut local = 0_usize;
    let place = &raw mut local;
    let stack_pointer: usize;
    // SAFETY: the instructions read the stack pointer and write a local variable.
    unsafe {
        core::arch::asm!(
            "mov {stack_pointer}, rsp",
            "mov [{place}], {stack_pointer}",
            stack_pointer = out(reg) stack_pointer,
            place = in(reg) place,
            options(nostack, preserves_flags),
        )
    };
    (place as usize) < stack_pointer
}

/// Asserts that a table's entries suit the CPU, where it was filled for CPUs without SMAP and with it.
///
/// # Safety
///
/// The CPU is in ring 0.
#[cfg(target_arch = "x86_64")]
pub(crate) unsafe fn assert_suits_smap(filled: [bool; 2]) {
    use x86::controlregs::{Cr4, cr4};
    // SAFETY: the caller promises ring 0.
    let is_on = unsafe { cr4() }.contains(Cr4::CR4_ENABLE_SMAP);
    if let Some(why) = why_smap_is_missed(filled, has_smap(), is_on) {
        panic!("{why}");
    }
}

/// Returns whether the CPU has SMAP (SDM 2A, CPUID: leaf 7).
#[cfg(target_arch = "x86_64")]
fn has_smap() -> bool {
    use crate::floating_point::cpuid;
    const FEATURES: u32 = 7;
    cpuid(0).eax >= FEATURES && cpuid(FEATURES).ebx & 1 << 20 != 0
}

/// Returns why a table that was filled for CPUs without SMAP, and for CPUs with it, doesn't suit a CPU.
#[cfg(target_arch = "x86_64")]
const fn why_smap_is_missed([without, with]: [bool; 2], has_smap: bool, is_on: bool) -> Option<&'static str> {
    if with && !has_smap {
        Some("the CPU has no SMAP, so that `clac` is an invalid opcode: fill the table for it WithoutSmap")
    } else if without && is_on {
        Some("CR4.SMAP is on, and the entries leave EFLAGS.AC as ring 3 set it: fill the table WithSmap")
    } else {
        None
    }
}

/// Asserts that the kernel's selectors are such that the stubs may load them.
pub(crate) const fn assert_selectors<K: KernelEntry>() {
    const {
        assert!(
            K::SELECTORS.name_rings(),
            "KernelEntry::SELECTORS: selectors of ring 3 have the two lowest bits set, and those of ring 0 have them \
             clear"
        );
        assert!(
            cfg!(not(target_arch = "x86")) || K::SELECTORS.user_data != 0,
            "every stub loads SELECTORS.user_data into DS and ES: without ring 3, name kernel_data there"
        );
    }
}

/// Asserts that the kernel's selectors include those of ring 3.
pub(crate) const fn assert_selectors_of_ring_3<K: KernelEntry>() {
    const {
        assert!(
            K::SELECTORS.name_ring_3(),
            "a frame of ring 3 needs selectors of ring 3 in KernelEntry::SELECTORS: with the two lowest bits set"
        );
    }
}

/// Asserts that the kernel's selectors are in the order that fast calls need.
pub(crate) const fn assert_order_of_segments<K: KernelEntry>() {
    const {
        assert!(
            K::SELECTORS.suit_fast_calls(),
            "fast calls derive the segments from one selector: KernelEntry::SELECTORS must be in the order of \
             GlobalDescriptorTable"
        );
    }
}

/// Asserts that the loaded table has NMI, #MC and #DB on stacks of their own, and at paranoid stubs where the kernel
/// swaps the GS base.
///
/// At the first instruction of a fast call's entry the stack pointer is the caller's (`syscall`), or the TSS's
/// (`sysenter`).
pub(crate) fn assert_paranoid_gates<K: KernelEntry>() {
    for vector in [NON_MASKABLE_INTERRUPT.number(), MACHINE_CHECK.number(), DEBUG.number()] {
        assert!(
            loaded_gate(vector).is_some_and(|gate| takes_no_stack::<K>(gate, vector as u8)),
            "fast calls need NMI, #MC and #DB on stacks of their own: fill the table with TableFiller::paranoid_gates, \
             and load it, first"
        );
    }
}

/// Returns a vector's gate in the loaded table.
pub(crate) fn loaded_gate(vector: usize) -> Option<Gate> {
    let mut table = DescriptorTablePointer::<Gate>::default();
    // SAFETY: the callers of the public functions promise ring 0.
    unsafe { sidt(&mut table) };
    let is_there = (vector + 1) * size_of::<Gate>() <= usize::from(table.limit) + 1;
    // SAFETY: the CPU reads the gate there.
    is_there.then(|| unsafe { table.base.wrapping_add(vector).read() })
}

/// Returns whether a gate uses a stack of the interrupt stack table, and the kernel's GS base.
#[cfg(target_arch = "x86_64")]
fn takes_no_stack<K: KernelEntry>(gate: Gate, vector: u8) -> bool {
    gate.stack().is_some() && (swaps_gs::<K>() == 0 || is_paranoid(gate, vector))
}

/// Returns whether a gate is one of a task, or #DB's, whose stub changes the stack itself.
///
/// Any other stub of #DB would push its frame over the TSS, and run Rust below it.
#[cfg(target_arch = "x86")]
#[expect(clippy::extra_unused_type_parameters, reason = "x86_64's function asks whether the kernel swaps the GS base")]
fn takes_no_stack<K: KernelEntry>(gate: Gate, vector: u8) -> bool {
    gate.is_task() || usize::from(vector) == DEBUG.number() && is_paranoid(gate, vector)
}

/// Asserts that NMI, #DB and #MC lead to paranoid stubs in the table of a kernel that swaps the GS base.
///
/// Around `swapgs` in an entry or exit, the base is the other one than the interrupted ring says.
#[cfg(target_arch = "x86_64")]
pub(crate) fn assert_suits_swapping(gates: &[Gate; 256]) {
    for vector in [DEBUG.number(), NON_MASKABLE_INTERRUPT.number(), MACHINE_CHECK.number()] {
        assert!(
            is_paranoid(gates[vector], vector as u8),
            "a kernel that swaps the GS base needs paranoid gates for NMI, #DB and #MC: fill the table with \
             TableFiller::paranoid_gates, before it is loaded"
        );
    }
}

/// Asserts at compile time that a kernel that swaps the GS base has no plain handler for a vector that may interrupt
/// ring 0 with ring 3's base.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn assert_handler_suits_swapping<K: KernelEntry>(vector: usize) {
    let may_come_anywhere =
        vector == DEBUG.number() || vector == NON_MASKABLE_INTERRUPT.number() || vector == MACHINE_CHECK.number();
    assert!(
        swaps_gs::<K>() == 0 || !may_come_anywhere,
        "NMI, #DB and #MC may interrupt ring 0 while ring 3's GS base is loaded: a kernel that swaps the base takes \
         them by TableFiller::paranoid_gates"
    );
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::why_smap_is_missed;

    #[test]
    fn entries_must_suit_smap() {
        let (without, with) = ([true, false], [false, true]);
        for suits in [(without, false, false), (without, true, false), (with, true, true), (with, true, false)] {
            assert_eq!(why_smap_is_missed(suits.0, suits.1, suits.2), None, "{suits:?}");
        }
        let said = |filled, has_smap, is_on| why_smap_is_missed(filled, has_smap, is_on).expect("it doesn't suit");
        assert!(said(with, false, false).contains("invalid opcode"));
        assert!(said(without, true, true).contains("CR4.SMAP is on"));
    }
}
