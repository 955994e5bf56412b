//! How the thread makes its call on i686.

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
        "push ebp",
        "push ebx",
        "push esi",
        "push edi",
        "mov ecx, [esp + 20]",
        "push ecx",
        "mov edx, [ecx + {service}]",
        "mov eax, [ecx + {tag}]",
        "mov ebx, [ecx + {word0}]",
        "mov esi, [ecx + {word1}]",
        "mov edi, [ecx + {word2}]",
        "mov ebp, [ecx + {word3}]",
        "mov dword ptr [ecx + {state}], {calling}",
        // LLVM refuses a direct call to a number in Intel syntax.
        "mov ecx, {page}",
        "call ecx",
        "mov ecx, [esp]",
        "mov [ecx + {tag}], eax",
        "mov [ecx + {word0}], ebx",
        "mov [ecx + {word1}], esi",
        "mov [ecx + {word2}], edi",
        "mov [ecx + {word3}], ebp",
        "mov dword ptr [ecx + {state}], {answered}",
        "pop ecx",
        "pop edi",
        "pop esi",
        "pop ebx",
        "pop ebp",
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
        page = const abi::CALL_PAGE_I686,
    )
}
