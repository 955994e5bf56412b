//! The steps, and the rows at each.

use abi::{Operation, Options, Tag};
use bellwire::{Endpoint, Error, Grants, Handle, Result, Root, Startup, Thread, raw};
use bench::meter::{First, Meter};
use bench::{Cost, ECHO, INTERRUPTED, Plan, ROUNDS, WARM_UP, kind, threads};
use suite::image::Image;
use suite::report::line;

use crate::device::Signal;
use crate::population::Population;
use crate::sides::Sides;

/// How much of the whole population there is at each step, in percent.
const STEPS: [usize; 5] = [0, 10, 25, 50, 100];

/// The priority of the threads that measure, and of the one that lets them.
const PRIORITY: u8 = 10;
const STACK_BYTES: usize = 64 << 10;

/// The first thread has the highest priority; the work is done by one with its own.
pub fn run(startup: Startup) -> Result<()> {
    let root = startup.root()?;
    let grants = startup.grants();
    Thread::spawn(PRIORITY, STACK_BYTES, move |_| {
        if let Err(error) = measure_all(root, grants) {
            line(root, format_args!("scale: failed: {error}"));
        }
    })?;
    bellwire::thread_exit()
}

fn measure_all(root: &Root, grants: Grants) -> Result<()> {
    let module = grants.entries().find(|entry| entry.name() == "scale").ok_or(Error::BadHandle)?;
    let image = Image::read(module.value, module.extra[0] as usize)?;
    let sides = Sides::new(root, &image)?;
    let mut population = Population::new()?;
    let meter = Meter::new(PRIORITY)?;
    let overhead = meter.overhead()?;
    for percent in STEPS {
        population.grow(root, &image, percent)?;
        let [processes, threads, sources, handles, timers] = population.count(root)?;
        line(root, format_args!("scale: population {percent} {processes} {threads} {sources} {handles} {timers}"));
        Step { log: root, meter: &meter, overhead, percent }.rows(&sides)?;
    }
    line(root, format_args!("scale: done"));
    // All others end with this process's last thread.
    let silent = Endpoint::new()?;
    // SAFETY: this thread has no server.
    unsafe { raw::receive(silent.raw(), [0; 4]) }.map(drop)
}

/// The measurement of one population.
struct Step<'a> {
    log: &'a Root,
    meter: &'a Meter,
    overhead: u32,
    percent: usize,
}

impl Step<'_> {
    fn rows(&self, sides: &Sides) -> Result<()> {
        let null = Tag::incoming(Operation::Null, 0, Options::empty());
        let call = |label| Tag::incoming(Operation::Call, label, Options::empty());
        let notify = Tag::incoming(Operation::Notify, 0, Options::empty());
        let partner = sides.partner.raw();
        let whole = threads::measure::<{ kind::WHOLE }>;
        self.row("null_call", whole, Plan::of(abi::NO_HANDLE, null, [0; 4]))?;
        self.row("ipc_round_trip_0w", whole, Plan::of(partner, call(ECHO), [0; 4]))?;
        self.row("ipc_round_trip_4w", whole, Plan::of(partner, call(ECHO), [1, 2, 3, 4]))?;
        let waiter = threads::measure::<{ kind::NOTIFY }>;
        self.row("notify_to_waiter", waiter, Plan::of(partner, notify, [1, 0, 0, 0]))?;
        let faulting = sides.faulting.raw() as usize;
        self.row("fault_to_handler", threads::handle_faults, Plan::of(sides.faults.raw(), null, [faulting, 0, 0, 0]))?;
        let ways = [
            (Signal::Line, "irq_latency_intx", "irq_cycle_intx"),
            (Signal::Message, "irq_latency_msi", "irq_cycle_msi"),
        ];
        for (signal, latency, cycle) in ways {
            sides.device.interrupt_by(self.log, signal)?;
            let plan =
                || Plan { raise: sides.device.raise(), ..Plan::of(sides.driver.raw(), call(INTERRUPTED), [0; 4]) };
            self.row(latency, threads::measure::<{ kind::INTERRUPT }>, plan())?;
            self.row(cycle, threads::measure::<{ kind::CYCLE }>, plan())?;
        }
        Ok(())
    }

    fn row(&self, name: &str, first: First, plan: Plan) -> Result<()> {
        let mut samples = self.meter.measure(first, &plan, WARM_UP + ROUNDS)?;
        let cost = Cost::of(&mut samples[WARM_UP..], self.overhead);
        let Self { log, percent, .. } = self;
        line(log, format_args!("scale: row {percent} {name} {} {}", cost.minimum, cost.median));
        Ok(())
    }
}
