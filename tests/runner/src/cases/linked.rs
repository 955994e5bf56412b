//! The linked kernel, without booting it.

use elf::ElfBytes;
use elf::endian::LittleEndian;
use elf::segment::ProgramHeader;
use runner::listing::{Function, Listing};
use runner::reach::{Memory, Walk};
use xtask::Width;
use xtask::build::{kernel, kernel_with_symbols};

use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: no_panic_is_reachable_from_a_trap, tables_take_no_room_in_the_image];

/// Where the kernel's half begins on i686; on x86_64 it lies above, too.
const KERNEL_HALF: u64 = 0xC000_0000;

/// Nothing that comes in by a gate or a fast call leads to a panic, and every place that control goes to is known. The
/// walk ends at the crash record of an exception in the kernel. The start code, below the kernel's half, isn't
/// followed: a number like 0x100000 is no address there.
fn no_panic_is_reachable_from_a_trap(width: Width) {
    let file = kernel_with_symbols(width);
    let listing = Listing::of(&file).expect("the kernel was built");
    let bytes = std::fs::read(&file).expect("it is there");
    let image = Image { width, file: ElfBytes::minimal_parse(&bytes).expect("the kernel is an ELF file") };
    let is_root = |function: &Function| {
        ["::stub::", "::task_gate::"].iter().any(|part| function.name.contains(&format!("x86_entry{part}")))
    };
    let is_end = |function: &Function| function.name == "arch::crash::exception" || function.address() < KERNEL_HALF;
    let walk = Walk::new(&listing, &image, is_root, is_end);
    for handler in ["arch::trap::slow_interrupt", "arch::trap::exception", "arch::trap::slow_call", "crash::exception"]
    {
        assert!(walk.reaches(handler), "{handler} isn't reached: the walk is wrong");
    }
    for end in ["core::panicking", "arch::crash::panicked", "rust_begin_unwind"] {
        let exists = listing.functions().iter().any(|function| function.name.contains(end));
        assert!(exists, "the kernel has no {end}: what panics lead to is called otherwise");
        if let Some(way) = walk.way_to(end) {
            panic!("a panic is reachable: {}", way.join("\n  -> "));
        }
    }
    let unknown: Vec<_> = walk.unresolved.iter().map(|address| listing.describe(*address)).collect();
    assert!(unknown.is_empty(), "these lead to places that aren't known: {}", unknown.join(", "));
}

/// The core's tables begin as zeros: one field that doesn't puts all of them, megabytes, into the file.
fn tables_take_no_room_in_the_image(width: Width) {
    const MOST: u64 = 512 << 10;
    let bytes = std::fs::metadata(kernel(width)).expect("the kernel was built").len();
    assert!(bytes < MOST, "the kernel's file has {bytes} bytes");
}

struct Image<'a> {
    width: Width,
    file: ElfBytes<'a, LittleEndian>,
}

impl Memory for Image<'_> {
    fn word(&self, address: u64) -> Option<u64> {
        // The listing has addresses of 64 bits, of which i686's are the lower half.
        let (mask, size) = match self.width {
            Width::I686 => (u64::from(u32::MAX), 4),
            Width::X86_64 => (u64::MAX, 8),
        };
        let address = address & mask;
        let segments = self.file.segments()?;
        let offset = |start: u64| address.checked_sub(start);
        let holds = |segment: &ProgramHeader| offset(segment.p_vaddr).is_some_and(|offset| offset < segment.p_filesz);
        let segment = segments.iter().find(holds)?;
        let bytes = self.file.segment_data(&segment).ok()?;
        let start = usize::try_from(offset(segment.p_vaddr)?).ok()?;
        let mut word = [0; 8];
        word[..size].copy_from_slice(bytes.get(start..)?.get(..size)?);
        Some(u64::from_le_bytes(word))
    }
}
