//! i686: a CPU's data at an address that each CPU maps to memory of its own.
use x86::controlregs::{cr3, cr3_write};
use x86_entry::{EntryDataLocation, TakeOnce};

use crate::{MOST_CPUS, PerCpu};

/// Where each CPU finds its data.
const ADDRESS: usize = 0xE000_0000;

/// The stubs read it there.
pub const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Fixed(ADDRESS);

/// A large page, and the first of those that nothing else uses.
const PAGE: usize = 4 << 20;
const MEMORY: usize = 64 << 20;
/// Present, writable, large (SDM 3A 4.3).
const MAPPED: usize = 1 << 7 | 0b11;

/// A page directory.
#[repr(C, align(4096))]
struct Directory([usize; 1024]);

static DIRECTORIES: [TakeOnce<Directory>; MOST_CPUS] = [const { TakeOnce::new(Directory([0; 1024])) }; MOST_CPUS];

/// Loads page tables of this CPU's own, and returns the memory for its data.
///
/// # Safety
///
/// As for `start_cpu`.
pub unsafe fn place(number: usize) -> &'static mut PerCpu {
    let directory = DIRECTORIES[number].take().expect("each CPU starts once");
    // SAFETY: ring 0.
    let root = unsafe { cr3() } as *const [usize; 1024];
    // SAFETY: the start code's page directory is mapped where it lies.
    let shared = unsafe { &*root };
    directory.0 = *shared;
    directory.0[ADDRESS / PAGE] = (MEMORY + number * PAGE) | MAPPED;
    // SAFETY: ring 0; the directory is static, and maps all that runs as before.
    unsafe { cr3_write(&raw const *directory as u64) };
    // SAFETY: the memory is this CPU's own, and this is the first reference to it.
    unsafe { &mut *(ADDRESS as *mut PerCpu) }
}

/// Does nothing: GS is a segment register like the others here.
///
/// # Safety
///
/// None on this width.
pub unsafe fn set_base(_cpu: &mut PerCpu) {}

/// Returns this CPU's data.
pub fn this_cpu() -> &'static PerCpu {
    // SAFETY: `place` has mapped it. From then on the CPU alone writes to the `entry` in it.
    unsafe { &*(ADDRESS as *const PerCpu) }
}
