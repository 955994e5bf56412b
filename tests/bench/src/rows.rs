//! The rows, in the order in which they are measured.

use abi::{Message, Operation, Options, Tag};
use alloc::format;
use bellwire::protocol::{Chunk, StreamRequest};
use bellwire::{Access, Endpoint, Error, Handle, Instant, Memory, PAGE_BYTES, Result, Root, Startup, join, raw, split};
use bench::meter::{First, Meter};
use bench::{
    BOTH, BY_LINE, Cost, ECHO, EDU_RAISE, FAULTING, FAULTS, FLOAT, INTERRUPTED, Plan, REGISTERS, ROUNDS, STAMP,
    WARM_UP, kind, marks, port, threads,
};
use core::time::Duration;

/// The argument with which only the rows about interrupts are measured.
const ONLY_INTERRUPTS: &str = "interrupts";

/// The priority of the threads that measure, as the first one's.
const PRIORITY: u8 = 10;

/// How long no other program makes a call once the system is at rest.
const QUIET: Duration = Duration::from_millis(100);
/// How often the program waits for that rest.
const MOST_WAITS: usize = 100;
/// The calls that one such wait makes itself: to receive, and to ask for the count.
const CALLS_OF_A_WAIT: u64 = 2;

struct Bench {
    serial: Endpoint,
    partner: Endpoint,
    info: Root,
    meter: Meter,
}

pub fn run(startup: Startup) -> Result<()> {
    let bench = Bench {
        serial: startup.uses("serial")?,
        partner: startup.uses("bench-partner")?,
        info: startup.info()?,
        meter: Meter::new(PRIORITY)?,
    };
    bench.settle()?;
    let overhead = bench.meter.overhead()?;
    bench.interrupts(&startup.uses("edu")?, overhead)?;
    if startup.arguments().any(|word| word == ONLY_INTERRUPTS) {
        return bench.say("bench: done\n");
    }
    let partner = bench.partner.raw();
    let call = |label| self::call(partner, label);
    let [.., faults] = call(FAULTS)?.words;
    let [.., both] = call(BOTH)?.words;
    let [.., faulting] = call(FAULTING)?.words;
    let partner = both as u32;
    let call = |label| self::call(partner, label);

    let null = Tag::incoming(Operation::Null, 0, Options::empty());
    let send = |label| Tag::incoming(Operation::Call, label, Options::empty());
    let notify = Tag::incoming(Operation::Notify, 0, Options::empty());
    let whole = threads::measure::<{ kind::WHOLE }>;
    bench.row("null_call", whole, Plan::of(0, null, [0; 4]), overhead, Some(1))?;
    bench.row("ipc_round_trip_0w", whole, Plan::of(partner, send(ECHO), [0; 4]), overhead, Some(2))?;
    bench.row("ipc_round_trip_4w", whole, Plan::of(partner, send(ECHO), [1, 2, 3, 4]), overhead, Some(2))?;
    let there = threads::measure::<{ kind::THERE }>;
    bench.row("ipc_call", there, Plan::of(partner, send(STAMP), [0; 4]), overhead, Some(2))?;
    let back = threads::measure::<{ kind::BACK }>;
    bench.row("ipc_reply", back, Plan::of(partner, send(STAMP), [0; 4]), overhead, Some(2))?;
    let waiter = threads::measure::<{ kind::NOTIFY }>;
    bench.row("notify_to_waiter", waiter, Plan::of(partner, notify, [1, 0, 0, 0]), overhead, Some(4))?;
    // SAFETY: the partner has made it, with code that takes any words.
    unsafe { raw::thread_start(faulting as u32, [0; 4]) }?;
    let faults = Plan::of(faults as u32, null, [faulting, 0, 0, 0]);
    bench.row("fault_to_handler", threads::handle_faults, faults, overhead, None)?;
    bench.port_access(&startup.uses("bench-ports")?)?;
    call(FLOAT)?;
    let float = Plan { float: 1, ..Plan::of(partner, send(ECHO), [0; 4]) };
    bench.row("ipc_round_trip_float", whole, float, overhead, Some(2))?;
    bench.say("bench: done\n")
}

/// Calls a program of the bench.
fn call(partner: u32, label: u8) -> Result<Message> {
    // SAFETY: none of these programs does anything to this one.
    raw::checked(unsafe { raw::invoke_any(Operation::Call, partner, label, Options::empty(), [0; 4]) })
}

impl Bench {
    /// Waits until the other programs have started: none of them made a call for [`QUIET`]. A driver that waits for its
    /// chip by a timer would be counted in the first row.
    fn settle(&self) -> Result<()> {
        let endpoint = Endpoint::new()?;
        for _ in 0..MOST_WAITS {
            let before = self.calls()?;
            let [low, high] = split((Instant::now() + QUIET).cycles());
            let options = Options::DEADLINE;
            let words = [low, high, 0, 0];
            // SAFETY: this thread has no server.
            let message = unsafe { raw::invoke_any(Operation::Receive, endpoint.raw(), 0, options, words) };
            match raw::checked(message) {
                Err(Error::TimedOut) => {}
                other => drop(other?),
            }
            if self.calls()?.wrapping_sub(before) == CALLS_OF_A_WAIT {
                return endpoint.destroy();
            }
        }
        self.say("bench: the system doesn't come to rest\n")?;
        Err(Error::Busy)
    }

    /// Measures the ways of an interrupt from the store that makes the device raise it: to its driver, and back to
    /// here, once the driver has acknowledged it and waits again. Of that the driver makes one call.
    fn interrupts(&self, driver: &Endpoint, overhead: u32) -> Result<()> {
        let answer = driver.call(REGISTERS, [0; 4])?;
        let (latency, cycle) = match answer.words {
            [BY_LINE, ..] => ("irq_latency_intx", "irq_cycle_intx"),
            _ => ("irq_latency_msi", "irq_cycle_msi"),
        };
        let memory = Memory::from(answer.handle.ok_or(Error::BadHandle)?);
        let registers = memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE)?;
        let raise = registers.address() + EDU_RAISE;
        let ask = Tag::incoming(Operation::Call, INTERRUPTED, Options::empty());
        let plan = || Plan { raise, ..Plan::of(driver.raw(), ask, [0; 4]) };
        self.row(latency, threads::measure::<{ kind::INTERRUPT }>, plan(), overhead, Some(3))?;
        self.row(cycle, threads::measure::<{ kind::CYCLE }>, plan(), overhead, Some(1))
    }

    /// Measures a row, and checks that the kernel's counter of calls rose by exactly what the rounds make.
    fn row(&self, name: &str, first: First, plan: Plan, overhead: u32, calls_a_round: Option<u64>) -> Result<()> {
        // The serial line may still be sending the row before: its driver's calls shall not count here.
        self.meter.measure(first, &plan, WARM_UP)?;
        let before = self.calls()?;
        marks::row_begins();
        let mut samples = self.meter.measure(first, &plan, WARM_UP + ROUNDS)?;
        marks::row_ends();
        let counted = self.calls()?.wrapping_sub(before);
        if let Some(calls) = calls_a_round {
            let expected = (WARM_UP + ROUNDS) as u64 * calls + self.calls_around()?;
            if counted != expected {
                self.say(&format!("bench: {name} failed: {counted} calls counted, {expected} made\n"))?;
                return Err(Error::Busy);
            }
        }
        let cost = Cost::of(&mut samples[WARM_UP..], overhead);
        self.say(&format!("bench: {name} {} {}\n", cost.minimum, cost.median))
    }

    /// Counts the calls that a row makes besides its rounds: the calls of a row of one null call, less that call.
    fn calls_around(&self) -> Result<u64> {
        let before = self.calls()?;
        let null = Tag::incoming(Operation::Null, 0, Options::empty());
        self.meter.measure(threads::measure::<{ kind::WHOLE }>, &Plan::of(0, null, [0; 4]), 1)?;
        Ok(self.calls()?.wrapping_sub(before) - 1)
    }

    /// No call at all, in a process that has ports.
    fn port_access(&self, reader: &Endpoint) -> Result<()> {
        let [minimum, median, ..] = call(reader.raw(), port::MEASURE)?.words;
        self.say(&format!("bench: port_access {minimum} {median}\n"))
    }

    fn calls(&self) -> Result<u64> {
        let [low, high, ..] = raw::info(self.info.raw(), [abi::InfoItem::Kernel as usize, 0, 0, 0])?.words;
        Ok(join(low, high))
    }

    fn say(&self, text: &str) -> Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let [taken, ..] = self.serial.request(StreamRequest::Write(Chunk::new(rest)))?;
            rest = rest.get(taken..).unwrap_or(&[]);
        }
        Ok(())
    }
}
