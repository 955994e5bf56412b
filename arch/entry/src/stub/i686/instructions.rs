//! Instructions that several stubs share. The operands in braces are those of the stub.

/// An instruction with a field of [`EntryData`] as an operand, wherever the kernel keeps that.
#[rustfmt::skip]
macro_rules! with_entry_data {
    ($before:literal, $field:literal, $after:literal) => {
        concat!(
            ".if {location} == 0\n",
            $before, " dword ptr [{entry_data} + {", $field, "}] ", $after, "\n",
            ".else\n",
            $before, " dword ptr [{fixed} + {", $field, "}] ", $after, "\n",
            ".endif"
        )
    };
}

/// Pushes segment and general registers, in the frame's order, below the vector.
///
/// In AT&T syntax, since LLVM assembles Intel syntax's `push ds` as a 16-bit push, which shifts the frame.
macro_rules! push_registers {
    () => {
        ".att_syntax prefix\n pushl %gs\n pushl %fs\n pushl %es\n pushl %ds\n .intel_syntax noprefix\n pushad"
    };
}

/// Pops what [`push_registers`] pushed.
macro_rules! pop_registers {
    () => {
        "popad\n .att_syntax prefix\n popl %ds\n popl %es\n popl %fs\n popl %gs\n .intel_syntax noprefix"
    };
}

/// Loads flat data segments, since user code may have left anything there; spoils ecx. They are ring 3's, which ring 0 may
/// use as well, so that a fast way out needn't load others.
macro_rules! load_segments {
    () => {
        "mov ecx, {data}\n mov ds, ecx\n mov es, ecx"
    };
}

/// Makes the flags the kernel's own: DF for Rust, AC for SMAP, NT for `iret`, and all others, so that a fast way out, which
/// loads no flags, leaves nobody's to its caller.
macro_rules! clean_flags {
    () => {
        "push {clean_flags}\n popfd"
    };
}
