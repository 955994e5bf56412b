//! Each error in a call has its own code, and such a call changes nothing.

use super::calls::{ANSWERS, call_once};
use crate::case::{Case, Outcome};
use crate::partner::Partner;
use crate::system::{System, poll, receive, reply};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{Kind, Operation, Options, Rights, Tag};
use bellwire::{Endpoint, Error, Handle, Memory, Timer, raw};
use core::sync::atomic::Ordering;
use suite::bare;

pub const CASES: &[Case] = cases!["refusals":
    a_handle_is_stale_once_closed, a_handle_is_of_one_type, a_handle_needs_the_right, made_up_handles_are_refused,
    unknown_numbers_are_refused, garbage_words_are_refused,
];

fn a_handle_is_stale_once_closed(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let copy = endpoint.copy(Rights::all())?.into_raw();
    raw::notify(copy, [1, 0, 0, 0])?;
    bare::handle_close(copy, [0; 4])?;
    check_eq!(raw::notify(copy, [1, 0, 0, 0]).map(drop), Err(Error::BadHandle), "a closed handle");
    check_eq!(bare::handle_close(copy, [0; 4]).map(drop), Err(Error::BadHandle), "closing it again");
    let next = endpoint.copy(Rights::all())?;
    check!(next.raw() != copy, "a new handle has an old one's number");
    let raw_endpoint = endpoint.raw();
    endpoint.destroy()?;
    check_eq!(raw::notify(raw_endpoint, [1, 0, 0, 0]).map(drop), Err(Error::BadHandle), "a destroyed object");
    check_eq!(next.notify(1), Err(Error::BadHandle), "a destroyed object by another handle");
    Ok(())
}

fn a_handle_is_of_one_type(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 0)?;
    let memory = Memory::new(abi::PAGE_BYTES)?;
    check_eq!(raw::notify(timer.raw(), [1, 0, 0, 0]).map(drop), Err(Error::WrongType), "notifying a timer");
    check_eq!(raw::timer_cancel(memory.raw(), [0; 4]).map(drop), Err(Error::WrongType), "cancelling memory");
    check_eq!(raw::memory_info(endpoint.raw(), [0; 4]).map(drop), Err(Error::WrongType), "the size of an endpoint");
    check_eq!(raw::process_kill(endpoint.raw(), [0; 4]).map(drop), Err(Error::WrongType), "killing an endpoint");
    check_eq!(raw::interrupt_unbind(system.root.raw(), [0; 4]).map(drop), Err(Error::WrongType), "unbinding the root");
    timer.destroy()?;
    memory.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_handle_needs_the_right(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let client = endpoint.copy(Rights::CALL)?;
    check_eq!(client.notify(1), Err(Error::MissingRight), "notifying");
    check_eq!(poll(&client), Err(Error::MissingRight), "receiving");
    check_eq!(client.copy(Rights::all()).map(drop), Err(Error::MissingRight), "copying");
    check_eq!(Timer::new(&client, 0).map(drop), Err(Error::MissingRight), "binding a timer");
    check_eq!(bare::destroy(client.raw(), [0; 4]).map(drop), Err(Error::MissingRight), "destroying");
    let weak = system.root.copy(Rights::ROOT_LOG_WRITE)?;
    check_eq!(weak.line(1).map(drop), Err(Error::MissingRight), "claiming a line");
    check_eq!(weak.kernel().map(drop), Err(Error::MissingRight), "reading counters");
    // A copy of a copy has no more rights, and no other badge without the right to bind.
    let copyable = endpoint.badged(Rights::CALL | Rights::COPY, 5)?;
    let copy = copyable.badged(Rights::all(), 6)?;
    check_eq!(copy.notify(1), Err(Error::MissingRight), "notifying by a copy");
    ANSWERS.store(0, Ordering::Relaxed);
    let worker = Worker::start(20, call_once, copy.raw() as usize)?;
    check_eq!(receive(&endpoint)?.tag.badge(), 5);
    reply(0, [1; 4])?;
    drop(worker);
    endpoint.destroy()?;
    Ok(())
}

fn made_up_handles_are_refused(_: &System) -> Outcome {
    for handle in (0..0x400).chain([0xFFFF_FFFF, 0x7FFF_FFFF, 0x1_0000, 0xFFFF_0001, 0xFFFF_03FF]) {
        // Reading a word of an unprepared register changes nothing, with any handle.
        let result = raw::thread_read(handle, [0xFFFF, 0, 0, 0]).map(drop);
        check!(
            matches!(result, Err(Error::BadHandle | Error::WrongType | Error::BadArgument | Error::Busy)),
            "handle {handle:#x}: {result:?}"
        );
    }
    check_eq!(raw::notify(0, [1, 0, 0, 0]).map(drop), Err(Error::BadHandle));
    Ok(())
}

fn unknown_numbers_are_refused(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let mut unknown = 0;
    for number in 0..=u8::MAX {
        if Operation::from_number(number).is_some() {
            continue;
        }
        for handle in [0, endpoint.raw(), u32::MAX] {
            for rest in [0, 0xFFFF_FF00] {
                let registers = suite::entry::Registers::of_call(handle, number as u32 | rest, [usize::MAX; 4]);
                let (tag, words) = registers.call(suite::entry::Entry::Fast).message();
                let tag = Tag(tag);
                check_eq!((tag.kind(), tag.label()), (Kind::Error, Error::UnknownCall as u8), "call {number}");
                check_eq!(words, [0; 4], "what call {number} answers");
            }
        }
        unknown += 1;
    }
    check_eq!(unknown, 256 - abi::DESCRIPTIONS.len());
    endpoint.destroy()?;
    Ok(())
}

/// Every call with every handle and words of all kinds, but for those that would end or stop this thread.
fn garbage_words_are_refused(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 0)?;
    let partner = Partner::new(9, 10, [16, 16])?;
    let before = system.root.kernel()?.calls;
    let odd =
        [0, 1, 0xFFF, 0x8000_0000, usize::MAX, usize::MAX / 2 + 1, abi::USER_END, abi::USER_END - abi::PAGE_BYTES];
    let skipped = [
        Operation::Call,
        Operation::ReplyReceive,
        Operation::Receive,
        Operation::Exit,
        Operation::ThreadExit,
        // These calls succeed with any words.
        Operation::LogWrite,
        Operation::LogRelease,
        Operation::Deadline,
        Operation::ThreadPointer,
        Operation::HandleClose,
        Operation::Destroy,
        Operation::HandleCopy,
        Operation::ProcessGrant,
        Operation::ProcessKill,
        Operation::ProcessReap,
        Operation::EndpointCreate,
        Operation::TimerCreate,
        Operation::InterruptCreate,
        Operation::PortsCreate,
        Operation::ProcessCreate,
        Operation::MemoryCreate,
        Operation::MemoryDevice,
    ];
    let mut made = 0;
    for number in 0..abi::DESCRIPTIONS.len() as u8 {
        let Some(operation) = Operation::from_number(number).filter(|operation| !skipped.contains(operation)) else {
            continue;
        };
        for handle in [0, endpoint.raw(), timer.raw(), partner.process.raw()] {
            for word in odd {
                let message = bare::invoke(operation, handle, 0xFF, Options::empty(), [word; 4]);
                check!(matches!(message.tag.kind(), Kind::Done | Kind::Error), "{operation:?}: {message:?}");
                made += 1;
            }
        }
    }
    check!(system.root.kernel()?.calls.wrapping_sub(before) > made);
    raw::timer_cancel(timer.raw(), [0; 4])?;
    let _ = poll(&endpoint);
    timer.destroy()?;
    drop(partner);
    endpoint.destroy()?;
    Ok(())
}
