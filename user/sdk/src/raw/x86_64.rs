//! The call stub of x86_64. Every CPU with 64-bit mode has `syscall` there, so there is nothing to choose.

use abi::{Message, Tag};
use core::arch::asm;

/// Makes the call that stands in the message, and returns the message that came back. Inlined, so that the message
/// stays in registers.
///
/// # Safety
/// The caller answers for what the call does to this program's memory, threads and handles.
#[inline(always)]
pub unsafe fn enter(handle: u32, message: Message) -> Message {
    let mut tag = message.tag.0 as usize;
    let [mut word0, mut word1, mut word2, mut word3] = message.words;
    // SAFETY: the kernel changes the registers named here and no others, and doesn't use the user's stack. The caller
    // answers for what the call does to memory.
    unsafe {
        asm!(
            "mov r10, rsp",
            "syscall",
            inlateout("rax") handle as usize => _,
            inlateout("rdi") tag,
            inlateout("rsi") word0,
            inlateout("rdx") word1,
            inlateout("r8") word2,
            inlateout("r9") word3,
            lateout("rcx") _,
            lateout("r10") _,
            lateout("r11") _,
            options(nostack),
        );
    }
    Message::new(Tag(tag as u32), [word0, word1, word2, word3])
}
