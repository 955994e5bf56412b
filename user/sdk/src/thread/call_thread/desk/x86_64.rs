//! How the thread makes its call on x86_64.

desk_call! {
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
}
