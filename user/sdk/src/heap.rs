//! The heap: memory objects mapped one behind another, so that it is one region that grows.

use crate::handle::Scoped;
use crate::{Memory, Mutex, MutexGuard, layout};
use abi::{Access, PAGE_BYTES};
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, NonNull};
use linked_list_allocator::Heap;

/// The heap grows by this much at least, so that few allocations need a call.
const SMALLEST_GROWTH: usize = 32 << 10;

/// The allocator of every program.
#[cfg_attr(target_os = "none", global_allocator)]
#[cfg_attr(not(target_os = "none"), expect(dead_code, reason = "the host has an allocator of its own"))]
static HEAP: Growing = Growing { heap: Mutex::new(Heap::empty()) };

struct Growing {
    heap: Mutex<Heap>,
}

impl Growing {
    fn lock(&self) -> MutexGuard<'_, Heap> {
        self.heap.lock()
    }
}

// SAFETY: the heap hands out memory that is mapped, aligned, and not handed out twice; the lock keeps threads apart.
unsafe impl GlobalAlloc for Growing {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let mut heap = self.lock();
        if let Ok(address) = heap.allocate_first_fit(layout) {
            return address.as_ptr();
        }
        // What the list needs for itself is less than a page, whatever the layout.
        let wanted = layout.size().saturating_add(layout.align()).saturating_add(PAGE_BYTES);
        if grow(&mut heap, wanted).is_none() {
            return ptr::null_mut();
        }
        heap.allocate_first_fit(layout).map_or(ptr::null_mut(), NonNull::as_ptr)
    }

    unsafe fn dealloc(&self, address: *mut u8, layout: Layout) {
        if let Some(address) = NonNull::new(address) {
            // SAFETY: the caller promises that this came from `alloc` with the same layout.
            unsafe { self.lock().deallocate(address, layout) };
        }
    }
}

/// Adds a memory object to the end of the heap. Returns nothing, and leaves nothing behind, if the quota or the region
/// has no room for it.
fn grow(heap: &mut Heap, wanted: usize) -> Option<()> {
    let bytes = wanted.max(SMALLEST_GROWTH).checked_next_multiple_of(PAGE_BYTES)?;
    let empty = heap.size() == 0;
    let end = if empty { layout::HEAP.start } else { heap.top() as usize };
    if bytes > layout::HEAP.end.checked_sub(end)? {
        return None;
    }
    let memory = Scoped::new(Memory::new(bytes).ok()?);
    // SAFETY: the region is the heap's alone, which has nothing there yet.
    unsafe { memory.map_at(end, 0, bytes, Access::READ | Access::WRITE) }.ok()?;
    // The heap never shrinks, so the handle isn't needed any more; the memory lives as long as the process.
    drop(memory.keep());
    if empty {
        // SAFETY: the region is mapped for good and nothing else uses it.
        unsafe { heap.init(end as *mut u8, bytes) };
    } else {
        // SAFETY: the new memory is mapped for good right behind what the heap has.
        unsafe { heap.extend(bytes) };
    }
    Some(())
}
