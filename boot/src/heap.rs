//! The kernel's heap, which gives memory only while the kernel boots.
//!
//! Only boot code and the parsers it calls (boot information, ACPI tables) allocate. After [`seal`] each allocation
//! fails, so that a mistake shows: at run time all memory comes from tables and charged frames.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr::{NonNull, null_mut};

use linked_list_allocator::Heap;
use spin::Mutex;

/// Enough for the tables of a large server's firmware, and little enough for a PC with 16 MiB.
const HEAP_BYTES: usize = 512 * 1024;

#[repr(C, align(4096))]
struct Space(UnsafeCell<[u8; HEAP_BYTES]>);

// SAFETY: only the allocator, behind its lock, uses the bytes.
unsafe impl Sync for Space {}

static SPACE: Space = Space(UnsafeCell::new([0; HEAP_BYTES]));

enum State {
    Untouched,
    Open(Heap),
    Sealed,
}

struct BootHeap(Mutex<State>);

#[global_allocator]
static HEAP: BootHeap = BootHeap(Mutex::new(State::Untouched));

/// Makes all later allocations fail.
pub fn seal() {
    *HEAP.0.lock() = State::Sealed;
}

// SAFETY: memory comes from `linked_list_allocator`, which gives disjoint blocks of the asked layout, or is null.
unsafe impl GlobalAlloc for BootHeap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut state = self.0.lock();
        if let State::Untouched = *state {
            let mut heap = Heap::empty();
            // SAFETY: the bytes are static, used by nothing else, and given to one heap once.
            unsafe { heap.init(SPACE.0.get().cast(), HEAP_BYTES) };
            *state = State::Open(heap);
        }
        match &mut *state {
            State::Open(heap) => heap.allocate_first_fit(layout).map_or(null_mut(), NonNull::as_ptr),
            State::Untouched | State::Sealed => null_mut(),
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        if let (State::Open(heap), Some(block)) = (&mut *self.0.lock(), NonNull::new(block)) {
            // SAFETY: the caller got the block from `alloc` with this layout, so it is of this heap.
            unsafe { heap.deallocate(block, layout) };
        }
    }
}
