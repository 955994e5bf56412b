//! Lowering and restoring the threads of a process, and what its supervisor is told.

use super::{SECOND, WINDOW, park, pass};
use crate::machine::Line;
use crate::objects::thread::StateKind;
use crate::tests::world::{ENTRY, STACK, World};
use abi::{Error, InfoItem, Kind, Operation, Options, ProcessPart, Rights, Tag, join, split};

#[test]
fn threads_are_lowered_and_restored_in_every_state() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let endpoints = [world.endpoint(), world.endpoint()];
    let all = Rights::all_of(abi::ObjectKind::Endpoint);
    let [served, unserved] = endpoints.map(|endpoint| world.grant(greedy, endpoint, all, 0));
    let mut threads = std::vec![greedy.thread];
    for _ in 0..4 {
        let thread = world.make(Operation::ThreadCreate, greedy.process_handle, [ENTRY, STACK, 40, endpoints[1]]);
        threads.push(world.object(thread));
        if threads.len() < 5 {
            world.done(Operation::ThreadStart, thread, [0; 4]);
        }
    }
    let server = world.spawn(50);
    let server_end = world.grant(server, endpoints[0], all, 0);
    world.spawn(10);
    park(&mut world);
    // The server takes a call and keeps it. One thread waits for its answer, one for a message, one for the handler of
    // its fault, with a deadline on another's wait.
    world.receive(server_end);
    assert!(world.is_running(greedy.thread));
    world.call(Operation::Call, served, [0; 4]);
    assert!(world.is_running(server.thread));
    let other = world.endpoint();
    world.receive(other);
    let deadline = Tag::incoming(Operation::Receive, 0, Options::DEADLINE);
    let [low, high] = split(world.machine.time + 100 * SECOND);
    world.call_with(deadline, unserved, [low, high, 0, 0]);
    world.fault(13);
    let states = |world: &World| -> std::vec::Vec<StateKind> {
        threads.iter().map(|thread| world.state(*thread).kind()).collect()
    };
    let lowered =
        |world: &World| threads.iter().filter(|thread| world.kernel.threads.at(**thread).unwrap().is_lowered()).count();
    let before = states(&world);
    for expected in [StateKind::Awaiting, StateKind::Stopped, StateKind::Running] {
        assert!(before.contains(&expected), "{before:?}");
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        pass(&mut world, WINDOW / 64);
        seen.insert(lowered(&world));
    }
    assert!(seen.contains(&0) && seen.contains(&5), "{seen:?}");
    let asked: std::vec::Vec<usize> =
        threads.iter().map(|thread| world.kernel.threads.at(*thread).unwrap().asked_priority().number()).collect();
    assert_eq!(asked, [47, 40, 40, 40, 40]);
}

#[test]
fn a_priority_that_is_asked_for_while_lowered_counts_later() {
    let mut world = World::new();
    let waker = world.spawn_sharing(60, 10);
    let bell = world.bind_for(waker, Line(8));
    let greedy = world.spawn_sharing(47, 100);
    let theirs = world.grant(waker, greedy.thread_handle, Rights::THREAD, 0);
    let modest = world.spawn(50);
    park(&mut world);
    while world.is_running(waker.thread) {
        world.receive(bell);
    }
    // It runs once the modest one waits.
    let silent = world.endpoint();
    let _ = modest;
    world.receive(silent);
    assert!(world.is_running(greedy.thread));
    pass(&mut world, WINDOW);
    assert!(world.kernel.threads.at(greedy.thread).unwrap().is_lowered());
    world.raise(Line(8));
    world.done(Operation::ThreadPriority, theirs, [20, 0, 0, 0]);
    assert!(world.kernel.threads.at(greedy.thread).unwrap().is_lowered());
    world.receive(bell);
    pass(&mut world, 20 * WINDOW);
    let seen = (0..100).any(|_| {
        pass(&mut world, WINDOW / 16);
        world.kernel.threads.at(greedy.thread).unwrap().priority().number() == 20
    });
    assert!(seen, "it is never restored");
}

#[test]
fn the_supervisor_is_told_once_an_episode() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let bell = world.bind_for(greedy, Line(8));
    world.spawn(10);
    park(&mut world);
    for episode in 1..=2 {
        let mut overruns = std::vec::Vec::new();
        let end = world.machine.time + 250 * WINDOW;
        while world.machine.time < end {
            world.advance_to_timer(end);
            if world.is_running(world.init_thread) {
                overruns.push((world.machine.time, world.message(world.init_thread)));
                world.park();
            }
        }
        let [(_, message)] = overruns[..] else { panic!("told {} times", overruns.len()) };
        assert_eq!(message.tag, Tag::outgoing(Kind::Overrun, 0, greedy.badge as u16));
        assert_eq!(message.words[0], 100);
        let over = join(message.words[1], message.words[2]);
        assert!((200..=210).contains(&(over / WINDOW)), "{over}");
        // It keeps to its share for a while.
        // Not as often as the looks.
        while !world.is_running(greedy.thread) {
            pass(&mut world, WINDOW / 31);
        }
        while world.is_running(greedy.thread) {
            world.receive(bell);
        }
        pass(&mut world, 10 * WINDOW);
        let part = [InfoItem::Process as usize, greedy.process.index(), ProcessPart::Share as usize, 0];
        world.ring();
        let root = world.init.root as usize;
        let [share, lowered, told, payer] = world.done(Operation::Info, root, part);
        assert_eq!((share, lowered, told, payer), (100, 0, episode, greedy.process.index() + 1));
        park(&mut world);
        world.raise(Line(8));
    }
}

/// Has `init` wait for something else than its programs' ends, until [`call_init`].
fn occupy_init(world: &mut World) {
    let other = world.endpoint();
    let source = world.make(Operation::InterruptCreate, world.init.root as usize, [9, 0, 0, 0]);
    world.done(Operation::InterruptBind, source, [other, 0, 0, 0]);
    while world.is_running(world.init_thread) {
        world.receive(other);
    }
}

/// Ends what `init` waits for, and waits until it runs.
fn call_init(world: &mut World) {
    world.raise(Line(9));
    // The modest thread runs on init's share.
    while !world.is_running(world.init_thread) {
        world.advance(WINDOW / 31);
    }
}

#[test]
fn a_supervisor_that_listens_late_is_told_of_the_episode_that_was_meant() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let bell = world.bind_for(greedy, Line(8));
    world.spawn(10);
    occupy_init(&mut world);
    pass(&mut world, 250 * WINDOW);
    while !world.is_running(greedy.thread) {
        pass(&mut world, WINDOW / 31);
    }
    while world.is_running(greedy.thread) {
        world.receive(bell);
    }
    pass(&mut world, 10 * WINDOW);
    // The next episode has lasted for some windows only.
    world.raise(Line(8));
    pass(&mut world, 20 * WINDOW);
    call_init(&mut world);
    let supervisor = world.supervisor;
    let message = world.poll(supervisor).unwrap();
    assert_eq!(message.tag.kind(), Kind::Overrun);
    let over = join(message.words[1], message.words[2]);
    assert!((200..=210).contains(&(over / WINDOW)), "{over}");
}

#[test]
fn what_nobody_heard_of_a_process_goes_with_it() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    world.bind_for(greedy, Line(8));
    world.spawn(10);
    occupy_init(&mut world);
    pass(&mut world, 250 * WINDOW);
    call_init(&mut world);
    world.done(Operation::ProcessKill, greedy.process_handle, [0; 4]);
    world.reap(greedy.process_handle);
    let supervisor = world.supervisor;
    assert_eq!(world.poll(supervisor), Err(Error::WouldBlock), "an overrun, or an end, of a process that is gone");
}
