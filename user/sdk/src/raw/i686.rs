//! The call stub of i686. A message takes all registers but three. Inline assembly may not name two of the message's
//! (`ebx`, `ebp`), so the stub is a function of its own. The call page knows which instruction this CPU has.

use abi::{CALL_PAGE_I686, Message, Tag};
use core::arch::naked_asm;
use core::mem::offset_of;

const TAG: usize = offset_of!(Message, tag);
const WORDS: usize = offset_of!(Message, words);
const WORD: usize = size_of::<usize>();

/// Makes the call that stands in the message, and returns the message that came back.
///
/// # Safety
/// The caller answers for what the call does to this program's memory, threads and handles.
#[inline(always)]
pub unsafe fn enter(handle: u32, mut message: Message) -> Message {
    const { assert!(size_of::<Tag>() == 4, "the stub moves the tag as one register") };
    // SAFETY: the message is valid for reads and writes, and the stub keeps to the calling convention.
    unsafe { enter_by_pointer(&mut message, handle) };
    message
}

/// `fastcall` has the message's address in `ecx`, which is free until the call page takes it for the stack pointer,
/// and the handle in `edx`, where the kernel wants it.
#[unsafe(naked)]
unsafe extern "fastcall" fn enter_by_pointer(message: *mut Message, handle: u32) {
    naked_asm!(
        "push ebp",
        "push ebx",
        "push esi",
        "push edi",
        "push ecx",
        "mov eax, [ecx + {tag}]",
        "mov ebx, [ecx + {word0}]",
        "mov esi, [ecx + {word1}]",
        "mov edi, [ecx + {word2}]",
        "mov ebp, [ecx + {word3}]",
        // LLVM refuses a direct call to a number in Intel syntax.
        "mov ecx, {page}",
        "call ecx",
        "pop ecx",
        "mov [ecx + {tag}], eax",
        "mov [ecx + {word0}], ebx",
        "mov [ecx + {word1}], esi",
        "mov [ecx + {word2}], edi",
        "mov [ecx + {word3}], ebp",
        "pop edi",
        "pop esi",
        "pop ebx",
        "pop ebp",
        "ret",
        tag = const TAG,
        word0 = const WORDS,
        word1 = const WORDS + WORD,
        word2 = const WORDS + 2 * WORD,
        word3 = const WORDS + 3 * WORD,
        page = const CALL_PAGE_I686,
    )
}
