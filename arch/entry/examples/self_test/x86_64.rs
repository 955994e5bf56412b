//! x86_64: calls, GS bases, and the frames and registers of the program.
use core::arch::naked_asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use x86::msr::{IA32_GS_BASE, IA32_KERNEL_GSBASE, rdmsr, wrmsr};
use x86_entry::{EntryData, EntryDataLocation, GlobalDescriptorTable, TrapFrame, UserGs};

use crate::kernel::SelfTest;
use crate::script::Field;
use crate::support::{HOLE, Stack};
use crate::variant::Variant;

#[path = "x86_64/program.rs"]
mod program;
#[path = "x86_64/stepping.rs"]
mod stepping;

pub use program::{EXTRA, double_fault, take_in_compatibility_mode};
use program::{idle, program};
pub use stepping::{
    FAST_RETURN, compatibility_call_address, fast_call_address, gate_address, step_over_flags, unstepped_behind,
};

/// `sysenter` isn't used here.
pub const SYSENTER_RETURN_ADDRESS: usize = 0;

/// The program's stack.
static STACK: Stack = Stack::new();

pub unsafe fn enable_fast_calls<V: Variant>(_data: NonNull<EntryData>) {
    // SAFETY: the caller promises ring 0 and a CPU with `syscall`.
    unsafe { x86_entry::enable_fast_calls::<SelfTest<V>>() };
    PASSES_MESSAGES.store(false, Ordering::Relaxed);
}

/// Leads `syscall` to the entry for messages.
pub unsafe fn enable_message_calls<V: Variant>(_data: NonNull<EntryData>) {
    PASSES_MESSAGES.store(true, Ordering::Relaxed);
    // SAFETY: as above.
    unsafe { x86_entry::enable_message_calls::<SelfTest<V>>() };
}

/// Bytes of a message call's entry, all before its call.
pub const SWEPT_BYTES: usize = 64;

/// Whether calls pass a message: then the program finds it in its registers.
static PASSES_MESSAGES: AtomicBool = AtomicBool::new(false);

/// Resumes the program with a message: what it had in these registers, as far as a message holds that.
pub unsafe fn resume_with_message<V: Variant>(frame: NonNull<TrapFrame>) -> ! {
    let words = [EMPTY.rsi, EMPTY.rdx, EMPTY.r8, EMPTY.r9].map(|word| word as usize);
    // SAFETY: the caller promises that the frame is current and valid to resume.
    unsafe { x86_entry::resume_with_message::<SelfTest<V>>(frame.as_ptr().wrapping_add(1), EMPTY.rdi as u32, words) }
}

/// The program's GS base: nothing is there, so that the kernel mustn't use it.
const USER_BASE: u64 = HOLE as u64;

/// Whether the variant swaps the GS base.
fn swaps<V: Variant>() -> bool {
    V::USER_GS == UserGs::Swapped || V::DATA_LOCATION == EntryDataLocation::GsBase
}

/// Gives kernel and program GS bases of their own, if the variant swaps them.
pub fn set_bases<V: Variant>(data: &mut EntryData) {
    if swaps::<V>() {
        let base = &raw const *data as u64;
        // SAFETY: ring 0; the stacks are set, and the address is canonical.
        unsafe { data.set_kernel_gs_base(base) };
        // SAFETY: ring 0; the address is canonical.
        unsafe { wrmsr(IA32_KERNEL_GSBASE, USER_BASE) };
    }
}

/// Checks that the GS base in use is the kernel's.
pub fn check_base<V: Variant>(data: NonNull<EntryData>) {
    if swaps::<V>() {
        // SAFETY: ring 0.
        assert_eq!(unsafe { rdmsr(IA32_GS_BASE) }, data.as_ptr() as u64, "the program's GS base in the kernel");
    }
}

/// Checks that the program's GS base waits for its turn too.
pub fn check_bases<V: Variant>(data: NonNull<EntryData>) {
    check_base::<V>(data);
    if swaps::<V>() {
        // SAFETY: ring 0.
        assert_eq!(unsafe { rdmsr(IA32_KERNEL_GSBASE) }, USER_BASE, "the program's GS base is lost");
    }
}

/// A frame to begin with.
pub const EMPTY: TrapFrame = TrapFrame {
    r15: 0x1500_0000_0000_0051,
    r14: 0x1400_0000_0000_0041,
    r13: 0x1300_0000_0000_0031,
    r12: 0x1200_0000_0000_0021,
    rbp: 0xB900_0000_0000_009B,
    rbx: 0xB100_0000_0000_001B,
    r9: 0x0900_0000_0000_0090,
    r8: 0x0800_0000_0000_0080,
    // The program reads from here.
    rdx: HOLE as u64,
    rsi: 0x5100_0000_0000_0015,
    rdi: 0xD100_0000_0000_001D,
    rax: 0xA100_0000_0000_001A,
    r11: 0x1100_0000_0000_0011,
    r10: 0x1000_0000_0000_0001,
    rcx: 0xC100_0000_0000_001C,
    vector: x86_entry::vector::REQUIRES_IRET as u64,
    error_code: 0,
    rip: 0,
    cs: 0,
    rflags: 0,
    rsp: 0,
    ss: 0,
};

const INTERRUPTS_ON: u64 = 1 << 9;

/// The program's first frame. It runs with interrupts off, so that its steps have an order.
pub fn program_frame() -> TrapFrame {
    TrapFrame {
        rip: program as *const () as u64,
        cs: GlobalDescriptorTable::SELECTORS.user_code as u64,
        rflags: 0,
        rsp: STACK.top() as u64,
        ss: GlobalDescriptorTable::SELECTORS.user_data as u64,
        ..EMPTY
    }
}

/// A ring-0 frame whose interrupts are saved into `place`, where it lies: its stack pointer is the frame's end.
pub fn idle_frame(place: NonNull<TrapFrame>) -> TrapFrame {
    TrapFrame {
        rip: idle as *const () as u64,
        cs: GlobalDescriptorTable::SELECTORS.kernel_code as u64,
        rflags: INTERRUPTS_ON,
        rsp: place.as_ptr().wrapping_add(1) as u64,
        ss: GlobalDescriptorTable::SELECTORS.kernel_data as u64,
        ..EMPTY
    }
}

/// Checks what no trap may change, and what only a system call may.
pub fn check_registers(frame: &TrapFrame) {
    let kept = |frame: &TrapFrame| {
        [
            frame.r15, frame.r14, frame.r13, frame.r12, frame.rbp, frame.rbx, frame.r9, frame.r8, frame.rdx, frame.rsi,
            frame.rdi, frame.rax,
        ]
    };
    let mut expected = EMPTY;
    if PASSES_MESSAGES.load(Ordering::Relaxed) && frame.rax == 0 {
        expected.rax = 0;
        // An NMI may come between the two instructions that load both again.
        if frame.rdi != EMPTY.rdi {
            expected.rdi &= u64::from(u32::MAX);
        }
    }
    assert_eq!(kept(frame), kept(&expected), "registers changed");
    assert_eq!(frame.rsp, STACK.top() as u64, "the stack pointer changed");
    if frame.rcx != EMPTY.rcx {
        assert_eq!(frame.rcx & !0xFF, program as *const () as u64 & !0xFF, "rcx is neither its own nor an address");
    }
}

pub fn replace(frame: &mut TrapFrame, field: Field, selector: u16) -> u16 {
    let place = match field {
        Field::Ss => &mut frame.ss,
        _ => &mut frame.cs,
    };
    core::mem::replace(place, selector as u64) as u16
}

/// A register's size.
pub type Word = u64;

/// The general registers but for the stack pointer.
pub const REGISTERS: usize = 15;

/// The registers, in the order of their numbers.
pub fn numbers(frame: &mut TrapFrame) -> [&mut Word; REGISTERS] {
    [
        &mut frame.rax,
        &mut frame.rbx,
        &mut frame.rcx,
        &mut frame.rdx,
        &mut frame.rsi,
        &mut frame.rdi,
        &mut frame.rbp,
        &mut frame.r8,
        &mut frame.r9,
        &mut frame.r10,
        &mut frame.r11,
        &mut frame.r12,
        &mut frame.r13,
        &mut frame.r14,
        &mut frame.r15,
    ]
}

/// Interrupts itself with a number in each register; stores what is in them afterwards, and returns the flags.
#[unsafe(naked)]
pub extern "C" fn interrupt_with_numbers(_after: &mut [Word; REGISTERS]) -> usize {
    naked_asm!(
        "push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15",
        "push rdi",
        "clc",
        "mov eax, 1\n mov ebx, 2\n mov ecx, 3\n mov edx, 4\n mov esi, 5\n mov edi, 6\n mov ebp, 7\n mov r8d, 8",
        "mov r9d, 9\n mov r10d, 10\n mov r11d, 11\n mov r12d, 12\n mov r13d, 13\n mov r14d, 14\n mov r15d, 15",
        "int {vector}",
        // The hook leads over it.
        "ud2",
        // They are stored from the last to the first, as pushes below the array's end.
        "xchg rax, [rsp]",
        "lea rax, [rax + {bytes}]",
        "xchg rax, rsp",
        "push r15\n push r14\n push r13\n push r12\n push r11\n push r10\n push r9\n push r8",
        "push rbp\n push rdi\n push rsi\n push rdx\n push rcx\n push rbx\n push qword ptr [rax]",
        "mov rsp, rax",
        "pushfq",
        "pop rax",
        "pop rdi",
        "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx",
        "ret",
        vector = const crate::hooks::VECTOR,
        bytes = const size_of::<[Word; REGISTERS]>(),
    )
}
