//! Processes: how they end, and that nothing is left of them.

use crate::case::{Case, Failure, Outcome};
use crate::partner::{FRAMES, Grant, OBJECTS, Partner};
use crate::system::{CLOCK_LINE, System, poll};
use crate::{cases, check, check_eq};
use abi::{Access, InfoItem, Options, PAGE_BYTES, Rights};
use alloc::vec::Vec;
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Handle, HowEnded, Memory, Process, Source, Timer, raw};
use core::time::Duration;
use suite::bare;
use suite::role::{self, Role};

pub const CASES: &[Case] = cases!["processes":
    every_object_gives_back_what_it_took, a_killed_process_says_so, an_exit_arrives_once,
    a_process_is_dead_at_once, everything_comes_back_a_hundred_times,
    a_process_dies_with_a_pending_interrupt, children_of_children_end_with_it, the_process_table_fills_up,
    the_handle_table_fills_up, threads_of_a_process_are_limited, quota_is_inherited, a_process_dies_while_it_waits,
    a_living_process_cannot_be_reaped, physical_addresses_quarantine_memory, a_spinning_process_can_be_killed,
];

/// Makes an object and destroys it.
type Step<'a> = &'a dyn Fn() -> Result<(), Error>;

/// Objects, frames and handles of each kind that can be destroyed one by one.
fn every_object_gives_back_what_it_took(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let stack = Memory::new(PAGE_BYTES)?;
    let kinds: [(&str, Step<'_>); 7] = [
        ("an endpoint", &|| Endpoint::new()?.destroy()),
        ("a timer", &|| Timer::new(&endpoint, 1)?.destroy()),
        ("memory", &|| Memory::new(3 * PAGE_BYTES)?.destroy()),
        ("a line", &|| system.root.line(7)?.destroy()),
        ("ports", &|| system.root.ports(0x300, 8)?.destroy()),
        ("a mapping", &|| stack.map(Access::READ).map(drop)),
        ("a thread", &|| {
            let entry = suite::code::spin as *const () as usize;
            let thread = bare::thread_create(0, [entry, 0x1000, 1, 0])?.words[0] as u32;
            bare::destroy(thread, [0; 4])?;
            bare::handle_close(thread, [0; 4]).map(drop)
        }),
    ];
    for (kind, make_and_destroy) in kinds {
        // The first may leave a page table or a larger heap behind.
        make_and_destroy()?;
        let before = system.in_use()?;
        make_and_destroy()?;
        check_eq!(system.in_use()?, before, "{kind}");
    }
    stack.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_killed_process_says_so(system: &System) -> Outcome {
    let mut partner = system.image.start(Role::Wait, 0x1234, 30, &[])?;
    partner.kill(99)?;
    let exit = partner.wait()?;
    check_eq!((exit.badge, exit.how), (0x1234, HowEnded::Killed { reason: 99 }));
    Ok(())
}

fn an_exit_arrives_once(system: &System) -> Outcome {
    let mut partner = system.image.start_with(Role::Fault, 5, 30, [99, 0])?;
    check_eq!(partner.wait()?.how, HowEnded::Exited { code: 0 });
    partner.kill(1)?;
    check_eq!(poll(&partner.exits), Err(Error::WouldBlock), "a second exit");
    partner.reap()?;
    check_eq!(poll(&partner.exits), Err(Error::WouldBlock), "an exit after the end");
    let mut partner = system.image.start_with(Role::Fault, 5, 30, [99, 0])?;
    partner.wait()?;
    check_eq!(raw::process_reap(partner.process.raw(), [0; 4]).is_ok(), true);
    partner.reap()?;
    check_eq!(raw::process_reap(partner.process.raw(), [0; 4]).map(drop), Err(Error::BadHandle), "a buried process");
    check_eq!(partner.process.kill(0), Err(Error::BadHandle));
    Ok(())
}

fn a_process_is_dead_at_once(system: &System) -> Outcome {
    let partner = system.image.start(Role::Spin, 5, 30, &[])?;
    partner.kill(0)?;
    let memory = Memory::new(PAGE_BYTES)?;
    check_eq!(memory.map_into(&partner.process, 0x5000_0000, 0, PAGE_BYTES, Access::READ), Err(Error::Gone));
    let entry = suite::code::spin as *const () as usize;
    check_eq!(bare::thread_create(partner.process.raw(), [entry, 0x1000, 1, 0]).map(drop), Err(Error::Gone));
    check_eq!(partner.thread.start([0; 4]), Err(Error::Busy));
    check_eq!(system.find_process(5)?.ended, true);
    memory.destroy()?;
    Ok(())
}

fn everything_comes_back_a_hundred_times(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let once = || -> Result<(), Failure> {
        let rights = Rights::RECEIVE | Rights::BIND | Rights::COPY;
        let grant = Grant { name: "service", handle: endpoint.raw(), rights, badge: 0 };
        let mut partner = system.image.start(Role::Echo, 7, 45, &[grant])?;
        check_eq!(endpoint.call(role::ECHO, [1; 4])?.words, [1; 4]);
        endpoint.call(role::FILL, [0; 4])?;
        partner.kill(0)?;
        partner.wait()?;
        partner.reap()?;
        Ok(())
    };
    once()?;
    let before = system.in_use()?;
    for round in 0..100 {
        once()?;
        check_eq!(system.in_use()?, before, "round {round}");
    }
    endpoint.destroy()?;
    Ok(())
}

/// The kernel's record of the clock's line.
fn clock(system: &System) -> Result<Source, Failure> {
    for index in 0.. {
        match system.root.source(index)? {
            Some(source) if source.line == CLOCK_LINE => return Ok(source),
            _ => {}
        }
    }
    Err(Failure::new("the clock has no line".into()))
}

/// Whether a message of it waits to be received.
fn is_pending(source: &Source) -> bool {
    source.taken.wrapping_sub(source.delivered + source.coalesced + source.spurious + source.dropped) != 0
}

fn a_process_dies_with_a_pending_interrupt(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let once = || -> Result<(), Failure> {
        // The clock's driver, stopped in the middle: interrupts keep coming, and some are pending at its death.
        let grants = [
            Grant { name: "service", handle: endpoint.raw(), rights: Rights::all(), badge: 0 },
            Grant { name: "line", handle: system.clock_line.raw(), rights: Rights::INTERRUPT, badge: 0 },
        ];
        let partner = Partner::new(7, 45, [crate::partner::FRAMES, crate::partner::OBJECTS])?;
        system.clock_ports.attach(Some(&partner.process))?;
        let mut partner = system.image.load(partner, Role::Clock, 45, &grants, [0; 2])?;
        endpoint.call(role::START, [0; 4])?;
        let before = clock(system)?.delivered;
        system.wait_until("the clock ticks", || Ok(clock(system)?.delivered != before))?;
        raw::thread_priority(partner.thread.raw(), [0, 0, 0, 0])?;
        let start = bellwire::Instant::now();
        // An 8259 sees no further edge before the clock is read, which its stopped driver doesn't do: then none comes.
        while !is_pending(&clock(system)?) && start.elapsed() < Duration::from_millis(3) {
            core::hint::spin_loop();
        }
        partner.kill(0)?;
        system.check_conservation()?;
        partner.wait()?;
        partner.reap()?;
        Ok(())
    };
    once()?;
    let before = system.in_use()?;
    for round in 0..5 {
        once()?;
        check_eq!(system.in_use()?, before, "round {round}");
    }
    for index in 0.. {
        if let Some(source) = system.root.source(index)?.filter(|source| source.line == CLOCK_LINE) {
            check!(!source.bound && source.masked, "{source:?}");
            break;
        }
    }
    // The bind may still count for events that were never received: the endpoint is this process's.
    endpoint.destroy()?;
    Ok(())
}

fn children_of_children_end_with_it(system: &System) -> Outcome {
    let once = || -> Result<(), Failure> {
        let [processes, ..] = system.root.info(InfoItem::Kernel, 0, 1)?;
        let mut partner = system.image.start(Role::Nest, 7, 30, &[])?;
        system.wait_until("the children are there", || {
            Ok(system.root.info(InfoItem::Kernel, 0, 1)?[0] == processes + 3)
        })?;
        partner.kill(0)?;
        partner.wait()?;
        partner.reap()?;
        check_eq!(system.root.info(InfoItem::Kernel, 0, 1)?[0], processes);
        Ok(())
    };
    once()?;
    let before = system.in_use()?;
    for round in 0..10 {
        once()?;
        check_eq!(system.in_use()?, before, "round {round}");
    }
    Ok(())
}

fn process_without_supervisor(quota: [usize; 2]) -> Result<Process, Error> {
    let [frames, objects] = quota;
    let words = [frames, objects, 0, 1];
    let message = raw::repeated(|| raw::invoke(SafeOperation::ProcessCreate, 0, 1, Options::empty(), words))?;
    Ok(bare::process(message.words[0]))
}

fn end(process: Process) -> Outcome {
    process.kill(0)?;
    while raw::process_reap(process.raw(), [0; 4])?.words[0] != 0 {}
    Ok(())
}

fn the_process_table_fills_up(system: &System) -> Outcome {
    let mut processes: Vec<Process> = Vec::with_capacity(2048);
    let before = system.in_use()?;
    let error = loop {
        match process_without_supervisor([1, 0]) {
            Ok(process) => processes.push(process),
            Err(error) => break error,
        }
    };
    // Whichever table is full first.
    check!(matches!(error, Error::TableFull | Error::NoHandleSlot), "{error:?}");
    check!(processes.len() > 500, "only {} processes", processes.len());
    for process in processes.drain(..) {
        end(process)?;
    }
    check_eq!(system.in_use()?, before);
    Ok(())
}

fn the_handle_table_fills_up(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let mut copies: Vec<Endpoint> = Vec::with_capacity(2048);
    let error = loop {
        match endpoint.copy(Rights::all()) {
            Ok(copy) => copies.push(copy),
            Err(error) => break error,
        }
    };
    check_eq!(error, Error::NoHandleSlot);
    check_eq!(Endpoint::new().map(drop), Err(Error::NoHandleSlot), "an object without a handle");
    check_eq!(Timer::new(&endpoint, 0).map(drop), Err(Error::NoHandleSlot), "an object without a handle");
    check_eq!(process_without_supervisor([1, 0]).map(drop), Err(Error::NoHandleSlot), "a process without a handle");
    check_eq!(copies.last().map(|copy| copy.notify(1)), Some(Ok(())), "the last handle");
    copies.clear();
    check_eq!(endpoint.copy(Rights::all()).map(drop), Ok(()), "a handle once there is room");
    endpoint.destroy()?;
    Ok(())
}

fn threads_of_a_process_are_limited(system: &System) -> Outcome {
    let before = system.in_use()?;
    let process = process_without_supervisor([4, 100])?;
    let mut threads = Vec::with_capacity(64);
    let entry = suite::code::spin as *const () as usize;
    let error = loop {
        match bare::thread_create(process.raw(), [entry, 0x1000, 1, 0]) {
            Ok(message) => threads.push(message.words[0] as u32),
            Err(error) => break error,
        }
        check!(threads.len() < 64, "no limit");
    };
    check_eq!(error, Error::TableFull);
    end(process)?;
    for thread in &threads {
        check_eq!(bare::thread_start(*thread, [0; 4]).map(drop), Err(Error::BadHandle), "a thread of a dead process");
        bare::handle_close(*thread, [0; 4])?;
    }
    drop(threads);
    check_eq!(system.in_use()?.0, before.0);
    Ok(())
}

fn quota_is_inherited(system: &System) -> Outcome {
    let before = system.in_use()?;
    let [frames, ..] = before.1;
    check_eq!(process_without_supervisor([frames + 1, 0]).map(drop), Err(Error::NoMemory), "more than there is");
    check_eq!(process_without_supervisor([usize::MAX, 0]).is_err(), true, "more than fits");
    check_eq!(process_without_supervisor([0, 0]).map(drop), Err(Error::NoMemory), "not even the root table");
    let process = process_without_supervisor([10, 10])?;
    let [_, used, _, objects] = system.in_use()?.1;
    check_eq!((used - before.1[1], objects - before.1[3]), (10, 12), "what a child takes of its parent's quota");
    end(process)?;
    check_eq!(system.in_use()?, before);
    Ok(())
}

fn a_process_dies_while_it_waits(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let rights = Rights::RECEIVE | Rights::BIND | Rights::COPY;
    let grant = || Grant { name: "service", handle: endpoint.raw(), rights, badge: 0 };
    let mut partner = system.image.start(Role::Echo, 7, 45, &[grant()])?;
    check_eq!(endpoint.call(role::ECHO, [1; 4])?.words, [1; 4]);
    partner.kill(0)?;
    // A notification that arrives now must not go to the dead receiver.
    endpoint.notify(4)?;
    check_eq!(crate::system::poll(&endpoint)?.words[0], 4);
    partner.wait()?;
    partner.reap()?;
    let mut next = system.image.start(Role::Echo, 8, 45, &[grant()])?;
    check_eq!(endpoint.call(role::ECHO, [2; 4])?.words, [2; 4]);
    next.kill(0)?;
    next.wait()?;
    next.reap()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_living_process_cannot_be_reaped(system: &System) -> Outcome {
    let partner = system.image.start(Role::Wait, 7, 30, &[])?;
    check_eq!(raw::process_reap(partner.process.raw(), [0; 4]).map(drop), Err(Error::Busy));
    check_eq!(bare::destroy(partner.process.raw(), [0; 4]).map(drop), Err(Error::WrongType));
    Ok(())
}

/// Memory of which a process knew the physical address goes to its supervisor, who destroys it once no device writes to
/// it any more.
fn physical_addresses_quarantine_memory(system: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    check!(memory.physical_address()? != 0, "no address with the right");
    check_eq!(memory.copy(Rights::READ)?.physical_address(), Err(Error::MissingRight), "an address without the right");
    memory.destroy()?;
    // A process that isn't trusted so far has no memory that tells its address.
    let mut contained = system.image.start(Role::Device, 8, 45, &[])?;
    check_eq!(contained.wait()?.how, HowEnded::Exited { code: bellwire::entry::FAILED });
    drop(contained);
    let before = system.in_use()?;
    let trusted = Partner::trusted(9, 45, [FRAMES, OBJECTS])?;
    let mut trusted = system.image.load(trusted, Role::Device, 45, &[], [0; 2])?;
    trusted.kill(0)?;
    trusted.wait()?;
    let mut quarantined = Vec::with_capacity(4);
    loop {
        let [left, handle, ..] = raw::process_reap(trusted.process.raw(), [0; 4])?.words;
        if handle != 0 {
            quarantined.push(bare::memory(handle));
        }
        if left == 0 {
            break;
        }
    }
    drop(trusted);
    check_eq!(quarantined.len(), 1, "objects in quarantine");
    for memory in quarantined.drain(..) {
        check_eq!(memory.bytes()?, 3 * PAGE_BYTES);
        check!(memory.map(Access::READ).is_err(), "memory in quarantine was mapped");
        memory.destroy()?;
    }
    drop(quarantined);
    check_eq!(system.in_use()?, before);
    Ok(())
}

fn a_spinning_process_can_be_killed(system: &System) -> Outcome {
    let mut partner = system.image.start(Role::Spin, 7, 30, &[])?;
    let cycles = || system.find_process(7).map(|process| process.cycles);
    let start = cycles()?;
    system.wait_until("it uses the processor", || Ok(cycles()? > start))?;
    partner.kill(3)?;
    check_eq!(partner.wait()?.how, HowEnded::Killed { reason: 3 });
    let end = cycles()?;
    system.sleep(Duration::from_millis(1))?;
    check_eq!(cycles()?, end, "cycles of a dead process");
    Ok(())
}
