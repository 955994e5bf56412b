//! What a hostile partner tries against the kernel's objects: things that have ended or are ending, names that wear
//! out, lines that nobody serves, and its own end after each of its calls.
//!
//! An attempt that got what it must not get ends with the number of a line of this file as its exit code.

use crate::bare;
use abi::{Access, InfoItem, Kind, Operation, Options, PAGE_BYTES, split};
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Handle, Instant, Memory, PortRange, Result, Startup, raw};
use core::time::Duration;

/// An attempt, as the conductor names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Attempt {
    /// Uses memory whose end has begun.
    EndingMemory = 0,
    /// Uses ports whose end has begun, and a process that has ended.
    EndingOthers = 1,
    /// Makes and destroys one object more often than generations can tell apart, with a stale handle at hand.
    WornNames = 2,
    /// Binds the clock's line as a level line and never completes.
    SilentDriver = 3,
    /// Binds the clock's line as a level line and completes without serving the device.
    BlindDriver = 4,
    /// Does all that a driver does, and ends after a number of calls.
    ShortLived = 5,
}

impl Attempt {
    const ALL: [Self; 6] = [
        Self::EndingMemory,
        Self::EndingOthers,
        Self::WornNames,
        Self::SilentDriver,
        Self::BlindDriver,
        Self::ShortLived,
    ];
}

/// More lives than a generation of 16 bits tells apart.
const LIVES: usize = (1 << 16) + 64;

/// The number of calls that [`Attempt::ShortLived`] makes if it isn't told to end before.
pub const MOST_CALLS: u64 = 24;

/// Ends the attempt, with the line's number, unless the condition holds.
macro_rules! must {
    ($condition:expr) => {
        if !$condition {
            bellwire::entry::exit(line!() as usize);
        }
    };
}

/// Makes the attempt that the conductor asks for.
pub fn run(startup: &Startup) -> Result<()> {
    let [attempt, argument] = startup.number("numbers").unwrap_or_default();
    match Attempt::ALL.into_iter().find(|one| *one as u64 == attempt) {
        Some(Attempt::EndingMemory) => ending_memory(),
        Some(Attempt::EndingOthers) => ending_others(startup),
        Some(Attempt::WornNames) => worn_names(),
        Some(Attempt::SilentDriver) => drive_badly(startup, Service::None),
        Some(Attempt::BlindDriver) => drive_badly(startup, Service::Complete),
        Some(Attempt::ShortLived) => short_lived(startup, argument),
        None => Err(Error::BadArgument),
    }
}

/// The pages of the memory that ends: a block of 32 goes in the first slice, and one page is left.
const PAGES: usize = 33;

fn ending_memory() -> Result<()> {
    let map = |memory: u32, access: Access| {
        let words = [0x9E00_0000, 0, PAGE_BYTES, 0];
        raw::checked(bare::invoke(Operation::MemoryMap, memory, 0, access.options(), words))
    };
    let ending = raw::memory_create(abi::NO_HANDLE, [PAGES * PAGE_BYTES, 0, 0, 0])?.words[0] as u32;
    must!(bare::destroy(ending, [0; 4])?.words[0] != 0);
    // The block's next owner.
    let victim = Memory::new((PAGES - 1) * PAGE_BYTES)?;
    let mapping = victim.map(Access::READ | Access::WRITE)?;
    let words = (PAGES - 1) * PAGE_BYTES / 4;
    (0..words).for_each(|word| mapping.write::<u32>(word * 4, word as u32));
    for _ in 0..2 * PAGES {
        must!(raw::memory_prepare(ending, [0; 4]).is_err());
    }
    must!(map(ending, Access::READ).is_err());
    must!(map(ending, Access::READ | Access::WRITE).is_err());
    must!(raw::memory_seal(ending, [0; 4]).is_err());
    must!(raw::memory_info(ending, [0; 4]).is_err());
    must!((0..words).all(|word| mapping.read::<u32>(word * 4) == word as u32));
    while bare::destroy(ending, [0; 4])?.words[0] != 0 {}
    must!(raw::memory_info(ending, [0; 4]) == Err(Error::BadHandle));
    must!((0..words).all(|word| mapping.read::<u32>(word * 4) == word as u32));
    Ok(())
}

fn ending_others(startup: &Startup) -> Result<()> {
    // An endpoint at which two threads' worth of events wait ends in two slices at least: nothing is bound to it then.
    let endpoint = raw::endpoint_create(abi::NO_HANDLE, [0; 4])?.words[0] as u32;
    let timers = [1, 2, 3].map(|badge| raw::timer_create(abi::NO_HANDLE, [endpoint as usize, badge, 0, 0]));
    for timer in &timers {
        raw::timer_set((*timer)?.words[0] as u32, [1, 0, 0, 0])?;
    }
    let [low, high] = split((Instant::now() + Duration::from_millis(2)).cycles());
    let silent = Endpoint::new()?;
    let _ = bare::invoke(Operation::Receive, silent.raw(), 0, Options::DEADLINE, [low, high, 0, 0]);
    must!(bare::destroy(endpoint, [0; 4])?.words[0] != 0);
    must!(raw::timer_create(abi::NO_HANDLE, [endpoint as usize, 4, 0, 0]).is_err());
    must!(bare::thread_create(abi::NO_HANDLE, [0x40_0000, 0x1000, 1, endpoint as usize]).is_err());
    while bare::destroy(endpoint, [0; 4])?.words[0] != 0 {}
    must!(raw::notify(endpoint, [1, 0, 0, 0]) == Err(Error::BadHandle));
    must!(bare::call(endpoint, [0; 4]).is_err());
    // A process that has ended takes nothing any more.
    let create = || {
        let words = [8, 8, silent.raw() as usize, 9];
        raw::invoke(SafeOperation::ProcessCreate, abi::NO_HANDLE, 0, Options::empty(), words)
    };
    let child = raw::repeated(create)?.words[0] as u32;
    raw::process_kill(child, [0; 4])?;
    let memory = Memory::new(PAGE_BYTES)?;
    let words = [0x40_0000, 0, PAGE_BYTES, child as usize];
    let mapped = bare::invoke(Operation::MemoryMap, memory.raw(), 0, Access::READ.options(), words);
    must!(mapped.tag.kind() == Kind::Error);
    must!(bare::process_grant(child, [memory.raw() as usize, usize::MAX, 0, 0]).is_err());
    must!(bare::thread_create(child, [0x40_0000, 0x1000, 0, 0]).is_err());
    while raw::process_reap(child, [0; 4])?.words[0] != 0 {}
    must!(raw::process_kill(child, [0; 4]) == Err(Error::BadHandle));
    let _ = startup;
    Ok(())
}

fn worn_names() -> Result<()> {
    let make = || Ok(raw::endpoint_create(abi::NO_HANDLE, [0; 4])?.words[0] as u32);
    let end = |endpoint: u32| -> Result<()> {
        bare::destroy(endpoint, [0; 4])?;
        bare::handle_close(endpoint, [0; 4])?;
        Ok(())
    };
    let first: u32 = make()?;
    let stale = bare::handle_copy(first, [usize::MAX, 0, 0, 0])?.words[0] as u32;
    end(first)?;
    for _ in 0..LIVES {
        // The same slot, and sooner or later the same generation.
        let endpoint = make()?;
        must!(raw::notify(stale, [1, 0, 0, 0]) == Err(Error::BadHandle));
        end(endpoint)?;
    }
    must!(bare::handle_copy(stale, [usize::MAX, 0, 0, 0]).is_err());
    must!(bare::destroy(stale, [0; 4]).is_err());
    let timers = make()?;
    for _ in 0..LIVES / 8 {
        let timer = raw::timer_create(abi::NO_HANDLE, [timers as usize, 1, 0, 0])?.words[0] as u32;
        bare::destroy(timer, [0; 4])?;
        bare::handle_close(timer, [0; 4])?;
    }
    Ok(())
}

/// How far a bad driver serves.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Service {
    /// Not at all.
    None,
    /// It completes the interrupt, and leaves the device as it is.
    Complete,
}

/// Binds the clock's line as a level, which the device holds as long as its register C isn't read.
fn drive_badly(startup: &Startup, service: Service) -> Result<()> {
    const LEVEL: usize = 2;
    let line = startup.handle("line")?;
    let endpoint = Endpoint::new()?;
    raw::interrupt_bind(line.raw(), [endpoint.raw() as usize, 1, LEVEL, 0])?;
    let clock = PortRange::new(0x70, 2);
    let write = |register: u8, value: u8| {
        clock.port::<u8>(0).write(register);
        clock.port::<u8>(1).write(value);
    };
    write(0x0A, 0x26);
    clock.port::<u8>(0).write(0x0B);
    let control = clock.port::<u8>(1).read();
    write(0x0B, control | 0x40);
    match service {
        Service::None => loop {
            core::hint::spin_loop();
        },
        Service::Complete => loop {
            bare::reply_receive(endpoint.raw(), [0; 4])?;
        },
    }
}

/// Counts down at each call, and ends in place of the last.
struct Calls(u64);

impl Calls {
    fn make<T>(&mut self, call: impl FnOnce() -> T) -> T {
        if self.0 == 0 {
            bellwire::entry::exit(0);
        }
        self.0 -= 1;
        call()
    }
}

fn short_lived(startup: &Startup, calls: u64) -> Result<()> {
    let mut calls = Calls(calls);
    let line = startup.handle("line")?.raw();
    let none = abi::NO_HANDLE;
    let endpoint = calls.make(|| raw::endpoint_create(none, [0; 4]))?.words[0];
    calls.make(|| raw::interrupt_bind(line, [endpoint, 7, 0, 0]))?;
    let timer = calls.make(|| raw::timer_create(none, [endpoint, 8, 0, 0]))?.words[0] as u32;
    let [low, high] = split(Instant::now().cycles());
    calls.make(|| raw::timer_set(timer, [low, high, bellwire::time::frequency() as usize / 1000, 0]))?;
    let memory = calls.make(|| raw::memory_create(none, [3 * PAGE_BYTES, 0, 0, 0]))?.words[0] as u32;
    while calls.make(|| raw::memory_prepare(memory, [0; 4]))?.words[0] != 0 {}
    // The address is known from here on: the frames go into quarantine.
    calls.make(|| raw::memory_info(memory, [0; 4]))?;
    let map = || {
        let access = Access::READ | Access::WRITE;
        bare::invoke(Operation::MemoryMap, memory, 0, access.options(), [0x9E00_0000, 0, PAGE_BYTES, 0])
    };
    while calls.make(|| raw::checked(map()))?.words[0] == 0 {}
    calls.make(|| bare::receive(endpoint as u32, [0; 4]))?;
    calls.make(|| bare::invoke(Operation::Receive, endpoint as u32, 0, Options::KEEP, [0; 4]));
    calls.make(|| raw::info(none, [InfoItem::Memory as usize, 1, 0, 0]))?;
    calls.make(|| raw::notify(endpoint as u32, [1, 0, 0, 0]))?;
    calls.make(|| bare::receive(endpoint as u32, [0; 4]))?;
    calls.make(|| bare::destroy(memory, [0; 4]))?;
    calls.make(|| bare::destroy(endpoint as u32, [0; 4]))?;
    calls.make(|| raw::timer_cancel(timer, [0; 4]))?;
    // All calls are made.
    bellwire::entry::exit(1)
}
