//! Random walks: whatever programs call and devices do, in whatever order, everything of [`super::invariants`] holds
//! after every step, nothing panics, and all that was taken can be given back.
//!
//! A step is a trap. Calls are mostly plausible (a handle of the right kind, a line that exists), so that a walk gets
//! somewhere; one in a few has garbage in it, and some are nothing else.

pub(super) mod step;
mod words;

use super::invariants;
use super::world::{ENTRY, STACK, World};
use crate::dispatch::Next;
use crate::objects::process::Exit;
use crate::objects::thread::{Sent, StateKind};
use crate::request::Request;
use abi::{Kind, Message, ObjectKind, Operation, Options, Rights, Tag};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use std::collections::BTreeMap;
use std::vec::Vec;
use step::step;

/// `PROPTEST_CASES` asks for more cases; a case that failed is to become a test of its own instead of a file.
pub(super) fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..Default::default() }
}

/// Three processes of two threads each, which know each other, two endpoints and the root.
pub(super) fn crowd() -> World {
    let mut world = World::new();
    let shared = [world.endpoint(), world.endpoint()];
    // Two have a share of the CPU of their own; the third runs on init's.
    let actors = [world.spawn_sharing(20, 300), world.spawn_sharing(20, 200), world.spawn(10)];
    for (number, actor) in actors.iter().enumerate() {
        let second = world.make(Operation::ThreadCreate, actor.process_handle, [ENTRY, STACK, 15, shared[0]]);
        world.done(Operation::ThreadStart, second, [0; 4]);
        for endpoint in shared {
            world.grant(*actor, endpoint, Rights::all_of(ObjectKind::Endpoint), number);
        }
        world.grant(*actor, world.init.root as usize, Rights::all_of(ObjectKind::Root), 0);
        world.grant(*actor, second, Rights::all_of(ObjectKind::Thread), 0);
    }
    world.grant(actors[0], actors[1].process_handle, Rights::all_of(ObjectKind::Process), 0);
    world.grant(actors[1], actors[2].process_handle, Rights::all_of(ObjectKind::Process), 0);
    world.park();
    // The first of them has a child that can get a share still.
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    world.make_with(create, 0, [6, 4, 0, 0]);
    world
}

/// Ends and reaps everybody but init, and looks whether nothing of them is left.
fn take_back(world: &mut World) {
    let init = world.init.process;
    if world.kernel.processes.at(init).is_none_or(|process| process.life() != crate::objects::process::Life::Alive) {
        return;
    }
    let spared = [init, world.kernel.root];
    let all = world.kernel.processes.iter().map(|(link, _)| link);
    let others: Vec<_> = all.filter(|link| !spared.contains(link)).collect();
    let request = Request { caller: world.init_thread, process: init, handle: 0, message: Message::default() };
    for process in others {
        world.trap(|kernel, machine| {
            let next = kernel.end_process(machine, process, Exit::default());
            kernel.carry_out(machine, next);
        });
        let mut calls = 0;
        while world.kernel.processes.live(process).is_some() {
            // What goes into quarantine needs a handle in init's table, which may be full.
            make_room(world);
            world.trap(|kernel, machine| {
                let reaped = kernel.reap(machine, process, request);
                assert!(reaped.is_ok());
                kernel.carry_out(machine, Next::Scheduled);
            });
            calls += 1;
            assert!(calls < 10_000, "reaping never ends");
        }
    }
    assert_eq!(world.kernel.processes.used(), 2, "the kernel's and init");
    // Threads of init's may still wait for each other, in chains of any length, and for answers to their faults.
    for (_, thread) in world.kernel.threads.iter().filter(|(_, thread)| thread.state().kind() == StateKind::Awaiting) {
        assert_eq!(thread.process, init, "only init can still wait");
        if thread.sent() == Sent::Call {
            let server = world.kernel.threads.at(thread.state().target()).unwrap();
            assert_eq!(server.process, init, "only init can still owe init an answer");
        }
    }
}

fn make_room(world: &mut World) {
    let init = world.kernel.processes.at_mut(world.init.process).unwrap();
    if init.table.has_room() {
        return;
    }
    let handles = world.kernel.handles.of(&init.table);
    let (spare, _) = handles.iter().find(|(_, grant)| grant.kind != ObjectKind::Reply).unwrap();
    world.kernel.handles.close(&mut init.table, *spare);
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn everything_holds_after_every_step(steps in prop::collection::vec(step(), 1..300)) {
        let mut world = crowd();
        for step in &steps {
            step.take(&mut world);
        }
        invariants::check(&world);
        take_back(&mut world);
    }
}

proptest! {
    #![proptest_config(config())]

    /// Nothing but noise, from a thread with every right there is.
    #[test]
    fn garbage_never_panics(calls in prop::collection::vec(any::<(u32, u32, [usize; 4])>(), 1..200)) {
        let mut world = World::new();
        for (tag, handle, words) in calls {
            if !world.is_running(world.init_thread) {
                break;
            }
            // Ending or waiting for ever would be over too soon.
            let ends = [Operation::Exit, Operation::ThreadExit, Operation::Receive].map(|operation| operation as u32);
            let number = tag % abi::DESCRIPTIONS.len() as u32;
            let tag = if ends.contains(&number) { 0 } else { (tag & !0xFF) | number };
            let handle = if handle % 2 == 0 { world.init.root } else { handle };
            world.call_with(Tag(tag), handle as usize, words);
        }
    }
}

/// A walk that gets nowhere proves nothing: over a fixed set of walks every call succeeds, and most errors happen.
#[test]
fn walks_reach_every_call() {
    let mut runner = TestRunner::deterministic();
    let mut done: BTreeMap<u8, u32> = BTreeMap::new();
    let mut errors: BTreeMap<u8, u32> = BTreeMap::new();
    let mut lost_callers = 0;
    for _ in 0..60 {
        let steps = prop::collection::vec(step(), 300).new_tree(&mut runner).unwrap().current();
        let mut world = crowd();
        for step in &steps {
            if let Some((operation, answer)) = step.take(&mut world) {
                match answer.result() {
                    Ok(_) => {
                        *done.entry(operation as u8).or_default() += 1;
                        lost_callers += (answer.tag.kind() == Kind::CallerGone) as u32;
                    }
                    Err(error) => *errors.entry(error as u8).or_default() += 1,
                }
            }
        }
    }
    // `exit` and `thread_exit` return to nobody, so no answer shows that they were done.
    let exits = [Operation::Exit as u8, Operation::ThreadExit as u8];
    let answered = |row: &&abi::CallDescription| !exits.contains(&row.number);
    let missing: Vec<_> =
        abi::DESCRIPTIONS.iter().filter(answered).filter(|row| !done.contains_key(&row.number)).collect();
    assert!(missing.is_empty(), "never succeeded: {missing:?}; succeeded: {done:?}; errors: {errors:?}");
    assert!(errors.len() >= 14, "{errors:?}");
    assert!(lost_callers > 0, "no server was told of a caller that has gone");
    std::println!("succeeded: {done:?}; errors: {errors:?}");
}
