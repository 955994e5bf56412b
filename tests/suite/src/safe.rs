//! What a program without `unsafe` tries in order to break Rust's promises. A partner plays each of these, since one
//! that succeeds may do anything afterwards.
#![forbid(unsafe_code)]

use abi::InfoItem;
use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::{
    Access, CallThread, Endpoint, Error, Event, Handle, Instant, Memory, MemoryUse, Mutex, PAGE_BYTES, ReceiveRight,
    Result, Server, Thread, Timer, raw,
};
use core::hint::black_box;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};
use core::time::Duration;

/// The exit code of a program that has seen a promise broken.
pub const BROKEN: usize = 77;

/// The smallest stack.
const STACK_BYTES: usize = PAGE_BYTES;

/// A thread whose frame is larger than its stack and the page below that. The frame ends in the stack of another
/// thread, which looks after its array. Doesn't return where the frame's owner faults.
pub fn overflow(priority: u8) -> Result<()> {
    static READY: AtomicBool = AtomicBool::new(false);
    static WRITTEN: AtomicBool = AtomicBool::new(false);
    let below = Thread::spawn(priority, STACK_BYTES, |_| {
        let array = black_box([0x5A_u8; 2500]);
        READY.store(true, Ordering::SeqCst);
        yield_until(&WRITTEN);
        let is_whole = black_box(&array).iter().all(|byte| *byte == 0x5A);
        bellwire::entry::exit(if is_whole { 0 } else { BROKEN });
    })?;
    yield_until(&READY);
    let above = Thread::spawn(priority, STACK_BYTES, |_| {
        write_far_below();
        WRITTEN.store(true, Ordering::SeqCst);
        yield_until(&AtomicBool::new(false));
    })?;
    yield_until(&AtomicBool::new(false));
    drop((below, above));
    Ok(())
}

/// Writes to the lower end of a frame of 9,000 bytes, and to nothing above that.
#[inline(never)]
fn write_far_below() {
    let mut frame = [const { MaybeUninit::<u8>::uninit() }; 9000];
    for byte in &mut frame[..900] {
        byte.write(0xA5);
    }
    black_box(&frame);
}

fn yield_until(flag: &AtomicBool) {
    while !flag.load(Ordering::SeqCst) {
        let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
    }
}

/// Spawns many more threads than the program has frames for stacks, above and below the calling one, and joins each.
/// Nothing of a thread that was joined is left.
pub fn spawn_and_join(priority: u8) -> Result<()> {
    const THREADS: usize = 300;
    static ENDED: Mutex<usize> = Mutex::new(0);
    /// The number of the thread after which it is read what the program holds. It and those before it have ended when
    /// they are joined, since they outrank the calling one. The first ones leave page tables and the heap behind.
    const BEFORE: usize = 3;
    let mut quota = None;
    for number in 0..THREADS {
        let priority = if number <= BEFORE || number % 2 == 0 { priority + 1 } else { priority - 1 };
        Thread::spawn(priority, 2 * STACK_BYTES, |_| *ENDED.lock() += 1)?.join();
        if *ENDED.lock() != number + 1 {
            bellwire::entry::exit(BROKEN);
        }
        let now = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 1, 0, 0])?.words;
        if number >= BEFORE && *quota.get_or_insert(now) != now {
            bellwire::entry::exit(BROKEN);
        }
    }
    Ok(())
}

/// Has the heap grow by more than a page table covers, where there is no frame for the next one. Then again, with
/// enough frames.
pub fn grow() -> Result<()> {
    const BYTES: usize = 5 << 20;
    /// What the heap takes for an allocation of that size, without page tables.
    const FRAMES: usize = BYTES / PAGE_BYTES + 2;
    for round in 0..3 {
        let before = MemoryUse::of_process()?.free as usize;
        let rest = before.checked_sub(FRAMES).ok_or(Error::NoMemory)?;
        let filling = Memory::new(rest * PAGE_BYTES)?;
        if Vec::<u8>::new().try_reserve_exact(BYTES).is_ok() {
            return Err(Error::BadArgument);
        }
        filling.destroy()?;
        // What a page table took is the process's for good.
        let after = MemoryUse::of_process()?.free as usize;
        if round > 0 && after != before {
            bellwire::entry::exit(BROKEN);
        }
    }
    if Vec::<u8>::new().try_reserve_exact(BYTES).is_err() {
        bellwire::entry::exit(BROKEN + 1);
    }
    Ok(())
}

/// Allocates without end, in a thread that is interrupted by one of higher priority that allocates too.
pub fn allocate_in_two_threads(priority: u8) -> Result<()> {
    const ROUNDS: usize = 300;
    const PERIOD: Duration = Duration::from_micros(150);
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 0)?;
    timer.set_periodic(Instant::now() + PERIOD, PERIOD)?;
    let above = Thread::spawn(priority, 4 * STACK_BYTES, move |right| {
        let mut server = Server::new(right, endpoint);
        for round in 0..ROUNDS {
            if server.next().is_err() {
                bellwire::entry::exit(BROKEN);
            }
            drop(black_box(Box::new([round; 8])));
        }
        bellwire::entry::exit(0);
    })?;
    let mut kept: Vec<Box<[usize; 16]>> = Vec::with_capacity(64);
    loop {
        kept.push(black_box(Box::new([0; 16])));
        if kept.len() == 64 {
            kept.clear();
        }
        black_box((&above, &timer));
    }
}

/// Has calls answered that are made by a further thread. Then gives up calls that nobody answers, many more than the
/// program has frames and handles for.
pub fn give_up_calls(priority: u8, right: ReceiveRight) -> Result<()> {
    const CALLS: usize = 600;
    const LABEL: u8 = 9;
    let (service, tell) = (Arc::new(Endpoint::new()?), Endpoint::new()?);
    let memory = Arc::new(Memory::new(PAGE_BYTES)?);
    let jobs = service.copy(bellwire::Rights::RECEIVE)?;
    let server = Thread::spawn(priority, STACK_BYTES, move |right| {
        let mut server = Server::new(right, jobs).taking_handles();
        for _ in 0..4 {
            let Ok(Event::Call(call)) = server.next() else { bellwire::entry::exit(BROKEN) };
            let [first, second, third, _] = call.words;
            let with_handle = usize::from(call.handle.is_some());
            call.answer([first, second, third, with_handle]);
        }
        // The last answer is on its way with the next receive.
        let _ = server.poll();
    })?;
    let mut answers = Server::new(right, tell.copy(bellwire::Rights::RECEIVE)?);
    let mut call = CallThread::new(priority, tell.notifier(1)?, 1)?;
    for round in 0..4 {
        let sent: Option<Arc<dyn Handle>> = if round % 2 == 0 { None } else { Some(memory.clone()) };
        call.begin(service.clone(), LABEL, [round, 7, usize::MAX, 0], sent)?;
        let answer = loop {
            answers.next()?;
            if let Some(answer) = call.take_answer() {
                break answer?;
            }
        };
        if answer.words != [round, 7, usize::MAX, round % 2] || !call.is_free() {
            bellwire::entry::exit(BROKEN);
        }
    }
    server.join();
    let mut before = None;
    for round in 0..CALLS {
        // One that doesn't begin, one that comes to its call, and one that is there at once.
        let priority = priority - 1 + (round % 3) as u8;
        let mut call = CallThread::new(priority, tell.notifier(1)?, 1)?;
        call.begin(service.clone(), LABEL, [round; 4], None)?;
        let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
        drop(call);
        let quota = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 1, 0, 0])?.words;
        let now = (quota, memory.map(Access::READ)?.address());
        // The first one may take a page table, and have the heap grow.
        if *before.get_or_insert(now) != now {
            bellwire::entry::exit(BROKEN + 1);
        }
    }
    Ok(())
}

/// A server that ignores the event of a caller that has gone, and keeps the right to answer it, until the number of
/// that right has come back as another one's. Answers by the old right then, and next by the new one.
pub fn keep_a_stale_reply(priority: u8) -> Result<()> {
    /// A place in the handle table gives a number again after that many uses.
    const LIVES: usize = 65_535;
    const WRONG: [usize; 4] = [7; 4];
    const RIGHT: [usize; 4] = [8; 4];
    let service = Endpoint::new()?;
    let calls = service.copy(bellwire::Rights::RECEIVE | bellwire::Rights::COPY)?;
    let server = Thread::spawn(priority + 1, 2 * STACK_BYTES, move |right| {
        let mut server = Server::new(right, calls);
        let mut stale = None;
        loop {
            match server.next() {
                Ok(Event::Call(call)) => match (call.defer(), stale.take()) {
                    (Some(reply), None) => stale = Some(reply),
                    (Some(reply), Some(stale)) => {
                        let _ = stale.answer(WRONG);
                        let _ = reply.answer(RIGHT);
                        return;
                    }
                    (None, _) => bellwire::entry::exit(BROKEN + 1),
                },
                // The place of the Reply's handle is the one that is used next.
                Ok(Event::CallerGone(_)) => {
                    for _ in 1..LIVES {
                        if server.endpoint().copy(bellwire::Rights::RECEIVE).map(drop).is_err() {
                            bellwire::entry::exit(BROKEN + 2);
                        }
                    }
                }
                _ => bellwire::entry::exit(BROKEN + 3),
            }
        }
    })?;
    if service.call_before(Instant::now() + Duration::from_millis(5), 0, [0; 4]) != Err(Error::TimedOut) {
        bellwire::entry::exit(BROKEN + 4);
    }
    let answer = service.call(0, [0; 4])?;
    server.join();
    if answer.words != RIGHT {
        bellwire::entry::exit(BROKEN);
    }
    Ok(())
}
