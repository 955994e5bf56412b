//! The other side of the benches: answers at once, from another address space and with a higher priority.
//!
//! Its first thread only hands over what the measuring side can't make itself, then starts the server and ends.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use abi::{Message, Operation, Options};
#[cfg(target_os = "none")]
use bellwire::{Endpoint, Handle, Memory, Result, Startup, Thread, raw};
#[cfg(target_os = "none")]
use bench::{BOTH, FAULTING, FAULTS, threads};

#[cfg(target_os = "none")]
bellwire::main!(run);

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
const STACK_BYTES: usize = 4096;
#[cfg(target_os = "none")]
const SERVER_PRIORITY: u8 = 16;
/// Below the measuring side's, which handles its faults.
#[cfg(target_os = "none")]
const FAULTING_PRIORITY: u8 = 5;

#[cfg(target_os = "none")]
fn run(startup: Startup) -> Result<()> {
    let endpoint = startup.serves("bench-partner")?.into_raw();
    let [own, faults] = [Endpoint::new()?, Endpoint::new()?];
    let faulting = thread(FAULTING_PRIORITY, threads::fault as *const () as usize, Some(&faults))?;
    let mut given = abi::NO_HANDLE;
    loop {
        let options = if given == abi::NO_HANDLE { Options::empty() } else { Options::HANDLE };
        if given == faulting.raw() {
            raw::checked(message(Operation::Reply, abi::NO_HANDLE, options, given))?;
            break;
        }
        let message = message(Operation::ReplyReceive, endpoint, options, given);
        given = match message.tag.label() {
            FAULTS => faults.raw(),
            FAULTING => faulting.raw(),
            BOTH => own.raw(),
            _ => abi::NO_HANDLE,
        };
    }
    let server = thread(SERVER_PRIORITY, threads::serve as *const () as usize, None)?;
    server.start([own.raw() as usize, 0, 0, 0])?;
    // The process needs these up to its end.
    core::mem::forget((own, faults, faulting, server));
    raw::thread_exit(abi::NO_HANDLE, [0; 4]).map(drop)
}

/// Answers, with a copy of a handle if the options say so.
#[cfg(target_os = "none")]
fn message(operation: Operation, handle: u32, options: Options, given: u32) -> Message {
    // SAFETY: the handles that are given are this program's own.
    unsafe { raw::invoke_any(operation, handle, 0, options, [0, 0, 0, given as usize]) }
}

#[cfg(target_os = "none")]
fn thread(priority: u8, entry: usize, faults: Option<&Endpoint>) -> Result<Thread> {
    let stack = Memory::new(STACK_BYTES)?.map(abi::Access::READ | abi::Access::WRITE)?;
    let top = stack.address() + stack.len();
    core::mem::forget(stack);
    // SAFETY: the code is written to be a thread's first, and no other thread has the stack.
    unsafe { Thread::new(entry, top, priority, faults.map(|endpoint| (endpoint, 0))) }
}
