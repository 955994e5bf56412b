//! Start code for i686.
use core::arch::global_asm;
use core::cell::UnsafeCell;

use x86::controlregs::{Cr0, Cr4};
use x86::dtables::DescriptorTablePointer;

use super::{ACCESSIBLE, KERNEL_CODE, KERNEL_DATA, LARGE, LOADED, Stack, Table};

pub const NAME: &str = "i686";

/// Where nothing is mapped, 4 MiB.
pub const HOLE: usize = 0xD000_0000;

global_asm!(
    ".pushsection .boot, \"ax\"",
    ".global start",
    "start:",
    // Another CPU that the kernel starts comes with a stack.
    "cmp eax, {loaded}",
    "jne 3f",
    "lea esp, [{stack} + {stack_bytes}]",
    "3:",
    "mov eax, offset {table}",
    "mov cr3, eax",
    "mov eax, cr4",
    "or eax, {large_pages}",
    "mov cr4, eax",
    "mov eax, cr0",
    "or eax, {paging}",
    "mov cr0, eax",
    "lgdt [{segments}]",
    // A far return is a jump to another code segment.
    "lea eax, [2f]",
    "push {code}",
    "push eax",
    "retf",
    "2:",
    "mov eax, {data}",
    "mov ss, eax",
    "mov ds, eax",
    "mov es, eax",
    "call {main}",
    ".popsection",
    loaded = const LOADED,
    stack = sym STACK,
    stack_bytes = const Stack::BYTES,
    table = sym TABLE,
    large_pages = const Cr4::CR4_ENABLE_PSE.bits(),
    paging = const Cr0::CR0_ENABLE_PAGING.bits(),
    segments = sym SEGMENT_POINTER,
    code = const KERNEL_CODE,
    data = const KERNEL_DATA,
    main = sym crate::kernel_main,
);

static STACK: Stack = Stack::new();

/// Flat code and flat data of ring 0, to begin with.
static SEGMENTS: [u64; 3] = [0, 0x00CF_9B00_0000_FFFF, 0x00CF_9300_0000_FFFF];

struct SegmentPointer(DescriptorTablePointer<[u64; 3]>);

// SAFETY: what it points to is never written.
unsafe impl Sync for SegmentPointer {}

static SEGMENT_POINTER: SegmentPointer =
    SegmentPointer(DescriptorTablePointer { limit: (size_of_val(&SEGMENTS) - 1) as u16, base: &raw const SEGMENTS });

static TABLE: Table<usize, 1024> = Table(UnsafeCell::new({
    const PAGE: usize = 4 << 20;
    let mut entries = [0; 1024];
    let mut index = 0;
    while index < entries.len() {
        if index * PAGE != HOLE {
            entries[index] = (index * PAGE) | LARGE | ACCESSIBLE;
        }
        index += 1;
    }
    entries
}));
