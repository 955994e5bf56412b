//! What traps need to know of x86_64.

use crate::trap::{Bell, general_call, leave, leave_fast, state};
use abi::{Message, Tag};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use kernel::machine::Resume;
use x86_entry::{CpuData, Frame, MessageCalls};

/// `syscall` saves the return address: there is no fixed one.
pub(crate) const SYSENTER_RETURN: usize = 0;
/// 64-bit mode has no hardware tasks.
pub(crate) const TASK_SWITCHES: bool = false;

/// RFLAGS.TF.
const TRAP_FLAG: u64 = 1 << 8;

/// Ends the single-stepping of interrupted code.
pub(crate) fn stop_single_step(frame: &mut Frame) {
    frame.rflags &= !TRAP_FLAG;
}

/// Makes `syscall` lead to the kernel. Every CPU with 64-bit mode has it.
///
/// # Safety
/// The kernel's segments are loaded.
pub(crate) unsafe fn enable_fast_calls(_data: &mut CpuData) {
    // SAFETY: the caller's promise.
    unsafe { x86_entry::enable_message_calls::<Bell>() };
}

/// A call by the gate, which saved every register.
#[inline(always)]
pub(crate) fn call(frame: NonNull<Frame>) -> ! {
    // SAFETY: the stub's frame is not borrowed yet.
    let frame = unsafe { frame.as_ref() };
    enter([frame.rdi, frame.rsi, frame.rdx, frame.rax, frame.r8, frame.r9].map(|register| register as usize))
}

// SAFETY: `abi::USER_END` leaves out the last page of the lower half, so nobody executes there.
unsafe impl MessageCalls for Bell {
    /// The handle goes to the one argument register that the message leaves free.
    #[unsafe(naked)]
    unsafe extern "C" fn message_call() -> ! {
        core::arch::naked_asm!("mov ecx, eax", "jmp {}", sym enter_in_registers)
    }
}

/// A call whose message is in C's argument registers, which are the fifth argument and those behind it here. This calling
/// convention preserves no register, so that none is saved again that the entry has saved.
extern "rust-preserve-none" fn enter_in_registers(
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    rdi: usize,
    rsi: usize,
    rdx: usize,
    rcx: usize,
    r8: usize,
    r9: usize,
) -> ! {
    enter([rdi, rsi, rdx, rcx, r8, r9])
}

/// A call with these in rdi, rsi, rdx, rax, r8 and r9.
#[inline(always)]
fn enter(registers: [usize; 6]) -> ! {
    let [tag, word0, word1, handle, word2, word3] = registers;
    // SAFETY: this is a trap's first function.
    let (kernel, cpu) = unsafe { state() };
    match kernel.fast_call(cpu, Tag(tag as u32), handle as u32, |_| [word0, word1, word2, word3]) {
        Some(resume) => leave_fast(kernel, cpu, resume),
        None => save_and_call(tag, word0, word1, handle, word2, word3),
    }
}

/// The general way, for which the message has to stand in the caller's saved registers.
#[cold]
#[inline(never)]
extern "C" fn save_and_call(tag: usize, word0: usize, word1: usize, handle: usize, word2: usize, word3: usize) -> ! {
    // SAFETY: this is a trap's last function: whoever called it has no use of the core any more.
    let (kernel, _) = unsafe { state() };
    if let Some(caller) = kernel.current_context() {
        caller.write_message(Message::new(Tag(tag as u32), [word0, word1, word2, word3]));
        caller.frame.rax = handle as u64;
    }
    // SAFETY: as above.
    unsafe { general_call() }
}

/// The way out for a message when something has to be done first: it goes by the saved registers.
#[cold]
#[inline(always)]
pub(crate) fn save_and_leave_with(message: Message) -> ! {
    let [word0, word1, word2, word3] = message.words;
    save_in_order(message.tag.0, word0, word1, MaybeUninit::uninit(), word2, word3)
}

/// The message is where it has been all the time; the fourth argument is no part of it.
#[cold]
#[inline(never)]
extern "C" fn save_in_order(
    tag: u32,
    word0: usize,
    word1: usize,
    _: MaybeUninit<usize>,
    word2: usize,
    word3: usize,
) -> ! {
    // SAFETY: whoever called this has no use of the core any more.
    let (kernel, cpu) = unsafe { state() };
    kernel.save(Resume::With(Message::new(Tag(tag), [word0, word1, word2, word3])));
    leave(kernel, cpu)
}

/// Resumes the thread that the core has chosen with a message in its registers.
///
/// # Safety
/// Nobody uses the core any more.
#[inline(always)]
pub(crate) unsafe fn leave_with(message: Message) -> ! {
    let [word0, word1, word2, word3] = message.words;
    // SAFETY: the core switched to the current frame, and its setters keep frames valid; the rest is the caller's promise.
    unsafe { x86_entry::resume_with::<Bell>(message.tag.0, [word0, word1, word2, word3]) }
}
