//! Where things are in a program's address space. The same on both widths: no program here needs more than the 3 GiB
//! that i686 has. `init` puts the first three there, the SDK the rest.

use core::ops::Range;

/// Where the linker puts the image.
pub const IMAGE: usize = 0x0040_0000;

/// Where `init` maps the startup block, read-only.
pub const STARTUP: usize = 0x1000_0000;

/// The end of the first thread's stack.
pub const STACK_TOP: usize = 0xB000_0000;

/// The size of the first thread's stack. Nothing is mapped below it, so an overflow is a fault.
pub const STACK_BYTES: usize = 64 << 10;

/// Where the heap grows.
pub const HEAP: Range<usize> = 0x2000_0000..0x4000_0000;

/// Where [`crate::Memory::map`] finds room.
pub const MAPPINGS: Range<usize> = 0x4000_0000..0xA000_0000;
