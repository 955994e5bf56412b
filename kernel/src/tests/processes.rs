//! Processes: quotas, ends in order, reaping to the last frame.

use super::world::{ENTRY, World};
use crate::machine::Line;
use crate::objects::process::Life;
use crate::objects::thread::StateKind;
use abi::{Error, InfoItem, Kind, Operation, Options, PAGE_BYTES, Rights, Tag};
use std::vec::Vec;

/// What has to be as before once a process is gone: free frames, init's quota, used slots.
fn holdings(world: &World) -> (usize, u32, u32, [usize; 11]) {
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
    assert_ne!(world.state(actor.thread).kind(), StateKind::Running, "whoever exits doesn't go on");
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
fn memory_whose_address_was_read_goes_into_quarantine() {
    let mut world = World::new();
    let before = holdings(&world);
    let actor = world.spawn(20);
    world.park();
    let memory = world.make(Operation::MemoryCreate, 0, [3 * PAGE_BYTES, 0, 0, 0]);
    world.done(Operation::MemoryInfo, memory, [0; 4]);
    let other = world.make(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]);
    let weak = Rights::READ | Rights::WRITE;
    let weak = world.make(Operation::HandleCopy, other, [weak.bits() as usize, 0, 0, 0]);
    assert_eq!(world.done(Operation::MemoryInfo, weak, [0; 4])[2..], [0, 0], "no address without the right");
    world.call(Operation::Exit, 0, [0; 4]);
    let mut quarantined = 0;
    loop {
        let [left, handle, ..] = world.done(Operation::ProcessReap, actor.process_handle, [0; 4]);
        if handle != 0 {
            assert_eq!(quarantined, 0);
            quarantined = handle;
        }
        if left == 0 {
            break;
        }
    }
    // The frames stay out of the pool until the supervisor lets them go.
    assert_eq!(world.done(Operation::MemoryInfo, quarantined, [0; 4])[0], 3 * PAGE_BYTES);
    let map = Tag::incoming(Operation::MemoryMap, 0, Options::ACCESS_READ);
    assert_eq!(world.refused_with(map, quarantined, [0x10_0000, 0, PAGE_BYTES, 0]), Error::MissingRight);
    while world.done(Operation::Destroy, quarantined, [0; 4])[0] != 0 {}
    for handle in [actor.process_handle, actor.thread_handle, quarantined] {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
}

/// Init reaps a process to the end, and returns the handles to memory in quarantine.
fn reap_with_quarantine(world: &mut World, process_handle: usize) -> Vec<usize> {
    let mut quarantined = Vec::new();
    loop {
        let [left, handle, ..] = world.done(Operation::ProcessReap, process_handle, [0; 4]);
        quarantined.extend((handle != 0).then_some(handle));
        if left == 0 {
            return quarantined;
        }
    }
}

/// The running process makes one that tells a device about 3 frames of its 8, and dies. Returns the handle to it.
fn make_one_that_dies_with_a_transfer(world: &mut World) -> usize {
    let caller = world.kernel.current;
    let create = Tag::incoming(Operation::ProcessCreate, 63, Options::DMA);
    let child = world.make_with(create, 0, [8, 4, 0, 1]);
    let thread = world.make(Operation::ThreadCreate, child, [ENTRY, 0x9000, 40, 0]);
    world.done(Operation::ThreadStart, thread, [0; 4]);
    assert!(!world.is_running(caller), "the child runs");
    let memory = world.make(Operation::MemoryCreate, 0, [3 * PAGE_BYTES, 0, 0, 0]);
    world.done(Operation::MemoryInfo, memory, [0; 4]);
    world.call(Operation::Exit, 0, [0; 4]);
    assert!(world.is_running(caller));
    child
}

/// A process makes others that die with frames that a device may write to, and another process reaps them. The frames
/// stay in use, so their quota can't be had again.
#[test]
fn quarantine_is_charged_to_the_quota_that_it_came_from() {
    const ROUNDS: u32 = 2;
    let mut world = World::new();
    let before = holdings(&world);
    let [parent, reaper] = [world.spawn(20), world.spawn(10)];
    let all = Rights::all_of(abi::ObjectKind::Process);
    let theirs = world.grant(parent, reaper.process_handle, all, 0);
    let quota = |world: &World, process| world.kernel.processes.at(process).unwrap().quota;
    world.park();
    let (used, reapers) = (quota(&world, parent.process), quota(&world, reaper.process));
    let mut dead = Vec::new();
    for _ in 0..ROUNDS {
        let child = make_one_that_dies_with_a_transfer(&mut world);
        dead.push(world.make(Operation::ProcessGrant, theirs, [child, all.bits() as usize, 0, 0]));
    }
    let endpoint = world.endpoint();
    world.receive(endpoint);
    let mut held = Vec::new();
    for child in dead {
        held.push(reap_with_quarantine(&mut world, child));
    }
    assert!(held.iter().all(|handles| handles.len() == 1));
    let now = quota(&world, parent.process);
    assert_eq!(now.frames_used() - used.frames_used(), 3 * ROUNDS, "what is in quarantine is in use");
    assert_eq!(now.frames(), used.frames());
    assert_eq!(quota(&world, reaper.process), reapers, "the frames never were the reaper's");
    // One of them is let go.
    while world.done(Operation::Destroy, held[0][0], [0; 4])[0] != 0 {}
    assert_eq!(quota(&world, parent.process).frames_used() - used.frames_used(), 3 * (ROUNDS - 1));
    // When the parent dies, too, they are in the quota that its own came from.
    world.ring();
    world.done(Operation::ProcessKill, parent.process_handle, [0; 4]);
    world.poll(world.supervisor).unwrap();
    let left = reap_with_quarantine(&mut world, parent.process_handle);
    assert_eq!(left.len() as u32, ROUNDS - 1);
    world.done(Operation::ProcessKill, reaper.process_handle, [0; 4]);
    world.poll(world.supervisor).unwrap();
    world.reap(reaper.process_handle);
    let (free, used, ..) = holdings(&world);
    let frames = 3 * (ROUNDS - 1);
    assert_eq!((before.0 - free, used - before.1), (frames as usize, frames));
    for handle in &left {
        while world.done(Operation::Destroy, *handle, [0; 4])[0] != 0 {}
    }
    let handles = [parent, reaper].map(|actor| [actor.process_handle, actor.thread_handle]);
    for handle in handles.into_iter().flatten().chain(left) {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
}

/// A pair that does so for ever comes to an end.
#[test]
fn quarantine_is_bounded_by_the_quota_that_it_came_from() {
    let mut world = World::new();
    let parent = world.spawn(20);
    world.park();
    let create = Tag::incoming(Operation::ProcessCreate, 63, Options::DMA);
    let mut rounds = 0;
    while world.call_with(create, 0, [8, 4, 0, 1]).result() != Err(Error::NoMemory) {
        let made = world.message(parent.thread).words[0];
        if made == 0 {
            // The frame for its root is being zeroed.
            continue;
        }
        rounds += 1;
        assert!(rounds < 20, "frames without end");
        // There is room for one that dies with a transfer.
        world.done(Operation::ProcessKill, made, [0; 4]);
        while world.done(Operation::ProcessReap, made, [0; 4])[0] != 0 {}
        world.done(Operation::HandleClose, made, [0; 4]);
        let child = make_one_that_dies_with_a_transfer(&mut world);
        reap_with_quarantine(&mut world, child);
        world.done(Operation::HandleClose, child, [0; 4]);
    }
    let quota = world.kernel.processes.at(parent.process).unwrap().quota;
    assert!(quota.frames_used() <= quota.frames() && rounds > 3, "{rounds} rounds, {quota:?}");
}

/// What a descendant leaves goes to the reaper once, when the process that is reaped leaves it.
#[test]
fn a_descendants_quarantine_comes_with_its_parents() {
    let mut world = World::new();
    let before = holdings(&world);
    let parent = world.spawn(20);
    world.park();
    make_one_that_dies_with_a_transfer(&mut world);
    world.call(Operation::Exit, 0, [0; 4]);
    let quarantined = reap_with_quarantine(&mut world, parent.process_handle);
    assert_eq!(quarantined.len(), 1);
    assert_eq!(holdings(&world).1 - before.1, 3);
    while world.done(Operation::Destroy, quarantined[0], [0; 4])[0] != 0 {}
    for handle in [parent.process_handle, parent.thread_handle, quarantined[0]] {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
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

/// What the running process learns of where memory of its making is.
fn address_of_new_memory(world: &mut World) -> usize {
    let memory = world.make(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]);
    world.done(Operation::MemoryInfo, memory, [0; 4])[2]
}

#[test]
fn physical_addresses_are_for_processes_that_may_know_them() {
    let mut world = World::new();
    world.spawn(20);
    world.park();
    assert_ne!(address_of_new_memory(&mut world), 0);
    // A child is made without that right; its own child can't have it either.
    let (mut options, mut addresses) = (Options::empty(), Vec::new());
    for (priority, frames) in [(21, 20), (22, 8)] {
        let create = Tag::incoming(Operation::ProcessCreate, 30, options);
        let child = world.make_with(create, 0, [frames, frames, 0, 1]);
        let thread = world.make(Operation::ThreadCreate, child, [ENTRY, 0x9000, priority, 0]);
        world.call(Operation::ThreadStart, thread, [0; 4]);
        addresses.push(address_of_new_memory(&mut world));
        options = Options::DMA;
    }
    assert_eq!(addresses, [0, 0]);
}
