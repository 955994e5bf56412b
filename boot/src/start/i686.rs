//! i686: PAE tables of 2 MiB pages that show the first GiB at 0 and at 3 GiB, then paging, then Rust.

use core::arch::global_asm;

use super::stack::{BOOT_STACK, Stack};
use super::{EarlyTable, TO_PHYSICAL};
use crate::begin;

/// One page directory serves both views of the first GiB.
static DIRECTORY: EarlyTable<1> = EarlyTable::new();
pub(super) static POINTERS: EarlyTable<1> = EarlyTable::new();

/// Where `copy` shows memory: the second GiB, which the start code leaves out.
pub(super) const WINDOW: usize = 1 << 30;
/// That GiB's entry in the directory pointers.
pub(super) const POINTER_SLOT: usize = 1;
/// The flags of an entry that names a directory.
pub(super) const DIRECTORY_FLAGS: u64 = PRESENT as u64;

const ENTRY_BYTES: usize = size_of::<u64>();
/// Where in the directory pointers the image's GiB is.
const IMAGE_SLOT: usize = (arch::layout::KERNEL_BASE >> 30) * ENTRY_BYTES;
/// Present, writable, 2 MiB (SDM 3A 4.4.2).
const LARGE_PAGE: u32 = 0x83;
/// A directory-pointer entry of PAE allows no other bit than "present" here.
const PRESENT: u32 = 1;
const CR4_PAE: u32 = 1 << 5;
/// Paging, and write protection in ring 0 too.
const CR0_PG_WP: u32 = 1 << 31 | 1 << 16;

global_asm!(
    ".pushsection .boot.text, \"ax\"",
    ".code32",
    "prepare_paging:",
    // 512 pages of 2 MiB; the tables were zeroed by the loader, so the upper halves stay as they are.
    "mov ebx, offset {directory} + {to_physical}",
    "mov eax, {large_page}",
    "mov ecx, 512",
    "2:",
    "mov [ebx], eax",
    "add eax, 0x200000",
    "add ebx, {entry_bytes}",
    "dec ecx",
    "jnz 2b",
    "mov eax, offset {directory} + {to_physical} + {present}",
    "mov ebx, offset {pointers} + {to_physical}",
    "mov [ebx], eax",
    "mov [ebx + {image_slot}], eax",
    "mov cr3, ebx",
    "mov eax, cr4",
    "or eax, {cr4_pae}",
    "mov cr4, eax",
    "mov eax, cr0",
    "or eax, {cr0_pg_wp}",
    "mov cr0, eax",
    "mov eax, offset enter_higher_half",
    "jmp eax",
    ".popsection",
    ".pushsection .text.start, \"ax\"",
    "enter_higher_half:",
    // Segments of our own: the loader's table may already be overwritten.
    "lgdt [early_gdt_pointer]",
    "mov eax, 0x10",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "xor eax, eax",
    "mov fs, eax",
    "mov gs, eax",
    "mov esp, offset {stack} + {stack_size}",
    "mov eax, 0x08",
    "push eax",
    "mov eax, offset enter_own_segments",
    "push eax",
    "retf",
    "enter_own_segments:",
    // The stack is 16-byte aligned at the call; a null frame pointer ends back-traces.
    "sub esp, 8",
    "push ebp",
    "push edi",
    "xor ebp, ebp",
    "call {begin}",
    "ud2",
    ".popsection",
    ".pushsection .rodata.start, \"a\"",
    ".balign 8",
    // Flat segments, marked accessed: the CPU would otherwise write the mark into read-only memory.
    "early_gdt:",
    ".quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF",
    "early_gdt_pointer:",
    ".short early_gdt_pointer - early_gdt - 1",
    ".long early_gdt",
    ".popsection",
    directory = sym DIRECTORY,
    pointers = sym POINTERS,
    to_physical = const TO_PHYSICAL,
    entry_bytes = const ENTRY_BYTES,
    image_slot = const IMAGE_SLOT,
    large_page = const LARGE_PAGE,
    present = const PRESENT,
    cr4_pae = const CR4_PAE,
    cr0_pg_wp = const CR0_PG_WP,
    stack = sym BOOT_STACK,
    stack_size = const size_of::<Stack>(),
    begin = sym begin,
);
