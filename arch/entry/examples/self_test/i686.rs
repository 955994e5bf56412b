//! i686: the program, and its registers.
use core::arch::naked_asm;
use core::mem::offset_of;
use core::ptr::NonNull;

use x86::bits32::task::TaskStateSegment;
use x86::dtables::{DescriptorTablePointer, sgdt};
use x86::msr::{IA32_SYSENTER_EIP, rdmsr};
use x86::task::tr;
use x86_entry::vector::{MACHINE_CHECK, OVERFLOW};
use x86_entry::{EntryData, Gate, GlobalDescriptorTable, TrapFrame};

use crate::kernel::SelfTest;
use crate::script::{DIRECT, FRAMELESS, Field, INTERRUPT_COMMAND, SEND_NMI, TRAP_FLAG, TYPED};
use crate::support::{HOLE, Stack};
use crate::variant::Variant;
use crate::watch::SELECTOR;

/// No descriptors behind the crate's.
pub const EXTRA: [u64; 0] = [];

/// Where the linker script puts the section that holds nothing but [`sysenter_return`].
pub const SYSENTER_RETURN_ADDRESS: usize = 0x10_0000;

/// What `sysexit` returns to.
#[unsafe(naked)]
#[unsafe(link_section = ".fixed")]
extern "C" fn sysenter_return() {
    naked_asm!("ret")
}

/// What the program calls for a system call: its stack pointer goes with it, the return address lies there.
#[unsafe(naked)]
extern "C" fn call_kernel() {
    naked_asm!("mov ecx, esp", "sysenter")
}

/// The program's stack.
static STACK: Stack = Stack::new();

pub unsafe fn enable_fast_calls<V: Variant>(data: NonNull<EntryData>) {
    assert_eq!(sysenter_return as *const () as usize, SYSENTER_RETURN_ADDRESS, "the linker script put it elsewhere");
    // SAFETY: the caller promises ring 0 and a CPU with `sysenter`; the CPU's data stays where it is.
    unsafe { x86_entry::enable_fast_calls::<SelfTest<V>>(data) };
}

/// The same, with the entry for messages.
pub unsafe fn enable_message_calls<V: Variant>(data: NonNull<EntryData>) {
    assert_eq!(sysenter_return as *const () as usize, SYSENTER_RETURN_ADDRESS, "the linker script put it elsewhere");
    // SAFETY: as above.
    unsafe { x86_entry::enable_message_calls::<SelfTest<V>>(data) };
}

/// The bytes of a message call's entry.
pub const SWEPT_BYTES: usize = 160;

/// Resumes the program by the way out for messages, which its frame holds.
pub unsafe fn resume_with_message<V: Variant>(frame: NonNull<TrapFrame>) -> ! {
    // SAFETY: the caller promises that the frame is current and valid to resume.
    unsafe { x86_entry::resume_with_message::<SelfTest<V>>(frame.as_ptr().wrapping_add(1)) }
}

/// GS is a segment register like the others here.
pub fn set_bases<V: Variant>(_data: &mut EntryData) {}

/// As above.
pub fn check_base<V: Variant>(_data: NonNull<EntryData>) {}

/// As above.
pub fn check_bases<V: Variant>(_data: NonNull<EntryData>) {}

/// A frame to begin with.
pub const EMPTY: TrapFrame = TrapFrame::new();

const INTERRUPTS_ON: u32 = 1 << 9;

const fn with_registers(mut frame: TrapFrame) -> TrapFrame {
    frame.eax = 0xA100_001A;
    frame.ebx = 0xB100_001B;
    frame.ecx = 0xC100_001C;
    // The program reads from here.
    frame.edx = HOLE as u32;
    frame.esi = 0x5100_0015;
    frame.edi = 0xD100_001D;
    frame.ebp = 0xB900_009B;
    let data = GlobalDescriptorTable::SELECTORS.user_data as u32;
    (frame.ds, frame.es, frame.fs, frame.gs) = (data, data, data, 0);
    frame
}

/// The program's first frame. It runs with interrupts off, so that its steps have an order.
pub fn program_frame() -> TrapFrame {
    let selectors = GlobalDescriptorTable::SELECTORS;
    let mut frame = with_registers(EMPTY);
    frame.eip = program as *const () as u32;
    frame.cs = selectors.user_code as u32;
    (frame.esp, frame.ss) = (STACK.top() as u32, selectors.user_data.into());
    frame
}

/// A ring-0 frame whose interrupts are saved into `place`: the stub's stack pointer must be where the return leaves it.
pub fn idle_frame(place: NonNull<TrapFrame>) -> TrapFrame {
    let selectors = GlobalDescriptorTable::SELECTORS;
    let mut frame = with_registers(EMPTY);
    let data = selectors.kernel_data as u32;
    (frame.ds, frame.es) = (data, data);
    frame.eip = idle as *const () as u32;
    frame.cs = selectors.kernel_code as u32;
    frame.eflags = INTERRUPTS_ON;
    frame.esp = place.as_ptr().wrapping_add(1) as u32 - TrapFrame::SAME_RING_GAP as u32;
    frame.ss = data;
    frame
}

/// Checks what no trap may change, and what only a system call may.
pub fn check_registers(frame: &TrapFrame) {
    let expected = with_registers(EMPTY);
    let kept = |frame: &TrapFrame| [frame.eax, frame.ebx, frame.esi, frame.edi, frame.ebp];
    assert_eq!(kept(frame), kept(&expected), "registers changed");
    let top = STACK.top();
    // A call is made with its return address on the stack.
    assert!([top, top - 4].contains(&frame.stack_pointer()), "the stack pointer changed");
    if frame.edx != expected.edx {
        // A call spoils edx and ecx.
        assert_eq!((frame.edx as usize, frame.ecx as usize), (SYSENTER_RETURN_ADDRESS, top - 4));
    }
}

pub fn replace(frame: &mut TrapFrame, field: Field, selector: u16) -> u16 {
    let place = match field {
        Field::Cs => &mut frame.cs,
        Field::Ds => &mut frame.ds,
        Field::Es => &mut frame.es,
        Field::Fs => &mut frame.fs,
        Field::Gs => &mut frame.gs,
        Field::Ss => &mut frame.ss,
    };
    core::mem::replace(place, selector as u32) as u16
}

/// A register's size.
pub type Word = u32;

/// The general registers but for the stack pointer.
pub const REGISTERS: usize = 7;

/// The registers, in the order of their numbers. Segment registers hold no numbers; the script changes those.
pub fn numbers(frame: &mut TrapFrame) -> [&mut Word; REGISTERS] {
    [&mut frame.eax, &mut frame.ebx, &mut frame.ecx, &mut frame.edx, &mut frame.esi, &mut frame.edi, &mut frame.ebp]
}

/// Interrupts itself with a number in each register; stores what is in them afterwards, and returns the flags.
#[unsafe(naked)]
pub extern "C" fn interrupt_with_numbers(_after: &mut [Word; REGISTERS]) -> usize {
    naked_asm!(
        "mov eax, [esp + {argument}]",
        "push ebx\n push esi\n push edi\n push ebp",
        "push eax",
        "clc",
        "mov eax, 1\n mov ebx, 2\n mov ecx, 3\n mov edx, 4\n mov esi, 5\n mov edi, 6\n mov ebp, 7",
        "int {vector}",
        // The hook leads over it.
        "ud2",
        // They are stored from the last to the first, as pushes below the array's end.
        "xchg eax, [esp]",
        "lea eax, [eax + {bytes}]",
        "xchg eax, esp",
        "push ebp\n push edi\n push esi\n push edx\n push ecx\n push ebx\n push dword ptr [eax]",
        "mov esp, eax",
        "pushfd",
        "pop eax",
        "pop ecx",
        "pop ebp\n pop edi\n pop esi\n pop ebx",
        "ret",
        argument = const size_of::<Word>(),
        vector = const crate::hooks::VECTOR,
        bytes = const size_of::<[Word; REGISTERS]>(),
    )
}

/// Returns the address to which a gate leads (SDM 3A figure 6-2): a task's is in its TSS.
pub fn gate_address(gate: &Gate) -> usize {
    let [low, high] = gate.bits();
    if gate.is_task() {
        return task_address((low >> 16) as u16);
    }
    (low & 0xFFFF | high & 0xFFFF_0000) as usize
}

/// Returns where a task goes on that doesn't run.
fn task_address(selector: u16) -> usize {
    let place = task(selector).wrapping_byte_add(offset_of!(TaskStateSegment, eip)).cast::<usize>();
    // SAFETY: the TSS is static, and the CPU has read it or written it.
    unsafe { place.read() }
}

/// Returns a task's TSS (SDM 3A figures 7-2 and 7-3).
fn task(selector: u16) -> *const TaskStateSegment {
    let mut table = DescriptorTablePointer::<u64>::default();
    // SAFETY: ring 0.
    unsafe { sgdt(&mut table) };
    // SAFETY: the selector is that of a descriptor.
    let descriptor = unsafe { table.base.wrapping_add(usize::from(selector) / size_of::<u64>()).read() };
    (descriptor >> 16 & 0xFF_FFFF | descriptor >> 56 << 24) as *const TaskStateSegment
}

/// Returns the address to which `sysenter` leads.
pub fn fast_call_address() -> usize {
    // SAFETY: ring 0; the register exists where `sysenter` does.
    unsafe { rdmsr(IA32_SYSENTER_EIP) as usize }
}

/// The instruction that ends a fast call.
pub const FAST_RETURN: &[u8] = &[0x0F, 0x35];

/// Returns where the code behind the next instruction needs a breakpoint, because no step leads there: at the `sysexit`
/// behind `sti`, where an emulator may hold single steps back, and behind a task's `iretd`.
pub fn unstepped_behind(frame: &TrapFrame) -> Option<usize> {
    const STI: u8 = 0xFB;
    // SAFETY: the CPU executes the instruction next.
    let next = unsafe { (frame.eip as *const u8).read() };
    if returns_from_task(frame) {
        // SAFETY: ring 0.
        let own = unsafe { tr() }.bits();
        let link = task(own).wrapping_byte_add(offset_of!(TaskStateSegment, link)).cast::<u16>();
        // SAFETY: the task runs, and the CPU has written the link to the interrupted one (SDM 3A 7.4).
        let interrupted = unsafe { link.read() };
        return Some(task_address(interrupted));
    }
    (next == STI).then_some(frame.eip as usize + 1)
}

/// Returns whether the next instruction is a task's `iretd`.
fn returns_from_task(frame: &TrapFrame) -> bool {
    const IRETD: u8 = 0xCF;
    const NESTED_TASK: u32 = 1 << 14;
    // SAFETY: the CPU executes the instruction next.
    frame.eflags & NESTED_TASK != 0 && unsafe { (frame.eip as *const u8).read() } == IRETD
}

/// Sees to a step over an instruction that changes the flags.
///
/// The stubs clear all flags by `popfd`: TF goes into the flags that it loads. A task's `iretd` isn't stepped, because
/// its TSS would keep TF: then the task would be stepped each time.
pub fn step_over_flags(frame: &mut TrapFrame) {
    const POPFD: u8 = 0x9D;
    // SAFETY: the CPU executes the instruction next.
    let next = unsafe { (frame.eip as *const u8).read() };
    if returns_from_task(frame) {
        frame.eflags &= !(TRAP_FLAG as u32);
    }
    if next == POPFD {
        let flags = frame.esp as *mut u32;
        // SAFETY: the instruction pops this word from the interrupted stack.
        unsafe { *flags |= TRAP_FLAG as u32 };
    }
}

/// A breakpoint on a stack that isn't there.
#[unsafe(naked)]
pub extern "C" fn double_fault() -> ! {
    naked_asm!("mov esp, {stack}", "int3", stack = const HOLE + 4096)
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
        "call {call_kernel}",
        "call {call_kernel}",
        // A call with its last instruction traced.
        "call 2f",
        "int3",
        // Traps that are stepped.
        "int3",
        "int 0x80",
        "call {call_kernel}",
        "int3",
        "int3",
        "int {direct}",
        "int {typed}",
        "int3",
        "int {frameless}",
        "int3",
        "int {overflow}",
        "int3",
        "int {machine_check}",
        "int3",
        "int3",
        // Entries right behind a load of SS.
        "mov ss, word ptr [{selector}]",
        "int3",
        "mov ss, word ptr [{selector}]",
        "int 0x80",
        "call 7f",
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
        "7: mov ecx, esp",
        "mov ss, word ptr [{selector}]",
        "sysenter",
        call_kernel = sym call_kernel,
        selector = sym SELECTOR,
        command = const INTERRUPT_COMMAND,
        nmi = const SEND_NMI,
        direct = const DIRECT,
        typed = const TYPED,
        frameless = const FRAMELESS,
        overflow = const OVERFLOW.number(),
        machine_check = const MACHINE_CHECK.number(),
    )
}
