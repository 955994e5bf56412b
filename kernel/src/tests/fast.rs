//! The fast path does what the slow path does, and is taken.

use super::random::step::{Step, step};
use super::random::{config, crowd};
use super::world::{Paths, World};
use crate::dispatch::{Priority, QUEUE};
use crate::objects::thread::{Sent, StateKind};
use crate::tables::Link;
use crate::tables::sizes::MAX_LINES;
use abi::Operation;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::format;
use std::string::String;
use std::vec::Vec;

/// Steps of drivers and servers in their loops, and now and then anything else.
fn busy_step() -> impl Strategy<Value = Step> {
    let loops = [Operation::ReplyReceive, Operation::ReplyReceive, Operation::Call, Operation::Notify, Operation::Null];
    let words = any::<[u32; 4]>();
    let call = (prop::sample::select(loops.to_vec()), any::<u8>(), any::<u32>(), words).prop_map(
        |(operation, label, handle, words)| {
            // Without options.
            Step::Call { operation, label, options: 1, handle, words }
        },
    );
    prop_oneof![
        40 => call,
        8 => any::<u8>().prop_map(Step::Raise),
        6 => any::<u8>().prop_map(Step::Fault),
        1 => (0u32..20_000_000).prop_map(Step::Advance),
        4 => step(),
    ]
}

/// Everything of a world that may decide or show anything later, in words: what stands in registers and fields that
/// will be overwritten before they are read is left out.
fn description(world: &World) -> Vec<String> {
    let kernel = &world.kernel;
    let mut lines = Vec::new();
    for (link, thread) in kernel.threads.iter() {
        let kind = thread.state().kind();
        let fault = if thread.sent() == Sent::Fault { Some(thread.fault()) } else { None };
        let goes_on = matches!(kind, StateKind::Ready | StateKind::Running | StateKind::Preempted);
        let message = (goes_on || kind == StateKind::Sending).then_some(thread.context.message);
        let calls = kind == StateKind::Sending && fault.is_none();
        let queued = calls.then_some(thread.call());
        let slice =
            if thread.state() == crate::objects::thread::State::PREEMPTED_IN_SLICE { thread.slice_left() } else { 0 };
        let waits = (thread.state(), thread.owes(), thread.completes(), thread.raised(), thread.serves());
        let counts = (thread.calls(), thread.used_cycles(None), thread.priority(), thread.call_deadline(), slice);
        let registers = (thread.context.general, thread.context.mark, thread.context.floating_point);
        lines.push(format!("{link:?} {waits:?} {counts:?} {fault:?} {message:?} {queued:?} {registers:?}"));
    }
    for (link, endpoint) in kernel.endpoints.iter() {
        let queues = [endpoint.receivers(), endpoint.senders()].map(|list| kernel.threads.walk::<QUEUE>(list));
        let first = Some(endpoint.events().head()).filter(|event| event.is_some());
        let after = |event: &Link| Some(kernel.events.next::<QUEUE>(*event)).filter(|event| event.is_some());
        let events: Vec<Link> = std::iter::successors(first, after).collect();
        lines.push(format!("{link:?} {queues:?} {events:?} {} {}", endpoint.bits(), endpoint.is_dying()));
    }
    for (link, reply) in kernel.replies.iter() {
        lines.push(format!(
            "{link:?} {:?} {:?} {} {:?}",
            reply.caller(),
            reply.owner(),
            reply.handle(),
            reply.endpoint()
        ));
    }
    for (link, source) in kernel.interrupts.iter() {
        lines.push(format!("{link:?} {:?} {:?}", source.at_rest(), kernel.paces.at(link)));
    }
    for (link, process) in kernel.processes.iter() {
        lines.push(format!("{link:?} {:?} {:?} {:?}", process.exit(), process.former_usage(), process.standing));
    }
    let queue = |number| kernel.threads.walk::<QUEUE>(kernel.schedule.queue(Priority::new(number).unwrap()).unwrap());
    let queues: Vec<Vec<Link>> = (0..abi::PRIORITIES as usize).map(queue).collect();
    let lowered = kernel.threads.walk::<QUEUE>(kernel.schedule.queue(Priority::LOWERED).unwrap());
    lines.push(format!("{queues:?} {lowered:?} {:?}", kernel.threads.walk::<QUEUE>(kernel.schedule.chain())));
    lines.push(format!("{:?} {:?}", kernel.watch, kernel.schedule.wakes()));
    lines.push(format!("{:?} {:?} {}", kernel.current, kernel.deadlines.owners(), kernel.slice_end));
    let account = &kernel.account;
    let counts = (account.calls, account.switches, account.faults, account.unowned, account.stale_replies);
    let trace: Vec<_> = account.trace_entries().map(|entry| (entry.kind, entry.thread, entry.detail)).collect();
    lines.push(format!("{counts:?} {trace:?}"));
    let machine = &world.machine;
    let lines_of_machine = &machine.lines[..MAX_LINES.min(machine.lines.len())];
    let home = machine.resumes.map(|(mark, home)| (mark, home.process, home.ports_version));
    lines.push(format!("{lines_of_machine:?} {:?} {:?} {home:?}", machine.armed, machine.ended));
    lines
}

/// A crowd whose threads all have the same fault handler, so that a fault is seldom the end of a process.
fn handled_crowd() -> World {
    let mut world = crowd();
    let named = world.kernel.threads.iter().map(|(_, thread)| thread.fault_endpoint());
    let handler = named.into_iter().find(|endpoint| !endpoint.is_none()).unwrap();
    let spared = [world.kernel.idle, world.init_thread];
    let threads: Vec<Link> = world.kernel.threads.iter().map(|(link, _)| link).collect();
    for link in threads.into_iter().filter(|link| !spared.contains(link)) {
        world.kernel.threads.at_mut(link).unwrap().set_fault_handler(handler, 0);
    }
    world
}

/// The same steps on two machines, one of which has the slow path alone.
fn compare(steps: &[Step]) -> World {
    let (mut all, mut slow) = (handled_crowd(), handled_crowd());
    slow.paths = Paths::SlowOnly;
    // What came before may have gone different ways.
    for number in 0..crate::account::TRACE_ENTRIES as u32 {
        for world in [&mut all, &mut slow] {
            world.kernel.trace(crate::account::TraceKind::Exit, number);
        }
    }
    for (number, step) in steps.iter().enumerate() {
        step.take(&mut all);
        step.take(&mut slow);
        let (one, other) = (description(&all), description(&slow));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one, other, "after step {number}, {step:?}");
        }
        assert_eq!(one.len(), other.len());
    }
    all
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn both_ways_have_the_same_outcome(steps in prop::collection::vec(busy_step(), 1..300)) {
        compare(&steps);
    }
}

/// A comparison of ways that are never taken proves nothing.
#[test]
fn walks_take_every_short_way() {
    let mut runner = TestRunner::deterministic();
    let mut taken: BTreeMap<&str, u32> = BTreeMap::new();
    for _ in 0..60 {
        let steps = prop::collection::vec(busy_step(), 300).new_tree(&mut runner).unwrap().current();
        for (what, count) in compare(&steps).fast_paths {
            *taken.entry(what).or_default() += count;
        }
    }
    for what in ["call", "reply_receive", "notify", "null", "interrupt", "fault"] {
        assert!(taken.get(what).is_some_and(|count| *count >= 10), "{what}: {taken:?}");
    }
}
