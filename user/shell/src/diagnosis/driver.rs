//! What a line's receiver does: the thread that is to receive the line's messages.

use alloc::string::String;
use bellwire::{Exception, ThreadFault, ThreadState, ThreadUse};
use core::fmt;

/// A thread, and its fault, if it has faulted.
#[derive(Clone, Copy, Debug)]
pub struct Thread {
    /// The kernel's facts about the thread.
    pub used: ThreadUse,
    /// The thread's fault.
    pub fault: Option<ThreadFault>,
}

/// What a line's receiver does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Doing {
    /// No thread has received there.
    #[default]
    Nothing,
    /// The thread waits for the next message.
    Waits,
    /// The thread runs.
    Runs,
    /// The thread could run, and other threads do.
    Ready,
    /// The thread waits for messages on another endpoint.
    Elsewhere,
    /// The thread waits until a program takes its call; `None` if no program serves what it calls.
    Calls(Option<String>),
    /// The thread waits for a program's answer.
    Awaits(String),
    /// The thread raised an exception, and waits for its handler.
    Faulted {
        /// The exception's vector.
        vector: u8,
        /// The address of the faulting instruction.
        instruction: usize,
    },
    /// The thread has ended.
    Stopped,
}

/// Returns what the receiver of an endpoint does. Of several threads, the one that could receive the next message
/// counts.
pub fn doing(endpoint: u32, holder: u16, threads: &[Thread], name: impl Fn(u16) -> String) -> Doing {
    let serving = threads.iter().filter(|thread| thread.used.serves == endpoint);
    let own = threads.iter().filter(|thread| thread.used.badge == holder);
    let by_readiness = |thread: &&Thread| match thread.used.state {
        ThreadState::Receiving => 0,
        ThreadState::Faulted => 1,
        ThreadState::Running | ThreadState::Ready => 2,
        ThreadState::Calling | ThreadState::Awaiting => 3,
        ThreadState::Stopped | ThreadState::Free => 4,
    };
    let Some(thread) = serving.min_by_key(by_readiness).or_else(|| own.min_by_key(by_readiness)) else {
        return Doing::Nothing;
    };
    let ThreadUse { state, target, .. } = thread.used;
    match state {
        ThreadState::Receiving if target == endpoint => Doing::Waits,
        ThreadState::Receiving => Doing::Elsewhere,
        ThreadState::Running => Doing::Runs,
        ThreadState::Ready => Doing::Ready,
        ThreadState::Calling => {
            let server = threads.iter().find(|thread| thread.used.serves == target);
            Doing::Calls(server.map(|server| name(server.used.badge)))
        }
        ThreadState::Awaiting => Doing::Awaits(name(target.saturating_sub(1) as u16)),
        ThreadState::Faulted => {
            let (vector, instruction) = thread.fault.map_or((0, 0), |fault| (fault.vector, fault.instruction));
            Doing::Faulted { vector, instruction }
        }
        ThreadState::Stopped | ThreadState::Free => Doing::Stopped,
    }
}

/// The words end a sentence about the thread's program.
impl fmt::Display for Doing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => formatter.write_str("no thread has ever received there"),
            Self::Waits => formatter.write_str("it waits for messages"),
            Self::Runs => formatter.write_str("it is running"),
            Self::Ready => formatter.write_str("it could run, and others do"),
            Self::Elsewhere => formatter.write_str("it waits for messages on another endpoint"),
            Self::Calls(Some(server)) => write!(formatter, "it waits until {server} takes its call"),
            Self::Calls(None) => formatter.write_str("it calls a service that nobody serves"),
            Self::Awaits(server) => write!(formatter, "it waits for the answer of {server}"),
            Self::Faulted { vector, instruction } => {
                write!(formatter, "it has raised {} at {instruction:#x}", Exception(*vector))
            }
            Self::Stopped => formatter.write_str("its thread has ended"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    const ENDPOINT: u32 = 9;
    const DRIVER: u16 = 4;
    const SERVER: u16 = 6;

    fn thread(state: ThreadState, badge: u16, serves: u32, target: u32) -> Thread {
        Thread { used: ThreadUse { state, badge, priority: 20, serves, target }, fault: None }
    }

    fn found(threads: &[Thread]) -> Doing {
        doing(ENDPOINT, DRIVER, threads, |badge| format!("p{badge}"))
    }

    #[test]
    fn each_state_is_told() {
        let driver = |state, target| thread(state, DRIVER, ENDPOINT, target);
        let server = thread(ThreadState::Ready, SERVER, 12, 0);
        assert_eq!(found(&[]), Doing::Nothing);
        assert_eq!(found(&[server]), Doing::Nothing);
        for (state, target, expected) in [
            (ThreadState::Receiving, ENDPOINT, Doing::Waits),
            (ThreadState::Running, 0, Doing::Runs),
            (ThreadState::Ready, 0, Doing::Ready),
            (ThreadState::Calling, 12, Doing::Calls(Some("p6".into()))),
            (ThreadState::Calling, 13, Doing::Calls(None)),
            (ThreadState::Awaiting, u32::from(SERVER) + 1, Doing::Awaits("p6".into())),
            (ThreadState::Stopped, 0, Doing::Stopped),
        ] {
            assert_eq!(found(&[server, driver(state, target)]), expected);
        }
        let fault = ThreadFault { vector: 14, code: 6, address: 0, instruction: 0x1000 };
        let faulted = Thread { fault: Some(fault), ..driver(ThreadState::Faulted, 0) };
        assert_eq!(found(&[faulted]), Doing::Faulted { vector: 14, instruction: 0x1000 });
    }

    #[test]
    fn a_thread_that_waits_elsewhere_is_found_by_its_process() {
        assert_eq!(found(&[thread(ThreadState::Receiving, DRIVER, 3, 3)]), Doing::Elsewhere);
        assert_eq!(found(&[thread(ThreadState::Awaiting, DRIVER, 0, 7)]), Doing::Awaits("p6".into()));
    }

    #[test]
    fn of_several_threads_the_one_that_receives_counts() {
        let busy = thread(ThreadState::Running, DRIVER, ENDPOINT, 0);
        let waits = thread(ThreadState::Receiving, DRIVER, ENDPOINT, ENDPOINT);
        assert_eq!(found(&[busy, waits]), Doing::Waits);
    }

    #[test]
    fn all_can_be_said() {
        assert_eq!(
            format!("{}", Doing::Faulted { vector: 13, instruction: 16 }),
            "it has raised general protection (vector 13) at 0x10"
        );
        assert_eq!(format!("{}", Doing::Calls(Some("pci".into()))), "it waits until pci takes its call");
    }
}
