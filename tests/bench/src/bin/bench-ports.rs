//! Measures what reading a port costs: in a process of its own, since one with ports makes switches dearer.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
extern crate alloc;

#[cfg(target_os = "none")]
use abi::{Operation, Options};
#[cfg(target_os = "none")]
use bellwire::{Instant, Result, Startup, raw};
#[cfg(target_os = "none")]
use bench::{Cost, ROUNDS};

#[cfg(target_os = "none")]
bellwire::main!(run);

#[cfg(not(target_os = "none"))]
fn main() {}

/// The port that firmware writes its progress to: reading it has no effect on any PC.
#[cfg(target_os = "none")]
const DELAY_PORT: u16 = 0x80;

/// Answers each call with the overhead of the clock left in.
#[cfg(target_os = "none")]
fn run(startup: Startup) -> Result<()> {
    let endpoint = startup.serves("bench-ports")?.into_raw();
    let port = startup.ports(DELAY_PORT)?.port::<u8>(0);
    let mut answer = [0; 4];
    loop {
        raw::invoke(Operation::ReplyReceive, endpoint, 0, Options::empty(), answer);
        let mut samples = alloc::vec::Vec::new();
        for _ in 0..ROUNDS {
            let before = Instant::now();
            let _ = port.read();
            samples.push(Instant::now().cycles().wrapping_sub(before.cycles()) as u32);
        }
        let cost = Cost::of(&mut samples, 0);
        answer = [cost.minimum as usize, cost.median as usize, 0, 0];
    }
}
