//! The rows, in the order in which they are measured.

use core::arch::asm;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::call::{self, Error, Fork};
use crate::channel::{Channel, Event, Futex, Pipe};
use crate::cost::{Cost, ROUNDS, WARM_UP};
use crate::device::Device;
use crate::report;

/// The result of what can fail: what was tried, and Linux's error.
pub type Result<T = ()> = core::result::Result<T, (&'static str, Error)>;

/// Says what failed.
pub trait Failed<T> {
    /// Names the operation that failed.
    fn failed(self, what: &'static str) -> Result<T>;
}

impl<T> Failed<T> for call::Result<T> {
    fn failed(self, what: &'static str) -> Result<T> {
        self.map_err(|error| (what, error))
    }
}

/// The real-time priority of the device's driver, and of the side of a round trip that asks.
const PRIORITY: u32 = 50;

/// The priority of the side that answers. Above the other side's priority a round trip costs 18 to 29 % less: what
/// wakes the answering side also hands over, and the answer is there before the other side waits. Bellwire's servers
/// aren't below their callers either.
const ANSWERING_PRIORITY: u32 = PRIORITY + 1;

const PAGE_BYTES: usize = 4096;

/// One sample a round.
type Samples = [u32; WARM_UP + ROUNDS];

/// The words in memory that the processes share.
struct Shared {
    /// How many interrupts the driver got.
    interrupts: AtomicU32,
    /// When the last came, in cycles.
    interrupted: AtomicU32,
    /// The words of the two directions of a [`Futex`]; the driver says by the first that it is ready.
    there: AtomicU32,
    back: AtomicU32,
}

pub fn run() -> Result {
    call::silence_kernel().failed("to silence the kernel")?;
    let overhead = overhead();
    let shared = share()?;
    interrupts(shared, overhead)?;
    call::become_real_time(PRIORITY).failed("to become a real-time process")?;
    null_call(overhead);
    let pipe = || Pipe::new().failed("to make a pipe");
    round_trip("pipe_round_trip", &pipe()?, &pipe()?, overhead)?;
    let event = || Event::new().failed("to make an eventfd");
    round_trip("eventfd_round_trip", &event()?, &event()?, overhead)?;
    round_trip("futex_round_trip", &Futex(&shared.there), &Futex(&shared.back), overhead)
}

/// Measures the ways of an interrupt, from the store that makes the device raise it, in an ordinary process: to its
/// driver, a real-time process, and back to here, once the driver has acknowledged it and waits again.
fn interrupts(shared: &Shared, overhead: u32) -> Result {
    let device = Device::find()?;
    if call::fork().failed("to start the driver")? == Fork::Child {
        match drive(&device, shared) {
            Ok(()) => call::exit(),
            Err((what, error)) => report::fail(what, error),
        }
    }
    // Once the driver has become a real-time process, it runs until it waits for the device.
    Futex(&shared.there).receive().failed("to wait for the driver")?;
    let mut latencies: Samples = [0; WARM_UP + ROUNDS];
    let mut cycles: Samples = [0; WARM_UP + ROUNDS];
    for (round, (latency, cycle)) in latencies.iter_mut().zip(&mut cycles).enumerate() {
        let before = now();
        device.raise();
        let after = now();
        if shared.interrupts.load(Ordering::Acquire) != round as u32 + 1 {
            return Err(("an interrupt that comes at once", Error(0)));
        }
        *latency = shared.interrupted.load(Ordering::Relaxed).wrapping_sub(before);
        *cycle = after.wrapping_sub(before);
    }
    call::wait().failed("to wait for the driver's end")?;
    row("irq_latency_intx", &mut latencies, overhead);
    row("irq_cycle_intx", &mut cycles, overhead);
    Ok(())
}

/// The driver.
fn drive(device: &Device, shared: &Shared) -> Result {
    call::become_real_time(PRIORITY).failed("to become a real-time process")?;
    Futex(&shared.there).send().failed("to say that the driver is ready")?;
    for round in 0..(WARM_UP + ROUNDS) as u32 {
        device.wait().failed("to wait for an interrupt")?;
        let interrupted = now();
        shared.interrupted.store(interrupted, Ordering::Relaxed);
        shared.interrupts.store(round + 1, Ordering::Release);
        device.acknowledge().failed("to acknowledge an interrupt")?;
    }
    Ok(())
}

fn null_call(overhead: u32) {
    let mut samples: Samples = [0; WARM_UP + ROUNDS];
    for sample in &mut samples {
        let before = now();
        call::parent();
        *sample = now().wrapping_sub(before);
    }
    row("null_call", &mut samples, overhead);
}

/// Measures a round trip to another process and back.
fn round_trip(name: &str, there: &impl Channel, back: &impl Channel, overhead: u32) -> Result {
    if call::fork().failed("to start the other process")? == Fork::Child {
        match answer(there, back) {
            Ok(()) => call::exit(),
            Err((what, error)) => report::fail(what, error),
        }
    }
    let mut samples: Samples = [0; WARM_UP + ROUNDS];
    for sample in &mut samples {
        let before = now();
        there.send().failed("to send")?;
        back.receive().failed("to receive")?;
        *sample = now().wrapping_sub(before);
    }
    call::wait().failed("to wait for the other process's end")?;
    row(name, &mut samples, overhead);
    Ok(())
}

/// The other process.
fn answer(there: &impl Channel, back: &impl Channel) -> Result {
    call::become_real_time(ANSWERING_PRIORITY).failed("to become a real-time process")?;
    for _ in 0..WARM_UP + ROUNDS {
        there.receive().failed("to receive in the other process")?;
        back.send().failed("to send in the other process")?;
    }
    Ok(())
}

fn row(name: &str, samples: &mut Samples, overhead: u32) {
    report::row(name, Cost::of(&mut samples[WARM_UP..], overhead));
}

/// Measures the cost of reading the clock twice.
fn overhead() -> u32 {
    let mut samples: Samples = [0; WARM_UP + ROUNDS];
    for sample in &mut samples {
        let before = now();
        *sample = now().wrapping_sub(before);
    }
    Cost::of(&mut samples, 0).minimum
}

/// The low half of the time stamp counter.
#[inline(always)]
fn now() -> u32 {
    let low;
    // SAFETY: it changes the two registers and nothing else. Memory counts as used, so that no access moves past it.
    unsafe { asm!("rdtsc", out("eax") low, out("edx") _, options(nostack, preserves_flags)) };
    low
}

fn share() -> Result<&'static Shared> {
    const { assert!(size_of::<Shared>() <= PAGE_BYTES, "it is mapped as a page") };
    let memory = call::shared_memory(PAGE_BYTES).failed("to share memory")?;
    // SAFETY: the page is mapped for good, all zeros, and atomics are all that is ever seen of it.
    Ok(unsafe { &*memory.cast::<Shared>() })
}
