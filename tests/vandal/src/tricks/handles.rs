//! Handles that a client sends to a server that doesn't expect them.

use super::{PRIORITY, WRITE, requests, set_deadline};
use crate::Service;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::{
    CallThread, Endpoint, Error, Handle, Limits, Memory, OwnedHandle, PAGE_BYTES, Process, Result, Rights, Thread,
    Timer, Trust, raw,
};
use core::time::Duration;

/// Every label with a handle of every kind that a program can have without rights: also those of objects that end while
/// a server may have them.
pub fn every_label(service: &Service) -> Result<()> {
    let endpoint = Endpoint::new()?;
    let memory = Memory::new(PAGE_BYTES)?;
    let timer = Timer::new(&endpoint, 0)?;
    let read_only = memory.copy(Rights::READ)?;
    for label in (0..=u8::MAX).filter(|label| *label != WRITE) {
        for kind in 0..4 {
            for words in [[0; 3], [usize::MAX; 3], [50, 0, 0]] {
                set_deadline(Duration::from_micros(200))?;
                let _ = match kind {
                    0 => service.endpoint.call_with_handle(label, words, &endpoint),
                    1 => service.endpoint.call_with_handle(label, words, &memory),
                    2 => service.endpoint.call_with_handle(label, words, &timer),
                    _ => service.endpoint.call_with_handle(label, words, &read_only),
                };
            }
        }
    }
    timer.destroy()?;
    memory.destroy()?;
    endpoint.destroy()
}

/// Every request with handles of every kind. Returns the first that a server took, other than the timer service.
pub fn all(service: &Service) -> Result<Option<String>> {
    let endpoint = Endpoint::new()?;
    let memory = Memory::new(PAGE_BYTES)?;
    let timer = Timer::new(&endpoint, 0)?;
    let weak = endpoint.copy(Rights::COPY)?;
    let mut taken = None;
    for (label, [word0, word1, word2, _]) in requests() {
        let words = [word0, word1, word2];
        let deadline = Duration::from_micros(200);
        for send in 0..4 {
            set_deadline(deadline)?;
            let answer = match send {
                0 => service.endpoint.call_with_handle(label, words, &endpoint),
                1 => service.endpoint.call_with_handle(label, words, &memory),
                2 => service.endpoint.call_with_handle(label, words, &timer),
                _ => service.endpoint.call_with_handle(label, words, &weak),
            };
            if service.name != "timer" && answer != Err(Error::HandleUnwanted) {
                taken = taken.or_else(|| Some(format!("label {label}, handle {send}: {answer:?}")));
            }
        }
    }
    // What was sent ends while servers may still have it.
    timer.destroy()?;
    memory.destroy()?;
    endpoint.destroy()?;
    Ok(taken)
}

/// Handles of the kinds that no server expects, and handles to an endpoint with rights that make no sense to a server.
pub struct OddHandles {
    pub(super) handles: Vec<OwnedHandle>,
    /// It waits for the answer that one of the handles allows.
    _caller: CallThread,
}

impl OddHandles {
    /// Makes them. They go with the program.
    pub fn new() -> Result<Self> {
        let endpoint = Endpoint::new()?;
        let mut handles = Vec::new();
        let single = [Rights::CALL, Rights::RECEIVE, Rights::NOTIFY, Rights::BIND, Rights::DESTROY, Rights::empty()];
        for rights in single.into_iter().chain([Rights::CALL | Rights::RECEIVE, Rights::all() - Rights::NOTIFY]) {
            handles.push(endpoint.copy(rights | Rights::COPY)?.into());
        }
        handles.push(endpoint.badged(Rights::all(), u16::MAX)?.into());
        handles.push(endpoint.notifier(0)?.into());
        handles.push(endpoint.notifier(1)?.into());
        // SAFETY: it is never started.
        let thread = unsafe { Thread::new(0, 0, PRIORITY, None) }?;
        handles.push(thread.into());
        let limits = Limits { frames: 40, objects: 8, priority: PRIORITY, trust: Trust::Contained };
        handles.push(Process::new(limits, &endpoint, 1)?.into());
        let mut caller = CallThread::new(PRIORITY, endpoint.notifier(1)?, 1)?;
        let desk = Arc::new(Endpoint::new()?);
        caller.begin(desk.clone(), 0, [0; 4], None)?;
        // SAFETY: this thread has no server.
        unsafe { raw::receive(desk.raw(), [0; 4]) }?;
        let reply = raw::reply_take(0, [0; 4])?.words[0];
        // SAFETY: the kernel has just installed the handle.
        handles.push(unsafe { OwnedHandle::from_raw(reply as u32) });
        handles.push(desk.copy(Rights::all())?.into());
        handles.push(endpoint.into());
        Ok(Self { handles, _caller: caller })
    }
}

/// Every request with odd handles. Returns what the first answer was that no server but the timer service should give.
pub fn odd(service: &Service, odd: &OddHandles) -> Result<Option<String>> {
    let mut taken = None;
    for (label, [word0, word1, word2, _]) in requests() {
        for (kind, handle) in odd.handles.iter().enumerate() {
            set_deadline(Duration::from_micros(200))?;
            let answer = service.endpoint.call_with_handle(label, [word0, word1, word2], handle);
            // The kernel copies no Reply.
            let is_refused = matches!(answer, Err(Error::HandleUnwanted | Error::WrongType));
            if service.name != "timer" && !is_refused {
                taken = taken.or_else(|| Some(format!("label {label}, handle {kind}: {answer:?}")));
            }
        }
    }
    Ok(taken)
}
