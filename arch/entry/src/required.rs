//! What a kernel's set-up must have done, asserted where the next step would go wrong in silence.
use x86::dtables::{DescriptorTablePointer, sidt};

use crate::vector::{DEBUG, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{FloatingPointUse, Gate, KernelEntry};

// The stubs pass arguments as the System V ABI does. On this target `extern "C"` is Microsoft's ABI: functions would
// take another register for the frame.
#[cfg(all(target_arch = "x86_64", target_os = "uefi"))]
compile_error!(
    "x86_64-unknown-uefi has another `extern \"C\"` than the stubs: build the kernel for x86_64-unknown-none"
);

/// Whether a compiler that builds this crate uses SSE wherever it likes. A host's tests are no kernel.
const BUILT_WITH_SSE: bool = cfg!(all(target_feature = "sse", any(target_os = "none", target_os = "uefi")));

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

/// Asserts that the loaded table has NMI, #MC and #DB on stacks of their own.
///
/// At the first instruction of a fast call's entry the stack pointer is the caller's (`syscall`), or the TSS's
/// (`sysenter`).
pub(crate) fn assert_paranoid_gates() {
    let mut table = DescriptorTablePointer::<Gate>::default();
    // SAFETY: the caller of the public function promises ring 0.
    unsafe { sidt(&mut table) };
    for vector in [NON_MASKABLE_INTERRUPT.number(), MACHINE_CHECK.number(), DEBUG.number()] {
        let is_there = (vector + 1) * size_of::<Gate>() <= usize::from(table.limit) + 1;
        // SAFETY: the CPU reads the gate there.
        let gate = is_there.then(|| unsafe { table.base.wrapping_add(vector).read() });
        assert!(
            gate.is_some_and(|gate| takes_no_stack(gate, vector)),
            "fast calls need NMI, #MC and #DB on stacks of their own: fill the table with TableFiller::paranoid_gates, \
             and load it, first"
        );
    }
}

/// Returns whether a gate uses a stack of the interrupt stack table.
#[cfg(target_arch = "x86_64")]
fn takes_no_stack(gate: Gate, _vector: usize) -> bool {
    gate.stack().is_some()
}

/// Returns whether a gate is one of a task, or #DB's, whose stub changes the stack itself.
#[cfg(target_arch = "x86")]
fn takes_no_stack(gate: Gate, vector: usize) -> bool {
    gate.is_task() || vector == DEBUG.number() && gate != Gate::MISSING
}
