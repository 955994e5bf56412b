//! Measures what reading a port costs: in a process of its own, since one with ports makes switches dearer.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
use abi::Operation;
#[cfg(target_os = "none")]
use abi::Options;
#[cfg(target_os = "none")]
use alloc::vec::Vec;
#[cfg(target_os = "none")]
use bellwire::protocol::{DONE, REFUSED};
#[cfg(target_os = "none")]
use bellwire::{Result, Startup, raw};
#[cfg(target_os = "none")]
use bench::{Cost, ROUNDS, marks, port};

#[cfg(target_os = "none")]
bellwire::main!(run);

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
fn run(startup: Startup) -> Result<()> {
    let endpoint = startup.serves("bench-ports")?.into_raw();
    // The port stays attached as long as this value lives.
    let _attached = startup.ports(port::PORT)?;
    let mut answer = (DONE, [0; 4]);
    loop {
        let (label, words) = answer;
        // SAFETY: this thread has no server.
        let message = unsafe { raw::invoke_any(Operation::ReplyReceive, endpoint, label, Options::empty(), words) };
        // `init` tells that the bench has ended. A row then would be one that the bench doesn't know of.
        if message.tag.label() != port::MEASURE {
            answer = (REFUSED, [0; 4]);
            continue;
        }
        let mut nothing: Vec<_> = (0..ROUNDS).map(|_| port::nothing()).collect();
        let overhead = Cost::of(&mut nothing, 0).minimum;
        marks::row_begins();
        // SAFETY: the port is attached.
        let mut samples: Vec<_> = (0..ROUNDS).map(|_| unsafe { port::read() }).collect();
        marks::row_ends();
        let cost = Cost::of(&mut samples, overhead);
        answer = (DONE, [cost.minimum as usize, cost.median as usize, 0, 0]);
    }
}
