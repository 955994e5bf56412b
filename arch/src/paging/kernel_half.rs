//! The kernel's half of all address spaces: building it, and moving onto it.
//!
//! What is mapped: the image, section by section with the access that each needs; all RAM and the firmware's tables,
//! readable and writable, in the direct map; the text screen uncached. On x86_64 the direct map leaves the image's
//! frames out, so that no second view of them undoes the access of the first; on i686 image and direct map are one
//! view.

use core::ops::Range;
use core::sync::atomic::{AtomicU32, Ordering};

use kernel::frames::Frame;
use x86::controlregs;

use super::tables::DirectMap;
use super::walk::Place;
use super::{Entry, EntryRun, Flags, Geometry, Root, Tables, Width, walk, window};
use crate::cpu::features;
use crate::layout;
use crate::memory::{BootMemory, FRAME_BYTES, RunSet, address_of};

/// The image's sections, by the addresses at which they run, page-aligned.
#[derive(Clone, Debug)]
pub struct Image {
    /// Code.
    pub text: Range<usize>,
    /// Constants.
    pub rodata: Range<usize>,
    /// Everything that is written.
    pub data: Range<usize>,
    /// A page within `data` that isn't mapped.
    pub guard: usize,
}

/// Not enough low memory for the kernel's own tables.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Frames of the first MiB, of which the kernel uses the text screen's and reads the firmware's.
const FIRST_MIB_FRAMES: Range<u32> = 0..0x100;
/// VGA memory: text mode's cells are in it.
const VGA: Range<u32> = 0xA0..0xC0;

/// Frames of a page that stands in a table of the level.
fn frames_a_page(level: u32) -> u32 {
    1 << (Width::shift(level) - Width::shift(1))
}

static ROOT: AtomicU32 = AtomicU32::new(0);

/// The root of the address space that has no user half.
pub(crate) fn root() -> Frame {
    Frame(ROOT.load(Ordering::Relaxed))
}

/// Builds the kernel's half and moves onto it, with all protection that the CPU offers.
///
/// # Safety
/// Called once, by the boot code on the start code's tables; `image` is true.
pub unsafe fn install(image: &Image, memory: &mut BootMemory) -> Result<(), OutOfMemory> {
    let root = memory.take(1).ok_or(OutOfMemory)?;
    let map = memory.map().clone();
    let mut half = Half { tables: KernelTables::new(root), memory };

    let data = Flags::WRITE | Flags::NO_EXECUTE;
    half.map_image(image.text.clone(), Flags::empty())?;
    half.map_image(image.rodata.clone(), Flags::NO_EXECUTE)?;
    half.map_image(image.data.start..image.guard, data)?;
    half.map_image(image.guard + abi::PAGE_BYTES..image.data.end, data)?;

    let mut shown = RunSet::new();
    for run in map.available.runs().iter().chain(map.firmware.runs()) {
        shown.add(run.clone());
    }
    shown.add(FIRST_MIB_FRAMES);
    shown.remove(VGA);
    shown.remove(frames_of_image(image));
    for run in shown.runs() {
        half.map_direct(run.clone(), data)?;
    }
    half.map_direct(VGA, data | Flags::UNCACHED)?;

    window::prepare(half.memory, root).ok_or(OutOfMemory)?;
    super::width::prepare_kernel_half(half.memory, root).ok_or(OutOfMemory)?;
    ROOT.store(root.0, Ordering::Relaxed);
    note_unused(root, &half.tables.tables);
    // SAFETY: data is written through pages that are mapped writable alone, and no kernel page is a user page.
    unsafe { features::protect() };
    // SAFETY: the new tables map everything that the kernel uses at the same addresses as the old ones.
    unsafe { controlregs::cr3_write(address_of(root)) };
    // SAFETY: global pages are in the kernel's half alone, which all spaces share.
    unsafe { features::allow_global_pages() };
    Ok(())
}

/// The frames of the image from its first to its last section.
fn frames_of_image(image: &Image) -> Range<u32> {
    let number = |address: usize| ((address - layout::KERNEL_BASE) as u64 / FRAME_BYTES) as u32;
    number(image.text.start)..number(image.data.end)
}

/// The kernel's half, page by page.
#[derive(Debug)]
pub(crate) struct KernelTables {
    root: Frame,
    tables: DirectMap,
}

impl KernelTables {
    /// The half below a root that is being built.
    pub(crate) fn new(root: Frame) -> Self {
        // SAFETY: the kernel's tables come from `BootMemory`, in low memory; the one CPU changes them one at a time.
        Self { root, tables: unsafe { DirectMap::new() } }
    }

    /// Maps a page where nothing is mapped.
    pub(crate) fn map(
        &mut self,
        address: usize,
        frame: Frame,
        flags: Flags,
        new_table: &mut impl FnMut() -> Option<Frame>,
    ) -> Option<()> {
        let level = if flags.contains(Flags::LARGE) { 2 } else { 1 };
        let entry = super::encode(frame, flags);
        walk::map::<Width>(&mut self.tables, Place { root: self.root, address, level }, entry, new_table).ok()
    }

    /// Maps consecutive pages, as many as one table holds. Returns the number of them.
    fn map_run(
        &mut self,
        address: usize,
        level: u32,
        entries: EntryRun,
        new_table: &mut impl FnMut() -> Option<Frame>,
    ) -> Option<usize> {
        let tables = &mut self.tables;
        walk::map_run::<Width>(tables, Place { root: self.root, address, level }, entries, new_table, &mut Root::Same)
            .ok()
    }

    /// Unmaps a small page. The caller flushes what the CPU has cached of it.
    pub(crate) fn clear(&mut self, address: usize) {
        walk::unmap::<Width>(&mut self.tables, self.root, address);
    }
}

struct Half<'a> {
    tables: KernelTables,
    memory: &'a mut BootMemory,
}

impl Half<'_> {
    fn map_image(&mut self, addresses: Range<usize>, flags: Flags) -> Result<(), OutOfMemory> {
        let number = |address: usize| ((address - layout::KERNEL_BASE) as u64 / FRAME_BYTES) as u32;
        self.map_run(addresses.start, number(addresses.start)..number(addresses.end), 1, flags)
    }

    /// Shows frames in the direct map, as far as it goes, by large pages where they fit.
    fn map_direct(&mut self, frames: Range<u32>, flags: Flags) -> Result<(), OutOfMemory> {
        let end = u64::from(frames.end).min(layout::DIRECT_MAP_END / FRAME_BYTES) as u32;
        let largest = if Width::LEVELS > 3 && features::features().gigabyte_pages { 3 } else { 2 };
        let mut frame = frames.start;
        while frame < end {
            let fits =
                |level: &u32| frame.is_multiple_of(frames_a_page(*level)) && end - frame >= frames_a_page(*level);
            let level = (2..=largest).rev().find(fits).unwrap_or(1);
            // Up to where a larger page may fit.
            let next = if level < largest { (frame + 1).next_multiple_of(frames_a_page(level + 1)) } else { end };
            let run = frame..next.min(end / frames_a_page(level) * frames_a_page(level));
            frame = run.end;
            self.map_run(layout::DIRECT_MAP + address_of(Frame(run.start)) as usize, run, level, flags)?;
        }
        Ok(())
    }

    /// Maps frames at an address and behind it, table by table.
    fn map_run(&mut self, mut address: usize, frames: Range<u32>, level: u32, flags: Flags) -> Result<(), OutOfMemory> {
        let step = frames_a_page(level);
        let size = if level > 1 { Flags::LARGE } else { Flags::empty() };
        let memory = &mut *self.memory;
        let mut entries = EntryRun {
            next: super::encode(Frame(frames.start), flags | size | Flags::GLOBAL).bits(),
            step: step * FRAME_BYTES as u32,
            left: (frames.end.saturating_sub(frames.start)) / step,
        };
        while entries.left > 0 {
            let done = self.tables.map_run(address, level, entries, &mut || memory.take(1)).ok_or(OutOfMemory)?;
            entries = entries.behind(done as u32);
            address += done * step as usize * abi::PAGE_BYTES;
        }
        Ok(())
    }
}

/// The entries of the root between those of the direct map and those of windows and image, all empty: first and end.
///
/// A new space doesn't copy them, which would be most of the cost of making one. The direct map needs one entry for
/// each 512 GiB of memory.
static UNUSED: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];

/// Finds out which entries of the finished root are unused.
fn note_unused(root: Frame, tables: &DirectMap) {
    let all = Width::USER_ROOT_ENTRIES..Width::ROOT_ENTRIES;
    let is_used = |index: &usize| tables.read(root, *index) != Entry::EMPTY;
    let first = all.clone().find(|index| !is_used(index)).unwrap_or(all.end);
    let end = (first..all.end).find(is_used).unwrap_or(all.end);
    for (place, index) in UNUSED.iter().zip([first, end]) {
        place.store(index as u32, Ordering::Relaxed);
    }
}

/// Copies what all spaces share from the kernel's own root to a new one, which is zeroed.
pub(super) fn share(tables: &mut DirectMap, new: Frame) {
    let [first, end] = UNUSED.each_ref().map(|index| index.load(Ordering::Relaxed) as usize);
    tables.copy(root(), new, Width::USER_ROOT_ENTRIES..first);
    tables.copy(root(), new, end..Width::ROOT_ENTRIES);
}
