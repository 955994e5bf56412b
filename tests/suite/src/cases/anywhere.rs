//! Every way into the kernel and back, with all registers known before and looked at afterwards.
//!
//! On its own this takes milliseconds. The runner boots this case alone, and interrupts it at every instruction of
//! these ways.

use super::faults::TRAP_FLAG;
use crate::case::{Case, Outcome};
use crate::partner::Grant;
use crate::system::{PRIORITY, System, receive};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{Kind, Operation, Options, Register, Rights, Tag};
use bellwire::{Endpoint, Handle, println, raw};
use core::sync::atomic::{AtomicU8, AtomicUsize, Ordering};
use core::time::Duration;
use suite::bare;
use suite::entry::{Entry, Event, FAULT_BYTES, Registers};
use suite::float::Level;
use suite::role::{self, Role};

pub const CASES: &[Case] = cases!["anywhere":
    calls_keep_registers, faults_keep_registers, steps_keep_registers, interrupts_keep_registers,
    switches_keep_registers, nmis_are_counted,
];

const CALLS: [Entry; 2] = [Entry::Fast, Entry::Gate];
/// CF, PF, AF, ZF, SF and OF.
const ARITHMETIC: usize = 0x8D5;
const FAULTS: [Event; 4] = [Event::Breakpoint, Event::Undefined, Event::Load, Event::Privileged];

fn call(operation: Operation) -> Registers {
    Registers::of_call(0, Tag::incoming(operation, 0, Options::empty()).0, [1, 2, 3, 4])
}

fn calls_keep_registers(_: &System) -> Outcome {
    for entry in CALLS.into_iter().cycle().take(2 * CALLS.len()) {
        for operation in [Operation::Null, Operation::Yield] {
            let before = call(operation);
            let after = before.call(entry);
            check_eq!(Tag(after.message().0).kind(), Kind::Done, "{operation:?} by {entry:?}");
            check_eq!(kept(after, entry), kept(before, entry), "{operation:?} by {entry:?}");
        }
    }
    Ok(())
}

/// The registers and flags that a call may not change. `sysenter` saves no flags, so some are lost.
fn kept(registers: Registers, entry: Entry) -> (impl PartialEq + core::fmt::Debug, usize) {
    let lost = if entry == Entry::Fast && cfg!(target_arch = "x86") { ARITHMETIC } else { 0 };
    (registers.kept(), registers.flags & !lost)
}

/// A worker's findings: how many rounds it made, and in which round registers had changed, counted from 1.
static ROUNDS: AtomicUsize = AtomicUsize::new(0);
static CHANGED: AtomicUsize = AtomicUsize::new(0);
static DONE: AtomicU8 = AtomicU8::new(0);

fn note(before: Registers, after: Registers) {
    let round = ROUNDS.fetch_add(1, Ordering::Relaxed) + 1;
    if before != after {
        let _ = CHANGED.compare_exchange(0, round, Ordering::Relaxed, Ordering::Relaxed);
    }
}

fn begin() {
    ROUNDS.store(0, Ordering::Relaxed);
    CHANGED.store(0, Ordering::Relaxed);
    DONE.store(0, Ordering::Relaxed);
}

fn check_rounds(expected: usize) -> Outcome {
    check_eq!(CHANGED.load(Ordering::Relaxed), 0, "the round in which registers had changed");
    check_eq!(ROUNDS.load(Ordering::Relaxed), expected, "rounds");
    Ok(())
}

extern "C" fn raise(endpoint: usize) {
    for event in FAULTS.into_iter().cycle().take(2 * FAULTS.len()) {
        let before = Registers { si: 0x10, ..call(Operation::Null) };
        note(before, before.through(event));
    }
    let _ = raw::notify(endpoint as u32, [1, 0, 0, 0]);
}

fn faults_keep_registers(_: &System) -> Outcome {
    handle(raise, |label| label != 3)?;
    check_rounds(2 * FAULTS.len())
}

/// Runs a function in a thread of its own, and handles its faults until it notifies.
fn handle(function: extern "C" fn(usize), must_step_over: fn(u8) -> bool) -> Outcome {
    begin();
    let faults = Endpoint::new()?;
    let worker = Worker::prepare(30, at(crate::worker::begin), Some((&faults, 0)), crate::worker::STACK_BYTES)?;
    worker.begin(function, faults.raw() as usize)?;
    for count in 0.. {
        let message = receive(&faults)?;
        if message.tag.kind() == Kind::Notify {
            break;
        }
        check!(message.tag.kind() == Kind::Fault && count < 500, "fault {count}: {message:?}");
        let [_, _, instruction, _] = message.words;
        if must_step_over(message.tag.label()) {
            let words = [Register::Ip as usize, instruction + FAULT_BYTES, 0, 0];
            bare::thread_write(worker.thread.raw(), words)?;
        }
        bare::reply(abi::NO_HANDLE, [0; 4])?;
    }
    drop(worker);
    faults.destroy()?;
    Ok(())
}

fn at(function: extern "C" fn()) -> usize {
    function as *const () as usize
}

extern "C" fn step(endpoint: usize) {
    for entry in CALLS {
        let before = call(Operation::Null);
        let after = Registers { flags: before.flags | TRAP_FLAG, ..before }.call(entry);
        let kept = |registers: Registers| Registers { flags: registers.flags & !TRAP_FLAG, ..before };
        note(before, if before.kept() == after.kept() { kept(after) } else { after });
    }
    let _ = raw::notify(endpoint as u32, [1, 0, 0, 0]);
}

fn steps_keep_registers(_: &System) -> Outcome {
    handle(step, |_| false)?;
    check_rounds(CALLS.len())
}

extern "C" fn spin(_: usize) {
    let before = Registers { si: &raw const DONE as usize, ..call(Operation::Null) };
    let after = before.through(Event::Spin);
    note(before, Registers { flags: before.flags, ..after });
}

/// The timer's, which find the CPU idle and a program at work.
fn interrupts_keep_registers(system: &System) -> Outcome {
    begin();
    for _ in 0..8 {
        system.sleep(Duration::from_micros(300))?;
    }
    let worker = Worker::start(20, spin, 0)?;
    for _ in 0..8 {
        system.sleep(Duration::from_micros(300))?;
    }
    DONE.store(1, Ordering::Relaxed);
    system.wait_until("the thread ends", || Ok(ROUNDS.load(Ordering::Relaxed) != 0))?;
    check_rounds(1)?;
    drop(worker);
    Ok(())
}

static FLOATS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn hold(seed: usize) {
    let level = Level::detect();
    let pattern = level.pattern(seed as u8);
    let found = level.hold(&pattern, 4, 10);
    FLOATS.fetch_add(if level.difference(&pattern, &found).is_none() { 1 } else { 0x100 }, Ordering::Relaxed);
}

/// To another process and back, and between threads that have floating-point state.
fn switches_keep_registers(system: &System) -> Outcome {
    let service = Endpoint::new()?;
    let grants = [Grant { name: "service", handle: service.raw(), rights: Rights::all(), badge: 0 }];
    let partner = system.image.start(Role::Echo, 7, PRIORITY + 1, &grants)?;
    for entry in CALLS {
        let tag = Tag::incoming(Operation::Call, role::ECHO, Options::empty()).0;
        let before = Registers::of_call(service.raw(), tag, [1, 2, 3, 4]);
        let after = before.call(entry);
        check_eq!(after.message().1, [1, 2, 3, 4], "the echo by {entry:?}");
        check_eq!(kept(after, entry), kept(before, entry), "a call by {entry:?}");
    }
    drop(partner);
    service.destroy()?;
    FLOATS.store(0, Ordering::Relaxed);
    let workers = [Worker::start(20, hold, 3)?, Worker::start(20, hold, 200)?];
    system.wait_until("the threads end", || {
        Ok(FLOATS.load(Ordering::Relaxed) & 0xFF >= 2 || FLOATS.load(Ordering::Relaxed) > 0xFF)
    })?;
    check_eq!(FLOATS.load(Ordering::Relaxed), 2, "threads that kept their floating-point state");
    drop(workers);
    Ok(())
}

extern "C" fn mark(endpoint: usize) {
    call(Operation::Null).through(Event::Overflow);
    let _ = raw::notify(endpoint as u32, [1, 0, 0, 0]);
}

/// Says how many there were: the runner knows how many it raised, and raises none behind the mark.
fn nmis_are_counted(system: &System) -> Outcome {
    handle(mark, |_| false)?;
    println!("anywhere: {} non-maskable interrupts", system.root.kernel()?.nmis);
    Ok(())
}
