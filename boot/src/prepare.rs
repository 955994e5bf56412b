//! Memory, page tables and screen, which the kernel prepares between reading the loader's information and starting the
//! core.

use alloc::vec::Vec;
use core::ops::Range;

use arch::cpu::features;
use arch::layout;
use arch::log::journal;
use arch::log::screen::{AnyGrid, PixelFormat};
use arch::memory::{BootMemory, FIRST_MIB_BYTES, FRAME_BYTES, MemoryMap, address_of, frames_touching, low_end};
use arch::paging::{self, Image, window};
use kernel::frames::{Frame, FrameRecord, Records};

use crate::failure::Failure;
use crate::information::{Framebuffer, Information, Loaded};
use crate::room::{self, Move};
use crate::start::copy;
use crate::start::stack::BOOT_STACK;

/// The least memory with which the kernel starts: enough for tables, `init`, and a few drivers.
const LEAST_FRAMES: u64 = 4 << 8;

/// The least low memory to be left for the core's objects and for page tables, if modules can make room for it.
const LOW_FRAMES: u64 = 32 << 8;

/// Physical memory as the start code shows it.
pub struct EarlyMemory;

impl Loaded for EarlyMemory {
    fn bytes(&self, address: u64, length: usize) -> Option<&[u8]> {
        let end = address.checked_add(length as u64)?;
        if address == 0 || end > layout::EARLY_MAP_END {
            return None;
        }
        // SAFETY: the start code maps all of it, readable, and nothing writes there while the information is read.
        Some(unsafe { core::slice::from_raw_parts(layout::direct(address)?, length) })
    }
}

/// Finds the free memory: what the map offers, less the first MiB, the image and the modules. Moves modules if they
/// leave too little low memory.
pub fn memory(information: &mut Information) -> Result<BootMemory, Failure> {
    let limit = 1 << features::features().physical_bits.min(layout::PHYSICAL_BITS);
    let map = MemoryMap::new(&information.regions, limit);
    let mut taken = check_modules(information, &map)?;
    taken.push(0..FIRST_MIB_BYTES);
    // SAFETY: the loader vouches for the map, of which only what is free of doubt was taken over; what the loader left
    // is copied, in the taken ranges, or not needed any more.
    let mut memory = unsafe { BootMemory::new(map, &taken) };
    let need = low_frames(&memory);
    if memory.low_free_frames() < need {
        let map = memory.map().clone();
        taken = make_room(information, &memory, need);
        taken.extend([0..FIRST_MIB_BYTES, physical_image()]);
        taken.extend(information.modules.iter().map(|module| module.physical.clone()));
        // SAFETY: the map is the loader's, and the taken ranges have the modules where they are after the moves.
        memory = unsafe { BootMemory::new(map, &taken) };
    }
    match memory.free_frames() {
        free if free < LEAST_FRAMES => Err(Failure::TooLittleMemory(free * 4)),
        _ => Ok(memory),
    }
}

/// Returns how many frames of low memory the kernel needs: for its records of all frames, for the core's objects, for
/// page tables.
fn low_frames(memory: &BootMemory) -> u64 {
    let frames = memory.frame_limit() as usize;
    let records = frames * size_of::<FrameRecord>() + Records::words(frames) * size_of::<usize>();
    (records as u64).div_ceil(FRAME_BYTES) + LOW_FRAMES
}

/// Moves modules out of low memory, if the kernel needs that. Returns the frames that turned out to be no RAM.
fn make_room(information: &mut Information, memory: &BootMemory, need: u64) -> Vec<Range<u64>> {
    let modules: Vec<_> = information.modules.iter().map(|module| frames_touching(module.physical.clone())).collect();
    let mut no_ram = Vec::new();
    for Move { module, to } in room::moves(memory.free(), &modules, low_end(), need) {
        let Some(module) = information.modules.get_mut(module) else { continue };
        let from = module.physical.clone();
        let bytes = from.end - from.start;
        let to = address_of(Frame(to));
        // SAFETY: the start code's tables are in use; the module is RAM, and the place it goes to is free, so that they
        // don't overlap.
        if unsafe { copy::copy(from.start, to, bytes) } {
            log::info!("module {} is moved to {to:#x}, to leave the kernel room", module.name());
            module.physical = to..to + bytes;
        } else {
            log::warn!("there is no memory at {to:#x}, though the memory map says so");
            no_ram.push(to..to + bytes);
        }
    }
    no_ram
}

/// Returns the addresses of the image and the modules. Fails unless each module is in RAM, on pages of its own.
fn check_modules(information: &Information, map: &MemoryMap) -> Result<Vec<Range<u64>>, Failure> {
    if information.modules.is_empty() {
        return Err(Failure::NoModules);
    }
    let mut taken: Vec<Range<u64>> = Vec::from([physical_image()]);
    for (number, module) in information.modules.iter().enumerate() {
        let range = module.physical.clone();
        let misplaced = |problem| Err(Failure::MisplacedModule(number, problem));
        let frames = frames_touching(range.clone());
        if !range.start.is_multiple_of(abi::PAGE_BYTES as u64) {
            return misplaced("doesn't begin on a page boundary");
        }
        if !map.available.contains(frames.clone()) {
            return misplaced("isn't in memory that the memory map offers");
        }
        let overlaps = |other: &Range<u64>| {
            let other = frames_touching(other.clone());
            other.start < frames.end && frames.start < other.end
        };
        if taken.iter().any(overlaps) {
            return misplaced("overlaps the kernel or another module");
        }
        taken.push(range);
    }
    Ok(taken)
}

/// Moves onto the final page tables.
pub fn tables(memory: &mut BootMemory) -> Result<(), Failure> {
    let [text, rodata, data, end] =
        [&raw const text_start, &raw const rodata_start, &raw const data_start, &raw const image_end]
            .map(<*const u8>::addr);
    let guard = core::ptr::from_ref(&BOOT_STACK).addr();
    let image = Image { text: text..rodata, rodata: rodata..data, data: data..end, guard };
    // SAFETY: this runs once, on the start code's tables, and the image is what the linker laid out.
    unsafe { paging::install(&image, memory) }.map_err(|_| no_low_memory(memory))
}

/// Makes the failure for too little memory that the kernel itself can use.
pub fn no_low_memory(memory: &BootMemory) -> Failure {
    Failure::TooLittleLowMemory(memory.low_free_frames() * 4)
}

/// Returns the image's physical addresses.
fn physical_image() -> Range<u64> {
    let [start, end] = [&raw const image_start, &raw const image_end].map(<*const u8>::addr);
    start as u64..(end - layout::KERNEL_BASE) as u64
}

/// Tells whether a framebuffer can be where the loader says; logs a line if not.
pub fn can_be_there(framebuffer: &Framebuffer, memory: &BootMemory) -> bool {
    let end = framebuffer.address.saturating_add(framebuffer.bytes() as u64);
    let can = memory.map().may_be_device(framebuffer.address..end);
    if !can {
        log::warn!("there can't be a framebuffer at {:#x}", framebuffer.address);
    }
    can
}

/// Moves the log from the text screen to a framebuffer, if there is room for its window.
pub fn screen(framebuffer: Framebuffer) {
    // SAFETY: the loader says that the framebuffer, and nothing else, is there. The window is the kernel's only mapping
    // of the framebuffer.
    let window = unsafe { window::map(framebuffer.address, framebuffer.bytes(), window::Caching::Uncached) };
    let format = PixelFormat {
        pitch: framebuffer.pitch as usize,
        width: framebuffer.width as usize,
        height: framebuffer.height as usize,
        pixel_bytes: usize::from(framebuffer.bits).div_ceil(8),
        colours: framebuffer.colours,
    };
    let Some(pixels) = window else {
        log::warn!("the framebuffer can't be mapped: no text on it");
        return;
    };
    // SAFETY: the window is as large as the format says, and stays.
    let grid = unsafe { arch::log::screen::Framebuffer::new(pixels, format) };
    journal::take_screen(AnyGrid::Pixels(grid));
}

unsafe extern "C" {
    static image_start: u8;
    static text_start: u8;
    static rodata_start: u8;
    static data_start: u8;
    static image_end: u8;
}
