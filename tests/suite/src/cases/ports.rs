//! I/O ports: used directly by those who may, a fault for the others.

use crate::case::{Case, Outcome};
use crate::system::{CLOCK_PORT, System, receive};
use crate::worker::{STACK_BYTES, Worker};
use crate::{cases, check, check_eq};
use abi::{Kind, Options};
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Handle, PortRange, Ports, raw};
use suite::code;

pub const CASES: &[Case] = cases!["ports":
    granted_ports_work, other_ports_fault, destroying_the_grant_revokes_it, the_kernels_ports_are_refused,
    ranges_are_checked, a_process_has_some_ranges,
];

/// A port that no other program uses here.
const KEYBOARD: u16 = 0x60;

fn granted_ports_work(_: &System) -> Outcome {
    let ports = PortRange::new(CLOCK_PORT, 2);
    // The clock's scratch memory.
    for value in [0x5A, 0xA5] {
        ports.port::<u8>(0).write(0x50);
        ports.port::<u8>(1).write(value);
        ports.port::<u8>(0).write(0x50);
        check_eq!(ports.port::<u8>(1).read(), value);
    }
    Ok(())
}

/// The vector of the fault that a thread has that begins there.
fn vector_of(entry: extern "C" fn()) -> Result<u8, crate::case::Failure> {
    let faults = Endpoint::new()?;
    let worker = Worker::prepare(30, entry as *const () as usize, Some((&faults, 0)), STACK_BYTES)?;
    worker.thread.start([0; 4])?;
    let message = receive(&faults)?;
    check_eq!(message.tag.kind(), Kind::Fault);
    drop(worker);
    faults.destroy()?;
    Ok(message.tag.label())
}

fn other_ports_fault(_: &System) -> Outcome {
    check_eq!(vector_of(code::input_other)?, 13);
    // Half of a range isn't enough.
    check_eq!(vector_of(code::input_wide)?, 13);
    // And the granted one gets through, to the `ud2` behind it.
    check_eq!(vector_of(code::input)?, 6);
    Ok(())
}

fn destroying_the_grant_revokes_it(system: &System) -> Outcome {
    let ports = system.root.ports(KEYBOARD, 1)?;
    check_eq!(vector_of(code::input_other)?, 13, "before it is attached");
    ports.attach(None)?;
    check_eq!(vector_of(code::input_other)?, 6, "once it is attached");
    ports.attach(None)?;
    ports.destroy()?;
    check_eq!(vector_of(code::input_other)?, 13, "once it is destroyed");
    check_eq!(vector_of(code::input)?, 6, "another range");
    let again = system.root.ports(KEYBOARD, 1)?;
    check_eq!(vector_of(code::input_other)?, 13, "a new claim");
    again.destroy()?;
    Ok(())
}

fn the_kernels_ports_are_refused(system: &System) -> Outcome {
    for (first, count) in [(0x20, 1), (0xA1, 1), (0, 0xFFFF), (0x1F, 2), (0x4D0, 2)] {
        let result = raw::ports_create(system.root.raw(), [first, count, 0, 0]).map(drop);
        check_eq!(result, Err(Error::Conflict), "ports from {first:#x} on");
    }
    Ok(())
}

fn ranges_are_checked(system: &System) -> Outcome {
    for (first, count) in [(0x300, 0), (0x10000, 1), (0xFFFF, 2), (usize::MAX, 1), (1, usize::MAX), (0x300, 0xFFFF)] {
        let message =
            raw::invoke(SafeOperation::PortsCreate, system.root.raw(), 0, Options::empty(), [first, count, 0, 0]);
        check_eq!(raw::checked(message), Err(Error::BadArgument), "{count:#x} ports from {first:#x} on");
    }
    let last = system.root.ports(0xFFFF, 1)?;
    last.destroy()?;
    Ok(())
}

fn a_process_has_some_ranges(system: &System) -> Outcome {
    let mut ranges = alloc::vec::Vec::new();
    let error = loop {
        let ports = system.root.ports(0x300 + 8 * ranges.len() as u16, 4)?;
        match ports.attach(None) {
            Ok(()) => ranges.push(ports),
            Err(error) => {
                ports.destroy()?;
                break error;
            }
        }
        check!(ranges.len() < 64, "no limit");
    };
    check_eq!(error, Error::TableFull);
    for ports in ranges {
        Ports::destroy(ports)?;
    }
    check_eq!(vector_of(code::input)?, 6, "a range that stays");
    Ok(())
}
