//! Where things are in a program's address space. Both widths have the same places: no program needs more than the
//! 3 GiB that i686 has. `init` maps the image, the startup block and the first stack; the SDK maps the rest.

use abi::PAGE_BYTES;
use core::ops::Range;

/// Where the linker puts the image.
pub const IMAGE: usize = 0x0040_0000;

/// Where `init` maps the startup block, read-only.
pub const STARTUP: usize = 0x1000_0000;

/// The end of the first thread's stack.
pub const STACK_TOP: usize = 0xB000_0000;

/// The size of the first thread's stack. Nothing is mapped below it.
pub const STACK_BYTES: usize = 64 << 10;

/// How much stays unmapped below each stack and between any two mappings. The compiler has a function with a large
/// frame touch each of its pages in turn (`stack-probes` in `targets/`), so one page is enough: no frame jumps over it.
pub const GUARD_BYTES: usize = PAGE_BYTES;

/// Where the heap grows. It ends before [`MAPPINGS`] begins, since the first mapping may be a stack.
pub const HEAP: Range<usize> = 0x2000_0000..MAPPINGS.start - GUARD_BYTES;

/// Where [`crate::Memory::map`] finds room.
pub const MAPPINGS: Range<usize> = 0x4000_0000..0xA000_0000;
