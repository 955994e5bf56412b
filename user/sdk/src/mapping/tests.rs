use super::*;
use crate::layout;
use crate::raw::fake::objects::Objects;
use std::vec::Vec;

#[test]
#[should_panic(expected = "outside of a mapping")]
fn a_register_that_is_half_outside_is_refused() {
    let _objects = Objects::serve();
    let mapping = Memory::new(PAGE_BYTES).unwrap().map(Access::READ).unwrap();
    mapping.register::<u32>(PAGE_BYTES - 4);
    mapping.read_bytes(PAGE_BYTES - 4, &mut [0; 5]);
}

#[test]
fn sizes_that_no_mapping_has_are_refused() {
    let _objects = Objects::serve();
    let memory = Memory::new(PAGE_BYTES).unwrap();
    for bytes in [0, usize::MAX] {
        assert_eq!(memory.map_part(0, bytes, Access::READ).map(drop), Err(Error::BadArgument));
    }
}

/// A mapping that fails half-way leaves alone what others have mapped in its range, and takes its own away.
#[test]
fn a_mapping_that_fails_unmaps_its_own_pages_alone() {
    let objects = Objects::serve();
    let memory = Memory::new(4 * PAGE_BYTES).unwrap();
    let first = memory.map_part(0, PAGE_BYTES, Access::READ).unwrap().address();
    let theirs = first + 2 * PAGE_BYTES;
    objects.occupy(theirs);
    let mapping = memory.map(Access::READ).unwrap();
    assert!(mapping.address() > theirs, "{:#x}", mapping.address());
    let below = |page: &&usize| **page <= theirs;
    assert_eq!(objects.census().pages.iter().filter(below).copied().collect::<Vec<_>>(), [theirs]);
    drop(mapping);
    assert_eq!(objects.census().pages.into_iter().collect::<Vec<_>>(), [theirs]);
}

/// So it is at an address of the caller's choice.
#[test]
fn pages_that_are_only_half_there_are_unmapped() {
    let objects = Objects::serve();
    let memory = Memory::new(4 * PAGE_BYTES).unwrap();
    let address = layout::HEAP.start;
    // SAFETY: the host has no heap there.
    objects.fail_at_each_call(|| unsafe { memory.map_at(address, 0, 4 * PAGE_BYTES, Access::READ) });
    assert_eq!(objects.census().pages.len(), 4);
}
