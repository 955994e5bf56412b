//! How the thread makes its call on i686.

desk_call! {
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
    page = abi::CALL_PAGE_I686
}
