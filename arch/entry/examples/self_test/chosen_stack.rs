//! A typed handler on a stack that its gate names, whatever ring is interrupted (x86_64).
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::vector::BREAKPOINT;
use x86_entry::{EntryData, InterruptDescriptorTable, InterruptStackIndex, KernelEntry, TrapFrame, WithoutSmap};

use crate::support::{Setup, Stack};

struct OneStackMore;

// SAFETY: the segments are loaded before `check` runs, and nothing but its one breakpoint comes while it does.
unsafe impl KernelEntry for OneStackMore {
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("no gate leads here: {frame:?}")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        panic!("no gate leads here: {frame:x?}")
    }
}

static TABLE: Setup<InterruptDescriptorTable> = Setup::new(InterruptDescriptorTable::new());
static STACK: Stack = Stack::new();

/// Where the handler found its frame.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// Takes a breakpoint on [`STACK`]. The table that is loaded afterwards has no other gate.
pub fn check(data: &mut EntryData) {
    data.set_interrupt_stack(InterruptStackIndex::Five, STACK.top());
    // SAFETY: interrupts are off, and the reference of an earlier call isn't used any more.
    let table = unsafe { TABLE.borrow() };
    table.fill::<OneStackMore, WithoutSmap>().exception_on_stack(
        BREAKPOINT,
        InterruptStackIndex::Five,
        |frame: &mut TrapFrame| {
            SEEN.store(&raw const *frame as usize, Ordering::Relaxed);
        },
    );
    // SAFETY: the kernel's segments are loaded.
    unsafe { table.load() };
    SEEN.store(0, Ordering::Relaxed);
    // SAFETY: the handler changes nothing but that.
    unsafe { core::arch::asm!("int3") };
    let (seen, top) = (SEEN.load(Ordering::Relaxed), STACK.top());
    assert!((top - 1024..top).contains(&seen), "the frame was at {seen:#x}, the stack ends at {top:#x}");
}
