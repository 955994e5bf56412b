//! The fuzzer: the first process of a machine without other programs.
//!
//! Words of the kernel's command line choose the steps: `seed=`, `first=` (a step's number) and `steps=`. On QEMU
//! `qemu=` is its major version, and no step has an instruction that this version gets wrong. The last line on the
//! kernel's log is `fuzz: passed` or `fuzz: FAILED`. Then the fuzzer ends the machine.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod batch;
mod conductor;
mod counters;
mod launch;
mod load;
mod memory;
mod tally;
mod victim;
mod watchdog;
mod witness;
mod witness_code;

use abi::{Kind, PAGE_BYTES};
use alloc::boxed::Box;
use bellwire::{Access, Endpoint, Handle, Memory, PortRange, Result, Root, Startup, Thread, raw};
use conductor::{Conductor, Run};
use fuzz::layout::BATCH_STEPS;
use fuzz::step::Machine;
use suite::report::line;

bellwire::main!(run);

/// The conductor's priority: below the waking witness's, above the victim's.
const PRIORITY: u8 = 40;
const STACK_BYTES: usize = 16 * PAGE_BYTES;

/// The ports of QEMU's isa-debug-exit device, and what it is told.
const EXIT_PORTS: (u16, u16) = (0xF4, 4);
const PASSED: u32 = 0x10;
const FAILED: u32 = 0x11;

/// The work of the conductor's thread.
struct Work {
    conductor: Conductor,
    run: Run,
    done: u32,
}

/// The first thread, which is above all others, only starts the conductor and waits for its end.
fn run(startup: Startup) -> Result<()> {
    let root = startup.root()?;
    root.ports(EXIT_PORTS.0, EXIT_PORTS.1)?.attach(None)?;
    let number = |name: &str, unless: u64| {
        let value = startup.arguments().find_map(|word| word.strip_prefix(name)?.parse().ok());
        value.unwrap_or(unless)
    };
    let run = Run { seed: number("seed=", 1), first: number("first=", 0), steps: number("steps=", 20_000) };
    let machine = match number("qemu=", 0) {
        0 => Machine::Right,
        version => Machine::qemu(version),
    };
    let conductor = Conductor::new(root, machine)?;
    line(root, format_args!("fuzz: batches of {BATCH_STEPS} steps, the step's number at {:#x}", conductor.place()?));
    let done = Endpoint::new()?;
    let stack = Memory::new(STACK_BYTES)?.map(Access::READ | Access::WRITE)?;
    let top = stack.address() + stack.len();
    let work = Box::into_raw(Box::new(Work { conductor, run, done: done.raw() }));
    // SAFETY: `first` is written to be a thread's first code, and no other thread has the stack, which stays to the
    // end.
    let thread = unsafe { Thread::new(first as *const () as usize, top, PRIORITY, Some((&done, 0))) }?;
    thread.start([work as usize, 0, 0, 0])?;
    // SAFETY: this thread has no server.
    let message = unsafe { raw::receive(done.raw(), [0; 4]) }?;
    if message.tag.kind() == Kind::Fault {
        line(root, format_args!("fuzz: FAILED: the conductor itself faults: {message:x?}"));
        end(root, FAILED)
    }
    end(root, message.words[0] as u32)
}

/// The conductor's first instructions.
#[unsafe(naked)]
extern "C" fn first() -> ! {
    bellwire::naked_start!(begin)
}

extern "C" fn begin(work: *mut Work, _: usize) -> ! {
    // SAFETY: `run` made this by `Box::into_raw` and gave it to this thread alone.
    let Work { mut conductor, run, done } = *unsafe { Box::from_raw(work) };
    let start = bellwire::Instant::now();
    let outcome = conductor.run(run);
    let time = start.elapsed();
    let (looks, watchdog) = conductor.looks();
    let tally = conductor.tally;
    let root = conductor.root();
    let code = match outcome {
        Ok(()) => {
            line(root, format_args!("fuzz: vectors {:?}", tally.vectors));
            line(root, format_args!("fuzz: {} ms of the machine's time", time.as_millis()));
            line(
                root,
                format_args!(
                    "fuzz: {} steps stopped, {} victims, {looks:?} looks of witnesses, \
                     {watchdog} NMIs asked for, {} taken",
                    tally.stopped,
                    tally.victims,
                    root.kernel().map_or(0, |kernel| kernel.nmis)
                ),
            );
            line(root, format_args!("fuzz: passed {} steps, digest {:016x}", run.steps, tally.digest));
            PASSED
        }
        Err((number, why)) => {
            line(root, format_args!("fuzz: FAILED at step {number}: {why}"));
            FAILED
        }
    };
    let _ = raw::notify(done, [code as usize, 0, 0, 0]);
    bellwire::thread_exit()
}

fn end(log: &Root, code: u32) -> ! {
    // The line may be behind the log. Nobody else is left to run.
    while log.log_write(&[]).is_ok_and(|waiting| waiting != 0) {}
    loop {
        PortRange::new(EXIT_PORTS.0, EXIT_PORTS.1).port::<u32>(0).write(code);
    }
}
