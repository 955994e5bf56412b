//! i686: long mode off, PAE tables of 2 MiB pages that show the first GiB at 0 and at 3 GiB, then paging, then Rust.

use core::arch::global_asm;

use super::stack::{BOOT_STACK, Stack};
use super::{
    CODE_SELECTOR, CR0_PG_WP, CR4_PAE, DATA_SELECTOR, ENTRIES, ENTRY_BYTES, EarlyTable, LARGE_PAGE, LARGE_PAGE_BYTES,
    TO_PHYSICAL,
};
use crate::begin;

/// One page directory serves both views of the first GiB.
static DIRECTORY: EarlyTable<1> = EarlyTable::new();
pub(super) static POINTERS: EarlyTable<1> = EarlyTable::new();

/// Where `copy` shows memory: the second GiB, which the start code leaves out.
pub(super) const WINDOW: usize = 1 << 30;
/// The index of `WINDOW`'s GiB in the directory pointers.
pub(super) const POINTER_SLOT: usize = 1;
/// The flags of an entry that names a directory.
pub(super) const DIRECTORY_FLAGS: u64 = PRESENT as u64;

/// The highest extended leaf of CPUID, and the leaf whose `edx` says whether the CPU has long mode (SDM 2A, CPUID).
const EXTENDED_LEAVES: u32 = 0x8000_0000;
const EXTENDED_FEATURES: u32 = 0x8000_0001;
const HAS_LONG_MODE: u32 = 1 << 29;
/// EFER, and its bit that makes paging begin in long mode (SDM 3A 2.2.1, 9.8.5).
const EFER: u32 = 0xC000_0080;
const LONG_MODE_ENABLE: u32 = 1 << 8;

/// The offset of the image's GiB in the directory pointers.
const IMAGE_SLOT: usize = (arch::layout::KERNEL_BASE >> 30) * ENTRY_BYTES;
/// A directory-pointer entry of PAE allows no other bit than "present" here.
const PRESENT: u32 = 1;

global_asm!(
    ".pushsection .boot.text, \"ax\"",
    ".code32",
    "prepare_paging:",
    // A 64-bit loader may have left long mode enabled. With it, paging would read these tables as those of long mode.
    "mov eax, {extended_leaves}",
    "cpuid",
    "cmp eax, {extended_features}",
    "jb 3f",
    "mov eax, {extended_features}",
    "cpuid",
    "test edx, {has_long_mode}",
    "jz 3f",
    "mov ecx, {efer}",
    "rdmsr",
    "and eax, {not_long_mode}",
    "wrmsr",
    "3:",
    // A directory of large pages; the tables were zeroed by the loader, so the upper halves stay as they are.
    "mov ebx, offset {directory} + {to_physical}",
    "mov eax, {large_page}",
    "mov ecx, {entries}",
    "2:",
    "mov [ebx], eax",
    "add eax, {large_page_bytes}",
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
    "mov eax, {data_selector}",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "xor eax, eax",
    "mov fs, eax",
    "mov gs, eax",
    "mov esp, offset {stack} + {stack_size}",
    "mov eax, {code_selector}",
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
    entries = const ENTRIES,
    image_slot = const IMAGE_SLOT,
    large_page = const LARGE_PAGE,
    large_page_bytes = const LARGE_PAGE_BYTES,
    code_selector = const CODE_SELECTOR,
    data_selector = const DATA_SELECTOR,
    present = const PRESENT,
    extended_leaves = const EXTENDED_LEAVES,
    extended_features = const EXTENDED_FEATURES,
    has_long_mode = const HAS_LONG_MODE,
    efer = const EFER,
    not_long_mode = const !LONG_MODE_ENABLE,
    cr4_pae = const CR4_PAE,
    cr0_pg_wp = const CR0_PG_WP,
    stack = sym BOOT_STACK,
    stack_size = const size_of::<Stack>(),
    begin = sym begin,
);
