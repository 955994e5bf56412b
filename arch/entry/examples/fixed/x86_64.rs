//! x86_64: a CPU's data at an address that each CPU maps to memory of its own.
use core::ptr::from_mut;

use x86::controlregs::{cr3, cr3_write};
use x86_entry::{EntryDataLocation, TakeOnce};

use crate::{MOST_CPUS, PerCpu};

/// Where each CPU finds its data: below 2 GiB, because the stubs' displacement is sign-extended.
const ADDRESS: usize = 0x7FE0_0000;

/// The stubs read it there.
pub const DATA_LOCATION: EntryDataLocation = EntryDataLocation::Fixed(ADDRESS);

/// A large page, and the first of those that nothing else uses.
const PAGE: usize = 2 << 20;
const MEMORY: usize = 64 << 20;
/// Present and writable; and large (SDM 3A 4.5).
const PRESENT: usize = 0b11;
const LARGE: usize = 1 << 7;
/// For ring 3 too, as the start code's entries of tables are.
const USER: usize = 1 << 2;

/// The bits of an address that a table of each level takes.
const LEVEL_3_SHIFT: u32 = 30;
const LEVEL_2_SHIFT: u32 = 21;
const ENTRIES: usize = 512;
/// The address in an entry, which is below 4 GiB here.
const TABLE: usize = 0xFFFF_F000;

/// A page table.
#[repr(C, align(4096))]
struct Table([usize; ENTRIES]);

/// The page tables of each CPU, one of each level.
static TABLES: [TakeOnce<[Table; 3]>; MOST_CPUS] =
    [const { TakeOnce::new([const { Table([0; ENTRIES]) }; 3]) }; MOST_CPUS];

/// Copies a table of the start code's, and returns the address in one of its entries.
///
/// # Safety
///
/// `shared` is the address of a table, which is mapped where it lies.
unsafe fn copy(shared: usize, own: &mut Table, index: usize) -> usize {
    // SAFETY: the caller's promise; the CPU alone writes to it, and no more than marks.
    own.0 = unsafe { (shared as *const [usize; ENTRIES]).read() };
    own.0[index] & TABLE
}

/// Loads page tables of this CPU's own, and returns the memory for its data.
///
/// # Safety
///
/// As for `start_cpu`.
pub unsafe fn place(number: usize) -> &'static mut PerCpu {
    let [level_4, level_3, level_2] = TABLES[number].take().expect("each CPU starts once");
    let (third, second) = (ADDRESS >> LEVEL_3_SHIFT, ADDRESS >> LEVEL_2_SHIFT & (ENTRIES - 1));
    // SAFETY: ring 0.
    let root = unsafe { cr3() } as usize & TABLE;
    // SAFETY: the start code's tables are mapped where they lie.
    let shared = unsafe { copy(root, level_4, 0) };
    // SAFETY: as above.
    let shared = unsafe { copy(shared, level_3, third) };
    // SAFETY: as above.
    unsafe { copy(shared, level_2, second) };
    level_2.0[second] = (MEMORY + number * PAGE) | PRESENT | LARGE;
    level_3.0[third] = from_mut(level_2) as usize | PRESENT | USER;
    level_4.0[0] = from_mut(level_3) as usize | PRESENT | USER;
    // SAFETY: ring 0; the tables are static, and map all that runs as before.
    unsafe { cr3_write(from_mut(level_4) as u64) };
    // SAFETY: the memory is this CPU's own, and this is the first reference to it.
    unsafe { &mut *(ADDRESS as *mut PerCpu) }
}

/// Returns this CPU's data.
pub fn this_cpu() -> &'static PerCpu {
    // SAFETY: `place` has mapped it. From then on the CPU alone writes to the `entry` and the `frame` in it.
    unsafe { &*(ADDRESS as *const PerCpu) }
}
