//! i686: start code, the program, and its registers.
use core::arch::{global_asm, naked_asm};
use core::cell::UnsafeCell;
use core::ptr::NonNull;

use x86::bits32::task::TaskStateSegment;
use x86::dtables::{DescriptorTablePointer, lgdt};
use x86::segmentation::{SegmentSelector, load_cs, load_ds, load_es, load_fs, load_gs, load_ss};
use x86_entry::vector::{DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use x86_entry::{CpuData, Frame, GlobalDescriptorTable, fault_task};

use crate::kernel::{Bare, start};
use crate::script::{Field, INTERRUPT_COMMAND, SEND_NMI};

pub const NAME: &str = "i686";
/// Where the start code's section has the instruction that `sysexit` returns to.
pub const SYSENTER_RETURN: usize = 0x10_0040;

global_asm!(
    ".pushsection .boot, \"awx\"",
    "header:",
    ".long 0x1BADB002, 0x00010000, -(0x1BADB002 + 0x00010000)",
    ".long header, load_start, load_end, bss_end, start",
    ".org header + {sysenter_return} - 0x100000",
    "ret",
    "call_kernel:",
    "mov ecx, esp",
    "sysenter",
    ".global start",
    "start:",
    // Identity for 4 GiB, in 4 MiB pages that ring 3 may use, but for one hole.
    "mov edi, offset {table}",
    "mov edx, edi",
    "mov eax, 0x87",
    "mov ecx, 1024",
    "2: mov [edx], eax",
    "add edx, 4",
    "add eax, 0x400000",
    "loop 2b",
    "mov dword ptr [edi + ({hole} >> 22) * 4], 0",
    "mov cr3, edi",
    "mov eax, cr4",
    "or eax, 0x10",
    "mov cr4, eax",
    "mov eax, cr0",
    "or eax, 0x80000000",
    "mov cr0, eax",
    "mov esp, offset {stack}",
    "add esp, {stack_bytes}",
    "call {start}",
    ".popsection",
    sysenter_return = const SYSENTER_RETURN,
    table = sym TABLE,
    stack = sym STACK,
    stack_bytes = const STACK_BYTES,
    start = sym start,
    hole = const HOLE,
);

/// The 4 MiB that aren't mapped.
const HOLE: u32 = 0xD000_0000;

const STACK_BYTES: usize = 64 * 1024;

/// Memory that only assembly or the CPU touches.
#[repr(C, align(4096))]
struct Memory<const N: usize>(UnsafeCell<[u8; N]>);

// SAFETY: Rust takes addresses of it only.
unsafe impl<const N: usize> Sync for Memory<N> {}

static TABLE: Memory<4096> = Memory(UnsafeCell::new([0; 4096]));
static STACK: Memory<STACK_BYTES> = Memory(UnsafeCell::new([0; STACK_BYTES]));
static FAULT_STACKS: [Memory<4096>; 4] = [const { Memory(UnsafeCell::new([0; 4096])) }; 4];
static PROGRAM_STACK: Memory<4096> = Memory(UnsafeCell::new([0; 4096]));

/// A TSS of a task gate, within one page.
#[repr(C, align(128))]
struct Task(UnsafeCell<TaskStateSegment>);

// SAFETY: written once by `load_segments`, then the CPU's.
unsafe impl Sync for Task {}

static TASKS: [Task; 3] = [const { Task(UnsafeCell::new(TaskStateSegment::new())) }; 3];

struct Segments(UnsafeCell<GlobalDescriptorTable>);

// SAFETY: written once by `load_segments`, then the CPU's.
unsafe impl Sync for Segments {}

static SEGMENTS: Segments = Segments(UnsafeCell::new(GlobalDescriptorTable::new()));

pub fn stack_top() -> usize {
    STACK.0.get() as usize + STACK_BYTES
}

pub fn load_segments(cpu: &mut CpuData) {
    let selectors = GlobalDescriptorTable::SELECTORS;
    // SAFETY: called once, by `start`.
    let table = unsafe { &mut *SEGMENTS.0.get() };
    table.set_task(selectors.task, &raw const cpu.tss as u32, CpuData::TASK_LENGTH);
    let page_table = TABLE.0.get() as u32;
    cpu.set_page_table(page_table);
    let [debug, stacks @ ..] = FAULT_STACKS.each_ref().map(|stack| stack.0.get() as usize + 4096);
    cpu.set_debug_stack(debug);
    let tasks = [
        (GlobalDescriptorTable::DOUBLE_FAULT_TASK, fault_task::<Bare, _, _>(DOUBLE_FAULT, stacks[0], page_table)),
        (GlobalDescriptorTable::NMI_TASK, fault_task::<Bare, _, _>(NON_MASKABLE_INTERRUPT, stacks[1], page_table)),
        (GlobalDescriptorTable::MACHINE_CHECK_TASK, fault_task::<Bare, _, _>(MACHINE_CHECK, stacks[2], page_table)),
    ];
    for ((selector, task), place) in tasks.into_iter().zip(&TASKS) {
        // SAFETY: called once, by `start`, and no gate leads there yet.
        unsafe { place.0.get().write(task) };
        table.set_task(selector, place.0.get() as u32, size_of::<TaskStateSegment>());
    }
    let pointer = DescriptorTablePointer::new_from_slice(table.entries());
    // SAFETY: the table is static and has flat segments.
    unsafe { lgdt(&pointer) };
    // SAFETY: the selector is of flat ring-0 code.
    unsafe { load_cs(SegmentSelector::from_raw(selectors.kernel_code)) };
    for load in [load_ss, load_ds, load_es, load_fs, load_gs] {
        // SAFETY: the selector is of flat ring-0 data.
        unsafe { load(SegmentSelector::from_raw(selectors.kernel_data)) };
    }
    // SAFETY: the descriptor is of the CPU's TSS.
    unsafe { x86::task::load_tr(SegmentSelector::from_raw(selectors.task)) };
}

pub unsafe fn enable_fast_calls() {
    let cpu = x86_entry::cpu_data::<Bare>().expect("a static place");
    // SAFETY: the caller promises ring 0 and a CPU with `sysenter`; the CPU's data is static.
    unsafe { x86_entry::enable_fast_calls::<Bare>(cpu) };
}

/// A frame to begin with.
pub const EMPTY: Frame = Frame::new();

const INTERRUPTS_ON: u32 = 1 << 9;

const fn with_registers(mut frame: Frame) -> Frame {
    frame.eax = 0xA100_001A;
    frame.ebx = 0xB100_001B;
    frame.ecx = 0xC100_001C;
    // The program reads from here.
    frame.edx = HOLE;
    frame.esi = 0x5100_0015;
    frame.edi = 0xD100_001D;
    frame.ebp = 0xB900_009B;
    let data = GlobalDescriptorTable::SELECTORS.user_data as u32;
    (frame.ds, frame.es, frame.fs, frame.gs) = (data, data, data, 0);
    frame
}

/// The program's first frame. It runs with interrupts off, so that its steps have an order.
pub fn program_frame() -> Frame {
    let selectors = GlobalDescriptorTable::SELECTORS;
    let mut frame = with_registers(EMPTY);
    frame.eip = program as *const () as u32;
    frame.cs = selectors.user_code as u32;
    frame.set_stack(selectors.user_data, PROGRAM_STACK.0.get() as usize + 4096);
    frame
}

/// A ring-0 frame whose interrupts are saved into `place`: the stub's stack pointer must be where the return leaves it.
pub fn idle_frame(_place: NonNull<Frame>) -> Frame {
    let selectors = GlobalDescriptorTable::SELECTORS;
    let mut frame = with_registers(EMPTY);
    let data = selectors.kernel_data as u32;
    (frame.ds, frame.es) = (data, data);
    frame.eip = idle as *const () as u32;
    frame.cs = selectors.kernel_code as u32;
    frame.eflags = INTERRUPTS_ON;
    frame
}

/// Checks what no trap may change, and what only a system call may.
pub fn check_registers(frame: &Frame) {
    let expected = with_registers(EMPTY);
    let kept = |frame: &Frame| [frame.eax, frame.ebx, frame.esi, frame.edi, frame.ebp];
    assert_eq!(kept(frame), kept(&expected), "registers changed");
    let top = PROGRAM_STACK.0.get() as usize + 4096;
    // A call is made with its return address on the stack.
    assert!(matches!(frame.stack_pointer(), Some(esp) if esp == top || esp == top - 4), "the stack pointer changed");
    if frame.edx != expected.edx {
        // A call spoils edx and ecx.
        assert_eq!((frame.edx as usize, frame.ecx as usize), (SYSENTER_RETURN, top - 4));
    }
}

pub fn replace(frame: &mut Frame, field: Field, selector: u16) -> u16 {
    let place = match field {
        Field::Cs => &mut frame.cs,
        Field::Ds => &mut frame.ds,
        Field::Es => &mut frame.es,
        Field::Fs => &mut frame.fs,
        Field::Gs => &mut frame.gs,
        Field::Ss => {
            let kept = frame.stack_segment().unwrap_or_default();
            let pointer = frame.stack_pointer().unwrap_or_default();
            frame.set_stack(selector, pointer);
            return kept;
        }
    };
    core::mem::replace(place, selector as u32) as u16
}

/// A breakpoint on a stack that isn't there.
#[unsafe(naked)]
pub extern "C" fn double_fault() -> ! {
    naked_asm!("mov esp, {hole} + 4096", "int3", hole = const HOLE)
}

#[unsafe(naked)]
extern "C" fn idle() {
    naked_asm!("2: hlt", "jmp 2b")
}

/// The program: see the script.
#[unsafe(naked)]
extern "C" fn program() {
    naked_asm!(
        "int3",
        "ud2",
        "mov eax, [edx]",
        "int 0x80",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        "int3",
        // An emulator may look for interrupts at jumps alone.
        "mov dword ptr [{command}], {nmi}",
        "jmp 3f",
        "3: mov dword ptr [{command}], {nmi}",
        "jmp 4f",
        "4:",
        "int3",
        "nop",
        "mov ecx, {call_kernel}",
        "call ecx",
        "mov ecx, {call_kernel}",
        "call ecx",
        // A call with its last instruction traced.
        "call 2f",
        "int3",
        // The storm.
        "5: int3",
        "int 0x80",
        "call 6f",
        "jmp 5b",
        "2: mov ecx, esp",
        "int3",
        "sysenter",
        "6: mov ecx, esp",
        "sysenter",
        call_kernel = const SYSENTER_RETURN + 1,
        command = const INTERRUPT_COMMAND,
        nmi = const SEND_NMI,
    )
}
