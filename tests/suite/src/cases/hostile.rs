//! What hostile programs try: each attempt ends as a fault of that program or has no effect, and harms no other
//! program. Some techniques are those of published holes in the entry code of other kernels; `docs/entry-hostile.md`
//! has the table. The others are about objects and servers; `docs/isolation.md` says what each shows.
//!
//! Each case runs beside a witness, see [`crate::scene`].

mod assembly;
pub mod bases;
pub mod deferred;
pub mod drivers;
pub mod ending;
pub mod endless;
pub mod fast_entry;
pub mod flags;
pub mod instructions;
pub mod leftovers;
pub mod names;
pub mod random;
pub mod returns;
pub mod selectors;
pub mod spinning;
pub mod stacks;
pub mod steps;
pub mod unanswered;

use crate::case::Outcome;
use crate::check_eq;
use crate::emulator::Fault;
use crate::partner::Partner;
use crate::scene::Scene;
use abi::{Access, PAGE_BYTES};
use bellwire::{Handle, HowEnded, Memory};
use suite::bare;
use suite::float::cpuid;
use suite::hostile::Attempt;
use suite::role::Role;

/// A stack pointer that no program uses.
const STACK: usize = 0x1000;

/// The selector in CS.
fn own_code_segment() -> usize {
    let selector: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {0:e}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 0xFFFF
}

/// The selector in SS.
fn own_stack_segment() -> usize {
    let selector: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {0:e}, ss", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 0xFFFF
}

/// Whether i686's fast call is `sysenter`.
fn has_sysenter() -> bool {
    cpuid(1)[3] & 1 << 11 != 0
}

/// Whether ring 3 may use its own stack for `iret`.
fn has_own_returns(scene: &Scene<'_>) -> bool {
    const SMAP: u32 = 1 << 20;
    let [highest, ..] = cpuid(0);
    highest < 7 || cpuid(7)[1] & SMAP == 0 || !scene.system.faults.have(Fault::KernelsReturns)
}

/// A partner makes an attempt, and has to see that it gets nothing by it.
fn attempt(scene: &Scene<'_>, attempt: Attempt) -> Outcome {
    let mut partner = scene.system.image.start_with(Role::Hostile, 76, 30, [attempt as u64, 0])?;
    let exit = partner.wait()?;
    check_eq!(exit.how, HowEnded::Exited { code: 0 }, "{attempt:?}: the line of hostile.rs");
    Ok(())
}

/// Where an outlaw's code lies.
const OUTLAW_CODE: usize = 0x0040_0000;
/// Where its one page of data lies.
const OUTLAW_DATA: usize = 0x0050_0000;

/// A process that has nothing: this code, one page to write to, no handle, no port, and one thread, not started yet,
/// whose faults end it.
fn outlaw(code: &[u8]) -> Result<Partner, bellwire::Error> {
    outlaw_with_handler(code, abi::NO_HANDLE)
}

/// Makes a process like [`outlaw`], whose faults arrive at an endpoint.
fn outlaw_with_handler(code: &[u8], faults: u32) -> Result<Partner, bellwire::Error> {
    const PRIORITY: u8 = 10;
    let mut partner = Partner::new(77, PRIORITY, [16, 16])?;
    let memory = Memory::new(code.len().next_multiple_of(PAGE_BYTES))?;
    memory.map(Access::READ | Access::WRITE)?.write_bytes(0, code);
    memory.seal()?;
    partner.give(memory, OUTLAW_CODE, Access::READ | Access::EXECUTE)?;
    partner.give(Memory::new(PAGE_BYTES)?, OUTLAW_DATA, Access::READ | Access::WRITE)?;
    let words = [OUTLAW_CODE, OUTLAW_DATA + PAGE_BYTES, PRIORITY as usize, faults as usize];
    partner.thread = bare::thread(bare::thread_create(partner.process.raw(), words)?.words[0]);
    Ok(partner)
}
