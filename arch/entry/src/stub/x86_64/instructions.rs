//! Instructions that several stubs share. The stub has the operands in braces.

/// Writes an instruction with a field of [`EntryData`] as an operand, for each [`EntryDataLocation`].
#[rustfmt::skip]
macro_rules! with_entry_data {
    ($before:literal, $field:literal, $after:literal) => {
        concat!(
            ".if {location} == 0\n",
            $before, " qword ptr [rip + {entry_data} + {", $field, "}] ", $after, "\n",
            ".elseif {location} == 1\n",
            $before, " qword ptr [{fixed} + {", $field, "}] ", $after, "\n",
            ".else\n",
            $before, " qword ptr gs:[{", $field, "}] ", $after, "\n",
            ".endif"
        )
    };
}

/// Pushes the general registers, in the frame's order, below the vector.
macro_rules! push_registers {
    () => {
        "push rcx\n push r10\n push r11\n push rax\n push rdi\n push rsi\n push rdx\n push r8\n push r9\n \
         push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15"
    };
}

/// Pops the registers that a system call preserves or returns.
macro_rules! pop_call_registers {
    () => {
        "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx\n pop r9\n pop r8\n pop rdx\n pop rsi\n \
         pop rdi\n pop rax"
    };
}

/// Writes an instruction whose operand is the kernel's way out, such as `jmp`. The stub is a [`naked_stub`].
#[rustfmt::skip]
macro_rules! with_resume {
    ($before:literal, $after:literal) => {
        concat!(
            ".if {swaps_gs}\n",
            ".if {in_r10}\n", $before, " {resume_swapping_r10}", $after, "\n",
            ".else\n", $before, " {resume_swapping}", $after, "\n.endif\n",
            ".elseif {in_r10}\n", $before, " {resume_r10}", $after, "\n",
            ".else\n", $before, " {resume_plain}", $after, "\n.endif"
        )
    };
}

/// Jumps to the kernel's way out.
macro_rules! jump_to_resume {
    () => {
        with_resume!("jmp", "")
    };
}

/// Makes a stub's body, with the operands of [`with_resume`] for the kernel `K`.
macro_rules! naked_stub {
    ($kernel:ty: $($body:tt)*) => {
        core::arch::naked_asm!(
            $($body)*
            swaps_gs = const $crate::kernel_entry::swaps_gs::<$kernel>(),
            in_r10 = const matches!(
                <$kernel as $crate::kernel_entry::KernelEntry>::CALLER_STACK_POINTER,
                $crate::kernel_entry::CallerStackPointer::InR10
            ) as usize,
            resume_plain = sym $crate::stub::resume_plain,
            resume_r10 = sym $crate::stub::resume_r10,
            resume_swapping = sym $crate::stub::resume_swapping,
            resume_swapping_r10 = sym $crate::stub::resume_swapping_r10,
        )
    };
}
