//! Random system calls, as code: with what each word is for in mind, so that calls get beyond the first check.

use crate::code::Code;
use crate::layout::LONG;
use crate::random::Random;
use crate::registers::{Desk, SLOTS, Slot};
use crate::values;
use abi::{DESCRIPTIONS, Operation, PAGE_BYTES, Rights};

/// The value that a register is loaded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operand {
    Value(usize),
    /// A handle, which the code reads from the desk: its number isn't known before the process is there.
    Handle(usize),
}

/// The registers of a call, as instructions number them: tag, handle, words.
const REGISTERS: [u8; 6] = if LONG { [7, 0, 6, 2, 8, 9] } else { [0, 2, 3, 6, 7, 5] };

/// Writes a call.
pub fn put(code: &mut Code<'_>, random: &mut Random) {
    let number = operation(random);
    let description = DESCRIPTIONS.get(number);
    let tag = number | random.below(0x100) << 8 | options(random) << 16;
    let handle = match description {
        Some(description) if !random.one_in(6) => Operand::Handle(fitting(description.needs, random)),
        _ if random.one_in(2) => Operand::Handle(random.below(SLOTS)),
        _ => Operand::Value(if random.one_in(2) { 0 } else { random.word() & 0x3_003F }),
    };
    let mut operands =
        [Operand::Value(tag), handle, Operand::Value(0), Operand::Value(0), Operand::Value(0), Operand::Value(0)];
    for (at, operand) in operands[2..].iter_mut().enumerate() {
        let name = description.and_then(|description| description.input.get(at)).copied().unwrap_or("");
        *operand = word(name, random);
    }
    for (register, operand) in REGISTERS.into_iter().zip(operands) {
        load(code, register, operand);
    }
    enter(code, random);
}

/// Every operation as often as the others, but for those that end the process or the thread.
fn operation(random: &mut Random) -> usize {
    let number = random.below(DESCRIPTIONS.len() + 1);
    match Operation::from_number(number as u8) {
        Some(Operation::Exit | Operation::ThreadExit | Operation::ProcessKill) if !random.one_in(12) => {
            random.below(0x100)
        }
        _ => number,
    }
}

fn options(random: &mut Random) -> usize {
    match random.below(6) {
        0 | 1 => 0,
        2 => 1 << random.below(5),
        // The access bits of a mapping.
        3 | 4 => random.choose(&[1, 3, 5, 7, 2, 4]) << 8,
        _ => random.below(0x1_0000),
    }
}

/// A handle that has the right, mostly.
fn fitting(needs: Rights, random: &mut Random) -> usize {
    let slots: &[Slot] = if needs.intersects(Rights::CALL | Rights::RECEIVE | Rights::NOTIFY | Rights::BIND) {
        &[Slot::Endpoint, Slot::Endpoint, Slot::Endpoint, Slot::CalledEndpoint, Slot::PlainEndpoint]
    } else if needs.contains(Rights::INTERRUPT) {
        &[Slot::Interrupt, Slot::NonMaskable]
    } else if needs.contains(Rights::TIMER) {
        &[Slot::Timer]
    } else if needs.contains(Rights::PORTS) {
        &[Slot::Ports]
    } else if needs.contains(Rights::PROCESS) {
        &[Slot::Process, Slot::Ward]
    } else if needs.contains(Rights::THREAD) {
        &[Slot::Thread]
    } else if needs.contains(Rights::SEAL) {
        &[Slot::Memory, Slot::SealedMemory]
    } else if needs.is_empty() || needs == Rights::DESTROY {
        return random.below(SLOTS);
    } else {
        &[Slot::Root]
    };
    random.choose(slots) as usize
}

/// Chooses a value for a word of this name in the table of calls.
fn word(name: &str, random: &mut Random) -> Operand {
    if random.one_in(8) {
        return Operand::Value(values::word(random));
    }
    let slot = |slot: Slot| Operand::Handle(slot as usize);
    Operand::Value(match name {
        "endpoint" | "fault_endpoint" => return slot(random.choose(&[Slot::Endpoint, Slot::CalledEndpoint])),
        "process" if random.one_in(2) => return slot(random.choose(&[Slot::Process, Slot::Ward])),
        "handle" => return Operand::Handle(random.below(SLOTS)),
        "word3" if random.one_in(2) => return Operand::Handle(random.below(SLOTS)),
        "process" | "deadline_high" | "period_high" => 0,
        "deadline_low" | "period_low" => random.bits() as usize,
        "address" => random.below(1 << 19) * PAGE_BYTES,
        "offset" => random.below(4) * PAGE_BYTES,
        "bytes" => random.below(20) * PAGE_BYTES,
        "frames" | "objects" => random.below(24),
        "register" => random.below(20),
        "priority" => random.below(24),
        "entry" => values::code(random),
        "stack" => values::stack_pointer(random),
        "item" | "index" | "part" | "trigger" => random.below(8),
        "rights" => random.bits() as usize,
        "badge" | "count" => random.below(0x100),
        "line" => random.below(32),
        _ => values::word(random),
    })
}

/// `mov register, operand`.
fn load(code: &mut Code<'_>, register: u8, operand: Operand) {
    let low = register & 7;
    match operand {
        Operand::Value(value) => {
            if LONG && u32::try_from(value).is_err() {
                code.put(&[0x48 | register >> 3, 0xB8 | low]);
                code.put_word(value);
                return;
            }
            if register >= 8 {
                code.put(&[0x41]);
            }
            code.put(&[0xB8 | low]);
            code.put_32(value);
        }
        Operand::Handle(slot) => {
            if register >= 8 {
                code.put(&[0x44]);
            }
            // An absolute address takes a byte more on x86_64, where the short form is relative.
            let (mode, rest): (u8, &[u8]) = if LONG { (0x04, &[0x25]) } else { (0x05, &[]) };
            code.put(&[0x8B, mode | low << 3]);
            code.put(rest);
            code.put_32(Desk::handle_address(slot));
        }
    }
}

/// The instruction that enters the kernel, one of all.
#[cfg(target_pointer_width = "64")]
fn enter(code: &mut Code<'_>, random: &mut Random) {
    code.put(match random.below(8) {
        // mov r10, rsp; syscall
        0..=4 => &[0x49, 0x89, 0xE2, 0x0F, 0x05],
        // The stack pointer is whatever value r10 has.
        5 => &[0x0F, 0x05],
        _ => &[0xCD, 0x80],
    });
}

/// The instruction that enters the kernel, one of all.
#[cfg(target_pointer_width = "32")]
fn enter(code: &mut Code<'_>, random: &mut Random) {
    match random.below(8) {
        // mov ecx, page; call ecx
        0..=2 => {
            code.put(&[0xB9]);
            code.put_32(abi::CALL_PAGE_I686 as usize);
            code.put(&[0xFF, 0xD1]);
        }
        // push next; mov ecx, esp; sysenter; next: since the call page returns by `ret`.
        3 => code.put(&[0xE8, 0, 0, 0, 0, 0x83, 0x04, 0x24, 0x08, 0x89, 0xE1, 0x0F, 0x34]),
        // The stack pointer is whatever value ecx has.
        4 => code.put(&[0x0F, 0x34]),
        _ => code.put(&[0xCD, 0x80]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Purpose;

    #[test]
    fn every_call_is_made() {
        let mut random = Random::new(5, 5, Purpose::Code);
        let mut seen = [0; 0x100];
        (0..20_000).for_each(|_| seen[operation(&mut random)] += 1);
        assert!(seen[..DESCRIPTIONS.len()].iter().all(|count| *count > 5), "{seen:?}");
        assert!(seen[Operation::Exit as usize] < seen[Operation::Null as usize] / 4);
    }

    #[test]
    fn a_call_fits_into_half_of_a_step() {
        for number in 0..1000 {
            let mut bytes = [0; crate::layout::STEP_BYTES];
            let mut code = Code::new(&mut bytes);
            put(&mut code, &mut Random::new(5, number, Purpose::Code));
            assert!(code.left() >= crate::layout::STEP_BYTES / 2 - 10, "{}", code.left());
        }
    }
}
