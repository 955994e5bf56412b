//! Segments: those of `x86-entry`, and behind them some that a hostile program would like to have.
use core::cell::UnsafeCell;

use x86::dtables::{DescriptorTablePointer, lgdt};
use x86::segmentation::{SegmentSelector, load_cs, load_ds, load_es, load_ss};
use x86_entry::{EntryData, GlobalDescriptorTable};

/// The selectors of `x86-entry`'s table, which lies at the beginning of this one.
pub const SELECTORS: x86_entry::Selectors = GlobalDescriptorTable::SELECTORS;

/// Behind the end of the table, for ring 3.
pub const NO_SELECTOR: usize = 0xFFF8 | 3;

const ENTRIES: usize = 16;
#[cfg(target_arch = "x86")]
const FIRST_OWN: usize = 9;

/// Ring 3 data that begins at [`SHIFT`].
#[cfg(target_arch = "x86")]
pub const SHIFTED_DATA: usize = (FIRST_OWN * 8) | 3;
/// A ring 3 stack of 16 bits.
#[cfg(target_arch = "x86")]
pub const NARROW_STACK: usize = ((FIRST_OWN + 1) * 8) | 3;
/// Where [`SHIFTED_DATA`] begins: far enough that nothing of the kernel's lies so far behind anything else.
#[cfg(target_arch = "x86")]
pub const SHIFT: usize = 32 << 20;

/// Writable data for ring 3, present, limit in pages (SDM 3A 3.4.5).
#[cfg(target_arch = "x86")]
const USER_DATA: u64 = 0x008F_F300_0000_FFFF;
/// Its stack pointer has 32 bits.
#[cfg(target_arch = "x86")]
const WIDE: u64 = 1 << 54;

struct Table(UnsafeCell<[u64; ENTRIES]>);

// SAFETY: written once by `load`, then the CPU's.
unsafe impl Sync for Table {}

static TABLE: Table = Table(UnsafeCell::new([0; ENTRIES]));

/// Loads the table, and the CPU's TSS.
pub fn load(cpu: &EntryData) {
    let mut standard = GlobalDescriptorTable::new();
    #[cfg(target_arch = "x86_64")]
    standard.set_tss(&raw const cpu.tss as u64, EntryData::TSS_SEGMENT_BYTES);
    #[cfg(target_arch = "x86")]
    standard.set_tss(SELECTORS.tss, &raw const cpu.tss as u32, EntryData::TSS_SEGMENT_BYTES);
    // SAFETY: called once, before the CPU knows the table.
    let table = unsafe { &mut *TABLE.0.get() };
    table[..standard.entries().len()].copy_from_slice(standard.entries());
    #[cfg(target_arch = "x86")]
    {
        let base = (SHIFT as u64 & 0xFF_FFFF) << 16 | (SHIFT as u64 >> 24) << 56;
        table[FIRST_OWN] = USER_DATA | WIDE | base;
        table[FIRST_OWN + 1] = USER_DATA;
    }
    let pointer = DescriptorTablePointer::new_from_slice(table);
    // SAFETY: the table is static and has flat segments.
    unsafe { lgdt(&pointer) };
    // SAFETY: the selector is of flat ring-0 code.
    unsafe { load_cs(SegmentSelector::from_raw(SELECTORS.kernel_code)) };
    for load in [load_ss, load_ds, load_es] {
        // SAFETY: the selector is of flat ring-0 data.
        unsafe { load(SegmentSelector::from_raw(SELECTORS.kernel_data)) };
    }
    // SAFETY: the descriptor is of the CPU's TSS.
    unsafe { x86::task::load_tr(SegmentSelector::from_raw(SELECTORS.tss)) };
}
