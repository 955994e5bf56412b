//! From the loader to the first row.
use core::arch::global_asm;
use core::cell::UnsafeCell;

use crate::console::exit;
use crate::{column::Column, harness, line, rows};

/// Memory that only assembly or the CPU touches.
#[repr(C, align(4096))]
pub struct Memory<const N: usize>(pub UnsafeCell<[u8; N]>);

// SAFETY: Rust takes addresses of it only.
unsafe impl<const N: usize> Sync for Memory<N> {}

impl<const N: usize> Memory<N> {
    /// Zeros.
    pub const fn new() -> Self {
        Self(UnsafeCell::new([0; N]))
    }

    /// Its end, as a stack begins.
    pub fn end(&self) -> usize {
        self.0.get() as usize + N
    }
}

/// 4 MiB from here on are for ring 3 too; the rest is the kernel's.
pub const USER: usize = 8 << 20;
/// The memory that every machine has. No more is mapped, so that code that runs astray faults. Where there is no
/// memory, an emulator would go on executing what it reads there, for hours.
const MEMORY: usize = 64 << 20;
/// Nothing is mapped there.
pub const HOLE: usize = 0xD000_0000;

const STACK_BYTES: usize = 64 * 1024;
static STACK: Memory<STACK_BYTES> = Memory::new();
static TABLES: Memory<{ 3 * 4096 }> = Memory::new();

/// CR0: MP without EM; CR4: OSFXSR, OSXMMEXCPT and OSXSAVE; XCR0: x87, SSE and AVX.
const CR0_FLOATS: u32 = 1 << 1;
const CR0_NO_FLOATS: u32 = 1 << 2 | 1 << 3;
const CR4_FLOATS: u32 = 1 << 9 | 1 << 10 | 1 << 18;
const XCR0: u32 = 0b111;
/// CR0.PG, CR4.PSE, CR4.PAE.
const PAGING: u32 = 1 << 31;
#[cfg(target_arch = "x86")]
const CR4_PAGING: u32 = 1 << 4;
#[cfg(target_arch = "x86_64")]
const CR4_PAGING: u32 = 1 << 5;
/// Present and writable, for ring 3 too, large.
const MAPPED: u32 = 0b11;
const FOR_USER: u32 = 1 << 2;
const LARGE: u32 = 1 << 7;

#[cfg(target_arch = "x86")]
global_asm!(
    ".pushsection .boot, \"awx\"",
    "header:",
    ".long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)",
    ".long header, load_start, load_end, bss_end, start",
    ".global start",
    "start:",
    "mov esp, offset {stack}",
    "add esp, {stack_bytes}",
    // Identity, in 4 MiB pages.
    "mov edi, offset {tables}",
    "mov edx, edi",
    "mov eax, {large}",
    "mov ecx, {memory} >> 22",
    "2: mov [edx], eax",
    "add edx, 4",
    "add eax, 0x400000",
    "loop 2b",
    "or dword ptr [edi + ({user} >> 22) * 4], {for_user}",
    "mov cr3, edi",
    "mov eax, cr4",
    "or eax, {cr4}",
    "mov cr4, eax",
    "mov eax, cr0",
    "or eax, {cr0}",
    "and eax, {cr0_mask}",
    "mov cr0, eax",
    "xor ecx, ecx",
    "xor edx, edx",
    "mov eax, {xcr0}",
    "xsetbv",
    "sub esp, 12",
    "push ebx",
    "call {start}",
    ".popsection",
    stack = sym STACK,
    stack_bytes = const STACK_BYTES,
    tables = sym TABLES,
    large = const MAPPED | LARGE,
    for_user = const FOR_USER,
    user = const USER,
    memory = const MEMORY,
    cr4 = const CR4_FLOATS | CR4_PAGING,
    cr0 = const CR0_FLOATS | PAGING,
    cr0_mask = const !CR0_NO_FLOATS,
    xcr0 = const XCR0,
    start = sym start,
);

#[cfg(target_arch = "x86_64")]
global_asm!(
    ".pushsection .boot, \"awx\"",
    ".balign 4",
    "header:",
    ".long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)",
    ".long header, load_start, load_end, bss_end, start",
    ".code32",
    ".global start",
    "start:",
    // Identity, in 2 MiB pages: one table of the fourth level, one of the third, one of the second.
    "mov edi, offset {tables}",
    "lea eax, [edi + {page} + {all}]",
    "mov [edi], eax",
    "add eax, {page}",
    "mov [edi + {page}], eax",
    "mov eax, {large}",
    "lea edx, [edi + 2 * {page}]",
    "mov ecx, {memory} >> 21",
    "2: mov [edx], eax",
    "add edx, 8",
    "add eax, 0x200000",
    "loop 2b",
    "or dword ptr [edi + 2 * {page} + ({user} >> 21) * 8], {for_user}",
    "or dword ptr [edi + 2 * {page} + ({user} >> 21) * 8 + 8], {for_user}",
    "mov cr3, edi",
    "mov eax, cr4",
    "or eax, {cr4}",
    "mov cr4, eax",
    "mov ecx, {efer}",
    "rdmsr",
    "or eax, {long_mode}",
    "wrmsr",
    "mov eax, cr0",
    "or eax, {cr0}",
    "and eax, {cr0_mask}",
    "mov cr0, eax",
    "xor ecx, ecx",
    "xor edx, edx",
    "mov eax, {xcr0}",
    "xsetbv",
    "lgdt [start_pointer]",
    // A far jump to the 64-bit segment; LLVM's Intel syntax has none that it assembles alike everywhere.
    ".byte 0xEA",
    ".long start_64",
    ".word 8",
    ".balign 8",
    "start_table: .quad 0, 0x00AF9B000000FFFF, 0x00CF93000000FFFF",
    "start_pointer: .word 23",
    ".long start_table",
    ".code64",
    "start_64:",
    "mov eax, 16",
    "mov ds, eax",
    "mov es, eax",
    "mov ss, eax",
    "lea rsp, [rip + {stack} + {stack_bytes}]",
    "mov edi, ebx",
    "call {start}",
    ".popsection",
    tables = sym TABLES,
    page = const 4096,
    all = const MAPPED | FOR_USER,
    large = const MAPPED | LARGE,
    for_user = const FOR_USER,
    user = const USER,
    memory = const MEMORY,
    cr4 = const CR4_FLOATS | CR4_PAGING,
    efer = const x86::msr::IA32_EFER,
    long_mode = const 1 << 8,
    cr0 = const CR0_FLOATS | PAGING,
    cr0_mask = const !CR0_NO_FLOATS,
    xcr0 = const XCR0,
    stack = sym STACK,
    stack_bytes = const STACK_BYTES,
    start = sym start,
);

/// Multiboot's information begins with flags, of which this says that its fifth word is the command line's address.
const HAS_COMMAND_LINE: u32 = 1 << 2;
const COMMAND_LINE: usize = 4;

extern "C" fn start(information: *const u32) -> ! {
    // SAFETY: the loader put its information there.
    let flags = unsafe { information.read() };
    let mut text = "";
    if flags & HAS_COMMAND_LINE != 0 {
        let field = information.wrapping_add(COMMAND_LINE);
        // SAFETY: as above; the flag says that the field is there.
        let address = unsafe { field.read() };
        // SAFETY: the flag says that a text that ends with 0 lies there.
        let line = unsafe { core::ffi::CStr::from_ptr(address as usize as *const _) };
        text = line.to_str().unwrap_or("");
    }
    let value = |name: &str| text.split(' ').find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let column = match value("column") {
        Some("compiler") => Column::Compiler,
        Some("entry") => Column::Entry,
        _ => panic!("the command line must say column=compiler or column=entry"),
    };
    let from = value("from").and_then(|number| number.parse().ok()).unwrap_or(1);
    harness::set_up();
    for row in rows::ALL.iter().filter(|row| row.number >= from) {
        line!("begin {}", row.number);
        harness::reset();
        match (row.run)(column) {
            rows::Verdict::Ok => line!("row {}: ok", row.number),
            rows::Verdict::Broken(why) => line!("row {}: broken: {why}", row.number),
            rows::Verdict::None(why) => line!("row {}: none: {why}", row.number),
        }
    }
    line!("done");
    exit(0x10)
}
