//! i686: calls, and the frames and registers of the program.
use core::arch::naked_asm;
use core::ptr::NonNull;

use x86_entry::{EntryData, GlobalDescriptorTable, TrapFrame};

use crate::kernel::SelfTest;
use crate::script::Field;
use crate::support::{HOLE, Stack};
use crate::variant::Variant;

#[path = "i686/program.rs"]
mod program;
#[path = "i686/stepping.rs"]
mod stepping;

pub use program::{SYSENTER_RETURN_ADDRESS, double_fault};
use program::{idle, program, sysenter_return};
pub use stepping::{FAST_RETURN, fast_call_address, gate_address, step_over_flags, unstepped_behind};

/// No descriptors behind the crate's.
pub const EXTRA: [u64; 0] = [];

/// The program's stack.
static STACK: Stack = Stack::new();

pub unsafe fn enable_fast_calls<V: Variant>(data: NonNull<EntryData>) {
    assert_eq!(sysenter_return as *const () as usize, SYSENTER_RETURN_ADDRESS, "the linker script put it elsewhere");
    // SAFETY: the caller promises ring 0 and a CPU with `sysenter`; the CPU's data stays where it is.
    unsafe { x86_entry::enable_fast_calls::<SelfTest<V>>(data) };
}

/// Leads `sysenter` to the entry for messages.
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
