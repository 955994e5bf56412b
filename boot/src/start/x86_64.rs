//! The start code of x86_64. It checks for long mode (without it a line says so), shows the first 4 GiB at 0 and in the
//! direct map and the first GiB at the kernel's base, and then goes on to paging, 64-bit code and Rust.

use core::arch::global_asm;

use super::stack::{BOOT_STACK, Stack};
use super::{
    CODE_SELECTOR, CR0_PG_WP, CR4_PAE, DATA_SELECTOR, ENTRIES, ENTRY_BYTES, EarlyTable, LARGE_PAGE, LARGE_PAGE_BYTES,
    TO_PHYSICAL,
};
use crate::begin;

static ROOT: EarlyTable<1> = EarlyTable::new();
/// The directory pointers of low memory and of the direct map.
pub(super) static POINTERS: EarlyTable<1> = EarlyTable::new();
/// The directory pointers of the image.
static HIGH_POINTERS: EarlyTable<1> = EarlyTable::new();

/// Where `copy` shows memory: the fifth GiB of the direct map, which the start code leaves out.
pub(super) const WINDOW: usize = arch::layout::DIRECT_MAP + (4 << 30);
/// The index of `WINDOW`'s GiB in the directory pointers.
pub(super) const POINTER_SLOT: usize = 4;
/// The flags of an entry that names a directory.
pub(super) const DIRECTORY_FLAGS: u64 = TABLE as u64;
/// Consecutive directories of a GiB each: 4 GiB, all that a multiboot loader can name.
static DIRECTORIES: EarlyTable<DIRECTORY_COUNT> = EarlyTable::new();
const DIRECTORY_COUNT: usize = 4;
const TABLE_BYTES: usize = ENTRIES * ENTRY_BYTES;

/// The flags of an entry that names a table: present, writable.
const TABLE: u32 = 3;
const EFER: u32 = 0xC000_0080;
const EFER_LME: u32 = 1 << 8;
/// The CPUID leaf of extended features, and its bit for long mode in `edx` (Intel SDM volume 2, CPUID).
const EXTENDED_FEATURES: u32 = 0x8000_0001;
const LONG_MODE: u32 = 1 << 29;
/// The offsets of the direct map's and the image's entries in the root table.
const DIRECT_MAP_SLOT: usize = (arch::layout::DIRECT_MAP >> 39 & (ENTRIES - 1)) * ENTRY_BYTES;
const IMAGE_SLOT: usize = (arch::layout::KERNEL_BASE >> 39 & (ENTRIES - 1)) * ENTRY_BYTES;
/// The offset of the image's entry in `HIGH_POINTERS`.
const IMAGE_POINTER_SLOT: usize = (arch::layout::KERNEL_BASE >> 30 & (ENTRIES - 1)) * ENTRY_BYTES;

global_asm!(
    ".pushsection .boot.text, \"ax\"",
    ".code32",
    "prepare_paging:",
    // Leaf 0x80000000 returns the highest extended leaf.
    "mov eax, {extended_features} - 1",
    "cpuid",
    "mov esi, offset no_long_mode",
    "cmp eax, {extended_features}",
    "jb cannot_start",
    "mov eax, {extended_features}",
    "cpuid",
    "test edx, {long_mode}",
    "jz cannot_start",
    // All directories are full of large pages; the tables were zeroed by the loader, so the upper halves stay as they
    // are.
    "mov ebx, offset {directories} + {to_physical}",
    "mov eax, {large_page}",
    "mov ecx, {directory_count} * {entries}",
    "2:",
    "mov [ebx], eax",
    "add eax, {large_page_bytes}",
    "add ebx, {entry_bytes}",
    "dec ecx",
    "jnz 2b",
    "mov ebx, offset {low_pointers} + {to_physical}",
    "mov eax, offset {directories} + {to_physical} + {table}",
    "mov [ebx], eax",
    "add eax, {table_bytes}",
    "mov [ebx + 1 * {entry_bytes}], eax",
    "add eax, {table_bytes}",
    "mov [ebx + 2 * {entry_bytes}], eax",
    "add eax, {table_bytes}",
    "mov [ebx + 3 * {entry_bytes}], eax",
    "mov ebx, offset {high_pointers} + {to_physical}",
    "mov eax, offset {directories} + {to_physical} + {table}",
    "mov [ebx + {image_pointer_slot}], eax",
    "mov ebx, offset {root} + {to_physical}",
    "mov eax, offset {low_pointers} + {to_physical} + {table}",
    "mov [ebx], eax",
    "mov [ebx + {direct_map_slot}], eax",
    "mov eax, offset {high_pointers} + {to_physical} + {table}",
    "mov [ebx + {image_slot}], eax",
    "mov cr3, ebx",
    "mov eax, cr4",
    "or eax, {cr4_pae}",
    "mov cr4, eax",
    "mov ecx, {efer}",
    "rdmsr",
    "or eax, {efer_lme}",
    "wrmsr",
    "mov eax, cr0",
    "or eax, {cr0_pg_wp}",
    "mov cr0, eax",
    "lgdt [early_gdt_low_pointer]",
    "mov eax, {code_selector}",
    "push eax",
    "mov eax, offset enter_long_mode",
    "push eax",
    "retf",
    ".code64",
    "enter_long_mode:",
    "movabs rax, offset enter_higher_half",
    "jmp rax",
    ".popsection",
    ".pushsection .text.start, \"ax\"",
    ".code64",
    "enter_higher_half:",
    "lgdt [early_gdt_pointer]",
    "mov eax, {data_selector}",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "mov fs, eax",
    "mov gs, eax",
    "mov rsp, offset {stack} + {stack_size}",
    // edi holds the loader's magic number already; a null frame pointer ends back-traces.
    "mov edi, edi",
    "mov esi, ebp",
    "xor ebp, ebp",
    "call {begin}",
    "ud2",
    ".popsection",
    ".pushsection .boot.rodata, \"a\"",
    "no_long_mode: .asciz \"this CPU has no long mode: use the i686 image\"",
    "early_gdt_low_pointer:",
    ".short early_gdt_pointer - early_gdt - 1",
    ".long early_gdt + {to_physical}",
    ".popsection",
    ".pushsection .rodata.start, \"a\"",
    ".balign 8",
    // Marked accessed: the CPU would otherwise write the mark into read-only memory.
    "early_gdt:",
    ".quad 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF",
    "early_gdt_pointer:",
    ".short early_gdt_pointer - early_gdt - 1",
    ".quad early_gdt",
    ".popsection",
    root = sym ROOT,
    low_pointers = sym POINTERS,
    high_pointers = sym HIGH_POINTERS,
    directories = sym DIRECTORIES,
    to_physical = const TO_PHYSICAL,
    entry_bytes = const ENTRY_BYTES,
    entries = const ENTRIES,
    directory_count = const DIRECTORY_COUNT,
    table_bytes = const TABLE_BYTES,
    large_page = const LARGE_PAGE,
    large_page_bytes = const LARGE_PAGE_BYTES,
    code_selector = const CODE_SELECTOR,
    data_selector = const DATA_SELECTOR,
    table = const TABLE,
    cr4_pae = const CR4_PAE,
    cr0_pg_wp = const CR0_PG_WP,
    efer = const EFER,
    efer_lme = const EFER_LME,
    extended_features = const EXTENDED_FEATURES,
    long_mode = const LONG_MODE,
    direct_map_slot = const DIRECT_MAP_SLOT,
    image_slot = const IMAGE_SLOT,
    image_pointer_slot = const IMAGE_POINTER_SLOT,
    stack = sym BOOT_STACK,
    stack_size = const size_of::<Stack>(),
    begin = sym begin,
);
