//! Long work is done in slices: what one call does is bounded, and between any two calls a driver is served.

use crate::case::{Case, Failure, Outcome};
use crate::partner::Partner;
use crate::system::{PRIORITY, System};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{Access, BYTES_ZEROED_PER_CALL, Operation, PAGE_BYTES, PAGES_PER_CALL};
use bellwire::{Endpoint, Error, Handle, Instant, Memory, Result, Timer, raw};
use core::sync::atomic::{AtomicU32, Ordering};
use suite::bare;

pub const CASES: &[Case] = cases!["slices":
    a_driver_is_served_while_memory_is_zeroed_mapped_and_destroyed, a_process_with_a_thousand_mappings_is_torn_down,
    one_of_a_thousand_mappings_is_found, many_timers_due_at_once_are_all_served,
];

/// Where the cases map. No other code maps there.
const PLACE: usize = 0xA900_0000;

/// How many events the driver has received.
static SERVED: AtomicU32 = AtomicU32::new(0);

extern "C" fn serve(endpoint: usize) {
    while bare::receive(endpoint as u32, [0; 4]).is_ok() {
        SERVED.fetch_add(1, Ordering::Relaxed);
    }
}

/// A thread above the one that does long work, with a timer.
struct Driver<'a> {
    system: &'a System,
    endpoint: Endpoint,
    timer: Timer,
    _worker: Worker,
    slices: u32,
}

impl<'a> Driver<'a> {
    fn start(system: &'a System) -> Result<Self> {
        SERVED.store(0, Ordering::Relaxed);
        let endpoint = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 1)?;
        let worker = Worker::start(PRIORITY + 1, serve, endpoint.raw() as usize)?;
        Ok(Self { system, endpoint, timer, _worker: worker, slices: 0 })
    }

    /// A slice of work while the timer is due; then the driver must have been served, before anything else is done.
    fn beside<R>(&mut self, slice: impl FnOnce() -> Result<R>) -> core::result::Result<R, Failure> {
        self.timer.set(Instant::now())?;
        let result = slice()?;
        self.slices += 1;
        self.system.wait_until("the driver is served", || Ok(SERVED.load(Ordering::Relaxed) >= self.slices))?;
        Ok(result)
    }

    /// The slices since the last time.
    fn count(&mut self) -> usize {
        SERVED.fetch_sub(self.slices, Ordering::Relaxed);
        core::mem::take(&mut self.slices) as usize
    }

    fn end(self) -> Outcome {
        check_eq!(SERVED.load(Ordering::Relaxed), self.slices, "events of the driver");
        self.timer.destroy()?;
        drop(self._worker);
        self.endpoint.destroy()?;
        Ok(())
    }
}

/// The first word that a call returns.
fn call(operation: Operation, handle: u32, access: Access, words: [usize; 4]) -> Result<usize> {
    Ok(raw::checked(bare::invoke(operation, handle, 0, access.options(), words))?.words[0])
}

fn a_driver_is_served_while_memory_is_zeroed_mapped_and_destroyed(system: &System) -> Outcome {
    const PAGES: usize = 45;
    const BYTES: usize = PAGES * PAGE_BYTES;
    let mut driver = Driver::start(system)?;
    let memory = call(Operation::MemoryCreate, 0, Access::empty(), [BYTES, 0, 0, 0])? as u32;
    while driver.beside(|| call(Operation::MemoryPrepare, memory, Access::empty(), [0; 4]))? != 0 {}
    check_eq!(driver.count(), BYTES / BYTES_ZEROED_PER_CALL, "slices of zeroing");
    let mut done = 0;
    while done < BYTES {
        let words = [PLACE + done, done, BYTES - done, 0];
        let mapped = driver.beside(|| call(Operation::MemoryMap, memory, Access::READ, words))?;
        check!(mapped <= PAGES_PER_CALL * PAGE_BYTES, "{mapped:#x} bytes in a call");
        done += mapped;
    }
    check!(driver.count() >= PAGES.div_ceil(PAGES_PER_CALL), "slices of mapping");
    // The stretch is taken back by the memory's end, and its frames in blocks: 45 are four.
    while driver.beside(|| call(Operation::Destroy, memory, Access::empty(), [0; 4]))? != 0 {}
    check!(driver.count() >= PAGES.div_ceil(PAGES_PER_CALL) + 4, "slices of destroying");
    bare::handle_close(memory, [0; 4])?;
    driver.end()
}

/// Maps `count` stretches of one page, none beside another.
fn map_scattered(memory: &Memory, count: usize, process: u32) -> Result<()> {
    for number in 0..count {
        let words = [PLACE + 2 * number * PAGE_BYTES, 0, PAGE_BYTES, process as usize];
        while call(Operation::MemoryMap, memory.raw(), Access::READ, words)? == 0 {}
    }
    Ok(())
}

const MANY: usize = 1000;

fn a_process_with_a_thousand_mappings_is_torn_down(system: &System) -> Outcome {
    let mut partner = Partner::new(9, 10, [32, MANY + 8])?;
    let memory = Memory::new(PAGE_BYTES)?;
    map_scattered(&memory, MANY, partner.process.raw())?;
    let mut driver = Driver::start(system)?;
    partner.kill(0)?;
    partner.wait()?;
    while driver.beside(|| call(Operation::ProcessReap, partner.process.raw(), Access::empty(), [0; 4]))? != 0 {}
    partner.reaped()?;
    check!(driver.count() > MANY, "slices of the tear-down");
    driver.end()?;
    memory.destroy()?;
    Ok(())
}

fn one_of_a_thousand_mappings_is_found(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    map_scattered(&memory, MANY, 0)?;
    for number in 0..MANY {
        // The order isn't that of their creation: 617 and `MANY` have no common divisor.
        let address = PLACE + 2 * (number * 617 % MANY) * PAGE_BYTES;
        let unmap = |address, bytes| bare::memory_unmap(0, [address, bytes, 0, 0]).map(|message| message.words[0]);
        check_eq!(unmap(address + PAGE_BYTES, PAGE_BYTES), Ok(0), "the page behind it");
        check_eq!(unmap(address, PAGE_BYTES), Ok(PAGE_BYTES), "mapping {number}");
        check_eq!(unmap(address, PAGE_BYTES), Ok(0), "mapping {number} again");
    }
    memory.destroy()?;
    Ok(())
}

fn many_timers_due_at_once_are_all_served(system: &System) -> Outcome {
    const TIMERS: usize = 100;
    let mut driver = Driver::start(system)?;
    let timers = (0..TIMERS).map(|number| Timer::new(&driver.endpoint, number as u16));
    let timers = timers.collect::<Result<alloc::vec::Vec<_>, Error>>()?;
    let due = Instant::now() + core::time::Duration::from_millis(20);
    for timer in &timers {
        timer.set(due)?;
    }
    driver.slices = TIMERS as u32;
    system.wait_until("all are served", || Ok(SERVED.load(Ordering::Relaxed) as usize >= TIMERS))?;
    for timer in timers {
        timer.destroy()?;
    }
    driver.end()
}
