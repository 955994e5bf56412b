//! Threads that fault for ever: the handler of their faults lets them try again at once (CVE-2015-5307, CVE-2015-8104).
//! Threads of higher priority don't wait, those of the same priority get their turns, and the culprits can be ended.

use super::assembly::{Code, SPIN};
use crate::case::{Case, Outcome};
use crate::hostile;
use crate::scene::Scene;
use crate::victim::{Generated, TRAP_FLAG};
use crate::worker::{STACK_BYTES, Worker};
use abi::Register;
use bellwire::{Endpoint, Handle, raw};
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use suite::bare;

pub const CASES: &[Case] = hostile!["endless": debug_exceptions, alignment_checks, page_faults, undefined_instructions];

/// The culprit, its handler and a peer of both.
const PRIORITY: u8 = 30;

/// Enough to show that nothing adds up.
const FAULTS: u32 = 2000;

static TURNS: AtomicU32 = AtomicU32::new(0);

/// Answers every fault at once.
extern "C" fn handle(endpoint: usize) {
    while bare::reply_receive(endpoint as u32, [0; 4]).is_ok() {}
}

/// Counts its turns.
extern "C" fn take_turns(_: usize) {
    loop {
        TURNS.fetch_add(1, Ordering::Relaxed);
        let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
    }
}

fn fault_for_ever(scene: &Scene<'_>, code: &[u8], flags: usize) -> Outcome {
    scene.lose_count_of_faults();
    TURNS.store(0, Ordering::Relaxed);
    let generated = Generated::new(code)?;
    let faults = Endpoint::new()?;
    let handler = Worker::start(PRIORITY, handle, faults.raw() as usize)?;
    let peer = Worker::start(PRIORITY, take_turns, 0)?;
    let culprit = Worker::prepare(PRIORITY, generated.address(), Some((&faults, 0)), STACK_BYTES)?;
    bare::thread_write(culprit.thread.raw(), [Register::Flags as usize, flags, 0, 0])?;
    scene.breathe()?;
    let before = scene.system.root.kernel()?.faults;
    culprit.thread.start([0; 4])?;
    // Each look is a wait that an interrupt ends, though the culprit is never through.
    scene.system.wait_until("it faults on and on, and its peer gets its turns", || {
        let faults = scene.system.root.kernel()?.faults.wrapping_sub(before);
        Ok(faults >= FAULTS && TURNS.load(Ordering::Relaxed) >= FAULTS / 4)
    })?;
    scene.system.sleep(Duration::from_micros(100))?;
    drop((culprit, peer, handler));
    faults.destroy()?;
    Ok(())
}

fn debug_exceptions(scene: &Scene<'_>) -> Outcome {
    fault_for_ever(scene, &Code::default().then(SPIN).end(), 0x202 | TRAP_FLAG)
}

/// If the kernel leaves alignment checks off (CR0.AM), the code behind the load faults instead.
fn alignment_checks(scene: &Scene<'_>) -> Outcome {
    const ALIGNMENT: usize = 1 << 18;
    // mov eax, [esp - 7]
    fault_for_ever(scene, &Code::default().then(&[0x8B, 0x44, 0x24, 0xF9]).end(), 0x202 | ALIGNMENT)
}

fn page_faults(scene: &Scene<'_>) -> Outcome {
    // mov al, [ecx]
    fault_for_ever(scene, &Code::default().then(&[0x8A, 0x01]).end(), 0x202)
}

fn undefined_instructions(scene: &Scene<'_>) -> Outcome {
    fault_for_ever(scene, &Code::default().end(), 0x202)
}
