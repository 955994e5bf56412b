//! Memory that a device may still write after its process has ended, and who may know where memory lies.

use super::processes::holdings;
use super::world::{ENTRY, World};
use abi::{Error, Operation, Options, PAGE_BYTES, Rights, Tag};
use std::vec::Vec;

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
    world.destroy(quarantined);
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
    world.destroy(held[0][0]);
    assert_eq!(quota(&world, parent.process).frames_used() - used.frames_used(), 3 * (ROUNDS - 1));
    // When the parent is reaped, the frames in quarantine are charged to the process that made the parent.
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
        world.destroy(*handle);
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
    world.destroy(quarantined[0]);
    for handle in [parent.process_handle, parent.thread_handle, quarantined[0]] {
        world.done(Operation::HandleClose, handle, [0; 4]);
    }
    assert_eq!(holdings(&world), before);
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
