//! Invalid stack pointers when each kind of trap comes (sigreturn, syscall_arg_fault): at 0, in the kernel, in no
//! memory, unaligned, at the top. The kernel never follows a program's stack pointer, and keeps it as it is. The
//! program's own instructions that follow it fault.

use super::assembly::{Code, NOTHING, SPIN};
use crate::case::{Case, Outcome};
use crate::emulator::Fault;
use crate::scene::Scene;
use crate::victim::{Generated, TRAP_FLAG, Victim, at};
use crate::{check, check_eq, hostile};
use abi::{Register, USER_END};
use suite::code;
use suite::entry::Entry;

pub const CASES: &[Case] =
    hostile!["stacks": at_each_trap, at_each_interrupt, at_each_call, at_instructions_that_use_it];

fn pointers() -> impl Iterator<Item = usize> {
    // The kernel's half, its image, its end; on x86_64 also what isn't canonical.
    let kernel = if cfg!(target_arch = "x86_64") { usize::MAX - 0x7FEF_FFFF } else { 0xC010_0000 };
    let high = [usize::MAX, usize::MAX & !7, usize::MAX - 0x7FFF, kernel, kernel + 1, 1 << (usize::BITS - 1)];
    let hole = [1 << (usize::BITS - 17), !(1 << (usize::BITS - 17)), 1 << (usize::BITS - 2)];
    let hole = hole.into_iter().filter(|_| cfg!(target_arch = "x86_64"));
    [0, 1, 7, 0x1000, 0x0030_0123, USER_END, USER_END - 1, USER_END - 8].into_iter().chain(high).chain(hole)
}

fn at_each_trap(scene: &Scene<'_>) -> Outcome {
    let traps: [(extern "C" fn(), u8, usize); 8] = [
        (code::undefined, 6, 0x202),
        (code::divide, 0, 0x202),
        (code::breakpoint, 3, 0x202),
        (code::load, 14, 0x202),
        (code::clear_interrupts, 13, 0x202),
        (code::load_data_segment, 13, 0x202),
        (code::no_operation, 1, 0x202 | TRAP_FLAG),
        (code::wait, 6, 0x202),
    ];
    for pointer in pointers() {
        for (entry, vector, flags) in traps {
            let victim = Victim::new(scene, at(entry))?;
            victim.set(Register::Sp, pointer)?;
            victim.set(Register::Flags, flags)?;
            // A selector that is none, for the one that loads it; no address and no divisor for the others.
            let is_load = entry as *const () == code::load_data_segment as *const ();
            victim.set(Register::Cx, if is_load { 0x08 } else { 0 })?;
            check_eq!(victim.fault()?.vector, vector, "with the stack at {pointer:#x}");
            check_eq!(victim.get(Register::Sp)?, pointer, "after vector {vector}");
            // And once more, by the way out that a handler's answer takes.
            victim.set(Register::Flags, 0x202)?;
            victim.set(Register::Ip, at(code::undefined))?;
            victim.go_on()?;
            check_eq!(victim.next()?.vector, 6, "with the stack at {pointer:#x}");
            check_eq!(victim.get(Register::Sp)?, pointer, "after vector {vector}");
        }
    }
    Ok(())
}

fn at_each_interrupt(scene: &Scene<'_>) -> Outcome {
    // The thread spins behind an instruction, so that the case sees that it has begun.
    let generated = Generated::new(&Code::default().then(NOTHING).then(SPIN).end())?;
    for pointer in pointers() {
        let victim = Victim::new(scene, generated.address())?;
        victim.set(Register::Sp, pointer)?;
        victim.start([0; 4])?;
        victim.interrupted_at(generated.address() + NOTHING.len())?;
        victim.set(Register::Ip, at(code::undefined))?;
        check_eq!(victim.next()?.vector, 6, "with the stack at {pointer:#x}");
        check_eq!(victim.get(Register::Sp)?, pointer);
    }
    Ok(())
}

fn at_each_call(scene: &Scene<'_>) -> Outcome {
    let gate = Generated::new(&Code::default().call(Entry::Gate).end())?;
    let fast = Generated::new(&bare_fast_call().end())?;
    for pointer in pointers() {
        let victim = Victim::new(scene, gate.address())?;
        victim.set(Register::Sp, pointer)?;
        check_eq!(victim.fault()?.vector, 6, "by the gate with the stack at {pointer:#x}");
        check_eq!(victim.get(Register::Sp)?, pointer, "by the gate");

        let victim = Victim::new(scene, fast.address())?;
        victim.set(Register::Sp, pointer)?;
        let caught = victim.fault()?;
        // i686's call page returns by the stack that it finds.
        let expected = if cfg!(target_arch = "x86_64") || !super::has_sysenter() { &[6][..] } else { &[14, 12, 13] };
        check!(expected.contains(&caught.vector), "with the stack at {pointer:#x}: {caught:x?}");
        check_eq!(victim.get(Register::Sp)?, pointer, "by the fast call");
    }
    Ok(())
}

/// `syscall`, or `sysenter` without the call page before it, with the stack pointer where the kernel wants it.
fn bare_fast_call() -> Code {
    match () {
        () if cfg!(target_arch = "x86_64") => Code::default().call(Entry::Fast),
        // mov ecx, esp; sysenter
        () if super::has_sysenter() => Code::default().then(&[0x89, 0xE1, 0x0F, 0x34]),
        () => Code::default().call(Entry::Gate),
    }
}

/// Vectors 12, 13 and 14, by where it points; with nothing done, so that the stack pointer stays.
fn at_instructions_that_use_it(scene: &Scene<'_>) -> Outcome {
    let near: &[&[u8]] = &[
        // push eax; pop eax; pushf; popf; call next; ret; enter 16, 0
        &[0x50],
        &[0x58],
        &[0x9C],
        &[0x9D],
        &[0xE8, 0, 0, 0, 0],
        &[0xC3],
        &[0xC8, 16, 0, 0],
    ];
    // retf; iret; call far [ecx]. Where these have the kernel's rights, they aren't tried at its memory.
    let far: &[&[u8]] = &[&[0xCB], &[0xCF], &[0xFF, 0x19]];
    let kernels_returns = scene.system.faults.have(Fault::KernelsReturns);
    for pointer in pointers() {
        let is_kernels = pointer > USER_END;
        let skips = kernels_returns && (is_kernels || pointer < 16);
        for code in near.iter().chain(far.iter().filter(|_| !skips)) {
            let generated = Generated::new(&Code::default().then(code).then(SPIN).end())?;
            let target = [generated.address(), super::own_code_segment()];
            let victim = Victim::new(scene, generated.address())?;
            victim.set(Register::Sp, pointer)?;
            victim.set(Register::Cx, target.as_ptr() as usize)?;
            let caught = victim.fault()?;
            check!([12, 13, 14].contains(&caught.vector), "{code:x?} with the stack at {pointer:#x}: {caught:x?}");
            check_eq!(caught.instruction, generated.address(), "{code:x?} with the stack at {pointer:#x}");
            check_eq!(victim.get(Register::Sp)?, pointer, "{code:x?}");
        }
    }
    Ok(())
}
