//! Start code for x86_64: from the loader's 32-bit mode to 64-bit mode.
use core::arch::global_asm;
use core::cell::UnsafeCell;

use x86::controlregs::{Cr0, Cr4};
use x86::dtables::DescriptorTablePointer;
use x86::msr::IA32_EFER;

use super::{ACCESSIBLE, KERNEL_CODE, KERNEL_DATA, LARGE, LOADED, Stack, Table};

pub const NAME: &str = "x86_64";

/// Where nothing is mapped, 2 MiB.
pub const HOLE: usize = 0xD000_0000;

global_asm!(
    ".pushsection .boot, \"ax\"",
    ".code32",
    ".global start",
    "start:",
    // Another CPU that the kernel starts comes with a stack.
    "cmp eax, {loaded}",
    "jne 3f",
    "lea esp, [{stack} + {stack_bytes}]",
    "3:",
    "mov eax, offset {tables}",
    "mov cr3, eax",
    "mov eax, cr4",
    "or eax, {physical_address_extension}",
    "mov cr4, eax",
    "mov ecx, {efer}",
    "rdmsr",
    "or eax, {long_mode}",
    "wrmsr",
    "mov eax, cr0",
    "or eax, {paging}",
    "mov cr0, eax",
    "lgdt [{segments}]",
    // A far return is a jump to another code segment.
    "lea eax, [2f]",
    "push {code}",
    "push eax",
    "retf",
    ".code64",
    "2:",
    "mov eax, {data}",
    "mov ss, eax",
    // The upper half of rsp is undefined after a change of modes.
    "mov esp, esp",
    "call {main}",
    ".popsection",
    loaded = const LOADED,
    stack = sym STACK,
    stack_bytes = const Stack::BYTES,
    tables = sym LEVEL_4,
    physical_address_extension = const Cr4::CR4_ENABLE_PAE.bits(),
    efer = const IA32_EFER,
    long_mode = const 1 << 8,
    paging = const Cr0::CR0_ENABLE_PAGING.bits(),
    segments = sym SEGMENT_POINTER,
    code = const KERNEL_CODE,
    data = const KERNEL_DATA,
    main = sym crate::kernel_main,
);

static STACK: Stack = Stack::new();

/// Flat 64-bit code and flat data of ring 0, to begin with.
static SEGMENTS: [u64; 3] = [0, 0x00AF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF];

struct SegmentPointer(DescriptorTablePointer<[u64; 3]>);

// SAFETY: what it points to is never written.
unsafe impl Sync for SegmentPointer {}

static SEGMENT_POINTER: SegmentPointer =
    SegmentPointer(DescriptorTablePointer { limit: (size_of_val(&SEGMENTS) - 1) as u16, base: &raw const SEGMENTS });

static LEVEL_4: Table<*const u8, 512> = Table(UnsafeCell::new({
    let mut entries = [core::ptr::null(); 512];
    entries[0] = (&raw const LEVEL_3).cast::<u8>().wrapping_add(ACCESSIBLE);
    entries
}));

static LEVEL_3: Table<*const u8, 512> = Table(UnsafeCell::new({
    let mut entries = [core::ptr::null(); 512];
    let mut index = 0;
    while index < 4 {
        entries[index] = (&raw const LEVEL_2).cast::<u8>().wrapping_add(index * 4096 + ACCESSIBLE);
        index += 1;
    }
    entries
}));

/// Four tables, one behind the other.
static LEVEL_2: Table<usize, 2048> = Table(UnsafeCell::new({
    const PAGE: usize = 2 << 20;
    let mut entries = [0; 2048];
    let mut index = 0;
    while index < entries.len() {
        if index * PAGE != HOLE {
            entries[index] = (index * PAGE) | LARGE | ACCESSIBLE;
        }
        index += 1;
    }
    entries
}));
