//! What a client can do to a server.

use crate::Service;
use alloc::vec::Vec;
use bellwire::protocol::{
    Chunk, ClockRequest, ColourPolicy, ConsoleMode, ConsoleRequest, EduRequest, KeyLayout, KeyboardRequest,
    MouseRequest, PciRequest, PowerRequest, ProgramName, ProgramsRequest, Request, StreamRequest, SupervisionRequest,
    TimerRequest,
};
use bellwire::{Endpoint, Error, Handle, Instant, Memory, PAGE_BYTES, Result, Rights, SpawnedThread, Thread, Timer};
use core::time::Duration;

/// The priority of the vandal's further threads, which is that of its first.
const PRIORITY: u8 = 10;

const STACK_BYTES: usize = 8 << 10;

/// More than a server's handle table has room for.
const MANY: usize = 200;

/// How many threads wait at servers at a time.
const THREADS: usize = 12;

/// A call's label and words.
type Words = (u8, [usize; 4]);

/// Requests of all protocols, which every server gets. Left out are `EduRequest::Hold` and `EduRequest::Storm`, by
/// which any client of the teaching device may stop the device's driver.
pub fn requests() -> Vec<Words> {
    let shell = ProgramName::new("shell").unwrap_or_default();
    let second = Instant::now() + Duration::from_secs(1);
    Vec::from([
        StreamRequest::Read.encode(),
        StreamRequest::Poll.encode(),
        StreamRequest::Write(Chunk::default()).encode(),
        KeyboardRequest::Layout.encode(),
        KeyboardRequest::SetLayout(KeyLayout::Us).encode(),
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
        ConsoleRequest::Size.encode(),
        ConsoleRequest::SetColours(ColourPolicy::Off).encode(),
        ConsoleRequest::SetMode(ConsoleMode::Text).encode(),
        SupervisionRequest::ClientEnded { badge: 1 }.encode(),
        (255, [usize::MAX; 4]),
    ])
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

/// Every request with handles of every kind. Returns the first that a server took, other than the timer service.
pub fn handles(service: &Service) -> Result<Option<u8>> {
    let endpoint = Endpoint::new()?;
    let memory = Memory::new(PAGE_BYTES)?;
    let timer = Timer::new(&endpoint, 0)?;
    let weak = endpoint.copy(Rights::COPY)?;
    let mut taken = None;
    for (label, [word0, word1, word2, _]) in requests() {
        let words = [word0, word1, word2];
        let deadline = Duration::from_micros(200);
        for send in 0..4 {
            set_deadline(deadline)?;
            let answer = match send {
                0 => service.endpoint.call_with_handle(label, words, &endpoint),
                1 => service.endpoint.call_with_handle(label, words, &memory),
                2 => service.endpoint.call_with_handle(label, words, &timer),
                _ => service.endpoint.call_with_handle(label, words, &weak),
            };
            if service.name != "timer" && answer != Err(Error::HandleUnwanted) {
                taken = taken.or(Some(label));
            }
        }
    }
    // What was sent ends while servers may still have it.
    timer.destroy()?;
    memory.destroy()?;
    endpoint.destroy()?;
    Ok(taken)
}

/// A deadline for the next call.
fn set_deadline(after: Duration) -> Result<()> {
    let [low, high] = bellwire::split((Instant::now() + after).cycles());
    bellwire::raw::deadline(0, [low, high, 0, 0]).map(drop)
}

/// Asks the timer service for as much as it grants. Returns how many periods and sleeps that was, and why no more.
pub fn ask_for_all_timers(service: &Service, bell: &Endpoint) -> (u32, Option<Error>) {
    let period = bellwire::time::cycles(Duration::from_millis(5));
    let mut granted = 0;
    for bit in (0..32).cycle().take(MANY) {
        match service.endpoint.request_with_handle(TimerRequest::Every { period, bit }, bell) {
            Ok(_) => granted += 1,
            Err(error) => return (granted, Some(error)),
        }
    }
    (granted, None)
}

/// Numbers of requests that are others'.
pub fn stop_others(service: &Service) -> u32 {
    let stops = |number: &u32| service.endpoint.request(TimerRequest::Stop(*number)).is_ok();
    (0..MANY as u32).filter(stops).count() as u32
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
        // What any client may do on purpose: hold the device, have it interrupt without end, have the console be of
        // bytes, show a wrong layout, write.
        if let 1 | 18 | 114 | 116 | 130 = label {
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
        let endpoint = Endpoint::borrowed(service.endpoint.raw());
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

/// Threads that wait at a server are ended, at different points of their calls.
pub fn die_in_calls(service: &Service) -> Result<()> {
    let mut threads = Vec::new();
    wait_in_threads(service, &mut threads)?;
    let nobody = Endpoint::new()?;
    for (step, thread) in threads.into_iter().enumerate() {
        // A call that no thread takes: time passes, and the threads run.
        let _ = nobody.call_before(Instant::now() + Duration::from_micros(7 * step as u64), 0, [0; 4]);
        // One that was answered and has ended is gone already.
        let _ = thread.destroy();
    }
    nobody.destroy()
}
