//! The rights of a thread's fault handler, and the end of a thread without one.

use super::faults::{TRAP_FLAG, USER, WRITE, at, resume, set};
use crate::case::{Case, Failure, Outcome};
use crate::system::{System, receive};
use crate::worker::{STACK_BYTES, Worker};
use crate::{cases, check, check_eq};
use abi::{Access, Kind, Operation, Options, Register, Rights, Tag};
use bellwire::{Endpoint, Handle, HowEnded, Memory, raw};
use core::sync::atomic::{AtomicUsize, Ordering};
use suite::bare;
use suite::code;
use suite::role::Role;

pub const CASES: &[Case] = cases!["handlers":
    a_handler_may_map_memory, a_handler_may_step, without_a_handler_the_process_ends,
    a_dead_handler_leaves_the_fault_to_the_next, a_fault_is_no_call_to_answer_twice,
];

fn a_handler_may_map_memory(_: &System) -> Outcome {
    const ADDRESS: usize = 0x9F00_0000;
    let faults = Endpoint::new()?;
    let calls = Endpoint::new()?;
    let worker = Worker::prepare(30, at(code::store), Some((&faults, 0)), STACK_BYTES)?;
    set(&worker, Register::Cx, ADDRESS + 16)?;
    worker.thread.start([0; 4])?;
    let message = receive(&faults)?;
    check_eq!((message.tag.label(), message.words[1]), (14, ADDRESS + 16));
    let memory = Memory::new(abi::PAGE_BYTES)?;
    bare::map_at(&memory, ADDRESS, 0, abi::PAGE_BYTES, Access::READ | Access::WRITE)?;
    // The instruction runs again. This time it gets through, to the `ud2` behind it.
    bare::reply(abi::NO_HANDLE, [0; 4])?;
    let message = receive(&faults)?;
    check_eq!(message.tag.label(), 6);
    resume(&worker, &calls, 2)?;
    drop(worker);
    memory.destroy()?;
    calls.destroy()?;
    faults.destroy()?;
    Ok(())
}

/// Single steps through a system call, by both entries: the kernel itself is never stepped into.
fn a_handler_may_step(_: &System) -> Outcome {
    for entry in [suite::entry::Entry::Gate, suite::entry::Entry::Fast] {
        let faults = Endpoint::new()?;
        let worker = Worker::prepare(30, crate::worker::begin as *const () as usize, Some((&faults, 0)), STACK_BYTES)?;
        STEPPED_ENTRY.store(entry as usize, Ordering::Relaxed);
        worker.begin(step, faults.raw() as usize)?;
        let mut steps = 0;
        let result = loop {
            let message = receive(&faults)?;
            let [word, _, instruction, _] = message.words;
            if message.tag.kind() == Kind::Notify {
                break word;
            }
            check_eq!((message.tag.kind(), message.tag.label()), (Kind::Fault, 1), "step {steps}");
            check!(is_user_code(instruction), "a step at {instruction:#x}");
            steps += 1;
            check!(steps < 500, "the steps don't end");
            bare::reply(abi::NO_HANDLE, [0; 4])?;
        };
        check!(steps >= 4, "only {steps} steps");
        check_eq!(result, STEPPED_RIGHTLY, "the stepped call's result");
        drop(worker);
        faults.destroy()?;
    }
    Ok(())
}

/// Whether an address is a program's, or in the call page that i686 has.
fn is_user_code(address: usize) -> bool {
    let in_call_page = address & !(abi::PAGE_BYTES - 1) == abi::CALL_PAGE_I686 as usize;
    address < abi::USER_END || cfg!(target_arch = "x86") && in_call_page
}

static STEPPED_ENTRY: AtomicUsize = AtomicUsize::new(0);
const STEPPED_RIGHTLY: usize = 1;

/// Does a call with the trap flag set, and notifies of whether it was answered rightly.
extern "C" fn step(endpoint: usize) {
    use suite::entry::{Entry, Registers};
    let entry = if STEPPED_ENTRY.load(Ordering::Relaxed) == Entry::Fast as usize { Entry::Fast } else { Entry::Gate };
    let tag = Tag::incoming(Operation::Notify, 0, Options::empty()).0;
    let mut registers = Registers::of_call(0xFFFF_FFFF, tag, [1; 4]);
    registers.flags |= TRAP_FLAG;
    let (tag, _) = registers.call(entry).message();
    let right = Tag(tag).kind() == Kind::Error && Tag(tag).label() == bellwire::Error::BadHandle as u8;
    let _ = raw::notify(endpoint as u32, [if right { STEPPED_RIGHTLY } else { 2 }, 0, 0, 0]);
}

fn without_a_handler_the_process_ends(system: &System) -> Outcome {
    let faults =
        [(0_u8, [0, 0], 0), (3, [3, 0], 0), (6, [6, 0], 0), (13, [13, 0], 0), (14, [14, 0x1234], USER | WRITE)];
    for (vector, numbers, error) in faults {
        let mut partner = system.image.start_with(Role::Fault, 60 + u16::from(vector), 30, numbers)?;
        let exit = partner.wait()?;
        check_eq!(exit.badge, 60 + u16::from(vector));
        let HowEnded::Fault { vector: found, code, address, instruction } = exit.how else {
            return Err(Failure::new(alloc::format!("it ended by {:?}", exit.how)));
        };
        check_eq!((found, code), (vector, error));
        if vector == 14 {
            check_eq!(address, 0x1234);
        }
        check!((0x0040_0000..0x0080_0000).contains(&instruction), "at {instruction:#x}");
    }
    Ok(())
}

fn a_dead_handler_leaves_the_fault_to_the_next(_: &System) -> Outcome {
    extern "C" fn handle_and_go(endpoint: usize) {
        let _ = bare::receive(endpoint as u32, [0; 4]);
    }
    let faults = Endpoint::new()?;
    let calls = Endpoint::new()?;
    let worker = Worker::prepare(30, at(code::undefined), Some((&faults, 0)), STACK_BYTES)?;
    let handler = Worker::start(41, handle_and_go, faults.raw() as usize)?;
    worker.thread.start([0; 4])?;
    // The handler takes the fault and ends without an answer.
    let message = receive(&faults)?;
    check_eq!((message.tag.kind(), message.tag.label()), (Kind::Fault, 6));
    resume(&worker, &calls, 3)?;
    drop((worker, handler));
    calls.destroy()?;
    faults.destroy()?;
    Ok(())
}

fn a_fault_is_no_call_to_answer_twice(_: &System) -> Outcome {
    let faults = Endpoint::new()?;
    let calls = Endpoint::new()?;
    let worker = Worker::prepare(30, at(code::undefined), Some((&faults, 0)), STACK_BYTES)?;
    worker.thread.start([0; 4])?;
    receive(&faults)?;
    resume(&worker, &calls, 3)?;
    // The thread waits for an answer to its call now; one more to its fault would go to that.
    check_eq!(bare::reply(abi::NO_HANDLE, [0; 4]).map(drop), Ok(()));
    check_eq!(bare::reply(abi::NO_HANDLE, [0; 4]).map(drop), Err(bellwire::Error::Stale));
    // A thread whose registers are its own can't be read or written through a weak handle.
    let weak = worker.thread.copy(Rights::COPY)?;
    check_eq!(
        raw::thread_read(weak.raw(), [Register::Ip as usize, 0, 0, 0]).map(drop),
        Err(bellwire::Error::MissingRight)
    );
    drop(worker);
    calls.destroy()?;
    faults.destroy()?;
    Ok(())
}
