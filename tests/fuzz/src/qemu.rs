//! Removes from each step the instructions that QEMU gets wrong in a way that no kernel can defend itself against.
//!
//! QEMU 7.2:
//!
//! | instruction | what the emulator does |
//! |---|---|
//! | `iret`, far `call` | does its stack accesses in ring 3 with ring 0's rights: programs write to the kernel's memory |
//! | `iretd` | takes VM from a program, and IOPL with it |
//! | `emms`, `femms`, `xrstor` | change another thread's registers, since they don't look at CR0.TS |
//! | `cmpxchg8b`, `cmpxchg16b` | make flags of an earlier operand, VM too: a trap saves it, and the return enters virtual-8086 mode |
//! | `rcl`, `rcr` and `setcc` of memory that faults, behind a rotation | the same with what the kernel left of its own |
//! | `vpinsr` of 256 or 64 bits; `bts` and its like with LOCK and without memory | ends itself |
//! | `vpermilps` without the prefix 0x66; `vroundss`, `vroundsd` of 256 bits | ends itself instead of raising #UD |
//! | `idiv` of the least dividend by -1 | ends itself by the host's division |
//!
//! QEMU 10:
//!
//! | instruction | what the emulator does |
//! |---|---|
//! | `rep ins`, `rep outs` that are refused, behind arithmetic | make flags of an earlier operand, VM too |
//! | `setcc` of memory that faults, behind `inc` | the same |
//! | `emms`, `femms`, `xrstor` | change another thread's registers, as above |
//! | `vpinsrw` without the prefix 0x66; `vroundss`, `vroundsd` of 256 bits | ends itself instead of raising #UD |

use crate::fault::is_prefix;
use crate::layout::{LONG, STEP_BYTES};

/// Replaces such instructions by others, wherever an instruction may begin.
pub fn avoid(bytes: &mut [u8; STEP_BYTES], avoid_at: fn(&mut [u8; STEP_BYTES], usize)) {
    // One change may give rise to another.
    loop {
        let before = *bytes;
        (0..STEP_BYTES).for_each(|at| {
            avoid_at(bytes, at);
            avoid_always_at(bytes, at);
        });
        if before == *bytes {
            return;
        }
    }
}

/// `hlt`, which ring 3 may not.
const HALT: u8 = 0xF4;
/// VEX.L and VEX.pp: the length, and which prefix it stands for.
const VEX_FORM: u8 = 7;
/// VEX.pp.
const VEX_PREFIX: u8 = 3;
/// VEX.L.
const VEX_LENGTH: u8 = 4;
/// 128 bits, as with the prefix 0x66.
const VEX_128_66: u8 = 1;
/// The field of the register, or of a group's member.
const MEMBER: u8 = 7 << 3;
/// Both operands are registers.
const REGISTERS: u8 = 3 << 6;

/// Rewrites the instructions that QEMU 7.2 gets wrong.
pub fn avoid_7_at(bytes: &mut [u8; STEP_BYTES], at: usize) {
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|further| bytes.get(at + further).copied().unwrap_or(0));
    let member = |byte: u8| (byte & MEMBER) >> 3;
    match (first, second) {
        (0xCF, _) => bytes[at] = HALT,
        (0x9A, _) if !LONG => bytes[at] = HALT,
        // A far call; `push` instead.
        (0xFF, _) if member(second) == 3 => bytes[at + 1] ^= (3 ^ 6) << 3,
        // `cmpxchg8b`; the group's first member is undefined.
        (0x0F, 0xC7) if member(third) == 1 && third < REGISTERS => bytes[at + 2] ^= 1 << 3,
        // `idiv`; `div` instead. That of bytes is right, and so is that of 64 bits, which only a prefix makes one.
        (0xF7, _) if member(second) == 7 => bytes[at + 1] ^= (7 ^ 6) << 3,
        // `rcl` and `rcr`; `shl` and `shr` instead.
        (0xC0 | 0xC1 | 0xD0..=0xD3, _) if matches!(member(second), 2 | 3) && second < REGISTERS => {
            bytes[at + 1] ^= (2 ^ 4) << 3;
        }
        (0x0F, 0xA3 | 0xAB | 0xB3 | 0xBA | 0xBB) if third >= REGISTERS => bytes[at + 2] &= !REGISTERS,
        // `vpinsr`, of which only this form exists.
        (0xC5, _) if third == 0xC4 => bytes[at + 1] = second & !VEX_FORM | VEX_128_66,
        // `vpermilps`; `vpermilpd`, whose form is looked at, instead.
        (0x0F, 0x38) if third == 0x0C => bytes[at + 2] = 0x0D,
        (0xC4, _) if fourth == 0x0C => bytes[at + 3] = 0x0D,
        (0xC4, _) if matches!(fourth, 0xC4 | 0x20..=0x22) => bytes[at + 2] = third & !VEX_FORM | VEX_128_66,
        _ => {}
    }
}

/// Rewrites the instructions that QEMU 10 gets wrong.
pub fn avoid_10_at(bytes: &mut [u8; STEP_BYTES], at: usize) {
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|further| bytes.get(at + further).copied().unwrap_or(0));
    match (first, second) {
        // `movs` and `cmps` instead of `ins` and `outs`.
        (0x6C..=0x6F, _) if is_repeated(&bytes[..at]) => bytes[at] ^= 0x6C ^ 0xA4,
        (0xC5, _) if third == 0xC4 => bytes[at + 1] = second & !VEX_PREFIX | VEX_128_66,
        (0xC4, _) if fourth == 0xC4 => bytes[at + 2] = third & !VEX_PREFIX | VEX_128_66,
        _ => {}
    }
}

/// Rewrites the instructions that both versions get wrong.
fn avoid_always_at(bytes: &mut [u8; STEP_BYTES], at: usize) {
    let [first, second, third, fourth] = [0, 1, 2, 3].map(|further| bytes.get(at + further).copied().unwrap_or(0));
    match (first, second) {
        // `emms`, `femms` and all of 3DNow; `pcmpeqd` and `prefetch` instead.
        (0x0F, 0x77) => bytes[at + 1] = 0x76,
        (0x0F, 0x0E | 0x0F) => bytes[at + 1] = 0x0D,
        // `xrstor`; `fxrstor` instead.
        (0x0F, 0xAE) if third & MEMBER == 5 << 3 && third < REGISTERS => bytes[at + 2] ^= (5 ^ 1) << 3,
        // `setcc`.
        (0x0F, 0x90..=0x9F) if third < REGISTERS => bytes[at + 2] |= REGISTERS,
        // `vroundss` and `vroundsd`, of 128 bits.
        (0xC4, _) if matches!(fourth, 0x0A | 0x0B) => bytes[at + 2] = third & !VEX_LENGTH,
        _ => {}
    }
}

/// Whether the prefixes that end here contain `rep` or `repne`.
fn is_repeated(before: &[u8]) -> bool {
    let mut prefixes = before.iter().rev().take_while(|byte| is_prefix(**byte));
    prefixes.any(|byte| matches!(byte, 0xF2 | 0xF3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::step::{Machine, Step};

    #[test]
    fn no_step_has_what_is_wrong() {
        let mut code = [0; STEP_BYTES];
        for number in 0..5000 {
            Step { seed: 2, number }.write_code(&mut code, Machine::Qemu7);
            assert!(!code.contains(&0xCF));
            assert!(!code.windows(2).any(|pair| pair[0] == 0xFF && pair[1] & MEMBER == 3 << 3));
            assert!(!code.windows(2).any(|pair| pair == [0x0F, 0x77] || pair == [0x0F, 0x0E]));
            assert!(!code.windows(2).any(|pair| pair[0] == 0xF7 && pair[1] & MEMBER == 7 << 3));
            let rotates = |pair: &[u8]| matches!(pair[0], 0xC0 | 0xC1 | 0xD0..=0xD3) && pair[1] & MEMBER & !8 == 2 << 3;
            assert!(!code.windows(2).any(|pair| rotates(pair) && pair[1] < REGISTERS));
            let exchanges = |three: &[u8]| three[..2] == [0x0F, 0xC7] && three[2] & MEMBER == 1 << 3;
            assert!(!code.windows(3).any(|three| exchanges(three) && three[2] < REGISTERS));
        }
    }

    #[test]
    fn no_step_has_what_qemu_10_does_wrong() {
        let mut code = [0; STEP_BYTES];
        for number in 0..5000 {
            Step { seed: 2, number }.write_code(&mut code, Machine::Qemu10);
            assert!(!code.windows(2).any(|pair| matches!(pair, [0xF2 | 0xF3, 0x6C..=0x6F] | [0x0F, 0x77])));
            assert!(!code.windows(3).any(|three| matches!(three, [0x0F, 0x90..=0x9F, 0..REGISTERS])));
        }
        let mut code = [0x90; STEP_BYTES];
        code[..4].copy_from_slice(&[0xF3, 0x66, 0x6D, 0x6D]);
        code[8..11].copy_from_slice(&[0xC5, 0xFC, 0xC4]);
        avoid(&mut code, avoid_10_at);
        assert_eq!((code[2], code[3], code[9]), (0xA5, 0x6D, 0xFD));
    }

    #[test]
    fn an_insertion_has_the_form_that_exists() {
        for form in 0..8 {
            let mut code = [0x90; STEP_BYTES];
            code[..3].copy_from_slice(&[0xC5, 0x30 | form, 0xC4]);
            code[8..12].copy_from_slice(&[0xC4, 0xE3, 0x78 | form, 0x22]);
            avoid(&mut code, avoid_7_at);
            assert_eq!((code[1], code[10]), (0x31, 0x79));
        }
    }

    #[test]
    fn a_permutation_and_a_rounding_have_forms_that_exist() {
        let mut code = [0x90; STEP_BYTES];
        code[..4].copy_from_slice(&[0x0F, 0x38, 0x0C, 0xC1]);
        code[8..12].copy_from_slice(&[0xC4, 0xE2, 0x78, 0x0C]);
        code[16..20].copy_from_slice(&[0xC4, 0xE3, 0x7D, 0x0B]);
        avoid(&mut code, avoid_7_at);
        assert_eq!((code[2], code[11], code[18]), (0x0D, 0x0D, 0x79));
    }

    #[test]
    fn a_division_has_no_sign() {
        let mut code = [0x90; STEP_BYTES];
        code[..2].copy_from_slice(&[0xF7, 0xFB]);
        avoid(&mut code, avoid_7_at);
        assert_eq!(code[..2], [0xF7, 0xF3]);
    }

    #[test]
    fn a_rotation_through_carry_and_a_condition_have_no_memory() {
        let mut code = [0x90; STEP_BYTES];
        code[..7].copy_from_slice(&[0xD3, 0x18, 0x90, 0xC0, 0x50, 0x00, 0x90]);
        code[8..12].copy_from_slice(&[0x0F, 0x96, 0x00, 0x90]);
        avoid(&mut code, avoid_7_at);
        assert_eq!((code[1], code[4], code[10]), (0x28, 0x60, 0xC0));
    }

    #[test]
    fn other_instructions_stay() {
        let mut code = [0x90; STEP_BYTES];
        code[..8].copy_from_slice(&[0xC5, 0xFC, 0x77, 0xFF, 0x35, 0x0F, 0xAE, 0x08]);
        code[16..24].copy_from_slice(&[0x0F, 0xC7, 0xF0, 0xF6, 0xF9, 0xF7, 0xF1, 0x90]);
        code[32..40].copy_from_slice(&[0x0F, 0x96, 0xC1, 0xD3, 0xD8, 0x90, 0xC1, 0x08]);
        let before = code;
        avoid(&mut code, avoid_7_at);
        assert_eq!(code, before);
    }
}
