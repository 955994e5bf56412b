//! How the thread makes its call on x86_64.

use super::{ANSWERED, CALLING, Desk, SERVICE, STATE, TAG, WORD, WORDS};
use core::arch::naked_asm;

/// Makes the call that is on the desk, and puts the answer there.
///
/// While the state is [`CALLING`], the message registers hold the call or its answer. So they tell what the answer has
/// brought if the thread is ended there: see [`Desk::is_answered_by`].
///
/// # Safety
/// The desk is there, and has a call.
#[unsafe(naked)]
pub unsafe extern "C" fn call(desk: *const Desk) {
    naked_asm!(
        "push rbx",
        "mov rbx, rdi",
        "mov eax, [rbx + {service}]",
        "mov edi, [rbx + {tag}]",
        "mov rsi, [rbx + {word0}]",
        "mov rdx, [rbx + {word1}]",
        "mov r8, [rbx + {word2}]",
        "mov r9, [rbx + {word3}]",
        "mov dword ptr [rbx + {state}], {calling}",
        "mov r10, rsp",
        "syscall",
        "mov [rbx + {tag}], edi",
        "mov [rbx + {word0}], rsi",
        "mov [rbx + {word1}], rdx",
        "mov [rbx + {word2}], r8",
        "mov [rbx + {word3}], r9",
        "mov dword ptr [rbx + {state}], {answered}",
        "pop rbx",
        "ret",
        service = const SERVICE,
        tag = const TAG,
        word0 = const WORDS,
        word1 = const WORDS + WORD,
        word2 = const WORDS + 2 * WORD,
        word3 = const WORDS + 3 * WORD,
        state = const STATE,
        calling = const CALLING,
        answered = const ANSWERED,
    )
}
