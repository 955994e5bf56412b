//! Instructions that several stubs share. The stub has the operands in braces.

/// Writes an instruction with a field of [`EntryData`] as an operand, for each [`EntryDataLocation`].
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
/// The segment pushes are in AT&T syntax, because LLVM assembles `push ds` of Intel syntax as a 16-bit push, which
/// would shift the frame.
macro_rules! push_registers {
    () => {
        ".att_syntax prefix\n pushl %gs\n pushl %fs\n pushl %es\n pushl %ds\n .intel_syntax noprefix\n pushad"
    };
}

/// The words that [`push_registers`] pushes.
pub(super) const PUSHED_REGISTERS: usize = 4 + 8;

/// Pops the registers that [`push_registers`] pushed.
macro_rules! pop_registers {
    () => {
        "popad\n .att_syntax prefix\n popl %ds\n popl %es\n popl %fs\n popl %gs\n .intel_syntax noprefix"
    };
}

/// Loads flat data segments in place of the interrupted code's. Spoils ecx. The segments are ring 3's, which ring 0 may
/// use too (SDM 3A 5.6): so the fast path out loads none.
macro_rules! load_segments {
    () => {
        "mov ecx, {data}\n mov ds, ecx\n mov es, ecx"
    };
}

/// Clears all flags of the interrupted code: DF for Rust, AC for SMAP, NT for `iret`, and the others because the fast
/// path out loads no flags and would pass them to another thread.
macro_rules! clean_flags {
    () => {
        "push {clean_flags}\n popfd"
    };
}

/// The words that [`clean_flags`] pushes, and pops again.
pub(super) const PUSHED_FLAGS: usize = 1;
