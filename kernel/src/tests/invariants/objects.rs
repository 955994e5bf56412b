//! Objects: each has an owner that pays for it, and handles name what they say.

use crate::objects::event::Event;
use crate::objects::memory::MemoryKind;
use crate::objects::process::Life;
use crate::objects::thread::State;
use crate::tables::Link;
use crate::tests::world::World;
use abi::{ObjectKind, Rights};
use std::vec::Vec;

pub fn check(world: &World) {
    check_quotas(world);
    check_handles(world);
    check_ports(world);
    check_replies(world);
}

/// What a process uses is what it holds and what it gave to its children.
fn check_quotas(world: &World) {
    let kernel = &world.kernel;
    for (link, process) in kernel.processes.iter() {
        let (mut frames_used, mut objects_used) = (0, 0);
        let owned = |owner: &Link| *owner == link;
        let mut objects = kernel.endpoints.iter().filter(|(_, endpoint)| owned(&endpoint.owner())).count();
        objects += kernel.interrupts.iter().filter(|(_, source)| owned(&source.owner())).count();
        objects += kernel.timers.iter().filter(|(_, timer)| owned(&timer.owner())).count();
        objects += kernel.ports.iter().filter(|(_, ports)| owned(&ports.owner())).count();
        objects += kernel.replies.iter().filter(|(_, reply)| owned(&reply.owner())).count();
        objects += kernel.mappings.iter().filter(|(_, range)| owned(&range.process)).count();
        objects += kernel.memories.iter().filter(|(_, memory)| owned(&memory.owner())).count();
        if link != kernel.root {
            objects += process.thread_count();
        }
        objects_used += objects as u32;
        for (_, memory) in kernel.memories.iter().filter(|(_, memory)| owned(&memory.owner())) {
            if memory.kind() == MemoryKind::Pool {
                frames_used += memory.run().count;
            }
        }
        frames_used += process.spare.is_some() as u32;
        for (_, thread) in kernel.threads.iter().filter(|(_, thread)| owned(&thread.process)) {
            frames_used += (thread.floating_point.0 != 0) as u32;
        }
        if let Some(space) = world.machine.spaces.get(&process.home.space) {
            frames_used += 1 + space.tables.len() as u32;
        }
        let name = kernel.processes.name(link);
        for (_, child) in kernel.processes.iter().filter(|(_, child)| child.origin().parent == name) {
            frames_used += child.quota.frames();
            objects_used += child.quota.objects() + abi::OBJECTS_PER_PROCESS;
        }
        let quota = process.quota;
        assert_eq!(quota.frames_used(), frames_used, "the frames of process {}", process.origin().badge);
        assert_eq!(quota.objects_used(), objects_used, "the objects of process {}", process.origin().badge);
        assert!(
            quota.frames_used() <= quota.frames(),
            "process {} has more frames than its quota",
            process.origin().badge
        );
        assert!(
            quota.objects_used() <= quota.objects(),
            "process {} has more objects than its quota",
            process.origin().badge
        );
    }
    let live = |owner: Link| kernel.processes.live(owner).is_some();
    assert!(kernel.endpoints.iter().all(|(_, endpoint)| live(endpoint.owner())));
    assert!(kernel.interrupts.iter().all(|(_, source)| live(source.owner())));
    assert!(kernel.timers.iter().all(|(_, timer)| live(timer.owner())));
    assert!(kernel.ports.iter().all(|(_, ports)| live(ports.owner())));
    assert!(kernel.replies.iter().all(|(_, reply)| live(reply.owner())));
    assert!(kernel.memories.iter().all(|(_, memory)| live(memory.owner())));
}

/// A handle allows no more than its kind can, and all handles are in the table of a process that lives.
fn check_handles(world: &World) {
    let kernel = &world.kernel;
    let mut count = 0;
    let mut runs: Vec<(u32, u32)> = Vec::new();
    let mut replies: Vec<Link> = Vec::new();
    for (link, process) in kernel.processes.iter().filter(|(link, _)| *link != kernel.root) {
        let (first, last) = process.table.bounds();
        assert!(runs.iter().all(|(one, other)| last < *one || *other < first), "two processes share a table");
        runs.push((first, last));
        for (_, grant) in kernel.handles.of(&process.table) {
            assert!(Rights::all_of(grant.kind).contains(grant.rights));
            count += 1;
            let alive = process.life() == Life::Alive;
            // What the dead hold is out of everybody's reach, and may have been given back.
            let held = alive || kernel.replies.at(grant.link()).is_some_and(|reply| reply.owner() == link);
            if grant.kind == ObjectKind::Reply && kernel.replies.get(grant.object).is_some() && held {
                assert_eq!(kernel.replies.get(grant.object).unwrap().owner(), link, "a Reply is another's");
                replies.push(grant.link());
            }
        }
    }
    assert_eq!(count, kernel.handles.count_entries(), "a handle is outside of every process's table");
    assert_eq!(count, kernel.handles.used(), "handles are counted wrongly");
    assert_eq!(replies.len(), kernel.replies.used(), "a Reply has no handle, or two");
}

/// A Reply has a caller that waits for it, or waits itself to tell that the caller has gone.
fn check_replies(world: &World) {
    let kernel = &world.kernel;
    for (link, reply) in kernel.replies.iter() {
        let waits =
            kernel.threads.at(reply.caller()).is_some_and(|caller| caller.state() == State::awaiting_reply(link));
        let tells = kernel.events.at(Event::CallerGone(link).link()).unwrap().queued_at().is_some();
        let untold = kernel.endpoints.get(reply.endpoint()).is_none();
        assert!(waits || tells || untold, "a Reply has lost its caller and tells nobody");
        assert!(!(waits && tells), "a Reply has its caller, and tells that this has gone");
        let table = &kernel.processes.at(reply.owner()).unwrap().table;
        let named =
            kernel.handles.of(table).iter().any(|(value, grant)| {
                *value == reply.handle() && grant.kind == ObjectKind::Reply && grant.link() == link
            });
        assert!(named, "a Reply's handle has another number");
    }
}

/// Claimed ranges don't overlap, and a process uses only ranges that are claimed.
fn check_ports(world: &World) {
    let kernel = &world.kernel;
    let in_order = kernel.ports.in_order(&kernel.claimed_ports);
    assert_eq!(in_order.len(), kernel.ports.used(), "a claimed range of ports is lost");
    let claimed: Vec<_> = kernel.ports.iter().map(|(_, ports)| ports.range()).collect();
    for (position, one) in claimed.iter().enumerate() {
        for other in &claimed[position + 1..] {
            let apart = one.first as u32 + one.count as u32 <= other.first as u32
                || other.first as u32 + other.count as u32 <= one.first as u32;
            assert!(apart, "{one:?} and {other:?} overlap");
        }
    }
    for (_, process) in kernel.processes.iter() {
        let home = &process.home;
        for (position, range) in home.ports.iter().enumerate() {
            let in_use = position < home.port_ranges as usize;
            assert_eq!(range.count != 0, in_use);
            assert!(!in_use || claimed.contains(range), "{range:?} is used but not claimed");
        }
    }
}
