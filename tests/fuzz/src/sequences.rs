//! Several instructions that go together: what a random choice of single ones would hardly ever hit.

use crate::code::Code;
use crate::layout::LONG;
use crate::random::Random;
use crate::values;

/// Writes a sequence.
pub fn put(code: &mut Code<'_>, random: &mut Random) {
    match random.below(8) {
        0 => load_segment(code, random),
        1 | 2 => interrupt_return(code, random),
        3 => far_return(code, random),
        4 => load_flags(code, random),
        5 => blocked_by_stack_segment(code, random),
        _ => odd_stack_pointer(code, random),
    }
}

/// Adds an instruction that enters the kernel at once.
fn trap(code: &mut Code<'_>, random: &mut Random) {
    match random.below(12) {
        0..=2 => code.put(&[0xCD, 0x80]),
        3..=4 => code.put(if LONG { &[0x0F, 0x05] } else { &[0x0F, 0x34] }),
        5 => code.put(&[0xCC]),
        6 => code.put(&[0x0F, 0x0B]),
        7 => code.put(&[0xCD, random.byte()]),
        8 => code.put(&[0xF4]),
        9 => code.put(&[0x6A, 0]),
        10 => code.put(&[0xF1]),
        // A jump to itself: until an interrupt comes.
        _ => code.put(&[0xEB, 0xFE]),
    }
}

/// `mov` into a segment register, then something that the kernel sees.
fn load_segment(code: &mut Code<'_>, random: &mut Random) {
    load_selector(code, random);
    // ES, SS, DS, FS, GS; CS is undefined.
    let register = random.choose(&[0, 2, 3, 4, 5, 1]);
    code.put(&[0x8E, 0xC0 | register << 3]);
    trap(code, random);
}

/// `mov ax, selector`.
fn load_selector(code: &mut Code<'_>, random: &mut Random) {
    code.put(&[0x66, 0xB8]);
    code.put_16(values::selector(random));
}

/// `mov ss` from memory or a register, whose shadow holds back what comes at the next instruction.
fn blocked_by_stack_segment(code: &mut Code<'_>, random: &mut Random) {
    code.put(&[0x66, 0xB8]);
    code.put_16(values::USER_DATA);
    code.put(&[0x8E, 0xD0]);
    trap(code, random);
}

/// A stack pointer that may be none, and an instruction that enters the kernel with it.
fn odd_stack_pointer(code: &mut Code<'_>, random: &mut Random) {
    if LONG {
        code.put(&[0x48]);
    }
    code.put(&[0xBC]);
    code.put_word(values::stack_pointer(random));
    trap(code, random);
}

/// `push flags; popf`, then a trap.
fn load_flags(code: &mut Code<'_>, random: &mut Random) {
    push(code, values::flags(random));
    code.put(&[0x9D]);
    trap(code, random);
}

/// A frame for `iret`, most parts of which are right.
fn interrupt_return(code: &mut Code<'_>, random: &mut Random) {
    if LONG {
        push(code, selector(random, values::USER_DATA));
        push(code, values::stack_pointer(random));
    }
    push(code, values::flags(random));
    push(code, selector(random, values::USER_CODE));
    push(code, values::instruction_pointer(random));
    code.put(if LONG { &[0x48, 0xCF] } else { &[0xCF] });
}

/// A frame for a far `ret`, most parts of which are right.
fn far_return(code: &mut Code<'_>, random: &mut Random) {
    if random.one_in(2) {
        // With another privilege, the stack comes along.
        push(code, selector(random, values::USER_DATA));
        push(code, values::stack_pointer(random));
    }
    push(code, selector(random, values::USER_CODE));
    push(code, values::instruction_pointer(random));
    code.put(if LONG { &[0x48, 0xCB] } else { &[0xCB] });
}

fn selector(random: &mut Random, usual: u16) -> usize {
    if random.one_in(3) { values::selector(random).into() } else { usual.into() }
}

/// `push` of any value. On x86_64 one of more than 31 bits goes through a register.
fn push(code: &mut Code<'_>, value: usize) {
    if !LONG || i32::try_from(value).is_ok() {
        code.put(&[0x68]);
        code.put_32(value);
    } else {
        code.put(&[0x48, 0xB8]);
        code.put_word(value);
        code.put(&[0x50]);
    }
}
