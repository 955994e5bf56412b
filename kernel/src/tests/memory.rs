//! Memory objects: made, zeroed, mapped, sealed, taken back.

use super::invariants;
use super::world::{ENTRY, STACK, World};
use crate::Kernel;
use crate::fake::{DEVICE_FIRST, DEVICE_FRAMES, Fake};
use crate::frames::{Frame, FrameRun};
use crate::machine::MemoryType;
use abi::{
    Access, BYTES_ZEROED_PER_CALL, Error, InfoItem, Operation, Options, PAGE_BYTES, PAGES_PER_CALL, Rights, Tag,
};
use std::boxed::Box;

const AT: usize = 0x10_0000;
const READ: Options = Options::ACCESS_READ;
const WRITE: Options = Options::ACCESS_WRITE;
const EXECUTE: Options = Options::ACCESS_EXECUTE;

fn map(access: Options) -> Tag {
    Tag::incoming(Operation::MemoryMap, 0, access)
}

fn create(world: &mut World, pages: usize) -> usize {
    world.make(Operation::MemoryCreate, 0, [pages * PAGE_BYTES, 0, 0, 0])
}

fn prepared(world: &mut World, pages: usize) -> usize {
    let memory = create(world, pages);
    while world.done(Operation::MemoryPrepare, memory, [0; 4])[0] != 0 {}
    memory
}

#[test]
fn memory_is_zeroed_in_slices_before_it_is_mapped() {
    let mut world = World::new();
    let memory = create(&mut world, 2);
    let left = |world: &mut World| world.done(Operation::MemoryPrepare, memory, [0; 4])[0];
    let parts = 2 * PAGE_BYTES / BYTES_ZEROED_PER_CALL;
    for number in 1..=parts {
        assert_eq!(world.refused_with(map(READ), memory, [AT, 0, PAGE_BYTES, 0]), Error::NotPrepared);
        assert_eq!(world.refused(Operation::MemorySeal, memory, [0; 4]), Error::NotPrepared);
        assert_eq!(left(&mut world), (parts - number) * BYTES_ZEROED_PER_CALL);
    }
    assert_eq!(left(&mut world), 0);
    world.map(map(READ), memory, [AT, 0, PAGE_BYTES, 0]);
}

#[test]
fn frames_that_come_back_are_zeroed_again() {
    let mut world = World::new();
    let memory = prepared(&mut world, 1);
    world.map(map(WRITE), memory, [AT, 0, PAGE_BYTES, 0]);
    let frame = world.mapped(world.init.process, AT).unwrap().frame;
    let before = world.machine.zeroed[&frame];
    world.destroy(memory);
    let again = prepared(&mut world, 1);
    world.map(map(READ), again, [AT, 0, PAGE_BYTES, 0]);
    assert_eq!(world.mapped(world.init.process, AT).unwrap().frame, frame, "the test needs the same frame");
    assert_eq!(world.machine.zeroed[&frame], before + 1);
}

/// Frames that a slice of its end has given back may be anybody's.
#[test]
fn memory_whose_end_has_begun_is_of_no_use() {
    let mut world = World::new();
    let memory = create(&mut world, 33);
    world.done(Operation::MemoryPrepare, memory, [0; 4]);
    assert_ne!(world.done(Operation::Destroy, memory, [0; 4])[0], 0, "the test needs an end of several slices");
    let other = prepared(&mut world, 32);
    for operation in [Operation::MemoryPrepare, Operation::MemorySeal, Operation::MemoryInfo] {
        assert_eq!(world.refused(operation, memory, [0; 4]), Error::Busy, "{operation:?}");
    }
    assert_eq!(world.refused_with(map(READ), memory, [AT, 0, PAGE_BYTES, 0]), Error::Busy);
    world.destroy(memory);
    world.map(map(WRITE), other, [AT, 0, PAGE_BYTES, 0]);
}

#[test]
fn a_long_mapping_is_made_and_taken_back_in_slices() {
    let mut world = World::new();
    let pages = 2 * PAGES_PER_CALL + 3;
    let memory = prepared(&mut world, pages);
    let mut done = 0;
    while done < pages * PAGE_BYTES {
        let step = world.map(map(WRITE), memory, [AT + done, done, pages * PAGE_BYTES - done, 0]);
        assert!(step > 0 && step <= PAGES_PER_CALL * PAGE_BYTES);
        done += step;
    }
    assert_eq!(world.kernel.mappings.used(), 1, "it is one stretch");
    let middle = [AT + PAGE_BYTES, PAGE_BYTES, 0, 0];
    assert_eq!(world.refused(Operation::MemoryUnmap, 0, middle), Error::BadArgument, "stretches aren't cut");
    let mut undone = 0;
    loop {
        let [step, ..] = world.done(Operation::MemoryUnmap, 0, [AT, pages * PAGE_BYTES, 0, 0]);
        if step == 0 {
            break;
        }
        undone += step;
    }
    assert_eq!(undone, pages * PAGE_BYTES);
    assert_eq!(world.kernel.mappings.used(), 0);
}

#[test]
fn nothing_is_writable_and_executable() {
    let mut world = World::new();
    let memory = prepared(&mut world, 2);
    assert_eq!(world.refused_with(map(EXECUTE), memory, [AT, 0, PAGE_BYTES, 0]), Error::Sealed);
    world.map(map(WRITE), memory, [AT, 0, PAGE_BYTES, 0]);
    world.map(map(READ), memory, [AT + PAGE_BYTES, PAGE_BYTES, PAGE_BYTES, 0]);
    assert_eq!(world.refused(Operation::MemorySeal, memory, [0; 4]), Error::Sealed);
    world.done(Operation::MemoryUnmap, 0, [AT, PAGE_BYTES, 0, 0]);
    world.done(Operation::MemorySeal, memory, [0; 4]);
    assert_eq!(world.refused_with(map(WRITE), memory, [AT, 0, PAGE_BYTES, 0]), Error::Sealed);
    assert_eq!(world.refused_with(map(WRITE | EXECUTE), memory, [AT, 0, PAGE_BYTES, 0]), Error::Sealed);
    world.map(map(EXECUTE), memory, [AT, 0, PAGE_BYTES, 0]);
    assert_eq!(world.mapped(world.init.process, AT).unwrap().access, Access::READ | Access::EXECUTE);
}

#[test]
fn a_mapping_needs_the_rights_for_its_access() {
    let mut world = World::new();
    let memory = prepared(&mut world, 1);
    let weak = world.make(Operation::HandleCopy, memory, [Rights::READ.bits() as usize, 0, 0, 0]);
    let none = world.make(Operation::HandleCopy, memory, [Rights::WRITE.bits() as usize, 0, 0, 0]);
    let at = [AT, 0, PAGE_BYTES, 0];
    assert_eq!(world.refused_with(map(WRITE), weak, at), Error::MissingRight);
    assert_eq!(world.refused_with(map(EXECUTE), weak, at), Error::MissingRight);
    assert_eq!(world.refused_with(map(WRITE), none, at), Error::MissingRight);
    assert_eq!(world.refused(Operation::MemorySeal, weak, [0; 4]), Error::MissingRight);
    assert_eq!(world.refused(Operation::MemoryPrepare, weak, [0; 4]), Error::MissingRight);
    world.map(map(READ), weak, at);
}

#[test]
fn ranges_that_make_no_sense_are_refused() {
    let mut world = World::new();
    let memory = prepared(&mut world, 2);
    let page = PAGE_BYTES;
    for words in [
        [0, 0, page, 0],
        [AT + 1, 0, page, 0],
        [AT, 1, page, 0],
        [AT, 0, 0, 0],
        [AT, 0, 3 * page, 0],
        [AT, 2 * page, page, 0],
        [AT, usize::MAX - page + 1, 2 * page, 0],
        [AT, 0, usize::MAX, 0],
        [abi::USER_END, 0, page, 0],
        [abi::USER_END - page, 0, 2 * page, 0],
        [usize::MAX - page + 1, 0, page, 0],
    ] {
        assert_eq!(world.refused_with(map(READ), memory, words), Error::BadArgument, "{words:x?}");
    }
    assert_eq!(world.refused(Operation::MemoryUnmap, 0, [AT, usize::MAX, 0, 0]), Error::BadArgument);
    assert_eq!(world.done(Operation::MemoryUnmap, 0, [AT, page, 0, 0])[0], 0);
    world.map(map(READ), memory, [abi::USER_END - page, 0, page, 0]);
    for bytes in [0, usize::MAX] {
        assert_eq!(world.refused(Operation::MemoryCreate, 0, [bytes, 0, 0, 0]), Error::BadArgument);
    }
    assert_eq!(world.refused(Operation::MemoryCreate, 0, [1 << 40, 0, 0, 0]), Error::NoMemory);
}

#[test]
fn an_occupied_page_is_a_conflict() {
    let mut world = World::new();
    let memory = prepared(&mut world, 3);
    world.map(map(READ), memory, [AT + 2 * PAGE_BYTES, 0, PAGE_BYTES, 0]);
    assert_eq!(world.refused_with(map(READ), memory, [AT + 2 * PAGE_BYTES, 0, PAGE_BYTES, 0]), Error::Conflict);
    // What goes goes; the call that can't go on says why.
    assert_eq!(world.map(map(READ), memory, [AT, 0, 3 * PAGE_BYTES, 0]), 2 * PAGE_BYTES);
    let rest = [AT + 2 * PAGE_BYTES, 2 * PAGE_BYTES, PAGE_BYTES, 0];
    assert_eq!(world.refused_with(map(READ), memory, rest), Error::Conflict);
}

#[test]
fn destroying_memory_takes_it_from_everybody() {
    let mut world = World::new();
    let actor = world.spawn_stopped(10);
    let memory = prepared(&mut world, 20);
    for (process, link) in [(0, world.init.process), (actor.process_handle, actor.process)] {
        world.map(map(READ), memory, [AT, 0, 16 * PAGE_BYTES, process]);
        world.map(map(READ), memory, [AT + 16 * PAGE_BYTES, 16 * PAGE_BYTES, 4 * PAGE_BYTES, process]);
        assert!(world.mapped(link, AT + 19 * PAGE_BYTES).is_some());
    }
    assert_eq!(world.done(Operation::Destroy, memory, [0; 4])[0], 1);
    assert_eq!(world.refused_with(map(READ), memory, [0x90_0000, 0, PAGE_BYTES, 0]), Error::Busy);
    world.destroy(memory);
    assert!(world.mapped(world.init.process, AT).is_none() && world.mapped(actor.process, AT).is_none());
    assert_eq!(world.refused(Operation::Destroy, memory, [0; 4]), Error::BadHandle);
}

#[test]
fn a_mapping_is_charged_to_the_process_that_it_is_in() {
    let mut world = World::new();
    let memory = prepared(&mut world, 2);
    let create = Tag::incoming(Operation::ProcessCreate, 20, Options::empty());
    let child = world.make_with(create, 0, [3, 1, 0, 1]);
    let link = world.object(child);
    let quota = |world: &World| world.kernel.processes.at(link).unwrap().quota;
    world.map(map(READ), memory, [AT, 0, PAGE_BYTES, child]);
    assert_eq!((quota(&world).frames_used(), quota(&world).objects_used()), (2, 1), "the root and a table; a stretch");
    // It goes on the same stretch; another one is too many.
    world.map(map(READ), memory, [AT + PAGE_BYTES, PAGE_BYTES, PAGE_BYTES, child]);
    assert_eq!(world.refused_with(map(READ), memory, [2 * AT, 0, PAGE_BYTES, child]), Error::NoMemory);
    world.done(Operation::MemoryUnmap, 0, [AT, 2 * PAGE_BYTES, 0, child]);
    assert_eq!(quota(&world).objects_used(), 0);
    world.map(map(READ), memory, [2 * AT, 0, PAGE_BYTES, child]);
    assert_eq!(quota(&world).frames_used(), 3);
    world.done(Operation::MemoryUnmap, 0, [2 * AT, PAGE_BYTES, 0, child]);
    let beyond = [4 * AT, 0, PAGE_BYTES, child];
    assert_eq!(world.refused_with(map(READ), memory, beyond), Error::NoMemory, "no frame for a third table");
    assert_eq!(quota(&world).objects_used(), 0);
}

#[test]
fn device_memory_is_claimed_once_and_mapped_uncached() {
    let mut world = World::new();
    let root = world.init.root as usize;
    let [low, high] = abi::split(DEVICE_FIRST.0 as u64 * PAGE_BYTES as u64);
    let device = world.make(Operation::MemoryDevice, root, [low, high, 2 * PAGE_BYTES, 0]);
    assert_eq!(world.refused(Operation::MemoryDevice, root, [low + PAGE_BYTES, high, 1, 0]), Error::Conflict);
    let beyond = [low, high, (DEVICE_FRAMES as usize + 1) * PAGE_BYTES, 0];
    for words in [[0x5000, 0, 1, 0], [low + 1, high, 1, 0], [low, high, 0, 0], beyond, [low, 1 << 20, 1, 0]] {
        assert_eq!(world.refused(Operation::MemoryDevice, root, words), Error::BadArgument, "{words:x?}");
    }
    let free = world.kernel.frames.free();
    world.map(map(WRITE), device, [AT, 0, 2 * PAGE_BYTES, 0]);
    let mapping = world.mapped(world.init.process, AT + PAGE_BYTES).unwrap();
    assert_eq!((mapping.frame, mapping.memory_type), (Frame(DEVICE_FIRST.0 + 1), MemoryType::Device));
    assert_eq!(world.refused(Operation::MemorySeal, device, [0; 4]), Error::BadArgument);
    world.destroy(device);
    assert!(world.kernel.frames.free() <= free, "device registers are no frames of the pool");
}

#[test]
fn a_machine_without_memory_left_says_so_and_recovers() {
    let mut world = World::with_frames(40);
    let mut held = std::vec::Vec::new();
    while let Ok([memory, ..]) = world.call(Operation::MemoryCreate, 0, [PAGE_BYTES * 4, 0, 0, 0]).result() {
        held.push(memory);
    }
    let create = Tag::incoming(Operation::ProcessCreate, 1, Options::empty());
    while let Ok([_, ..]) = world.call(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]).result() {}
    assert_eq!(world.refused_with(create, 0, [1, 1, 0, 0]), Error::NoMemory);
    while world.done(Operation::MemoryPrepare, held[0], [0; 4])[0] != 0 {}
    assert_eq!(world.refused_with(map(READ), held[0], [AT, 0, PAGE_BYTES, 0]), Error::NoMemory, "no page table");
    world.destroy(held[1]);
    world.map(map(READ), held[0], [AT, 0, PAGE_BYTES, 0]);
}

#[test]
fn a_boot_module_becomes_ordinary_memory_when_it_is_destroyed() {
    let mut machine = Fake::default();
    let mut kernel = Box::new(Kernel::EMPTY);
    let setup = Fake::setup(64, Frame(u32::MAX));
    let runs = [FrameRun { first: Frame(1), count: 50 }].into_iter();
    let setup = crate::boot::Setup { records: setup.records, low_end: setup.low_end, runs };
    kernel.initialise(&mut machine, setup).unwrap();
    let init = kernel.boot_process(&mut machine).unwrap();
    let module = kernel.boot_module(init.process, FrameRun { first: Frame(55), count: 4 }).unwrap();
    let handle = kernel.boot_grant(init.process, module).unwrap() as usize;
    kernel.boot_thread(&mut machine, init.process, ENTRY, STACK, [0; 4]).unwrap();
    kernel.start(&mut machine);
    let mut world = World::of(kernel, machine, init);
    invariants::check(&world);
    let memory = [InfoItem::Memory as usize, 0, 0, 0];
    let [total, free, held, _] = world.done(Operation::Info, 0, memory);
    world.destroy(handle);
    assert_eq!(world.done(Operation::Info, 0, memory), [total + 4, free + 4, held, 0]);
    let quota = world.kernel.processes.at(world.init.process).unwrap().quota;
    assert_eq!(quota.frames() as usize, 50 - 1 + 4, "init may use it");
}
