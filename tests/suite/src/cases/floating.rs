//! Floating-point state: each thread finds its own, whichever thread ran before.

use crate::case::{Case, Failure, Outcome};
use crate::system::{PRIORITY, System};
use crate::worker::{STACK_BYTES, Worker};
use crate::{cases, check, check_eq};
use bellwire::{Error, HowEnded};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use suite::float::Level;
use suite::role::Role;

pub const CASES: &[Case] = cases!["floating":
    threads_keep_their_state, processes_keep_their_state, a_new_thread_finds_the_initial_state,
    state_survives_interrupts,
];

const WORKERS: usize = 3;

static ENDED: [AtomicUsize; WORKERS] = [const { AtomicUsize::new(0) }; WORKERS];
const RIGHT: usize = 1;

/// Holds a pattern of its own through many turns.
extern "C" fn hold(number: usize) {
    let level = Level::detect();
    let mut result = RIGHT;
    for round in 0..20 {
        let pattern = level.pattern((number * 50 + round + 1) as u8);
        let found = level.hold(&pattern, 20, 100);
        if let Some(offset) = level.difference(&pattern, &found) {
            result = 0x1000 + offset;
        }
    }
    ENDED[number].store(result, Ordering::Relaxed);
}

fn results(system: &System) -> Outcome {
    for (number, ended) in ENDED.iter().enumerate() {
        let what = alloc::format!("thread {number} ends");
        system.wait_until(&what, || Ok(ended.load(Ordering::Relaxed) != 0))?;
        let result = ended.load(Ordering::Relaxed);
        check_eq!(result, RIGHT, "thread {number}: 0x1000 and the offset of what it found changed");
    }
    Ok(())
}

fn threads_keep_their_state(system: &System) -> Outcome {
    ENDED.iter().for_each(|ended| ended.store(0, Ordering::Relaxed));
    let workers = [0, 1, 2].map(|number| Worker::start(20, hold, number));
    results(system)?;
    workers.into_iter().try_for_each(|worker| worker.map(drop))?;
    Ok(())
}

fn processes_keep_their_state(system: &System) -> Outcome {
    let start = |seed: u16| system.image.start_with(Role::Float, seed, 20, [u64::from(seed), 40]);
    let mut partners = [start(11)?, start(22)?];
    ENDED.iter().for_each(|ended| ended.store(0, Ordering::Relaxed));
    let worker = Worker::start(20, hold, 0)?;
    for partner in &mut partners {
        check_eq!(partner.wait()?.how, HowEnded::Exited { code: 0 });
    }
    system.wait_until("the thread ends", || Ok(ENDED[0].load(Ordering::Relaxed) != 0))?;
    check_eq!(ENDED[0].load(Ordering::Relaxed), RIGHT);
    drop(worker);
    Ok(())
}

/// The interrupts of timers at 1 ms or less, while a thread holds its state without a call.
fn state_survives_interrupts(system: &System) -> Outcome {
    extern "C" fn hold_long(_: usize) {
        let level = Level::detect();
        let pattern = level.pattern(77);
        let found = level.hold(&pattern, 1, 20_000_000);
        let result = level.difference(&pattern, &found).map_or(RIGHT, |offset| 0x1000 + offset);
        ENDED[0].store(result, Ordering::Relaxed);
    }
    ENDED[0].store(0, Ordering::Relaxed);
    let worker = Worker::start(20, hold_long, 0)?;
    let level = Level::detect();
    let mut others = 0;
    while ENDED[0].load(Ordering::Relaxed) == 0 {
        // This thread has state too, so that theirs is switched.
        level.hold(&level.pattern(others as u8), 0, 1);
        system.sleep(Duration::from_micros(300))?;
        others += 1;
        check!(others < 100_000, "the thread doesn't end");
    }
    check_eq!(ENDED[0].load(Ordering::Relaxed), RIGHT, "0x1000 and the offset of what was changed");
    check!(others > 1, "no interrupt");
    drop(worker);
    Ok(())
}

fn a_new_thread_finds_the_initial_state(system: &System) -> Outcome {
    static YIELDS: AtomicUsize = AtomicUsize::new(0);
    /// Holds a pattern until the thread is ended.
    extern "C" fn hold_on(round: usize) {
        let level = Level::detect();
        level.hold_for(&level.pattern(round as u8 + 1), &YIELDS, 100);
    }
    let level = Level::detect();
    for round in 0..5 {
        // Another thread's state is in the registers, and in the frame that the new thread gets.
        YIELDS.store(usize::MAX, Ordering::Relaxed);
        let other = Worker::start(20, hold_on, round)?;
        system.wait_until("another thread fills the registers", || Ok(YIELDS.load(Ordering::Relaxed) != usize::MAX))?;
        // Higher than this thread: it has ended when `start` returns.
        let worker = Worker::prepare(PRIORITY + 1, level.first_instructions(), None, STACK_BYTES)?;
        worker.thread.start([0; 4])?;
        check_eq!(worker.thread.start([0; 4]), Err(Error::BadHandle), "the thread hasn't ended");
        let found = suite::float::first_state();
        if let Some(offset) = level.difference(&level.initial(), &found) {
            let bytes = &found.0[offset & !15..][..16];
            return Err(Failure::new(alloc::format!("round {round}: not initial at {offset}: {bytes:x?}")));
        }
        drop((worker, other));
    }
    Ok(())
}
