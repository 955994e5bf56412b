//! Processes: quotas, ends in order, reaping to the last frame.

use super::world::{ENTRY, World};
use crate::machine::Line;
use crate::objects::process::Life;
use crate::objects::thread::StateKind;
use abi::{Error, InfoItem, Kind, Operation, Options, PAGE_BYTES, Rights, Tag};

/// What has to be as before once a process is gone: free frames, init's quota, used slots.
pub(super) fn holdings(world: &World) -> (usize, u32, u32, [usize; 11]) {
    let kernel = &world.kernel;
    let quota = kernel.processes.at(world.init.process).unwrap().quota;
    let slots = [
        kernel.processes.used(),
        kernel.threads.used(),
        kernel.endpoints.used(),
        kernel.interrupts.used(),
        kernel.timers.used(),
        kernel.memories.used(),
        kernel.mappings.used(),
        kernel.ports.used(),
        kernel.replies.used(),
        kernel.handles.used(),
        kernel.deadlines.count(),
    ];
    (kernel.frames.free(), quota.frames_used(), quota.objects_used(), slots)
}

/// The running process takes a bit of everything.
fn hoard(world: &mut World, root: usize) {
    let endpoint = world.endpoint();
    let timer = world.make(Operation::TimerCreate, 0, [endpoint, 1, 0, 0]);
    world.done(Operation::TimerSet, timer, [1 << 30, 0, 1 << 20, 0]);
    let line = world.make(Operation::InterruptCreate, root, [5, 0, 0, 0]);
    world.done(Operation::InterruptBind, line, [endpoint, 2, 0, 0]);
    let ports = world.make(Operation::PortsCreate, root, [0x3F8, 8, 0, 0]);
    world.done(Operation::PortsAttach, ports, [0; 4]);
    let memory = world.make(Operation::MemoryCreate, 0, [5 * PAGE_BYTES, 0, 0, 0]);
    while world.done(Operation::MemoryPrepare, memory, [0; 4])[0] != 0 {}
    let map = Tag::incoming(Operation::MemoryMap, 0, Options::ACCESS_READ | Options::ACCESS_WRITE);
    world.map(map, memory, [0x10_0000, 0, 5 * PAGE_BYTES, 0]);
    world.map(map, memory, [0x20_0000, 0, PAGE_BYTES, 0]);
    let thread = world.make(Operation::ThreadCreate, 0, [ENTRY, 0x9000, 3, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    assert!(world.trap(|kernel, _| kernel.attach_floating_point()));
}

#[test]
fn reaping_gives_everything_back() {
    let mut world = World::new();
    let before = holdings(&world);
    for _ in 0..3 {
        let actor = world.spawn(20);
        let root = world.grant(actor, world.init.root as usize, Rights::all_of(abi::ObjectKind::Root), 0);
        world.park();
        hoard(&mut world, root);
        world.call(Operation::Exit, 0, [42, 0, 0, 0]);
        world.finish_ends();
        assert!(world.is_running(world.init_thread));
        let exit = world.message(world.init_thread);
        assert_eq!(exit.tag, Tag::outgoing(Kind::Exit, 0, actor.badge as u16));
        assert_eq!(exit.words[0], 42);
        assert!(world.machine.line(Line(5)).masked, "its sources are silent before anybody else runs");
        world.reap(actor.process_handle);
        assert_eq!(world.refused(Operation::ProcessReap, actor.process_handle, [0; 4]), Error::BadHandle);
        world.done(Operation::HandleClose, actor.process_handle, [0; 4]);
        world.done(Operation::HandleClose, actor.thread_handle, [0; 4]);
        assert_eq!(holdings(&world), before);
    }
}

#[test]
fn a_process_of_many_threads_ends_in_slices_and_interrupts_come_in_between() {
    let mut world = World::new();
    let before = holdings(&world);
    let actor = world.spawn(20);
    for _ in 0..8 {
        let thread = world.make(Operation::ThreadCreate, actor.process_handle, [ENTRY, 0x9000, 15, 0]);
        world.done(Operation::ThreadStart, thread, [0; 4]);
        world.done(Operation::HandleClose, thread, [0; 4]);
    }
    let life = |world: &World| world.kernel.processes.at(actor.process).unwrap().life();
    world.park();
    world.call(Operation::Exit, 0, [7, 0, 0, 0]);
    assert_eq!(life(&world), Life::Ending);
    assert_ne!(world.state(actor.thread).kind(), StateKind::Running, "a process that exits doesn't go on");
    // One slice a trap; before each an interrupt finds its driver.
    let mut slices = 1;
    while life(&world) == Life::Ending {
        world.ring();
        assert_eq!(world.poll(world.supervisor), Err(Error::WouldBlock), "nobody hears of an end that isn't");
        let thread = [ENTRY, 0x9000, 3, 0];
        assert_eq!(world.refused(Operation::ThreadCreate, actor.process_handle, thread), Error::Gone);
        world.park();
        world.machine.time = world.kernel.after_pause();
        assert!(world.machine.take_timer(), "the next slice comes by itself");
        world.trap(|kernel, machine| kernel.timer(machine));
        slices += 1;
    }
    assert!(slices > 1, "{slices} slices");
    assert_eq!(world.message(world.init_thread).words[0], 7);
    world.reap(actor.process_handle);
    for handle in [actor.process_handle, actor.thread_handle] {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
}

#[test]
fn an_end_that_is_under_way_can_be_hurried_by_reaping() {
    let mut world = World::new();
    let actor = world.spawn(20);
    for _ in 0..8 {
        world.make(Operation::ThreadCreate, actor.process_handle, [ENTRY, 0x9000, 15, 0]);
    }
    world.done(Operation::ProcessKill, actor.process_handle, [0; 4]);
    assert_eq!(world.kernel.processes.at(actor.process).unwrap().life(), Life::Ending);
    world.reap(actor.process_handle);
    assert_eq!(world.poll(world.supervisor), Err(Error::WouldBlock));
}

#[test]
fn reaping_reaches_the_end_of_user_space() {
    let mut world = World::new();
    let actor = world.spawn(20);
    world.park();
    let memory = world.make(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]);
    while world.done(Operation::MemoryPrepare, memory, [0; 4])[0] != 0 {}
    let map = Tag::incoming(Operation::MemoryMap, 0, Options::ACCESS_READ);
    for number in 1..8 {
        world.map(map, memory, [abi::USER_END - number * 64 * PAGE_BYTES, 0, PAGE_BYTES, 0]);
    }
    world.call(Operation::Exit, 0, [0; 4]);
    world.reap(actor.process_handle);
}

#[test]
fn reaping_reaches_grandchildren() {
    let mut world = World::new();
    let before = holdings(&world);
    let actor = world.spawn(20);
    world.park();
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [12, 10, 0, 1]);
    let thread = world.make(Operation::ThreadCreate, child, [ENTRY, 0x9000, 20, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    world.done(Operation::Yield, 0, [0; 4]);
    // The child runs, and has a child of its own.
    assert!(!world.is_running(actor.thread));
    let grandchild = world.make_with(create, 0, [4, 4, 0, 2]);
    let thread = world.make(Operation::ThreadCreate, grandchild, [ENTRY, 0x9000, 10, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    world.ring();
    world.done(Operation::ProcessKill, actor.process_handle, [7, 0, 0, 0]);
    world.reap(actor.process_handle);
    let exit = world.poll(world.supervisor).unwrap_err();
    assert_eq!(exit, Error::WouldBlock, "the exit message of a process that was reaped is gone");
    for handle in [actor.process_handle, actor.thread_handle] {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
}

#[test]
fn a_new_process_in_a_reaped_childs_slot_is_left_alone() {
    let mut world = World::new();
    let actor = world.spawn(20);
    world.park();
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [8, 8, 0, 1]);
    let child = world.object(child);
    world.call(Operation::Exit, 0, [0; 4]);
    while world.kernel.processes.live(child).is_some() {
        assert_ne!(world.done(Operation::ProcessReap, actor.process_handle, [0; 4])[0], 0);
    }
    let innocent = world.spawn(10);
    assert_eq!(innocent.process, child, "it got the slot");
    world.reap(actor.process_handle);
    world.park();
    assert!(world.is_running(innocent.thread));
}

#[test]
fn nothing_is_granted_to_the_dead() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let endpoint = world.endpoint();
    world.done(Operation::ProcessKill, actor.process_handle, [0; 4]);
    let rights = Rights::CALL.bits() as usize;
    assert_eq!(world.refused(Operation::ProcessGrant, actor.process_handle, [endpoint, rights, 0, 0]), Error::Gone);
    let memory = [0x10_0000, 0, PAGE_BYTES, actor.process_handle];
    assert_eq!(world.refused(Operation::MemoryUnmap, endpoint, memory), Error::Gone);
    let thread = [ENTRY, 0x9000, 3, 0];
    assert_eq!(world.refused(Operation::ThreadCreate, actor.process_handle, thread), Error::Gone);
    assert_eq!(world.refused(Operation::ThreadStart, actor.thread_handle, [0; 4]), Error::Busy);
    world.reap(actor.process_handle);
}

#[test]
fn only_the_dead_are_reaped_and_a_second_end_changes_nothing() {
    let mut world = World::new();
    let actor = world.spawn(20);
    assert_eq!(world.refused(Operation::ProcessReap, actor.process_handle, [0; 4]), Error::Busy);
    world.done(Operation::ProcessKill, actor.process_handle, [3, 0, 0, 0]);
    world.done(Operation::ProcessKill, actor.process_handle, [4, 0, 0, 0]);
    let exit = world.poll(world.supervisor).unwrap();
    assert_eq!((exit.tag.label(), exit.words[0]), (1, 3));
    assert_eq!(world.poll(world.supervisor), Err(Error::WouldBlock));
    world.reap(actor.process_handle);
}

#[test]
fn a_quota_bounds_frames_and_objects() {
    let mut world = World::new();
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    assert_eq!(world.refused_with(create, 0, [0, 9, 0, 1]), Error::NoMemory, "no frame for its root");
    assert_eq!(world.refused_with(create, 0, [100_000, 9, 0, 1]), Error::NoMemory);
    assert_eq!(world.refused_with(create, 0, [usize::MAX, 9, 0, 1]), Error::BadArgument);
    let poor = world.make_with(create, 0, [3, 2, 0, 1]);
    let thread = world.make(Operation::ThreadCreate, poor, [ENTRY, 0x9000, 10, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    world.park();
    assert_eq!(world.done(Operation::Info, 0, [InfoItem::Memory as usize, 1, 0, 0]), [3, 1, 2, 1]);
    assert_eq!(world.refused(Operation::MemoryCreate, 0, [3 * PAGE_BYTES, 0, 0, 0]), Error::NoMemory);
    let memory = world.make(Operation::MemoryCreate, 0, [2 * PAGE_BYTES, 0, 0, 0]);
    assert_eq!(world.refused(Operation::EndpointCreate, 0, [0; 4]), Error::NoMemory);
    world.done(Operation::Destroy, memory, [0; 4]);
    world.endpoint();
    assert_eq!(world.refused(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]), Error::NoMemory);
    assert_eq!(world.done(Operation::Info, 0, [InfoItem::Memory as usize, 1, 0, 0]), [3, 1, 2, 2]);
}

#[test]
fn the_last_thread_ends_the_process_and_others_do_not() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let second = world.make(Operation::ThreadCreate, actor.process_handle, [ENTRY, 0x9000, 15, 0]);
    let second_thread = world.object(second);
    world.done(Operation::ThreadStart, second, [0; 4]);
    world.park();
    assert!(world.is_running(actor.thread));
    world.call(Operation::ThreadExit, 0, [0; 4]);
    assert!(world.is_running(second_thread));
    world.call(Operation::ThreadExit, 0, [0; 4]);
    assert!(world.is_running(world.init_thread));
    assert_eq!(world.message(world.init_thread).tag.kind(), Kind::Exit);
}

#[test]
fn a_destroyed_thread_is_gone_for_all() {
    let mut world = World::new();
    let actor = world.spawn(20);
    world.done(Operation::Destroy, actor.thread_handle, [0; 4]);
    assert_eq!(world.refused(Operation::ThreadStart, actor.thread_handle, [0; 4]), Error::BadHandle);
    assert_eq!(world.refused(Operation::Destroy, actor.process_handle, [0; 4]), Error::WrongType);
    assert_eq!(world.refused(Operation::Destroy, world.init.root as usize, [0; 4]), Error::MissingRight);
    world.park();
    assert!(world.is_idle());
}

#[test]
fn a_process_can_end_itself_through_its_own_handle() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let own = world.grant(actor, actor.process_handle, Rights::PROCESS, 0);
    world.park();
    assert_eq!(world.refused(Operation::ProcessReap, own, [0; 4]), Error::Busy);
    world.call(Operation::ProcessKill, own, [5, 0, 0, 0]);
    assert!(world.is_running(world.init_thread));
    assert_eq!(world.message(world.init_thread).words[0], 5);
}

#[test]
fn the_machine_idles_when_init_ends() {
    let mut world = World::new();
    let actor = world.spawn(20);
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.is_running(actor.thread));
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.is_idle());
}
