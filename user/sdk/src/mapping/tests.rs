use super::*;
use crate::layout;
use crate::raw::fake;
use std::cell::RefCell;
use std::rc::Rc;
use std::vec::Vec;

#[test]
#[should_panic(expected = "outside of a mapping")]
fn a_register_that_is_half_outside_is_refused() {
    let mapping = core::mem::ManuallyDrop::new(Mapping { address: PAGE_BYTES, bytes: PAGE_BYTES });
    mapping.register::<u32>(PAGE_BYTES - 4);
    mapping.read_bytes(PAGE_BYTES - 4, &mut [0; 5]);
}

#[test]
fn sizes_that_no_mapping_has_are_refused() {
    let memory = Memory::installed(9);
    for bytes in [0, usize::MAX] {
        assert_eq!(memory.map_part(0, bytes, Access::READ).map(drop), Err(Error::BadArgument));
    }
    memory.into_raw();
}

/// An address space that refuses to map where something is mapped, slice by slice.
#[derive(Default)]
struct Space {
    pages: Vec<usize>,
    /// How many pages may be mapped at all.
    room: usize,
}

impl Space {
    /// Answers this thread's calls, as a kernel with one space does.
    fn serve(room: usize, occupied: Vec<usize>) -> Rc<RefCell<Self>> {
        let space = Rc::new(RefCell::new(Self { pages: occupied, room }));
        fake::answer_with({
            let space = space.clone();
            move |operation, _, [address, second, bytes, _]| {
                let mut space = space.borrow_mut();
                match operation {
                    // One page a call, from the front.
                    Operation::MemoryMap if space.pages.contains(&address) => Err(Error::Conflict),
                    Operation::MemoryMap if space.pages.len() >= space.room => Err(Error::NoMemory),
                    Operation::MemoryMap => {
                        space.pages.push(address);
                        Ok([PAGE_BYTES.min(bytes), 0, 0, 0])
                    }
                    Operation::MemoryUnmap => {
                        let range = address..address + second;
                        let found = space.pages.iter().rposition(|page| range.contains(page));
                        Ok([found.map(|found| space.pages.remove(found)).map_or(0, |_| PAGE_BYTES), 0, 0, 0])
                    }
                    _ => Ok([0; 4]),
                }
            }
        });
        space
    }
}

/// A mapping that fails half-way leaves alone what others have mapped in its range, and takes its own away.
#[test]
fn a_mapping_that_fails_unmaps_its_own_pages_alone() {
    let first = ROOM.take(PAGE_BYTES).unwrap();
    ROOM.give_back(first, PAGE_BYTES);
    let theirs = first + 2 * PAGE_BYTES;
    let space = Space::serve(100, vec![theirs]);
    let memory = Memory::installed(9);
    let mapping = memory.map_part(0, 4 * PAGE_BYTES, Access::READ).unwrap();
    assert!(mapping.address() > theirs, "{:#x}", mapping.address());
    assert_eq!(space.borrow().pages.iter().filter(|page| **page <= theirs).copied().collect::<Vec<_>>(), [theirs]);
    drop(mapping);
    assert_eq!(space.borrow().pages, [theirs]);
    memory.into_raw();
}

#[test]
fn a_mapping_without_room_leaves_nothing_behind() {
    let space = Space::serve(3, Vec::new());
    let memory = Memory::installed(9);
    let before = ROOM.take(64 * PAGE_BYTES).unwrap();
    ROOM.give_back(before, 64 * PAGE_BYTES);
    assert_eq!(memory.map_part(0, 4 * PAGE_BYTES, Access::READ).map(drop), Err(Error::NoMemory));
    assert!(space.borrow().pages.is_empty());
    assert!((layout::MAPPINGS.start..=before).contains(&before));
    memory.into_raw();
}
