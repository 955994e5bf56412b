//! Returns to addresses that a return instruction faults on in ring 0 (CVE-2006-0744, CVE-2012-0217, CVE-2014-4699).

use super::assembly::Code;
use crate::case::{Case, Outcome};
use crate::scene::Scene;
use crate::system::receive;
use crate::victim::{Generated, Victim, at};
use crate::{check, check_eq, hostile};
use abi::{Access, Kind, Operation, Options, PAGE_BYTES, Register, Tag, USER_END};
use bellwire::{Endpoint, Error, Handle, Memory};
use suite::bare;
use suite::code;
use suite::entry::Entry;

pub const CASES: &[Case] = hostile!["returns":
    instruction_pointers_that_are_none, calls_at_the_end_of_user_space, registers_written_during_a_call,
    user_mode_goes_nowhere,
];

/// Behind user space, in the kernel, and on x86_64 around and in the hole between the canonical halves.
fn nowhere() -> impl Iterator<Item = usize> {
    let canonical_end = 1_usize << (usize::BITS - 17);
    let hole = [canonical_end - 1, canonical_end, canonical_end + 1, !canonical_end, 1 << (usize::BITS - 2)];
    let hole = hole.into_iter().filter(|_| cfg!(target_arch = "x86_64"));
    [0, USER_END, USER_END + 1, usize::MAX, 1 << (usize::BITS - 1), usize::MAX - 0xFFFF].into_iter().chain(hole)
}

/// Instruction pointers that a thread sets which may write the registers of another: they are refused, or the thread
/// faults.
fn instruction_pointers_that_are_none(scene: &Scene<'_>) -> Outcome {
    for pointer in nowhere() {
        let victim = Victim::new(scene, at(code::spin))?;
        match victim.set(Register::Ip, pointer) {
            Err(Error::BadArgument) => continue,
            result => result?,
        }
        let caught = victim.fault()?;
        check!([13, 14].contains(&caught.vector), "{caught:x?} at {pointer:#x}");
        check_eq!(caught.instruction, pointer);
    }
    Ok(())
}

/// A system call in the last bytes that may be mapped, so that its return lands behind them. On x86_64 that address is
/// canonical, since the last page of the lower half can't be mapped.
fn calls_at_the_end_of_user_space(scene: &Scene<'_>) -> Outcome {
    const CALLS: [&[u8]; 2] =
        if cfg!(target_arch = "x86_64") { [&[0xCD, 0x80], &[0x0F, 0x05]] } else { [&[0xCD, 0x80]; 2] };
    for call in CALLS {
        let memory = Memory::new(PAGE_BYTES)?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(PAGE_BYTES - call.len(), call);
        memory.seal()?;
        for beyond in [USER_END, USER_END.wrapping_add(PAGE_BYTES), usize::MAX - (PAGE_BYTES - 1)] {
            let refused = bare::map_at(&memory, beyond, 0, PAGE_BYTES, Access::READ | Access::EXECUTE);
            check_eq!(refused, Err(Error::BadArgument), "a page at {beyond:#x}");
        }
        bare::map_at(&memory, USER_END - PAGE_BYTES, 0, PAGE_BYTES, Access::READ | Access::EXECUTE)?;
        for flags in [0x202, 0x302] {
            let victim = Victim::new(scene, USER_END - call.len())?;
            victim.set(Register::Flags, flags)?;
            let mut caught = victim.fault()?;
            if caught.vector == 1 {
                // Stepped, which may come before or after the call.
                victim.go_on()?;
                caught = victim.next()?;
            }
            check!(caught.vector == 13 || caught.vector == 14 && caught.address == USER_END, "{caught:x?}");
            check_eq!(caught.instruction, USER_END);
        }
        memory.destroy()?;
    }
    Ok(())
}

/// Registers in which no message arrives, those first that a fast exit loses.
#[cfg(target_arch = "x86_64")]
const KEPT: [Register; 6] = [Register::Cx, Register::R11, Register::R10, Register::Sp, Register::Bx, Register::Bp];
/// Registers in which no message arrives, those first that a fast exit loses.
#[cfg(target_arch = "x86")]
const KEPT: [Register; 3] = [Register::Cx, Register::Dx, Register::Sp];

/// A thread waits in a call, with a frame that a fast exit would take, and its registers are written meanwhile. The
/// exit must restore all of them, including those that a fast exit loses.
fn registers_written_during_a_call(scene: &Scene<'_>) -> Outcome {
    for entry in [Entry::Fast, Entry::Gate] {
        let calls = Endpoint::new()?;
        let tag = Tag::incoming(Operation::Call, 0, Options::empty());
        let generated = Generated::new(&Code::default().message(tag, calls.raw()).call(entry).end())?;
        let victim = Victim::new(scene, generated.address())?;
        victim.start([0; 4])?;
        check_eq!(receive(&calls)?.tag.kind(), Kind::Call, "what {entry:?} brings");
        for pointer in nowhere().filter(|pointer| *pointer >= USER_END) {
            let result = victim.set(Register::Ip, pointer);
            let last_page = cfg!(target_arch = "x86_64") && pointer < 1 << (usize::BITS - 17);
            check!(result == Err(Error::BadArgument) || last_page, "instruction pointer {pointer:#x}: {result:?}");
        }
        for (number, register) in KEPT.iter().enumerate() {
            victim.set(*register, (usize::MAX / 2 + 1) | number << 4)?;
        }
        victim.set(Register::Ip, at(code::undefined))?;
        victim.go_on()?;
        let caught = victim.next()?;
        check_eq!((caught.vector, caught.instruction), (6, at(code::undefined)), "by {entry:?}");
        for (number, register) in KEPT.iter().enumerate() {
            check_eq!(victim.get(*register)?, (usize::MAX / 2 + 1) | number << 4, "{register:?} by {entry:?}");
        }
        drop(victim);
        calls.destroy()?;
    }
    Ok(())
}

/// Jumps and returns of user mode itself.
fn user_mode_goes_nowhere(scene: &Scene<'_>) -> Outcome {
    // ret; iretd or iretq
    let (near, far): (&[u8], &[u8]) =
        if cfg!(target_arch = "x86_64") { (&[0xC3], &[0x48, 0xCF]) } else { (&[0xC3], &[0xCF]) };
    let returns = [Generated::new(near)?, Generated::new(far)?];
    for pointer in nowhere() {
        let frame = [pointer, super::own_code_segment(), 0x202, super::STACK, super::own_stack_segment()];
        for entry in [at(code::jump), returns[0].address(), returns[1].address()] {
            let victim = Victim::new(scene, entry)?;
            victim.set(Register::Cx, pointer)?;
            victim.set(Register::Sp, frame.as_ptr() as usize)?;
            let caught = victim.fault()?;
            check!([13, 14].contains(&caught.vector), "to {pointer:#x} from {entry:#x}: {caught:x?}");
            check!([pointer, entry].contains(&caught.instruction), "to {pointer:#x} from {entry:#x}: {caught:x?}");
        }
    }
    Ok(())
}
