//! Threads: each is where its state says and nowhere else, and the right one runs.

use crate::dispatch::DeadlineOf;
use crate::dispatch::{Priority, QUEUE};
use crate::kernel::NEVER;
use crate::machine::Time;
use crate::objects::process::Life;
use crate::objects::reply::HELD;
use crate::objects::thread::{SIBLINGS, Sent, StateKind};
use crate::tables::Link;
use crate::tests::world::World;
use std::vec::Vec;

pub fn check(world: &World) {
    check_queues(world);
    check_waiting(world);
    check_running(world);
    check_owners(world);
    check_time(world);
}

/// Every thread is in exactly the queue that its state says.
fn check_queues(world: &World) {
    let kernel = &world.kernel;
    let mut placed: Vec<Link> = Vec::new();
    let mut highest = Priority::IDLE;
    let asked = (0..abi::PRIORITIES as usize).map(|number| Priority::new(number).unwrap());
    for priority in core::iter::once(Priority::LOWERED).chain(asked) {
        let queue = kernel.threads.walk::<QUEUE>(kernel.schedule.queue(priority).unwrap());
        assert_eq!(kernel.schedule.has_peer(priority), !queue.is_empty(), "the bitmap is wrong");
        for link in queue {
            let thread = kernel.threads.at(link).unwrap();
            assert_eq!((thread.state().kind(), thread.priority()), (StateKind::Ready, priority));
            placed.push(link);
            highest = highest.max(priority);
        }
    }
    let idle_queue = kernel.schedule.queue(Priority::IDLE).unwrap();
    assert!(idle_queue.is_empty(), "the idle thread is queued");
    let chain = kernel.threads.walk::<QUEUE>(kernel.schedule.chain());
    let priorities: Vec<_> = chain.iter().map(|link| kernel.threads.at(*link).unwrap().priority()).collect();
    assert!(priorities.is_sorted_by(|one, other| one > other), "the chain doesn't fall strictly: {priorities:?}");
    highest = highest.max(priorities.first().copied().unwrap_or(Priority::IDLE));
    assert_eq!(kernel.schedule.highest(), highest, "the cached highest priority is wrong");
    for link in &chain {
        assert_eq!(kernel.threads.at(*link).unwrap().state().kind(), StateKind::Preempted);
    }
    placed.extend(chain);
    for (endpoint, entry) in kernel.endpoints.iter() {
        for link in kernel.threads.walk::<QUEUE>(entry.receivers()) {
            let state = kernel.threads.at(link).unwrap().state();
            assert!(state.is_receiving() && state.target() == endpoint);
            placed.push(link);
        }
        for link in kernel.threads.walk::<QUEUE>(entry.senders()) {
            let state = kernel.threads.at(link).unwrap().state();
            assert_eq!((state.kind(), state.target()), (StateKind::Sending, endpoint));
            placed.push(link);
        }
    }
    let count = placed.len();
    placed.sort();
    placed.dedup();
    assert_eq!(placed.len(), count, "a thread is in two queues");
    for (link, thread) in kernel.threads.iter() {
        let queued = match thread.state().kind() {
            StateKind::Ready => link != kernel.idle,
            StateKind::Preempted | StateKind::Receiving | StateKind::ReceivingHandles | StateKind::Sending => true,
            StateKind::Stopped | StateKind::Running | StateKind::Awaiting | StateKind::AwaitingReply => false,
        };
        assert_eq!(placed.contains(&link), queued, "{link:?} is {:?}", thread.state().kind());
    }
}

/// A thread that waits for an answer waits for a thread or a Reply that can give it.
fn check_waiting(world: &World) {
    let kernel = &world.kernel;
    for (link, thread) in kernel.threads.iter() {
        let target = thread.state().target();
        match thread.state().kind() {
            StateKind::Awaiting => {
                // A fault that its handler took and never answered leaves its thread there, as documented.
                if matches!(thread.sent(), Sent::Call) {
                    assert!(kernel.threads.live(target).is_some(), "a call waits for a thread that is gone");
                    assert_eq!(kernel.threads.at(target).unwrap().owes(), link, "nobody owes a waiting call");
                }
            }
            StateKind::AwaitingReply => {
                assert!(kernel.replies.live(target).is_some(), "a call waits for a Reply that is gone");
                assert_eq!(kernel.replies.at(target).unwrap().caller(), link);
            }
            StateKind::Receiving | StateKind::ReceivingHandles => {
                assert_eq!(thread.owes(), Link::NONE, "a receiver owes a reply")
            }
            _ => {}
        }
    }
    for (_, endpoint) in kernel.endpoints.iter() {
        let something = !endpoint.senders().is_empty() || !endpoint.events().is_empty() || endpoint.bits() != 0;
        assert!(endpoint.receivers().is_empty() || !something, "a receiver waits although there is something");
        let quiet = endpoint.receivers().is_empty() && !something && !endpoint.is_dying();
        assert_eq!(endpoint.is_quiet(), quiet, "whether something is to be had is wrong");
    }
}

/// One thread runs, none that is ready outranks it, and the machine resumes it.
fn check_running(world: &World) {
    let kernel = &world.kernel;
    let running: Vec<_> =
        kernel.threads.iter().filter(|(_, thread)| thread.state().kind() == StateKind::Running).collect();
    assert_eq!(running.len(), 1, "exactly one thread runs");
    let (link, thread) = running[0];
    assert_eq!(link, kernel.current);
    for (other, ready) in kernel.threads.iter() {
        let waits = matches!(ready.state().kind(), StateKind::Ready | StateKind::Preempted);
        assert!(!waits || ready.priority() <= thread.priority(), "{other:?} outranks the running {link:?}");
    }
    assert!(kernel.threads.live(kernel.idle).is_some());
    let idle = kernel.threads.at(kernel.idle).unwrap().state().kind();
    assert!(matches!(idle, StateKind::Ready | StateKind::Running));
    let (mark, home) = world.machine.resumes.expect("the machine resumes somebody");
    assert_eq!(mark, thread.context.mark, "the machine resumes other registers");
    assert_eq!(home, kernel.processes.at(thread.process).unwrap().home, "the machine has an old home loaded");
}

/// Threads belong to living slots, and the dead don't run.
fn check_owners(world: &World) {
    let kernel = &world.kernel;
    let mut count = 1;
    for (link, process) in kernel.processes.iter() {
        let threads = kernel.threads.walk::<SIBLINGS>(process.threads());
        assert_eq!(threads.len(), process.thread_count());
        count += threads.len();
        for thread in threads {
            let thread = kernel.threads.at(thread).unwrap();
            assert_eq!(thread.process, link);
            assert!(thread.priority() <= process.origin().ceiling);
            let stopped = thread.state().kind() == StateKind::Stopped;
            assert!(stopped || process.life() != Life::Dead, "a thread of a dead process isn't stopped");
            let owes = thread.owes().is_some();
            assert!(!owes || process.life() != Life::Dead, "a thread of a dead process owes an answer");
        }
        let ending = kernel.deadlines.is_set(DeadlineOf::Process(link));
        match process.life() {
            Life::Ending => assert!(ending, "a process's end doesn't go on"),
            Life::Dead => assert!(!ending, "a dead process has a deadline"),
            Life::Alive => {}
        }
        assert!(process.life() != Life::Dead || process.sources.count() == 0, "a dead process has sources");
        assert!(process.life() != Life::Dead || process.replies.count() == 0, "a dead process owes answers");
        let held = kernel.replies.iter().filter(|(_, reply)| reply.owner() == link).count();
        assert_eq!(process.replies.count(), held);
        assert_eq!(kernel.replies.walk::<HELD>(process.replies.list()).len(), held);
        assert!(!process.next_to_stop().is_some() || process.life() == Life::Ending);
    }
    assert_eq!(kernel.threads.used(), count, "a thread belongs to no process");
}

/// Deadlines belong to those who wait for them, and the timer is set to the next.
fn check_time(world: &World) {
    let kernel = &world.kernel;
    for (link, thread) in kernel.threads.iter() {
        let last = kernel.deadlines.is_set(DeadlineOf::Thread(link)) || thread.sent() == Sent::Fault;
        let expected = if last { Priority::IDLE } else { thread.priority() };
        assert_eq!(thread.rank(), expected, "a thread's rank isn't its priority, or ignores its deadline or fault");
    }
    for owner in kernel.deadlines.owners() {
        match owner {
            DeadlineOf::Thread(link) => {
                assert!(kernel.threads.live(link).is_some(), "a thread that is gone has a deadline");
                let state = kernel.threads.at(link).unwrap().state();
                let waits = matches!(state.kind(), StateKind::Sending | StateKind::Awaiting | StateKind::AwaitingReply);
                assert!(waits || state.is_receiving(), "a thread has a deadline although it is {:?}", state.kind());
            }
            DeadlineOf::Timer(link) => {
                assert!(kernel.timers.live(link).is_some(), "a timer that is gone has a deadline")
            }
            DeadlineOf::Process(link) => {
                assert!(kernel.processes.live(link).is_some(), "a process that is gone has a deadline");
            }
            DeadlineOf::Source(link) => {
                assert!(kernel.interrupts.live(link).is_some(), "a source that is gone has a deadline");
                assert!(kernel.is_off(link), "a source has a deadline although it is on");
            }
        }
    }
    let running = kernel.threads.at(kernel.current).unwrap().priority();
    assert!(!kernel.schedule.has_peer(running) || kernel.slice_end != NEVER, "a peer never gets its turn");
    let next = kernel.deadlines.first().map_or(NEVER, |(time, _)| time.0).min(kernel.slice_end);
    let next = next.min(kernel.watch.next()).max(kernel.not_before);
    assert_eq!(world.machine.armed, (next != NEVER).then_some(Time(next)), "the timer is set to another time");
}
