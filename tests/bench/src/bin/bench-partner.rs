//! The other side of the benches: answers at once, from another address space and with a higher priority.
//!
//! It uses the bare calls, so that what is measured is the kernel's work and not a library's.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Kind, Operation, Options};
use bellwire::{Instant, Result, Startup, raw, split};
use bench::{ECHO, FLOAT, NOTIFIED, STAMP};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let endpoint = startup.serves("bench-partner")?.into_raw();
    let mut answer = [0; 4];
    let mut notified = [0; 2];
    loop {
        let message = raw::invoke(Operation::ReplyReceive, endpoint, 0, Options::empty(), answer);
        let now = Instant::now();
        answer = match (message.tag.kind(), message.tag.label()) {
            (Kind::Notify, _) => {
                notified = split(now.cycles());
                [0; 4]
            }
            (Kind::Call, ECHO) => message.words,
            (Kind::Call, STAMP) => {
                let [low, high] = split(now.cycles());
                [low, high, 0, 0]
            }
            (Kind::Call, NOTIFIED) => [notified[0], notified[1], 0, 0],
            (Kind::Call, FLOAT) => {
                core::hint::black_box(core::hint::black_box(2.5_f64) * 3.0);
                [0; 4]
            }
            _ => [0; 4],
        };
    }
}
