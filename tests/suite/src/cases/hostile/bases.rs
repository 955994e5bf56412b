//! Segment registers and their bases as a program chooses them, when an interrupt, a fault or a call comes
//! (CVE-2014-9322, CVE-2019-1125): null and odd selectors in DS, ES, FS and GS, thread pointers into the kernel.

use super::assembly::{Code, SPIN};
use super::{own_code_segment, own_stack_segment};
use crate::case::{Case, Outcome};
use crate::scene::Scene;
use crate::victim::{Generated, Victim, at};
use crate::{check, check_eq, hostile};
use abi::Register;
use alloc::vec::Vec;
use bellwire::Error;
use suite::code;
use suite::entry::Entry;

pub const CASES: &[Case] = hostile!["bases": selectors_when_an_interrupt_comes, thread_pointers_to_nowhere];

/// mov ds, ecx; mov es, ecx; mov fs, ecx; mov gs, ecx
const LOADS: &[u8] = &[0x8E, 0xD9, 0x8E, 0xC1, 0x8E, 0xE1, 0x8E, 0xE9];

/// The selectors that ring 3 may load.
fn selectors() -> Vec<usize> {
    let mut selectors: Vec<usize> = (0..4).collect();
    selectors.extend([own_stack_segment(), own_stack_segment() & !3, own_code_segment(), own_code_segment() & !1]);
    if cfg!(target_arch = "x86") {
        selectors.push(9 << 3 | 3);
    }
    selectors
}

/// Tries the selectors in all four registers, while the program is interrupted, faults and calls.
fn selectors_when_an_interrupt_comes(scene: &Scene<'_>) -> Outcome {
    let code = Code::default().then(LOADS).call(Entry::Gate);
    // No instruction that follows uses memory, so DS may hold any selector. The fast call of i686 would use memory,
    // since it returns by the stack.
    let code = if cfg!(target_arch = "x86_64") { code.call(Entry::Fast) } else { code };
    let spin = code.len();
    let code = code.then(SPIN);
    let generated = Generated::new(&code.end())?;
    for selector in selectors() {
        for pointer in [0, 0x1000] {
            let victim = Victim::new(scene, generated.address())?;
            victim.set(Register::Cx, selector)?;
            victim.set(Register::FsBase, pointer)?;
            victim.start([0; 4])?;
            victim.interrupted_at(generated.address() + spin)?;
            victim.set(Register::Ip, at(code::undefined))?;
            check_eq!(victim.next()?.vector, 6, "with selector {selector:#x}");
            victim.set(Register::Ip, at(code::read_selectors))?;
            victim.go_on()?;
            check_eq!(victim.next()?.vector, 6, "with selector {selector:#x}");
            for register in SELECTORS_READ {
                let found = victim.get(register)?;
                // A return to ring 3 may clear a null selector's privilege (SDM 2A, IRET). 64-bit mode uses no such
                // selector, and they aren't kept where another thread has run.
                let is_lost = selector < 4 || cfg!(target_arch = "x86_64");
                let kept = found == selector || is_lost && found == 0;
                check!(kept, "selector {selector:#x} has become {found:#x}, in {register:?}");
            }
        }
    }
    Ok(())
}

/// Where [`code::read_selectors`] leaves them.
const SELECTORS_READ: [Register; 4] = if cfg!(target_arch = "x86_64") {
    [Register::R12, Register::R13, Register::R14, Register::R15]
} else {
    [Register::Ax, Register::Bx, Register::Cx, Register::Dx]
};

/// x86_64 refuses these, since the CPU would fault on some. i686 takes them: pages protect the kernel with any base.
fn thread_pointers_to_nowhere(scene: &Scene<'_>) -> Outcome {
    // mov eax, fs:[ecx]
    let generated = Generated::new(&Code::default().then(&[0x64, 0x8B, 0x01]).end())?;
    for base in [0, abi::USER_END, usize::MAX, usize::MAX - 0xFFF, 1 << (usize::BITS - 1), 1 << (usize::BITS - 17)] {
        let victim = Victim::new(scene, generated.address())?;
        let is_low = base < 1 << (usize::BITS - 18);
        match victim.set(Register::FsBase, base) {
            Err(Error::BadArgument) if cfg!(target_arch = "x86_64") && base > abi::USER_END => continue,
            result => result?,
        }
        check!(cfg!(target_arch = "x86") || base <= abi::USER_END || is_low, "the base {base:#x} is taken");
        let caught = victim.fault()?;
        check_eq!((caught.vector, caught.instruction), (14, generated.address()), "with base {base:#x}");
        check_eq!(caught.address, base, "with base {base:#x}");
    }
    Ok(())
}
