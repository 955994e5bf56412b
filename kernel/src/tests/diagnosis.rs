//! What can be asked when an interrupt doesn't come: about its line, its source, and the thread that should receive it.

use super::interrupts::{EDGE, LEVEL, driver, source};
use super::world::World;
use crate::fake::Controller;
use crate::machine::Line;
use crate::tables::Link;
use abi::{
    Error, InfoItem, InterruptPart, LineFlags, LineState, Operation, Options, Rights, RouteKind, Tag, ThreadPart,
    ThreadState,
};

/// What `init` is told; its registers are put back, so that the asking can be repeated.
fn info(world: &mut World, item: InfoItem, index: usize, part: usize) -> [usize; 4] {
    world.done(Operation::Info, world.init.root as usize, [item as usize, index, part, 0])
}

/// The state of a line, and the index of its source plus 1.
fn line(world: &mut World, line: Line) -> (LineState, usize) {
    let [place, flags, source, rest] = info(world, InfoItem::Line, line.0 as usize, 0);
    assert_eq!(rest, 0);
    (LineState::from_words([place, flags]), source)
}

fn thread(world: &mut World, thread: Link) -> [usize; 4] {
    info(world, InfoItem::Thread, thread.index(), ThreadPart::State as usize)
}

fn of_source(world: &mut World, line: Line, part: InterruptPart) -> [usize; 4] {
    let index = world.object_of_line(line).index();
    info(world, InfoItem::Interrupt, index, part as usize)
}

#[test]
fn a_line_is_what_the_controllers_have() {
    let mut world = World::new();
    let level = LineState {
        route: RouteKind::IoApic,
        vector: 0x20 + LEVEL.0,
        controller: 0,
        input: LEVEL.0,
        flags: LineFlags::MASKED,
    };
    assert_eq!(line(&mut world, LEVEL), (level, 0), "nobody has claimed it");
    let source = source(&mut world, LEVEL);
    let index = world.object_of_line(LEVEL).index() + 1;
    let claimed = LineState { flags: LineFlags::MASKED | LineFlags::LEVEL, ..level };
    assert_eq!(line(&mut world, LEVEL), (claimed, index));
    let endpoint = world.endpoint();
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.machine.assert(LEVEL);
    assert_eq!(line(&mut world, LEVEL).0.flags, LineFlags::LEVEL | LineFlags::LOCAL_REQUEST);
    world.serve();
    assert_eq!(line(&mut world, LEVEL).0.flags, LineFlags::LEVEL | LineFlags::MASKED, "it is in service");
    assert_eq!(line(&mut world, Line(27)).0.route, RouteKind::Message);
    assert_eq!(line(&mut world, Line::NMI).0.route, RouteKind::NonMaskable);
    assert_eq!(line(&mut world, Line(200)), (LineState::default(), 0), "there is no such line");
    let root = world.init.root as usize;
    assert_eq!(world.refused(Operation::Info, root, [InfoItem::Line as usize, 256, 0, 0]), Error::BadArgument);
    assert_eq!(world.refused(Operation::Info, 0, [InfoItem::Line as usize, 4, 0, 0]), Error::BadHandle);
}

#[test]
fn a_controller_that_latches_shows_a_request_behind_its_mask() {
    let mut world = World::new();
    world.machine.controller = Controller::Latching;
    world.machine.raise(EDGE);
    let (state, _) = line(&mut world, EDGE);
    assert_eq!(
        (state.route, state.flags),
        (RouteKind::Pic, LineFlags::MASKED | LineFlags::REQUESTED | LineFlags::REQUEST_KNOWN)
    );
}

#[test]
fn a_message_is_shown_from_the_line_to_its_completion() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, LEVEL);
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Binding), [0; 4]);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    let bound = of_source(&mut world, LEVEL, InterruptPart::Binding);
    assert_eq!((bound[0] != 0, bound[1]), (true, 0), "bound by init, whose badge is 0");
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Message), [0; 4]);
    world.machine.time = 0x5_0000_0007;
    world.machine.assert(LEVEL);
    world.serve();
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Message), [1, 1, 0, 0], "pending");
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Binding)[2..], [7, 5], "since then");
    world.poll(endpoint).unwrap();
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Message), [0, 0, 1, 0], "received");
    world.machine.release(LEVEL);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Message), [0; 4], "completed");
    world.done(Operation::Destroy, endpoint, [0; 4]);
    assert_eq!(of_source(&mut world, LEVEL, InterruptPart::Binding)[0], 0, "its endpoint has gone");
}

#[test]
fn a_storm_is_shown() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let source = source(&mut world, EDGE);
    world.done(Operation::InterruptBind, source, [endpoint, 0, 0, 0]);
    world.poll(endpoint).unwrap();
    for _ in 0..crate::objects::source::STORM_BUDGET {
        world.raise(EDGE);
    }
    assert_eq!(
        of_source(&mut world, EDGE, InterruptPart::Message)[..2],
        [3, crate::objects::source::STORM_BUDGET as usize]
    );
    assert!(line(&mut world, EDGE).0.flags.contains(LineFlags::MASKED));
}

#[test]
fn threads_tell_what_they_wait_for() {
    let mut world = World::new();
    let waiting = driver(&mut world, EDGE);
    world.ring();
    let who = waiting.actor.badge | 20 << 16;
    let [state, owner, serves, target] = thread(&mut world, waiting.actor.thread);
    assert_eq!((state, owner), (ThreadState::Receiving as usize, who));
    assert_eq!((serves, target), (serves, serves), "it waits on the endpoint that it serves");
    assert_eq!(of_source(&mut world, EDGE, InterruptPart::Binding)[..2], [serves, waiting.actor.badge]);
    let own = world.init_thread;
    assert_eq!(thread(&mut world, own)[0], ThreadState::Running as usize);
    let stopped = world.spawn_stopped(5);
    assert_eq!(thread(&mut world, stopped.thread)[0], ThreadState::Stopped as usize);
    world.done(Operation::ThreadStart, stopped.thread_handle, [0; 4]);
    assert_eq!(thread(&mut world, stopped.thread)[0], ThreadState::Ready as usize);
    assert_eq!(info(&mut world, InfoItem::Thread, 11, 0), [0; 4], "a free slot");
    let root = world.init.root as usize;
    for words in [[InfoItem::Thread as usize, 12, 0, 0], [InfoItem::Thread as usize, 0, 2, 0]] {
        assert_eq!(world.refused(Operation::Info, root, words), Error::BadArgument);
    }
}

#[test]
fn a_call_is_shown_on_its_way_and_with_its_server() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let (server, client) = (world.spawn(10), world.spawn(20));
    let serves = world.grant(server, endpoint, Rights::RECEIVE, 0);
    let calls = world.grant(client, endpoint, Rights::CALL, 0);
    world.park();
    assert!(world.is_running(client.thread));
    world.call(Operation::Call, calls, [0; 4]);
    world.ring();
    let [state, _, _, target] = thread(&mut world, client.thread);
    assert_eq!((state, target != 0), (ThreadState::Calling as usize, true));
    world.park();
    world.receive(serves);
    world.ring();
    assert_eq!(thread(&mut world, server.thread)[2], target, "the server of that endpoint");
    let awaiting = [ThreadState::Awaiting as usize, client.badge | 20 << 16, 0, server.badge + 1];
    assert_eq!(thread(&mut world, client.thread), awaiting);
    world.park();
    world.make(Operation::ReplyTake, 0, [0; 4]);
    world.ring();
    assert_eq!(thread(&mut world, client.thread), awaiting, "by a Reply of the server's");
}

#[test]
fn a_fault_that_waits_is_shown_with_its_words() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let faulty = world.spawn_stopped(10);
    let create = Tag::incoming(Operation::ThreadCreate, 0x77, Options::empty());
    let [handle, ..] = world.done_with(create, faulty.process_handle, [super::world::ENTRY, 0x8000, 10, endpoint]);
    world.done(Operation::ThreadStart, handle, [0; 4]);
    let link = world.object(handle);
    world.park();
    world.fault(13);
    world.ring();
    for _ in 0..2 {
        assert_eq!(thread(&mut world, link)[0], ThreadState::Faulted as usize);
        let fault = info(&mut world, InfoItem::Thread, link.index(), ThreadPart::Fault as usize);
        assert_eq!(fault, [13, 6, 0xDEAD_0000, super::world::ENTRY + 16]);
        // Once more, with its handler at work.
        let _ = world.poll(endpoint);
    }
}

#[test]
fn idle_time_is_the_kernels_own_processs() {
    let mut world = World::new();
    let kernel = world.kernel.root.index();
    let idle = |world: &mut World| {
        let [_, _, low, high] = info(world, InfoItem::Process, kernel, 2);
        abi::join(low, high)
    };
    let before = idle(&mut world);
    world.park();
    assert!(world.is_idle());
    world.machine.advance(5_000);
    world.ring();
    assert_eq!(idle(&mut world) - before, 5_000);
    assert_eq!(info(&mut world, InfoItem::Process, kernel, 1), [1, 1, 0, 0], "its root is a frame");
}

#[test]
fn a_process_names_the_one_that_its_quota_came_from() {
    let mut world = World::new();
    let child = world.spawn(10);
    let init = world.init.process.index();
    assert_eq!(info(&mut world, InfoItem::Process, init, 3), [0; 4]);
    assert_eq!(info(&mut world, InfoItem::Process, child.process.index(), 3), [init + 1, 0, 0, 0]);
}

#[test]
fn the_kernel_says_when_it_began() {
    let mut world = World::new();
    world.machine.began = 0x3_0000_0009;
    world.machine.time = 0x4_0000_0001;
    assert_eq!(world.done(Operation::Info, 0, [InfoItem::Now as usize, 0, 0, 0]), [1, 4, 9, 3]);
}
