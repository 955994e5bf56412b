//! Values that matter somewhere in an entry or an exit.

use crate::layout::{CODE, CODE_BYTES, DATA, DATA_BYTES, DESK, EDGE, LONG};
use crate::random::Random;
use abi::PAGE_BYTES;

/// Addresses of the kernel and at the ends of what programs have.
#[cfg(target_pointer_width = "64")]
const EDGES: [usize; 12] = [
    abi::USER_END,
    abi::USER_END - 1,
    abi::USER_END - 8,
    0x7FFF_FFFF_FFFF,
    0x8000_0000_0000,
    0xFFFF_7FFF_FFFF_FFFF,
    0xFFFF_8000_0000_0000,
    0xFFFF_FFFF_8000_0000,
    0xFFFF_FFFF_8010_0000,
    0xFFFF_FFFF_FFFF_F000,
    usize::MAX - 7,
    usize::MAX,
];
/// Addresses of the kernel and at the ends of what programs have.
#[cfg(target_pointer_width = "32")]
const EDGES: [usize; 10] = [
    abi::USER_END,
    abi::USER_END - 1,
    abi::USER_END - 4,
    0x8000_0000,
    0xC010_0000,
    0xFFC0_0000,
    abi::CALL_PAGE_I686 as usize,
    abi::CALL_PAGE_I686 as usize + 4,
    usize::MAX - 3,
    usize::MAX,
];

/// Selectors: all that the kernel has, with either privilege, some beyond its table, and of a local table.
const SELECTORS: [u16; 20] = [
    0, 3, 0x08, 0x0B, 0x10, 0x13, 0x18, 0x1B, 0x20, 0x23, 0x28, 0x2B, 0x30, 0x33, 0x38, 0x40, 0x4B, 0x53, 0x07, 0xFFFF,
];

/// TF.
pub const TRAP: usize = 1 << 8;
const DIRECTION: usize = 1 << 10;
const NESTED: usize = 1 << 14;

/// A word for a register.
pub fn word(random: &mut Random) -> usize {
    match random.below(20) {
        0..=7 => data(random),
        8 => code(random),
        9..=11 => random.choose(&EDGES),
        12 => random.below(0x100),
        13 => random.below(0x1_0000),
        14 => 1 << random.below(usize::BITS as usize),
        15 => usize::MAX >> random.below(usize::BITS as usize),
        16 => random.below(64) * PAGE_BYTES,
        17 => selector(random) as usize,
        _ => random.word(),
    }
}

/// An address in the memory to write to, near its ends at times.
pub fn data(random: &mut Random) -> usize {
    match random.below(8) {
        0 => DATA + DATA_BYTES - random.below(64),
        1 => DATA + random.below(16),
        2 => DATA + random.below(DATA_BYTES),
        3 => DESK + random.below(PAGE_BYTES),
        _ => DATA + random.below(DATA_BYTES / 16) * 16,
    }
}

/// An address in the code.
pub fn code(random: &mut Random) -> usize {
    CODE + random.below(CODE_BYTES)
}

/// Where a thread may be sent.
pub fn instruction_pointer(random: &mut Random) -> usize {
    match random.below(8) {
        0..=3 => code(random),
        4 => EDGE + PAGE_BYTES - random.below(8),
        5 => random.choose(&EDGES),
        6 => data(random),
        _ => word(random),
    }
}

/// A stack pointer: usable in half of all cases.
pub fn stack_pointer(random: &mut Random) -> usize {
    match random.below(16) {
        0..=6 => DATA + DATA_BYTES / 2 + random.below(DATA_BYTES / 32) * 16,
        7 => data(random),
        8 => random.below(16),
        9..=11 => random.choose(&EDGES).wrapping_add(random.below(17)).wrapping_sub(8),
        12 => code(random),
        13 => DESK.wrapping_sub(random.below(2 * PAGE_BYTES)),
        _ => word(random),
    }
}

/// A selector.
pub fn selector(random: &mut Random) -> u16 {
    if random.one_in(8) { random.word() as u16 } else { random.choose(&SELECTORS) }
}

/// Flags. TF is rarer than the others: with it, a step is one instruction long.
pub fn flags(random: &mut Random) -> usize {
    let mut flags = match random.below(3) {
        0 => 0x202,
        1 => random.bits() as usize & !TRAP,
        _ => random.word() & 0x3F_7FD7 & !TRAP & !NESTED & !DIRECTION,
    };
    for (bit, times) in [(TRAP, 12), (NESTED, 6), (DIRECTION, 6)] {
        if random.one_in(times) {
            flags |= bit;
        }
    }
    flags
}

/// The selector of a program's own code.
pub const USER_CODE: u16 = if LONG { 0x2B } else { 0x1B };

/// The selector of a program's own data and stack.
pub const USER_DATA: u16 = 0x23;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn half_of_all_stack_pointers_can_be_used() {
        let mut random = Random::new(3, 1, Purpose::Plan);
        let usable = (0..1000).filter(|_| (DATA + 8..DATA + DATA_BYTES).contains(&stack_pointer(&mut random))).count();
        assert!((400..600).contains(&usable), "{usable}");
    }

    #[test]
    fn all_flags_come() {
        let mut random = Random::new(3, 1, Purpose::Plan);
        let all = (0..1000).fold(0, |all, _| all | flags(&mut random));
        assert_eq!(all & 0x3F_7FD5, 0x3F_7FD5);
    }
}
