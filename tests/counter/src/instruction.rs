//! The properties of an instruction that are counted.

use crate::Width;

/// An instruction that was translated.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Instruction {
    pub address: u64,
    pub class: Class,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Class {
    /// User mode, or the start code before paging.
    User,
    /// User mode's marks for [`Rows`](crate::row::Rows).
    Mark(Mark),
    Kernel(Kind),
}

/// A mark of the bench (`bench::marks`): a segment prefix of an `rdtsc` that it needs anyway, or a `nop` outside of all
/// rounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mark {
    /// `nop dword ptr [eax + 0x42454C00]`: the rounds that follow belong to the next row.
    RowBegins,
    /// `nop dword ptr [eax + 0x42454C01]`: the rounds that follow belong to none.
    RowEnds,
    /// `cs rdtsc`: a round begins that ends at the other side.
    There,
    /// `ss rdtsc`: a round begins that ends where it began.
    ThereAndBack,
    /// `es rdtsc`: the other side.
    OtherSide,
    /// `ds rdtsc`: back where it began.
    Back,
}

/// An effect that costs a CPU more than its one instruction.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    Plain,
    /// `mov cr3`: the address space, and without PCID all that the TLB holds of it.
    AddressSpace,
    /// `mov` to another control register, `clts`, `lmsw`.
    Control,
    /// `rdmsr`, `wrmsr`, `swapgs`, `wrfsbase` and the like.
    ModelSpecific,
    /// `in`, `out`.
    Port,
    /// `iret`.
    InterruptReturn,
    /// `sysret`, `sysexit`.
    FastReturn,
    /// `invlpg`, `invpcid`.
    Flush,
    /// A `mov` to the stack pointer.
    StackSwitch,
    /// `hlt`: the CPU waits with interrupts on.
    Halt,
}

impl Instruction {
    pub fn decode(width: Width, address: u64, bytes: &[u8]) -> Self {
        let class = if width.is_kernel(address) {
            Class::Kernel(kind(width, bytes))
        } else {
            mark(bytes).map_or(Class::User, Class::Mark)
        };
        Self { address, class }
    }
}

fn mark(bytes: &[u8]) -> Option<Mark> {
    match *bytes {
        [0x0F, 0x1F, 0x80, 0x00, 0x4C, 0x45, 0x42] => Some(Mark::RowBegins),
        [0x0F, 0x1F, 0x80, 0x01, 0x4C, 0x45, 0x42] => Some(Mark::RowEnds),
        [0x2E, 0x0F, 0x31] => Some(Mark::There),
        [0x36, 0x0F, 0x31] => Some(Mark::ThereAndBack),
        [0x26, 0x0F, 0x31] => Some(Mark::OtherSide),
        [0x3E, 0x0F, 0x31] => Some(Mark::Back),
        _ => None,
    }
}

fn kind(width: Width, bytes: &[u8]) -> Kind {
    let is_prefix = |byte: &u8| {
        matches!(byte, 0x66 | 0x67 | 0xF0 | 0xF2 | 0xF3 | 0x2E | 0x36 | 0x3E | 0x26 | 0x64 | 0x65)
            || (width == Width::X86_64 && byte & 0xF0 == 0x40)
    };
    let repeats = bytes.first() == Some(&0xF3);
    let opcode = &bytes[bytes.iter().take_while(|byte| is_prefix(byte)).count()..];
    let register = |operand: u8| operand >> 3 & 7;
    const STACK_POINTER: u8 = 4;
    match *opcode {
        [0x0F, 0x22, operand, ..] if register(operand) == 3 => Kind::AddressSpace,
        [0x0F, 0x22, ..] | [0x0F, 0x06, ..] => Kind::Control,
        [0x0F, 0x30 | 0x32, ..] | [0x0F, 0x01, 0xF8, ..] => Kind::ModelSpecific,
        [0x0F, 0xAE, operand, ..] if repeats && operand >= 0xC0 && register(operand) < 4 => Kind::ModelSpecific,
        [0x0F, 0x01, operand, ..] if operand < 0xC0 && register(operand) == 7 => Kind::Flush,
        [0x0F, 0x01, operand, ..] if register(operand) == 6 => Kind::Control,
        [0x0F, 0x38, 0x82, ..] => Kind::Flush,
        [0x0F, 0x07 | 0x35, ..] => Kind::FastReturn,
        [0xCF, ..] => Kind::InterruptReturn,
        [0xE4..=0xE7 | 0xEC..=0xEF | 0x6C..=0x6F, ..] => Kind::Port,
        [0xF4, ..] => Kind::Halt,
        [0x8B, operand, ..] if register(operand) == STACK_POINTER => Kind::StackSwitch,
        [0x89, operand, ..] if operand >= 0xC0 && operand & 7 == STACK_POINTER => Kind::StackSwitch,
        _ => Kind::Plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn is(bytes: &[u8], wanted: Kind) {
        assert_eq!(kind(Width::X86_64, bytes), wanted, "{bytes:x?}");
    }

    #[test]
    fn expensive_instructions_are_told_apart() {
        is(&[0x0F, 0x22, 0xD8], Kind::AddressSpace);
        is(&[0x0F, 0x22, 0xC0], Kind::Control);
        is(&[0x0F, 0x30], Kind::ModelSpecific);
        is(&[0x0F, 0x01, 0xF8], Kind::ModelSpecific);
        is(&[0xF3, 0x48, 0x0F, 0xAE, 0xD0], Kind::ModelSpecific);
        is(&[0x0F, 0xAE, 0x08], Kind::Plain);
        is(&[0x0F, 0x01, 0x38], Kind::Flush);
        is(&[0x48, 0x0F, 0x07], Kind::FastReturn);
        is(&[0x48, 0xCF], Kind::InterruptReturn);
        is(&[0xEE], Kind::Port);
        is(&[0x48, 0x8B, 0x25, 0, 0, 0, 0], Kind::StackSwitch);
        is(&[0x48, 0x89, 0xFC], Kind::StackSwitch);
        is(&[0x48, 0x89, 0x24, 0x24], Kind::Plain);
    }

    #[test]
    fn forty_is_a_prefix_in_64_bit_mode_only() {
        assert_eq!(kind(Width::I686, &[0x4F]), Kind::Plain);
        assert_eq!(kind(Width::I686, &[0xF4]), Kind::Halt);
    }

    #[test]
    fn marks_count_in_user_mode_only() {
        let bytes = [0x2E, 0x0F, 0x31];
        assert_eq!(Instruction::decode(Width::I686, 0x40_0000, &bytes).class, Class::Mark(Mark::There));
        assert_eq!(Instruction::decode(Width::I686, 0xC010_0000, &bytes).class, Class::Kernel(Kind::Plain));
        assert_eq!(Instruction::decode(Width::I686, 0x40_0000, &[0x0F, 0x31]).class, Class::User);
    }

    #[test]
    fn the_call_page_is_user_code() {
        assert!(!Width::I686.is_kernel(0xFFFF_E004));
        assert!(!Width::I686.is_kernel(0xFFFF_FFF0));
        assert!(Width::I686.is_kernel(0xC000_0000));
        assert!(!Width::X86_64.is_kernel(0x7FFF_FFFF_F000));
    }
}
