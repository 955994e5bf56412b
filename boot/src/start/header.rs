//! The headers by which a boot loader knows the kernel: one of multiboot1, one of multiboot2.
//!
//! Multiboot1 carries the address fields (flag 16), so that `qemu -kernel` loads the file flat and takes an ELF of
//! either width; multiboot2 is read by GRUB, which loads by the program headers. Both stand at the file's very start.

use core::arch::global_asm;

/// "Modules page-aligned", "give memory information", "the address fields are valid" (Multiboot 0.6.96, 3.1.2).
const MULTIBOOT1_FLAGS: u32 = 1 << 0 | 1 << 1 | 1 << 16;
const MULTIBOOT1_MAGIC: u32 = 0x1BAD_B002;
const MULTIBOOT2_MAGIC: u32 = 0xE852_50D6;

global_asm!(
    ".pushsection .boot.header, \"a\"",
    ".balign 8",
    "multiboot1_header:",
    ".long {magic1}, {flags1}, {sum1}",
    ".long multiboot1_header",
    ".long image_start",
    ".long data_end_physical",
    ".long image_end_physical",
    ".long start",
    // The architecture field 0 is 32-bit protected mode on i386, which is how both widths are entered.
    ".balign 8",
    "multiboot2_header:",
    ".long {magic2}, 0, multiboot2_header_end - multiboot2_header",
    ".long -({magic2} + (multiboot2_header_end - multiboot2_header))",
    // Tag 5, optional: a linear framebuffer of any size where the firmware has one; text mode does too.
    ".balign 8",
    ".short 5, 1",
    ".long 20, 0, 0, 0",
    // Tag 6: modules on page boundaries.
    ".balign 8",
    ".short 6, 0",
    ".long 8",
    ".balign 8",
    ".short 0, 0",
    ".long 8",
    "multiboot2_header_end:",
    ".popsection",
    magic1 = const MULTIBOOT1_MAGIC,
    flags1 = const MULTIBOOT1_FLAGS,
    sum1 = const 0u32.wrapping_sub(MULTIBOOT1_MAGIC).wrapping_sub(MULTIBOOT1_FLAGS),
    magic2 = const MULTIBOOT2_MAGIC,
);
