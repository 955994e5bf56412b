//! A fault whose handler never answers. A fault that nobody can answer any more ends its process, and the supervisor is
//! told with the fault.

use super::outlaw_with_handler;
use crate::case::{Case, Outcome};
use crate::scene::Scene;
use crate::worker::Worker;
use crate::{check, check_eq, hostile};
use bellwire::{Endpoint, Handle, HowEnded, raw};
use suite::bare;

pub const CASES: &[Case] = hostile!["unanswered":
    the_handler_receives_again, the_handler_destroys_its_endpoint_and_ends, the_handler_drops_its_right_to_answer,
];

/// `ud2`.
const UNDEFINED: &[u8] = &[0x0F, 0x0B];

/// Above its victim, and below the case.
const PRIORITY: u8 = 30;

/// Takes the fault, and receives again.
extern "C" fn receive_again(endpoint: usize) {
    while bare::receive(endpoint as u32, [0; 4]).is_ok() {}
}

/// Takes the fault, destroys the endpoint and ends.
extern "C" fn destroy_and_end(endpoint: usize) {
    let _ = bare::receive(endpoint as u32, [0; 4]);
    while bare::destroy(endpoint as u32, [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
}

/// Takes the right to answer the fault, destroys the endpoint, and drops that right.
extern "C" fn take_and_drop(endpoint: usize) {
    let _ = bare::receive(endpoint as u32, [0; 4]);
    let Ok(reply) = raw::reply_take(abi::NO_HANDLE, [0; 4]) else { return };
    while bare::destroy(endpoint as u32, [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    let _ = bare::handle_close(reply.words[0] as u32, [0; 4]);
}

/// Lets a process fault under such a handler.
fn fault_under(scene: &Scene<'_>, handler: extern "C" fn(usize)) -> Outcome {
    let faults = Endpoint::new()?;
    let handler = Worker::start(PRIORITY, handler, faults.raw() as usize)?;
    let mut outlaw = outlaw_with_handler(UNDEFINED, faults.raw())?;
    outlaw.thread.start([0; 4])?;
    scene.note_fault();
    let exit = outlaw.wait()?;
    let told = matches!(exit.how, HowEnded::Fault { vector: 6, .. });
    check!(told, "{:?}", exit.how);
    check_eq!(exit.badge, 77);
    drop((handler, outlaw));
    // The handler may have destroyed it.
    let _ = bare::destroy(faults.raw(), [0; 4]);
    let _ = bare::handle_close(faults.raw(), [0; 4]);
    core::mem::forget(faults);
    Ok(())
}

fn the_handler_receives_again(scene: &Scene<'_>) -> Outcome {
    fault_under(scene, receive_again)
}

fn the_handler_destroys_its_endpoint_and_ends(scene: &Scene<'_>) -> Outcome {
    fault_under(scene, destroy_and_end)
}

fn the_handler_drops_its_right_to_answer(scene: &Scene<'_>) -> Outcome {
    fault_under(scene, take_and_drop)
}
