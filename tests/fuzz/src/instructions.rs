//! Single random instructions, from a table in which those that concern the system are frequent.

use crate::code::Code;
use crate::layout::LONG;
use crate::random::Random;
use crate::values;

/// The bytes that follow an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rest {
    Nothing,
    Byte,
    Word,
    Long,
    /// Registers and memory.
    Operands,
    /// Operands in a ModRM byte whose register field is part of the opcode.
    Group(u8),
    /// Operands in a ModRM byte, and an immediate byte.
    OperandsByte,
    /// A far pointer, which 64-bit mode lacks.
    Far,
    /// A short jump, backwards at times.
    Jump,
}

use Rest::{Byte, Far, Group, Jump, Long, Nothing, Operands, OperandsByte, Word};

type Row = (&'static [u8], Rest);

/// Instructions that only the kernel may use, that enter it, or that change what it finds.
const SYSTEM: &[Row] = &[
    (&[0xCD], Byte),
    (&[0xCD, 0x80], Nothing),
    (&[0xCC], Nothing),
    (&[0xCE], Nothing),
    (&[0xF1], Nothing),
    (&[0xF4], Nothing),
    (&[0xFA], Nothing),
    (&[0xFB], Nothing),
    (&[0x0F, 0x05], Nothing),
    (&[0x0F, 0x07], Nothing),
    (&[0x48, 0x0F, 0x07], Nothing),
    (&[0x0F, 0x34], Nothing),
    (&[0x0F, 0x35], Nothing),
    (&[0xCF], Nothing),
    (&[0x48, 0xCF], Nothing),
    (&[0x66, 0xCF], Nothing),
    (&[0xCB], Nothing),
    (&[0xCA], Word),
    (&[0xC2], Word),
    (&[0x9A], Far),
    (&[0xEA], Far),
    (&[0xFF], Group(3)),
    (&[0xFF], Group(5)),
    (&[0x9C], Nothing),
    (&[0x9D], Nothing),
    (&[0x8E], Operands),
    (&[0x8C], Operands),
    (&[0x07], Nothing),
    (&[0x17], Nothing),
    (&[0x1F], Nothing),
    (&[0x0F, 0xA1], Nothing),
    (&[0x0F, 0xA9], Nothing),
    (&[0x0F, 0xA0], Nothing),
    (&[0x0F, 0xB2], Operands),
    (&[0x0F, 0xB4], Operands),
    (&[0x0F, 0xB5], Operands),
    (&[0xE4], Byte),
    (&[0xE6], Byte),
    (&[0xEC], Nothing),
    (&[0xED], Nothing),
    (&[0xEE], Nothing),
    (&[0xEF], Nothing),
    (&[0x6C], Nothing),
    (&[0xF3, 0x6D], Nothing),
    (&[0x6E], Nothing),
    (&[0xF3, 0x6F], Nothing),
    (&[0x0F, 0x20], Operands),
    (&[0x0F, 0x21], Operands),
    (&[0x0F, 0x22], Operands),
    (&[0x0F, 0x23], Operands),
    (&[0x0F, 0x01], Operands),
    (&[0x0F, 0x00], Operands),
    (&[0x0F, 0x01, 0xD0], Nothing),
    (&[0x0F, 0x01, 0xD1], Nothing),
    (&[0x0F, 0x01, 0xF8], Nothing),
    (&[0x0F, 0x01, 0xF9], Nothing),
    (&[0x0F, 0x01, 0xCA], Nothing),
    (&[0x0F, 0x01, 0xCB], Nothing),
    (&[0x0F, 0x02], Operands),
    (&[0x0F, 0x03], Operands),
    (&[0x0F, 0x06], Nothing),
    (&[0x0F, 0x08], Nothing),
    (&[0x0F, 0x09], Nothing),
    (&[0x0F, 0x0B], Nothing),
    (&[0x0F, 0x30], Nothing),
    (&[0x0F, 0x31], Nothing),
    (&[0x0F, 0x32], Nothing),
    (&[0x0F, 0x33], Nothing),
    (&[0x0F, 0xA2], Nothing),
    (&[0x0F, 0xAA], Nothing),
    (&[0x0F, 0xAE], Operands),
    (&[0xF3, 0x0F, 0xAE], Operands),
    (&[0x0F, 0xC7], Operands),
    (&[0x62], Operands),
    (&[0x63], Operands),
];

/// Floating point of all ages.
const FLOATING: &[Row] = &[
    (&[0xD8], Operands),
    (&[0xD9], Operands),
    (&[0xDA], Operands),
    (&[0xDB], Operands),
    (&[0xDC], Operands),
    (&[0xDD], Operands),
    (&[0xDE], Operands),
    (&[0xDF], Operands),
    (&[0x9B], Nothing),
    (&[0xDB, 0xE3], Nothing),
    (&[0x0F, 0x77], Nothing),
    (&[0x0F, 0x6F], Operands),
    (&[0x0F, 0x7F], Operands),
    (&[0x0F, 0xFC], Operands),
    (&[0x0F, 0x28], Operands),
    (&[0x0F, 0x29], Operands),
    (&[0x0F, 0x10], Operands),
    (&[0xF3, 0x0F, 0x5E], Operands),
    (&[0x0F, 0x58], Operands),
    (&[0x0F, 0xAE], Group(0)),
    (&[0x0F, 0xAE], Group(1)),
    (&[0x0F, 0xAE], Group(2)),
    (&[0x0F, 0xAE], Group(3)),
    (&[0x0F, 0xAE], Group(4)),
    (&[0x0F, 0xAE], Group(5)),
    (&[0x0F, 0xAE], Group(6)),
    (&[0xC5, 0xFC, 0x77], Nothing),
    (&[0xC5, 0xF8, 0x77], Nothing),
    (&[0xC5, 0xFC, 0x28], Operands),
    (&[0xC5, 0xFC, 0x29], Operands),
    (&[0xC4, 0xE2, 0x7D, 0x58], Operands),
    (&[0xC4, 0xE3, 0x7D, 0x18], OperandsByte),
];

/// The instructions that programs use all the time.
const PLAIN: &[Row] = &[
    (&[0x01], Operands),
    (&[0x2B], Operands),
    (&[0x33], Operands),
    (&[0x89], Operands),
    (&[0x8B], Operands),
    (&[0x88], Operands),
    (&[0x8D], Operands),
    (&[0x87], Operands),
    (&[0xC7], Group(0)),
    (&[0xF6], Operands),
    (&[0xF7], Operands),
    (&[0x8F], Group(0)),
    (&[0xFF], Group(6)),
    (&[0xFF], Group(2)),
    (&[0xFF], Group(4)),
    (&[0xF0, 0x0F, 0xB1], Operands),
    (&[0x0F, 0xC1], Operands),
    (&[0x50], Nothing),
    (&[0x54], Nothing),
    (&[0x58], Nothing),
    (&[0x5C], Nothing),
    (&[0x60], Nothing),
    (&[0x61], Nothing),
    (&[0x68], Long),
    (&[0x6A], Byte),
    (&[0xC3], Nothing),
    (&[0xC8, 0x20, 0x00], Byte),
    (&[0xC9], Nothing),
    (&[0xE8], Jump),
    (&[0xEB], Byte),
    (&[0x74], Byte),
    (&[0x75], Byte),
    (&[0xE2], Byte),
    (&[0xF3, 0xA4], Nothing),
    (&[0xF3, 0xAB], Nothing),
    (&[0xA5], Nothing),
    (&[0xAC], Nothing),
    (&[0xD4], Byte),
    (&[0xD7], Nothing),
    (&[0xFC], Nothing),
    (&[0xFD], Nothing),
    (&[0xF5], Nothing),
    (&[0x90], Nothing),
];

const PREFIXES: [u8; 12] = [0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65, 0x48];

/// Writes an instruction.
pub fn put(code: &mut Code<'_>, random: &mut Random) {
    while random.one_in(8) {
        let prefix = if LONG && random.one_in(3) { 0x40 | random.byte() & 0xF } else { random.choose(&PREFIXES) };
        code.put(&[prefix]);
    }
    let table = match random.below(8) {
        0..=3 => SYSTEM,
        4..=5 => FLOATING,
        _ => PLAIN,
    };
    let (opcode, rest) = random.choose(table);
    code.put(opcode);
    match rest {
        Nothing => {}
        Byte => code.put(&[random.byte()]),
        Word => code.put_16(random.word() as u16),
        Long => code.put_32(values::word(random)),
        Operands => operands(code, random, None),
        Group(register) => operands(code, random, Some(register)),
        OperandsByte => {
            operands(code, random, None);
            code.put(&[random.byte()]);
        }
        Far => {
            code.put_32(values::code(random));
            code.put_16(values::selector(random));
        }
        Jump => code.put_32(random.below(64).wrapping_sub(32)),
    }
}

/// Adds operands: a register, and memory whose address can be used in a third of all cases.
fn operands(code: &mut Code<'_>, random: &mut Random, register: Option<u8>) {
    let middle = register.unwrap_or_else(|| random.byte() & 7) << 3;
    match random.below(6) {
        0..=1 if LONG => {
            code.put(&[middle | 0x04, 0x25]);
            code.put_32(values::data(random));
        }
        0..=1 => {
            code.put(&[middle | 0x05]);
            code.put_32(values::data(random));
        }
        2..=3 => code.put(&[0xC0 | middle | random.byte() & 7]),
        _ => any_operands(code, random, middle),
    }
}

/// Every form that there is.
fn any_operands(code: &mut Code<'_>, random: &mut Random, middle: u8) {
    let form = random.byte() & 0xC7;
    code.put(&[form & 0xC0 | middle | form & 7]);
    let scaled = random.byte();
    if form & 7 == 4 && form & 0xC0 != 0xC0 {
        code.put(&[scaled]);
    }
    match form >> 6 {
        0 if form & 7 == 5 || form & 7 == 4 && scaled & 7 == 5 => code.put_32(random.below(0x200)),
        1 => code.put(&[random.byte()]),
        2 => code.put_32(values::word(random)),
        _ => {}
    }
}
