//! What a program without `unsafe` tries in order to break Rust's promises. A partner plays each of these, since one
//! that succeeds may do anything afterwards.
#![forbid(unsafe_code)]

use alloc::boxed::Box;
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Handle, Instant, Memory, MemoryUse, Mutex, PAGE_BYTES, Result, Thread, Timer, raw};
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
pub fn spawn_and_join(priority: u8) -> Result<()> {
    const THREADS: usize = 300;
    static ENDED: Mutex<usize> = Mutex::new(0);
    for number in 0..THREADS {
        let priority = if number % 2 == 0 { priority + 1 } else { priority - 1 };
        Thread::spawn(priority, 2 * STACK_BYTES, |_| *ENDED.lock() += 1)?.join();
        if *ENDED.lock() != number + 1 {
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
    let above = Thread::spawn(priority, 4 * STACK_BYTES, move |_| {
        for round in 0..ROUNDS {
            if raw::receive(endpoint.raw(), [0; 4]).is_err() {
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
