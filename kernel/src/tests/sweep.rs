//! Stale names: they stay stale however long others create and destroy, and no table wears out.

use super::world::{ENTRY, STACK, World};
use crate::machine::Line;
use crate::tables::sizes::{ENDPOINTS, GENERATIONS};
use abi::{Error, ObjectKind, Operation, Rights};
use std::vec::Vec;

/// Lives that bring every generation back, several times.
const LIVES: usize = 4 * GENERATIONS as usize + 3;

fn destroy(world: &mut World, handle: usize) {
    world.destroy(handle);
    world.done(Operation::HandleClose, handle, [0; 4]);
}

/// Destroys an object but keeps a handle to it.
fn destroyed(world: &mut World, object: usize) -> usize {
    let stale = world.make(Operation::HandleCopy, object, [usize::MAX, 0, 0, 0]);
    destroy(world, object);
    stale
}

#[test]
fn a_program_with_one_free_object_uses_no_table_up() {
    let mut world = World::new();
    let others: Vec<usize> = (0..ENDPOINTS)
        .map_while(|_| {
            Some(world.call(Operation::EndpointCreate, 0, [0; 4]))
                .filter(|answer| answer.result().is_ok())
                .map(|answer| answer.words[0])
        })
        .collect();
    let last = others[others.len() - 1];
    destroy(&mut world, last);
    // One slot is left, and all of its lives are this program's.
    for life in 0..LIVES {
        let endpoint = world.call(Operation::EndpointCreate, 0, [0; 4]);
        assert!(endpoint.result().is_ok(), "life {life}: {endpoint:?}");
        destroy(&mut world, endpoint.words[0]);
    }
}

#[test]
fn a_stale_handle_never_names_a_later_object() {
    let mut world = World::new();
    let object = world.endpoint();
    let stale = destroyed(&mut world, object);
    for life in 0..LIVES {
        let endpoint = world.endpoint();
        for (operation, words) in [(Operation::Notify, [1, 0, 0, 0]), (Operation::Destroy, [0; 4])] {
            assert_eq!(world.refused(operation, stale, words), Error::BadHandle, "life {life}: {operation:?}");
        }
        destroy(&mut world, endpoint);
    }
}

/// A copy could be made behind the sweep again and again.
#[test]
fn a_stale_handle_is_not_copied() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let object = world.endpoint();
    let stale = destroyed(&mut world, object);
    let all = Rights::all_of(ObjectKind::Endpoint).bits() as usize;
    assert_eq!(world.refused(Operation::HandleCopy, stale, [all, 0, 0, 0]), Error::BadHandle);
    assert_eq!(world.refused(Operation::ProcessGrant, actor.process_handle, [stale, all, 0, 0]), Error::BadHandle);
}

/// What a thread, a timer, a source and a process keep of an endpoint doesn't come to mean another one.
#[test]
fn what_objects_keep_of_an_endpoint_stays_stale() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    world.make(Operation::ThreadCreate, 0, [ENTRY, STACK, 40, endpoint]);
    world.make(Operation::TimerCreate, 0, [endpoint, 1, 0, 0]);
    let source = world.make(Operation::InterruptCreate, world.init.root as usize, [3, 0, 0, 0]);
    world.done(Operation::InterruptBind, source, [endpoint, 1, 1, 0]);
    world.call(Operation::Null, 0, [0; 4]);
    destroy(&mut world, endpoint);
    for life in 0..LIVES {
        let later = world.endpoint();
        let link = world.object(later);
        let kernel = &world.kernel;
        let names: Vec<_> = kernel
            .threads
            .iter()
            .flat_map(|(_, thread)| [thread.fault_endpoint(), thread.serves()])
            .chain(kernel.timers.iter().map(|(_, timer)| timer.endpoint()))
            .chain(kernel.interrupts.iter().map(|(_, source)| source.endpoint()))
            .collect();
        assert!(names.iter().all(|name| kernel.endpoints.resolve(*name) != Some(link)), "life {life}: {names:?}");
        destroy(&mut world, later);
    }
    // The source is masked once it notices, and can be bound anew.
    world.raise(Line(3));
    let again = world.endpoint();
    world.done(Operation::InterruptBind, source, [again, 1, 1, 0]);
}
