//! x86_64: start code, the program, and its registers.
use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;
use core::ptr::NonNull;

use x86::dtables::{DescriptorTablePointer, lgdt};
use x86::segmentation::{SegmentSelector, load_cs, load_ds, load_es, load_ss};
use x86_entry::{CpuData, Frame, GlobalDescriptorTable};

use crate::kernel::{Bare, start};
use crate::script::{Field, INTERRUPT_COMMAND, SEND_NMI};

pub const NAME: &str = "x86_64";
/// `sysenter` isn't used here.
pub const SYSENTER_RETURN: usize = 0;

global_asm!(
    ".pushsection .boot, \"awx\"",
    ".balign 4",
    "header:",
    ".long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)",
    ".long header, load_start, load_end, bss_end, start",
    ".code32",
    ".global start",
    "start:",
    // Identity for 4 GiB, in 2 MiB pages that ring 3 may use, but for one hole.
    "mov edi, offset {tables}",
    "lea eax, [edi + 0x1007]",
    "mov [edi], eax",
    "lea eax, [edi + 0x2007]",
    "mov [edi + 0x1000], eax",
    "add eax, 0x1000",
    "mov [edi + 0x1008], eax",
    "add eax, 0x1000",
    "mov [edi + 0x1010], eax",
    "add eax, 0x1000",
    "mov [edi + 0x1018], eax",
    "mov eax, 0x87",
    "lea edx, [edi + 0x2000]",
    "mov ecx, 2048",
    "2: mov [edx], eax",
    "add edx, 8",
    "add eax, 0x200000",
    "loop 2b",
    "mov dword ptr [edi + 0x2000 + ({hole} >> 21) * 8], 0",
    "mov cr3, edi",
    "mov eax, cr4",
    "or eax, 0x20",
    "mov cr4, eax",
    "mov ecx, 0xC0000080",
    "rdmsr",
    "or eax, 0x100",
    "wrmsr",
    "mov eax, cr0",
    "or eax, 0x80000000",
    "mov cr0, eax",
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
    "call {start}",
    ".popsection",
    tables = sym TABLES,
    stack = sym STACK,
    stack_bytes = const STACK_BYTES,
    start = sym start,
    hole = const HOLE,
);

/// The 2 MiB that aren't mapped.
const HOLE: u64 = 0xD000_0000;

const STACK_BYTES: usize = 64 * 1024;

/// Memory that only assembly or the CPU touches.
#[repr(C, align(4096))]
struct Memory<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: Rust takes addresses of it only.
unsafe impl<const N: usize> Sync for Memory<N> {}

static TABLES: Memory<{ 6 * 4096 }> = Memory(UnsafeCell::new([0; 6 * 4096]));
static STACK: Memory<STACK_BYTES> = Memory(UnsafeCell::new([0; STACK_BYTES]));
static INTERRUPT_STACKS: [Memory<4096>; 4] = [const { Memory(UnsafeCell::new([0; 4096])) }; 4];
static PROGRAM_STACK: Memory<4096> = Memory(UnsafeCell::new([0; 4096]));

struct Segments(UnsafeCell<GlobalDescriptorTable>);

// SAFETY: written once by `load_segments`, then the CPU's.
unsafe impl Sync for Segments {}

static SEGMENTS: Segments = Segments(UnsafeCell::new(GlobalDescriptorTable::new()));

pub fn stack_top() -> usize {
    STACK.0.get() as usize + STACK_BYTES
}

pub fn load_segments(cpu: &mut CpuData) {
    use x86_entry::StackIndex::{Four, One, Three, Two};
    for (index, stack) in [One, Two, Three, Four].into_iter().zip(&INTERRUPT_STACKS) {
        cpu.set_interrupt_stack(index, stack.0.get() as usize + 4096);
    }
    let selectors = GlobalDescriptorTable::SELECTORS;
    // SAFETY: called once, by `start`.
    let table = unsafe { &mut *SEGMENTS.0.get() };
    table.set_task(&raw const cpu.tss as u64, CpuData::TASK_LENGTH);
    let pointer = DescriptorTablePointer::new_from_slice(table.entries());
    // SAFETY: the table is static and has flat segments.
    unsafe { lgdt(&pointer) };
    // SAFETY: the selector is of flat ring-0 code.
    unsafe { load_cs(SegmentSelector::from_raw(selectors.kernel_code)) };
    for load in [load_ss, load_ds, load_es] {
        // SAFETY: the selector is of flat ring-0 data.
        unsafe { load(SegmentSelector::from_raw(selectors.kernel_data)) };
    }
    // SAFETY: the descriptor is of the CPU's TSS.
    unsafe { x86::task::load_tr(SegmentSelector::from_raw(selectors.task)) };
}

pub unsafe fn enable_fast_calls() {
    // SAFETY: the caller promises ring 0 and a CPU with `syscall`.
    unsafe { x86_entry::enable_fast_calls::<Bare>() };
}

/// A frame to begin with.
pub const EMPTY: Frame = Frame {
    r15: 0x1500_0000_0000_0051,
    r14: 0x1400_0000_0000_0041,
    r13: 0x1300_0000_0000_0031,
    r12: 0x1200_0000_0000_0021,
    rbp: 0xB900_0000_0000_009B,
    rbx: 0xB100_0000_0000_001B,
    r9: 0x0900_0000_0000_0090,
    r8: 0x0800_0000_0000_0080,
    // The program reads from here.
    rdx: HOLE,
    rsi: 0x5100_0000_0000_0015,
    rdi: 0xD100_0000_0000_001D,
    rax: 0xA100_0000_0000_001A,
    r11: 0x1100_0000_0000_0011,
    r10: 0x1000_0000_0000_0001,
    rcx: 0xC100_0000_0000_001C,
    vector: x86_entry::vector::INTERRUPTED as u64,
    error_code: 0,
    rip: 0,
    cs: 0,
    rflags: 0,
    rsp: 0,
    ss: 0,
};

const INTERRUPTS_ON: u64 = 1 << 9;

/// The program's first frame. It runs with interrupts off, so that its steps have an order.
pub fn program_frame() -> Frame {
    Frame {
        rip: program as *const () as u64,
        cs: GlobalDescriptorTable::SELECTORS.user_code as u64,
        rflags: 0,
        rsp: PROGRAM_STACK.0.get() as u64 + 4096,
        ss: GlobalDescriptorTable::SELECTORS.user_data as u64,
        ..EMPTY
    }
}

/// A ring-0 frame whose interrupts are saved into `place`, where it lies: its stack pointer is the frame's end.
pub fn idle_frame(place: NonNull<Frame>) -> Frame {
    Frame {
        rip: idle as *const () as u64,
        cs: GlobalDescriptorTable::SELECTORS.kernel_code as u64,
        rflags: INTERRUPTS_ON,
        rsp: place.as_ptr().wrapping_add(1) as u64,
        ss: GlobalDescriptorTable::SELECTORS.kernel_data as u64,
        ..EMPTY
    }
}

/// Checks what no trap may change, and what only a system call may.
pub fn check_registers(frame: &Frame) {
    let kept = |frame: &Frame| {
        [
            frame.r15, frame.r14, frame.r13, frame.r12, frame.rbp, frame.rbx, frame.r9, frame.r8, frame.rdx, frame.rsi,
            frame.rdi, frame.rax,
        ]
    };
    assert_eq!(kept(frame), kept(&EMPTY), "registers changed");
    assert_eq!(frame.rsp, PROGRAM_STACK.0.get() as u64 + 4096, "the stack pointer changed");
    if frame.rcx != EMPTY.rcx {
        assert_eq!(frame.rcx & !0xFF, program as *const () as u64 & !0xFF, "rcx is neither its own nor an address");
    }
}

pub fn replace(frame: &mut Frame, field: Field, selector: u16) -> u16 {
    let place = match field {
        Field::Ss => &mut frame.ss,
        _ => &mut frame.cs,
    };
    core::mem::replace(place, selector as u64) as u16
}

/// A breakpoint on a stack that isn't there.
#[unsafe(naked)]
pub extern "C" fn double_fault() -> ! {
    naked_asm!("mov rsp, {hole} + 4096", "int3", hole = const HOLE)
}

#[unsafe(naked)]
extern "C" fn idle() {
    naked_asm!("2: hlt", "jmp 2b")
}

/// The program: see the script.
#[unsafe(naked)]
extern "C" fn program() {
    naked_asm!(
        ".balign 256",
        "int3",
        "ud2",
        "mov eax, [rdx]",
        "int 0x80",
        "int3",
        "int3",
        "int3",
        // 0x67: a 32-bit address. An emulator may look for interrupts at jumps alone.
        ".byte 0x67",
        "mov dword ptr [{command}], {nmi}",
        "jmp 3f",
        "3: .byte 0x67",
        "mov dword ptr [{command}], {nmi}",
        "jmp 4f",
        "4:",
        "int3",
        "nop",
        "mov r10, rsp",
        "syscall",
        "mov r10, rsp",
        "syscall",
        "mov r10, rsp",
        "int3",
        "syscall",
        "nop",
        "int3",
        // The storm.
        "2: int3",
        "int 0x80",
        "mov r10, rsp",
        "syscall",
        "jmp 2b",
        command = const INTERRUPT_COMMAND as i32,
        nmi = const SEND_NMI,
    )
}
