//! What a client can do to a server.

pub mod handles;
pub mod timers;

use crate::Service;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::{
    Chunk, ClockRequest, ColourPolicy, ConsoleMode, ConsoleRequest, EduRequest, KeyLayout, KeyboardRequest,
    MouseRequest, PciRequest, PowerRequest, ProgramName, ProgramsRequest, Request, StreamRequest, SupervisionRequest,
    TimerRequest,
};
use bellwire::{CallThread, Endpoint, Handle, Instant, Result, Rights, SpawnedThread, Thread};
use core::time::Duration;

/// The priority of the vandal's further threads, which is that of its first.
const PRIORITY: u8 = 10;

const STACK_BYTES: usize = 8 << 10;

/// More than a server's handle table has room for.
const MANY: usize = 200;

/// More than any table has room for.
const THOUSANDS: usize = 1_000;

/// How many threads wait at servers at a time.
const THREADS: usize = 12;

/// A call's label and words.
type Words = (u8, [usize; 4]);

/// Requests of all protocols, which every server gets.
pub fn requests() -> Vec<Words> {
    let shell = ProgramName::new("shell").unwrap_or_default();
    let second = Instant::now() + Duration::from_secs(1);
    Vec::from([
        StreamRequest::Read.encode(),
        StreamRequest::Poll.encode(),
        StreamRequest::Write(Chunk::default()).encode(),
        KeyboardRequest::Layout.encode(),
        KeyboardRequest::SetLayout(KeyLayout::De).encode(),
        MouseRequest::State.encode(),
        PowerRequest::Reset.encode(),
        ClockRequest::Time.encode(),
        ClockRequest::Ticks.encode(),
        ClockRequest::Rate(1024).encode(),
        ClockRequest::Rate(3).encode(),
        TimerRequest::SleepUntil(0).encode(),
        TimerRequest::SleepUntil(second.cycles()).encode(),
        TimerRequest::SleepUntil(u64::MAX).encode(),
        TimerRequest::Every { period: 1, bit: 31 }.encode(),
        TimerRequest::Every { period: u64::MAX, bit: 0 }.encode(),
        TimerRequest::Stop(1).encode(),
        ProgramsRequest::Get(3).encode(),
        ProgramsRequest::Kill(shell).encode(),
        ProgramsRequest::Stop(shell).encode(),
        ProgramsRequest::Start(shell).encode(),
        PciRequest::Get(0).encode(),
        (97, [0; 4]),
        (98, [usize::MAX; 4]),
        (99, [0; 4]),
        EduRequest::Counts.encode(),
        EduRequest::Raise(3).encode(),
        EduRequest::Raise(u32::MAX).encode(),
        EduRequest::Factorial(u32::MAX).encode(),
        EduRequest::Hold.encode(),
        EduRequest::Storm.encode(),
        ConsoleRequest::Size.encode(),
        ConsoleRequest::SetColours(ColourPolicy::Off).encode(),
        ConsoleRequest::SetMode(ConsoleMode::Bytes).encode(),
        SupervisionRequest::ClientEnded { badge: 1, before: u64::MAX }.encode(),
        (255, [usize::MAX; 4]),
    ])
}

/// The label by which any client writes to the console and the serial line.
const WRITE: u8 = 1;

/// Requests by which one client would change what others have of a service, each at its service. They take a right that
/// the vandal hasn't.
pub fn forbidden() -> Vec<(&'static str, Words)> {
    Vec::from([
        ("edu", EduRequest::Hold.encode()),
        ("edu", EduRequest::Storm.encode()),
        ("rtc", ClockRequest::Rate(1024).encode()),
        ("rtc", ClockRequest::Rate(0).encode()),
        ("keyboard", KeyboardRequest::SetLayout(KeyLayout::De).encode()),
        ("keyboard", PowerRequest::Reset.encode()),
        ("console", ConsoleRequest::SetMode(ConsoleMode::Bytes).encode()),
        ("console", ConsoleRequest::SetColours(ColourPolicy::On).encode()),
        ("pci", PowerRequest::Reset.encode()),
    ])
}

/// Every label there is, with words of zeros, of ones, and of small numbers.
pub fn every_label(service: &Service) {
    for label in (0..=u8::MAX).filter(|label| *label != WRITE) {
        for words in [[0; 4], [usize::MAX; 4], [1, 2, 3, 4]] {
            let _ = service.endpoint.call_before(Instant::now() + Duration::from_micros(300), label, words);
        }
    }
}

/// Calls that wait, thousands of them, each given up before it is answered.
pub fn half_open(service: &Service) -> Result<()> {
    let bell = Arc::new(Endpoint::new()?);
    let (label, words) = long_requests(service)[0];
    for _ in 0..THOUSANDS {
        let mut caller = CallThread::new(PRIORITY, bell.notifier(1)?, 1)?;
        let sent = (service.name == "timer").then(|| bell.clone() as Arc<dyn Handle>);
        caller.begin(service.endpoint.clone(), label, words, sent)?;
        drop(caller);
        let _ = service.endpoint.call_before(Instant::now() + Duration::from_micros(20), label, words);
    }
    Arc::into_inner(bell).map_or(Ok(()), Endpoint::destroy)
}

/// Requests that wait.
fn long_requests(service: &Service) -> Vec<Words> {
    match service.name {
        "timer" => Vec::from([TimerRequest::SleepUntil(u64::MAX / 2).encode()]),
        "edu" => Vec::from([EduRequest::Raise(20).encode(), EduRequest::Factorial(30).encode()]),
        "serial" | "console" | "keyboard" => Vec::from([StreamRequest::Read.encode()]),
        "rtc" => Vec::from([ClockRequest::Time.encode()]),
        _ => Vec::from([ProgramsRequest::Get(0).encode(), PciRequest::Get(0).encode()]),
    }
}

/// Each request, with deadlines from the past to long after the answer: they pass before the server receives, between
/// its receive and the Reply, and after that.
pub fn deadlines(service: &Service) {
    for (label, words) in requests() {
        for step in 0..10 {
            let deadline = Instant::now() + Duration::from_micros(step * step);
            let _ = service.endpoint.call_before(deadline, label, words);
        }
    }
}

/// More calls that the server puts off than its table has room for, all of which are given up.
pub fn fill_with_replies(service: &Service) {
    let (label, words) = long_requests(service)[0];
    for _ in 0..MANY {
        let _ = service.endpoint.call_before(Instant::now() + Duration::from_micros(100), label, words);
    }
}

/// A deadline for the next call.
fn set_deadline(after: Duration) -> Result<()> {
    let [low, high] = bellwire::split((Instant::now() + after).cycles());
    bellwire::raw::deadline(0, [low, high, 0, 0]).map(drop)
}

/// A call for every slot of this program's table.
pub fn with_a_full_table(services: &[Service]) -> Result<()> {
    let spare = Endpoint::new()?;
    let mut copies = Vec::with_capacity(MANY);
    while let Ok(copy) = spare.copy(Rights::all()) {
        copies.push(copy);
    }
    for service in services {
        for (label, words) in requests() {
            let _ = service.endpoint.call_before(Instant::now() + Duration::from_micros(100), label, words);
        }
    }
    drop(copies);
    spare.destroy()
}

/// All bits of all notify words.
pub fn notify(service: &Service) {
    for _ in 0..MANY {
        let _ = service.endpoint.notify(u32::MAX);
    }
}

/// Calls with words of no protocol.
pub fn noise(service: &Service, seed: u32) {
    let mut state = seed | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    };
    for _ in 0..2 * MANY {
        let label = next() as u8;
        // What any client may do on purpose.
        if label == WRITE {
            continue;
        }
        let words = [next() as usize, next() as usize % 3, next() as usize % 32, usize::MAX];
        let _ = service.endpoint.call_before(Instant::now() + Duration::from_micros(300), label, words);
    }
}

/// Threads that call a server and wait.
pub fn wait_in_threads(service: &Service, threads: &mut Vec<SpawnedThread>) -> Result<()> {
    let requests = long_requests(service);
    let most = threads.len() + THREADS / 2;
    while threads.len() < most {
        let endpoint = service.endpoint.clone();
        let (label, words) = requests[threads.len() % requests.len()];
        threads.push(Thread::spawn(PRIORITY, STACK_BYTES, move |_| {
            for _ in 0..MANY {
                if endpoint.call(label, words).is_err() {
                    return;
                }
            }
        })?);
    }
    Ok(())
}

/// Threads that wait at a server are ended, at many points of their calls.
pub fn die_in_calls(service: &Service) -> Result<()> {
    (0..7).try_for_each(|offset| die_in_calls_from(service, offset))
}

/// Ends a thread every seven microseconds, `offset` later than that.
fn die_in_calls_from(service: &Service, offset: u64) -> Result<()> {
    let bell = Endpoint::new()?;
    let mut callers = Vec::new();
    for (label, words) in long_requests(service).into_iter().cycle().take(THREADS / 2) {
        let mut caller = CallThread::new(PRIORITY, bell.notifier(1)?, 1)?;
        caller.begin(service.endpoint.clone(), label, words, None)?;
        callers.push(caller);
    }
    for (step, caller) in callers.into_iter().enumerate() {
        // A call that no thread takes: time passes, and the threads run.
        let _ = bell.call_before(Instant::now() + Duration::from_micros(7 * step as u64 + offset), 0, [0; 4]);
        drop(caller);
    }
    bell.destroy()
}
