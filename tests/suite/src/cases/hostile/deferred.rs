//! A server that puts its callers off and ends: they get `Gone` at its end, not when its supervisor reaps it.

use crate::case::{Case, Outcome};
use crate::partner::Grant;
use crate::scene::Scene;
use crate::worker::Worker;
use crate::{check_eq, hostile};
use abi::{Operation, Rights};
use bellwire::{Endpoint, Error, Handle};
use core::sync::atomic::{AtomicU32, Ordering};
use suite::bare;
use suite::role::{self, Role};

pub const CASES: &[Case] = hostile!["deferred": callers_are_told_before_the_server_is_reaped];

/// The server's.
const BADGE: u16 = 75;

const PENDING: u32 = 0;

/// How the caller's call ended: an error's code.
static RESULT: AtomicU32 = AtomicU32::new(PENDING);

const ANSWERED: u32 = u32::MAX;

/// Calls a server that never answers.
extern "C" fn call(endpoint: usize) {
    let result = bellwire::raw::checked(bare::invoke(
        Operation::Call,
        endpoint as u32,
        role::HOLD,
        abi::Options::empty(),
        [0; 4],
    ));
    RESULT.store(result.map_or_else(|error| error as u32, |_| ANSWERED), Ordering::Release);
}

fn callers_are_told_before_the_server_is_reaped(scene: &Scene<'_>) -> Outcome {
    RESULT.store(PENDING, Ordering::Relaxed);
    let service = Endpoint::new()?;
    let rights = Rights::RECEIVE | Rights::BIND | Rights::COPY;
    let grant = Grant { name: "service", handle: service.raw(), rights, badge: 0 };
    let mut server = scene.system.image.start(Role::Echo, BADGE, 35, &[grant])?;
    // From here on the server waits for calls.
    check_eq!(service.call(role::ECHO, [1; 4])?.words, [1; 4]);
    let before = scene.system.calls_of(BADGE)?;
    let caller = Worker::start(30, call, service.raw() as usize)?;
    // It takes the right to answer, and receives again.
    scene.system.wait_until("the server puts its caller off", || Ok(scene.system.calls_of(BADGE)? >= before + 2))?;
    check_eq!(RESULT.load(Ordering::Acquire), PENDING, "the call's end");
    server.kill(0)?;
    server.wait()?;
    scene.system.wait_until("the caller is told", || Ok(RESULT.load(Ordering::Acquire) != PENDING))?;
    check_eq!(RESULT.load(Ordering::Acquire), Error::Gone as u32, "the call's end");
    // Only now is the server reaped.
    drop((caller, server));
    service.destroy()?;
    Ok(())
}
