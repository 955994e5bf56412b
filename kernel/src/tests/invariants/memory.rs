//! Memory: every frame has one use, and address spaces map what the core thinks they map.

use crate::fake::Use;
use crate::frames::Frame;
use crate::machine::{FramePart, Mapping, MemoryType, Page};
use crate::objects::memory::{IN_MEMORY, MemoryKind};
use crate::tests::world::World;
use abi::{Access, PAGE_BYTES};
use std::collections::{BTreeMap, BTreeSet};
use std::vec::Vec;

pub fn check(world: &World) {
    check_frames(world);
    check_mappings(world);
    check_protection(world);
}

/// What each frame is used for.
pub fn uses(world: &World) -> BTreeMap<Frame, Use> {
    let kernel = &world.kernel;
    let mut uses: BTreeMap<Frame, Use> = BTreeMap::new();
    let mut note = |frame: Frame, purpose| {
        let other = uses.insert(frame, purpose);
        assert_eq!(other, None, "{frame:?} is {purpose:?} as well");
    };
    let mut free = 0;
    for run in kernel.frames.free_blocks() {
        free += run.count as usize;
        (run.first.0..run.first.0 + run.count).for_each(|frame| note(Frame(frame), Use::Free));
    }
    assert_eq!(free, kernel.frames.free(), "the number of free frames is wrong");
    for (space, entries) in &world.machine.spaces {
        note(space.0, Use::Table);
        entries.tables.values().for_each(|frame| note(*frame, Use::Table));
    }
    for (_, memory) in kernel.memories.iter().filter(|(_, memory)| memory.kind() != MemoryKind::Device) {
        let first = memory.run().first.0;
        let purpose = if memory.is_prepared() { Use::Memory } else { Use::Unprepared };
        (first..first + memory.run().count).for_each(|frame| note(Frame(frame), purpose));
    }
    for (_, process) in kernel.processes.iter().filter(|(_, process)| process.spare.is_some()) {
        note(process.spare.frame(), Use::Unprepared);
    }
    for (_, thread) in kernel.threads.iter().filter(|(_, thread)| thread.floating_point.0 != 0) {
        note(thread.floating_point, Use::Registers);
        assert_eq!(thread.context.floating_point, Some(thread.floating_point));
    }
    uses
}

/// Free and held frames together are all frames, and none has two uses.
fn check_frames(world: &World) {
    let kernel = &world.kernel;
    let uses = uses(world);
    let modules: u32 = kernel
        .memories
        .iter()
        .filter(|(_, memory)| memory.kind() == MemoryKind::Module)
        .map(|(_, memory)| memory.run().count)
        .sum();
    assert_eq!(uses.len(), kernel.frames.total() + modules as usize, "a frame is lost");
    // What a process has used contains what it has given to its children as quota.
    let processes = || kernel.processes.iter().map(|(link, process)| (kernel.processes.name(link), process));
    let used: u32 = processes().map(|(_, process)| process.quota.frames_used()).sum();
    let given: u32 = processes()
        .filter(|(_, process)| kernel.processes.resolve(process.origin().parent).is_some())
        .map(|(_, process)| process.quota.frames())
        .sum();
    assert_eq!(
        (used - given) as usize,
        kernel.frames.total() - kernel.frames.free(),
        "held frames are charged to nobody"
    );
}

/// The stretches that processes and memory objects list are those that the address spaces map.
fn check_mappings(world: &World) {
    let kernel = &world.kernel;
    let mut listed = 0;
    for (link, process) in kernel.processes.iter() {
        let mut expected: BTreeMap<Page, Mapping> = BTreeMap::new();
        let ranges = kernel.mappings.in_order(process.mappings.by_address());
        assert_eq!(ranges.len(), process.mappings.count());
        let last = process.mappings.last();
        assert!(!last.is_some() || ranges.contains(&last), "the last stretch is gone");
        listed += ranges.len();
        for range in ranges {
            let range = kernel.mappings.at(range).unwrap();
            assert_eq!(range.process, link);
            assert!(range.pages() > 0, "an empty stretch is kept");
            assert!(kernel.memories.live(range.memory).is_some(), "a stretch of memory that is gone");
            let memory = kernel.memories.at(range.memory).unwrap();
            assert!(range.offset + range.pages() <= memory.run().count, "a stretch goes beyond its memory");
            for number in 0..range.pages() {
                let page = Page::new(range.address + number as usize * PAGE_BYTES).unwrap();
                let frame = Frame(memory.run().first.0 + range.offset + number);
                let memory_type =
                    if memory.kind() == MemoryKind::Device { MemoryType::Device } else { MemoryType::Ram };
                expected.insert(page, Mapping { page, frame, access: range.access, memory_type });
            }
        }
        if let Some(space) = world.machine.spaces.get(&process.home.space) {
            assert_eq!(space.pages, expected, "process {} maps something else", process.origin().badge);
        } else {
            assert!(expected.is_empty());
        }
    }
    assert_eq!(listed, kernel.mappings.used(), "a stretch belongs to no process");
    let devices = kernel.memories.iter().filter(|(_, memory)| memory.kind() == MemoryKind::Device).count();
    assert_eq!(kernel.memories.in_order(&kernel.claimed_memory).len(), devices, "claimed device memory is lost");
    let mut by_memory: Vec<_> = Vec::new();
    for (link, memory) in kernel.memories.iter() {
        let ranges = kernel.mappings.walk::<IN_MEMORY>(memory.mappings());
        let writable = ranges.iter().filter(|range| {
            let range = kernel.mappings.at(**range).unwrap();
            assert_eq!(range.memory, link);
            range.access.contains(Access::WRITE)
        });
        assert_eq!(writable.count(), memory.writable() as usize, "writable mappings are counted wrongly");
        by_memory.extend(ranges);
    }
    let distinct: BTreeSet<_> = by_memory.iter().collect();
    assert_eq!((distinct.len(), by_memory.len()), (listed, listed), "a stretch belongs to no memory object");
}

/// Nothing is mapped before it is zeroed, nothing sealed is writable, nothing unsealed executable.
fn check_protection(world: &World) {
    let kernel = &world.kernel;
    for (_, memory) in kernel.memories.iter() {
        assert!(
            memory.unprepared() as usize <= memory.run().count as usize * FramePart::COUNT as usize
                || memory.is_dying()
        );
        assert!(memory.unprepared() == 0 || memory.mappings().is_empty());
        assert!(!memory.is_sealed() || memory.writable() == 0, "sealed memory is mapped writable");
    }
    for (_, range) in kernel.mappings.iter() {
        let memory = kernel.memories.at(range.memory).unwrap();
        assert!(!range.access.contains(Access::EXECUTE) || memory.is_sealed(), "unsealed memory is mapped executable");
    }
}
