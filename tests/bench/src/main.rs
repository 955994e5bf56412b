//! Measures what Bellwire's operations cost, each in many rounds, and prints a line a row on the serial line.
//!
//! It runs beside the shipped programs, with every counter on, and checks that the kernel counted exactly the calls
//! that were measured: a bench that measured something else would show.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::format;
use alloc::vec::Vec;
use bellwire::protocol::{Chunk, StreamRequest};
use bellwire::{
    Access, Endpoint, Error, Handle, Instant, Memory, Options, PAGE_BYTES, Port, Result, Root, Startup, join, raw,
};
use bench::{BY_LINE, Cost, ECHO, EDU_RAISE, FLOAT, INTERRUPTED, NOTIFIED, REGISTERS, ROUNDS, STAMP, WARM_UP};

use abi::Operation;

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let bench = Bench {
        serial: startup.uses("serial")?,
        partner: startup.uses("bench-partner")?,
        info: startup.info()?,
        port: startup.ports(DELAY_PORT)?.port(0),
    };
    let overhead = measure(0, || Ok([Instant::now(), Instant::now()]))?.minimum;
    bench.interrupts(&startup.uses("edu")?, overhead)?;
    if startup.arguments().any(|word| word == ONLY_INTERRUPTS) {
        return bench.say("bench: done\n");
    }
    let partner = bench.partner.raw();
    let call = |label, words| raw::checked(raw::invoke(Operation::Call, partner, label, Options::empty(), words));

    bench.counted("null_call", overhead, 1, || timed(|| raw::null(0, [0; 4])))?;
    bench.counted("ipc_round_trip_0w", overhead, 2, || timed(|| call(ECHO, [0; 4])))?;
    bench.counted("ipc_round_trip_4w", overhead, 2, || timed(|| call(ECHO, [1, 2, 3, 4])))?;
    bench.row("ipc_call", overhead, || {
        let before = Instant::now();
        let [low, high, ..] = call(STAMP, [0; 4])?.words;
        Ok([before, Instant::from_cycles(join(low, high))])
    })?;
    bench.row("ipc_reply", overhead, || {
        let [low, high, ..] = call(STAMP, [0; 4])?.words;
        Ok([Instant::from_cycles(join(low, high)), Instant::now()])
    })?;
    bench.row("notify_to_waiter", overhead, || {
        let before = Instant::now();
        raw::notify(partner, [1, 0, 0, 0])?;
        let [low, high, ..] = call(NOTIFIED, [0; 4])?.words;
        Ok([before, Instant::from_cycles(join(low, high))])
    })?;
    bench.row("port_access", overhead, || timed(|| Ok(bench.port.read())))?;
    call(FLOAT, [0; 4])?;
    core::hint::black_box(core::hint::black_box(1.5_f64) * 3.0);
    bench.counted("ipc_round_trip_float", overhead, 2, || timed(|| call(ECHO, [0; 4])))?;
    bench.say("bench: done\n")
}

/// The argument with which only the rows about interrupts are measured.
const ONLY_INTERRUPTS: &str = "interrupts";

/// The port that firmware writes its progress to: reading it has no effect on any PC.
const DELAY_PORT: u16 = 0x80;

struct Bench {
    serial: Endpoint,
    partner: Endpoint,
    info: Root,
    port: Port<u8>,
}

impl Bench {
    /// Measures a row.
    fn row(&self, name: &str, overhead: u64, round: impl FnMut() -> Result<[Instant; 2]>) -> Result<()> {
        let cost = measure(overhead, round)?;
        self.say(&format!("bench: {name} {} {}\n", cost.minimum, cost.median))
    }

    /// Measures the ways of an interrupt from the store that makes the device raise it: to its driver, and back to here,
    /// once the driver has acknowledged it and waits again. Of that the driver makes one call.
    fn interrupts(&self, driver: &Endpoint, overhead: u64) -> Result<()> {
        let answer = driver.call(REGISTERS, [0; 4])?;
        let (latency, cycle) = match answer.words {
            [BY_LINE, ..] => ("irq_latency_intx", "irq_cycle_intx"),
            _ => ("irq_latency_msi", "irq_cycle_msi"),
        };
        let memory = Memory::from(answer.handle.ok_or(Error::BadHandle)?);
        let registers = memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE)?;
        let raise = registers.register::<u32>(EDU_RAISE);
        let driver = driver.raw();
        self.counted(latency, overhead, 3, || {
            let before = Instant::now();
            raise.write(1);
            let asked = raw::invoke(Operation::Call, driver, INTERRUPTED, Options::empty(), [0; 4]);
            let [low, high, ..] = raw::checked(asked)?.words;
            Ok([before, Instant::from_cycles(join(low, high))])
        })?;
        self.counted(cycle, overhead, 1, || {
            let before = Instant::now();
            raise.write(1);
            Ok([before, Instant::now()])
        })
    }

    /// Measures a row, and checks that the kernel's counter of calls rose by exactly what the rounds make.
    fn counted(
        &self,
        name: &str,
        overhead: u64,
        calls_a_round: u64,
        mut round: impl FnMut() -> Result<[Instant; 2]>,
    ) -> Result<()> {
        // The serial line may still be sending the row before: its driver's calls shall not count here.
        measure(overhead, &mut round)?;
        let before = self.calls()?;
        let cost = measure(overhead, round)?;
        let counted = self.calls()?.wrapping_sub(before);
        // The second reading of the counter is a call itself.
        let expected = (ROUNDS + WARM_UP) as u64 * calls_a_round + 1;
        if counted != expected {
            self.say(&format!("bench: {name} failed: {counted} calls counted, {expected} made\n"))?;
            return Err(Error::Busy);
        }
        self.say(&format!("bench: {name} {} {}\n", cost.minimum, cost.median))
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

/// The time before and after.
#[inline(always)]
fn timed<T>(operation: impl FnOnce() -> Result<T>) -> Result<[Instant; 2]> {
    let before = Instant::now();
    let result = operation();
    let after = Instant::now();
    result.map(|_| [before, after])
}

fn measure(overhead: u64, mut round: impl FnMut() -> Result<[Instant; 2]>) -> Result<Cost> {
    let mut samples = Vec::with_capacity(ROUNDS);
    for number in 0..WARM_UP + ROUNDS {
        let [before, after] = round()?;
        if number >= WARM_UP {
            samples.push(after.cycles().wrapping_sub(before.cycles()));
        }
    }
    Ok(Cost::of(&mut samples, overhead))
}
