//! Stacks of gates, and which stub a gate leads to.
use core::ptr::NonNull;

use super::InterruptDescriptorTable;
use crate::vector::{DEBUG, DOUBLE_FAULT, PAGE_FAULT};
use crate::{InterruptStackIndex, KernelEntry, PageFault, TrapFrame, WithoutSmap};

struct Bell;

// SAFETY: no table is loaded.
unsafe impl KernelEntry for Bell {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("{frame:?}")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("{frame:?}")
    }
}

fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
    panic!("{fault:?}: {frame:?}")
}

fn double_fault(frame: &mut TrapFrame) -> ! {
    panic!("{frame:?}")
}

#[test]
fn stacks_of_their_own_are_accepted() {
    let mut table = InterruptDescriptorTable::new();
    let mut filler = table.fill::<Bell, WithoutSmap>();
    filler.exception_on_stack(DOUBLE_FAULT, InterruptStackIndex::One, double_fault);
    filler.paranoid_gates().exception_on_stack(PAGE_FAULT, InterruptStackIndex::Five, page_fault);
    filler.exception_on_stack(DOUBLE_FAULT, InterruptStackIndex::One, double_fault).trap_every_vector();
    assert_eq!(table.gate(14).stack(), Some(5));
}

#[test]
#[should_panic = "paranoid gates take One to Four"]
fn a_paranoid_stack_is_refused() {
    let mut table = InterruptDescriptorTable::new();
    let mut filler = table.fill::<Bell, WithoutSmap>();
    filler.paranoid_gates().exception_on_stack(PAGE_FAULT, InterruptStackIndex::Two, page_fault);
}

#[test]
#[should_panic = "paranoid gates take One to Four"]
fn paranoid_gates_after_such_a_stack_are_refused() {
    let mut table = InterruptDescriptorTable::new();
    let mut filler = table.fill::<Bell, WithoutSmap>();
    filler.exception_on_stack(PAGE_FAULT, InterruptStackIndex::Four, page_fault).paranoid_gates();
}

#[test]
fn paranoid_stubs_are_told_from_others() {
    let mut table = InterruptDescriptorTable::new();
    table.fill::<Bell, WithoutSmap>().paranoid_gates();
    let recognised = |table: &mut InterruptDescriptorTable| {
        [1, 2, 18].map(|vector| crate::stub::is_paranoid(*table.gate(vector), vector))
    };
    assert_eq!(recognised(&mut table), [true; 3]);
    table.fill::<Bell, WithoutSmap>().exception(DEBUG, |_: &mut TrapFrame| {});
    assert_eq!(recognised(&mut table), [false, true, true]);
    let mut table = InterruptDescriptorTable::new();
    table.fill::<Bell, WithoutSmap>().trap_every_vector();
    assert_eq!(recognised(&mut table), [false; 3]);
    assert_eq!(recognised(&mut InterruptDescriptorTable::new()), [false; 3]);
}
