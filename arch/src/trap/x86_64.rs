//! The parts of trap handling that x86_64 has its own way of doing: how calls come in, and how threads are resumed.

use super::leave::{leave_fast, leave_here};
use super::{direct_interrupt, slow_call};
use crate::cpu::bell::Bell;
use crate::current::current_frame;
use crate::state::state;
use abi::{Message, Tag};
use core::mem::MaybeUninit;
use core::ptr::NonNull;
use kernel::fast::{FastCall, Origin};
use kernel::machine::Resume;
use x86_entry::{DirectInterrupts, EntryData, MessageCalls, TrapFrame, resume, resume_with_message};

/// `syscall` saves the return address: there is no fixed one.
pub(crate) const SYSENTER_RETURN_ADDRESS: usize = 0;
/// 64-bit mode has no hardware tasks.
pub(crate) const TASK_SWITCHES: bool = false;

/// Makes `syscall` lead to the kernel. Every CPU with 64-bit mode has it.
///
/// # Safety
/// The kernel's segments are loaded.
pub(crate) unsafe fn enable_fast_calls(_data: &mut EntryData) {
    // SAFETY: the caller's promise.
    unsafe { x86_entry::enable_message_calls::<Bell>() };
}

/// Handles a call by the gate, which saved every register. `int 0x80` is the slow entry.
pub(crate) fn call(_frame: NonNull<TrapFrame>) -> ! {
    // SAFETY: this is a trap's first function.
    unsafe { slow_call() }
}

// SAFETY: `abi::USER_END` leaves out the last page of the lower half, so no program executes there.
unsafe impl MessageCalls for Bell {
    #[unsafe(naked)]
    unsafe extern "C" fn message_call() -> ! {
        choose_path!(call_in_registers, save_and_call, "mov eax, edi")
    }
}

// SAFETY: as for `KernelEntry`; every vector may come.
unsafe impl DirectInterrupts for Bell {
    #[unsafe(naked)]
    unsafe extern "C" fn direct_interrupt(_vector: u32) -> ! {
        core::arch::naked_asm!("jmp {}", sym interrupt_in_register)
    }
}

/// Handles an interrupt, whose vector is in edi: the fifth argument of this calling convention. The convention
/// preserves no register, so that the compiler saves none that the entry has saved already.
#[optimize(speed)]
extern "rust-preserve-none" fn interrupt_in_register(
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    vector: u32,
) -> ! {
    direct_interrupt(vector as u8)
}

/// Handles a fast call, whose message is in C's argument registers. In this calling convention these are the fifth
/// argument and those behind it.
#[optimize(speed)]
extern "rust-preserve-none" fn call_in_registers<const CALL: u8>(
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    _: MaybeUninit<usize>,
    tag: usize,
    word0: usize,
    word1: usize,
    handle: usize,
    word2: usize,
    word3: usize,
) -> ! {
    // SAFETY: this is a trap's first function.
    let (kernel, cpu) = unsafe { state() };
    let call = FastCall::ALL[CALL as usize];
    match kernel.fast_call(cpu, call, Tag(tag as u32), handle as u32, Origin::Registers([word0, word1, word2, word3])) {
        Some(resume) => leave_fast(kernel, cpu, resume),
        None => save_and_call(tag, word0, word1, handle, word2, word3),
    }
}

/// Takes a call to the slow path, for which the message has to stand in the caller's saved registers.
#[cold]
#[inline(never)]
extern "C" fn save_and_call(tag: usize, word0: usize, word1: usize, handle: usize, word2: usize, word3: usize) -> ! {
    // SAFETY: this is a trap's last function: its caller doesn't use the core any more.
    let (kernel, _) = unsafe { state() };
    if let Some(caller) = kernel.current_context() {
        caller.write_message(Message::new(Tag(tag as u32), [word0, word1, word2, word3]));
        caller.frame.rax = handle as u64;
    }
    // SAFETY: as above.
    unsafe { slow_call() }
}

/// Leaves with a message when something has to be done first. The message goes by the saved registers.
#[cold]
#[inline(always)]
pub(crate) fn save_and_leave_with(message: Message) -> ! {
    let [word0, word1, word2, word3] = message.words;
    save_in_order(message.tag.0, word0, word1, MaybeUninit::uninit(), word2, word3)
}

/// Saves a message whose words still are in C's argument registers, and leaves. The fourth argument is no part of the
/// message.
#[cold]
#[inline(never)]
#[optimize(speed)]
extern "C" fn save_in_order(
    tag: u32,
    word0: usize,
    word1: usize,
    _: MaybeUninit<usize>,
    word2: usize,
    word3: usize,
) -> ! {
    // SAFETY: the caller of this function doesn't use the core any more.
    let (kernel, cpu) = unsafe { state() };
    kernel.save(Resume::With(Message::new(Tag(tag), [word0, word1, word2, word3])));
    leave_here(kernel, cpu)
}

/// Resumes the thread that the core has chosen with a message in its registers.
///
/// # Safety
/// The core isn't borrowed any more.
#[inline(always)]
pub(crate) unsafe fn leave_with(message: Message) -> ! {
    let [word0, word1, word2, word3] = message.words;
    // SAFETY: the core switched to the current frame, and its setters keep frames valid; the rest is the caller's
    // promise.
    unsafe {
        resume_with_message::<Bell>(
            current_frame().as_ptr().wrapping_add(1),
            message.tag.0,
            [word0, word1, word2, word3],
        )
    }
}

/// Resumes the thread that the core has chosen with its saved registers.
///
/// # Safety
/// The core has switched to a thread, and nothing on the stack is needed any more.
#[inline(always)]
pub(crate) unsafe fn resume_current() -> ! {
    // SAFETY: the caller's promise.
    unsafe { resume::<Bell>(current_frame()) }
}
