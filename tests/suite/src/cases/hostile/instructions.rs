//! Privileged, odd and undefined instructions. Each is a fault of the program that tries it, with the right vector, at
//! that instruction, or has no effect.
//!
//! Where processors differ, two results are right.

use super::assembly::UNDEFINED;
use crate::case::{Case, Outcome};
use crate::emulator;
use crate::scene::Scene;
use crate::victim::{Caught, Generated, Victim};
use crate::{check, check_eq, hostile};
use abi::Register;
use alloc::vec::Vec;
use suite::float::cpuid;

pub const CASES: &[Case] = hostile!["instructions":
    privileged_instructions, control_and_debug_registers, ports_of_others, what_tells_of_the_kernel,
    virtual_machines_and_enclaves, the_other_widths_instructions, odd_instructions, every_interrupt_number,
];

/// The effect of an instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// This exception, with error code 0, at the instruction.
    Fault(u8),
    /// This exception, behind the instruction.
    Trap(u8),
    /// The program goes on.
    Nothing,
}

use End::{Fault, Nothing, Trap};

const DIVIDE: End = Fault(0);
const INVALID: End = Fault(6);
const PROTECTION: End = Fault(13);

/// Chooses the first in 64-bit mode, otherwise the second.
const fn by_width(long: End, short: End) -> End {
    if cfg!(target_arch = "x86_64") { long } else { short }
}

type Row<'a> = (&'a [u8], &'a [End]);

/// Each instruction stands in its own bytes of a page; `cx` points to memory that may be written.
fn try_all(scene: &Scene<'_>, rows: &[Row<'_>]) -> Outcome {
    const SLOT: usize = 32;
    let mut code = Vec::new();
    for (number, (bytes, _)) in rows.iter().enumerate() {
        code.extend_from_slice(bytes);
        code.extend_from_slice(UNDEFINED);
        code.resize(SLOT * (number + 1), 0);
    }
    let generated = Generated::new(&code)?;
    let memory = alloc::vec![0_u64; 64];
    for (number, (bytes, ends)) in rows.iter().enumerate() {
        let begin = generated.address() + SLOT * number;
        let victim = Victim::new(scene, begin)?;
        victim.set(Register::Cx, memory.as_ptr() as usize)?;
        let caught = victim.fault()?;
        let fits = |end: &End| match *end {
            Fault(vector) => caught_at(caught) == (vector, 0, begin),
            Trap(vector) => caught_at(caught) == (vector, 0, begin + bytes.len()),
            Nothing => caught_at(caught) == (6, 0, begin + bytes.len()),
        };
        check!(ends.iter().any(fits), "{bytes:02x?}: {caught:x?} from {begin:#x}, not {ends:?}");
    }
    Ok(())
}

fn caught_at(caught: Caught) -> (u8, usize, usize) {
    (caught.vector, caught.error, caught.instruction)
}

fn privileged_instructions(scene: &Scene<'_>) -> Outcome {
    let cache_control =
        if scene.system.faults.have(emulator::Fault::PassingCacheControl) { Nothing } else { PROTECTION };
    try_all(
        scene,
        &[
            // cli, sti, hlt, clts, invd, wbinvd
            (&[0xFA], &[PROTECTION]),
            (&[0xFB], &[PROTECTION]),
            (&[0xF4], &[PROTECTION]),
            (&[0x0F, 0x06], &[PROTECTION]),
            (&[0x0F, 0x08], &[cache_control]),
            (&[0x0F, 0x09], &[cache_control]),
            // lgdt, lidt, invlpg, all [ecx]; lldt, ltr, lmsw, all cx
            (&[0x0F, 0x01, 0x11], &[PROTECTION]),
            (&[0x0F, 0x01, 0x19], &[PROTECTION]),
            (&[0x0F, 0x01, 0x39], &[PROTECTION]),
            (&[0x0F, 0x00, 0xD1], &[PROTECTION]),
            (&[0x0F, 0x00, 0xD9], &[PROTECTION]),
            (&[0x0F, 0x01, 0xF1], &[PROTECTION]),
            // rdmsr, wrmsr, rdpmc
            (&[0x0F, 0x32], &[PROTECTION]),
            (&[0x0F, 0x30], &[PROTECTION]),
            (&[0x0F, 0x33], &[PROTECTION, INVALID]),
            // xsetbv, invpcid rcx, [rcx]
            (&[0x0F, 0x01, 0xD1], &[PROTECTION, INVALID]),
            (&[0x66, 0x0F, 0x38, 0x82, 0x09], &[PROTECTION, INVALID]),
            // rsm, getsec
            (&[0x0F, 0xAA], &[INVALID]),
            (&[0x0F, 0x37], &[INVALID, PROTECTION]),
            // clac, stac, monitor, mwait
            (&[0x0F, 0x01, 0xCA], &[INVALID]),
            (&[0x0F, 0x01, 0xCB], &[INVALID]),
            (&[0x0F, 0x01, 0xC8], &[INVALID]),
            (&[0x0F, 0x01, 0xC9], &[INVALID]),
        ],
    )
}

/// No debug register can be set: no breakpoint on data will meet a load of SS (CVE-2018-8897).
fn control_and_debug_registers(scene: &Scene<'_>) -> Outcome {
    let mut code = Vec::new();
    for register in 0..8_u8 {
        // mov eax, crN; mov crN, eax; mov eax, drN; mov drN, eax
        for opcode in [0x20, 0x22, 0x21, 0x23] {
            code.push([0x0F, opcode, 0xC0 | register << 3]);
        }
    }
    // Control registers 1 and 5 to 7 aren't there, 4 and 5 of the debug registers may be others' names.
    let is_there = |[_, opcode, register]: [u8; 3]| {
        let number = register >> 3 & 7;
        if opcode & 1 == 0 { [0, 2, 3, 4].contains(&number) } else { ![4, 5].contains(&number) }
    };
    let rows: Vec<Row<'_>> = code
        .iter()
        .map(|bytes| (bytes.as_slice(), if is_there(*bytes) { &[PROTECTION][..] } else { &[INVALID, PROTECTION] }))
        .collect();
    try_all(scene, &rows)?;
    // The task priority.
    #[cfg(target_arch = "x86_64")]
    try_all(scene, &[(&[0x44, 0x0F, 0x20, 0xC0], &[PROTECTION]), (&[0x44, 0x0F, 0x22, 0xC0], &[PROTECTION])])?;
    Ok(())
}

/// Ports of other programs, those that reset the machine among them: by number, by `dx` (which is 0), by string
/// instructions, repeated.
fn ports_of_others(scene: &Scene<'_>) -> Outcome {
    try_all(
        scene,
        &[
            (&[0xE4, 0x60], &[PROTECTION]),
            (&[0xE5, 0x60], &[PROTECTION]),
            (&[0xE6, 0x64], &[PROTECTION]),
            (&[0xE7, 0x92], &[PROTECTION]),
            (&[0x66, 0xE7, 0x20], &[PROTECTION]),
            (&[0xEC], &[PROTECTION]),
            (&[0xED], &[PROTECTION]),
            (&[0xEE], &[PROTECTION]),
            (&[0xEF], &[PROTECTION]),
            (&[0x6C], &[PROTECTION]),
            (&[0x6D], &[PROTECTION]),
            (&[0x6E], &[PROTECTION]),
            (&[0x6F], &[PROTECTION]),
            (&[0xF3, 0x6C], &[PROTECTION]),
            (&[0xF3, 0x6F], &[PROTECTION]),
        ],
    )
}

/// The place of the descriptor tables, unless the CPU has no UMIP; the bases of FS and GS, by instructions that the
/// kernel leaves off; protection keys, likewise.
fn what_tells_of_the_kernel(scene: &Scene<'_>) -> Outcome {
    let [highest, ..] = cpuid(0);
    let has_umip = highest >= 7 && cpuid(7)[2] & 1 << 2 != 0;
    let told: &[End] = if has_umip { &[PROTECTION] } else { &[Nothing] };
    try_all(
        scene,
        &[
            // sgdt, sidt, both [ecx]; sldt, str, smsw, all ecx
            (&[0x0F, 0x01, 0x01], told),
            (&[0x0F, 0x01, 0x09], told),
            (&[0x0F, 0x00, 0xC1], told),
            (&[0x0F, 0x00, 0xC9], told),
            (&[0x0F, 0x01, 0xE1], told),
            // rdfsbase, rdgsbase, wrfsbase, wrgsbase, all ecx
            (&[0xF3, 0x0F, 0xAE, 0xC1], &[INVALID]),
            (&[0xF3, 0x0F, 0xAE, 0xC9], &[INVALID]),
            (&[0xF3, 0x0F, 0xAE, 0xD1], &[INVALID]),
            (&[0xF3, 0x0F, 0xAE, 0xD9], &[INVALID]),
            // rdpkru, wrpkru
            (&[0x0F, 0x01, 0xEE], &[INVALID]),
            (&[0x0F, 0x01, 0xEF], &[INVALID]),
        ],
    )
}

fn virtual_machines_and_enclaves(scene: &Scene<'_>) -> Outcome {
    try_all(
        scene,
        &[
            // vmcall, vmlaunch, vmresume, vmxoff, vmfunc
            (&[0x0F, 0x01, 0xC1], &[INVALID]),
            (&[0x0F, 0x01, 0xC2], &[INVALID]),
            (&[0x0F, 0x01, 0xC3], &[INVALID]),
            (&[0x0F, 0x01, 0xC4], &[INVALID]),
            (&[0x0F, 0x01, 0xD4], &[INVALID]),
            // vmptrld [ecx], invept, invvpid
            (&[0x0F, 0xC7, 0x31], &[INVALID]),
            (&[0x66, 0x0F, 0x38, 0x80, 0x09], &[INVALID]),
            (&[0x66, 0x0F, 0x38, 0x81, 0x09], &[INVALID]),
            // vmrun, vmmcall, vmload, vmsave, stgi, clgi, skinit, invlpga
            (&[0x0F, 0x01, 0xD8], &[INVALID]),
            (&[0x0F, 0x01, 0xD9], &[INVALID]),
            (&[0x0F, 0x01, 0xDA], &[INVALID]),
            (&[0x0F, 0x01, 0xDB], &[INVALID]),
            (&[0x0F, 0x01, 0xDC], &[INVALID, PROTECTION]),
            (&[0x0F, 0x01, 0xDD], &[INVALID]),
            (&[0x0F, 0x01, 0xDE], &[INVALID, PROTECTION]),
            (&[0x0F, 0x01, 0xDF], &[INVALID]),
            // encls, enclv
            (&[0x0F, 0x01, 0xCF], &[INVALID]),
            (&[0x0F, 0x01, 0xC0], &[INVALID]),
        ],
    )
}

/// `sysenter` and `syscall` where the other is used, their returns, `swapgs`, and what 64-bit mode has done away with.
fn the_other_widths_instructions(scene: &Scene<'_>) -> Outcome {
    let long = cfg!(target_arch = "x86_64");
    // AMD's processors have neither `sysenter` nor `sysexit` in 64-bit mode.
    try_all(
        scene,
        &[
            (if long { &[0x0F, 0x34] } else { &[0x0F, 0x05] }, &[INVALID, by_width(PROTECTION, INVALID)]),
            (&[0x0F, 0x35], &[INVALID, PROTECTION]),
            (&[0x0F, 0x07], &[PROTECTION, by_width(PROTECTION, INVALID)]),
            (&[0x0F, 0x01, 0xF8], &[by_width(PROTECTION, INVALID)]),
        ],
    )?;
    if !long {
        // into without an overflow
        return try_all(scene, &[(&[0xCE], &[Nothing])]);
    }
    // sysretq; push es, cs, ss, ds; pop es, ss, ds; daa, das, aaa, aas; pusha, popa; far call and jump; the second name
    // of 80h
    try_all(scene, &[(&[0x48, 0x0F, 0x07], &[PROTECTION])])?;
    let gone = [0x06, 0x0E, 0x16, 0x1E, 0x07, 0x17, 0x1F, 0x27, 0x2F, 0x37, 0x3F, 0x60, 0x61, 0x9A, 0xEA, 0x82];
    let gone: Vec<[u8; 1]> = gone.into_iter().map(|byte| [byte]).collect();
    let rows: Vec<Row<'_>> = gone.iter().map(|bytes| (bytes.as_slice(), &[INVALID][..])).collect();
    try_all(scene, &rows)?;
    // aam; aad; into without an overflow
    let old = if scene.system.faults.have(emulator::Fault::OldInstructions) { Nothing } else { INVALID };
    try_all(scene, &[(&[0xD4, 10], &[old]), (&[0xD5, 10], &[old]), (&[0xCE], &[old])])
}

fn odd_instructions(scene: &Scene<'_>) -> Outcome {
    let trap = if scene.system.faults.have(emulator::Fault::UndefinedTrap) { INVALID } else { Trap(1) };
    let division = match cfg!(target_arch = "x86_64") {
        true if !scene.system.faults.have(emulator::Fault::OldInstructions) => INVALID,
        _ => DIVIDE,
    };
    const SIXTEEN_BYTES: [u8; 16] =
        [0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x90];
    try_all(
        scene,
        &[
            // ud0, ud1, ud2
            (&[0x0F, 0xFF, 0xC1], &[INVALID]),
            (&[0x0F, 0xB9, 0xC1], &[INVALID]),
            (&[0x0F, 0x0B], &[INVALID]),
            // int3; icebp
            (&[0xCC], &[Trap(3)]),
            (&[0xF1], &[trap]),
            // aam by 0
            (&[0xD4, 0x00], &[division]),
            // lock where there is nothing to lock, in one of two ways; mov cs, cx
            (&[0xF0, 0x90], &[INVALID]),
            (&[0xF0, 0x01, 0xC1], &[INVALID]),
            (&[0x8E, 0xC9], &[INVALID]),
            // An instruction may have 15 bytes.
            (&SIXTEEN_BYTES, &[PROTECTION]),
            // cpuid, rdtsc, fnop, pause
            (&[0x0F, 0xA2], &[Nothing]),
            (&[0x0F, 0x31], &[Nothing]),
            (&[0xD9, 0xD0], &[Nothing]),
            (&[0xF3, 0x90], &[Nothing]),
        ],
    )
}

/// `int n`: the gates that a program may use are those of #BP, #OF and calls.
fn every_interrupt_number(scene: &Scene<'_>) -> Outcome {
    const SLOT: usize = 4;
    let shift = if scene.system.faults.have(emulator::Fault::DoubledNumber) { 4 } else { 3 };
    let code: Vec<u8> = (0..=u8::MAX).flat_map(|number| [0xCD, number, 0x0F, 0x0B]).collect();
    let generated = Generated::new(&code)?;
    for number in 0..256 {
        let begin = generated.address() + SLOT * number;
        let victim = Victim::new(scene, begin)?;
        let expected = match number {
            3 | 4 => (number as u8, 0, begin + 2),
            0x80 => (6, 0, begin + 2),
            _ => (13, number << shift | 2, begin),
        };
        check_eq!(caught_at(victim.fault()?), expected, "int {number:#x}");
    }
    Ok(())
}
