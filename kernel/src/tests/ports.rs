//! I/O ports: claimed once, attached to processes, gone for all when they are destroyed.

use super::world::World;
use crate::machine::PORT_RANGES;
use abi::{Error, Operation, Rights};

fn claim(world: &mut World, first: usize, count: usize) -> usize {
    world.make(Operation::PortsCreate, world.init.root as usize, [first, count, 0, 0])
}

#[test]
fn a_range_has_one_owner() {
    let mut world = World::new();
    let root = world.init.root as usize;
    claim(&mut world, 0x3F8, 8);
    for (first, count) in [(0x3F8, 8), (0x3F0, 9), (0x3FF, 4), (0, 0x1000)] {
        assert_eq!(world.refused(Operation::PortsCreate, root, [first, count, 0, 0]), Error::Conflict);
    }
    for (first, count) in [(0, 0), (0xFFFF, 2), (0x1_0000, 1), (usize::MAX, 2)] {
        assert_eq!(world.refused(Operation::PortsCreate, root, [first, count, 0, 0]), Error::BadArgument);
    }
    assert_eq!(world.refused(Operation::PortsCreate, root, [0x20, 2, 0, 0]), Error::Conflict, "the kernel's");
    claim(&mut world, 0x3F0, 8);
    claim(&mut world, 0x400, 0xFC00);
}

#[test]
fn attached_ports_are_loaded_with_their_process() {
    let mut world = World::new();
    let actor = world.spawn(20);
    let ports = claim(&mut world, 0x60, 5);
    let theirs = world.grant(actor, ports, Rights::PORTS, 0);
    world.park();
    let (_, home) = world.machine.resumes.unwrap();
    assert_eq!(home.port_ranges, 0);
    let version = home.ports_version;
    world.done(Operation::PortsAttach, theirs, [0; 4]);
    world.done(Operation::PortsAttach, theirs, [0; 4]);
    let (_, home) = world.machine.resumes.unwrap();
    assert_eq!((home.port_ranges, home.ports[0].first, home.ports[0].count), (1, 0x60, 5));
    assert_ne!(home.ports_version, version, "the machine would keep the ports that it has loaded");
}

#[test]
fn a_supervisor_attaches_ports_to_its_child() {
    let mut world = World::new();
    let actor = world.spawn(20);
    for number in 0..PORT_RANGES {
        let ports = claim(&mut world, 0x1000 + number, 1);
        world.done(Operation::PortsAttach, ports, [0, 0, 0, actor.process_handle]);
    }
    let one_more = claim(&mut world, 0x2000, 1);
    let target = [0, 0, 0, actor.process_handle];
    assert_eq!(world.refused(Operation::PortsAttach, one_more, target), Error::TableFull);
    world.park();
    assert_eq!(world.machine.resumes.unwrap().1.port_ranges, PORT_RANGES as u8);
}

#[test]
fn destroyed_ports_are_taken_from_the_running_process_at_once() {
    let mut world = World::new();
    let ports = claim(&mut world, 0x60, 1);
    let other = claim(&mut world, 0x64, 1);
    world.done(Operation::PortsAttach, ports, [0; 4]);
    world.done(Operation::PortsAttach, other, [0; 4]);
    world.done(Operation::Destroy, ports, [0; 4]);
    let (_, home) = world.machine.resumes.unwrap();
    assert_eq!((home.port_ranges, home.ports[0].first), (1, 0x64));
}
