//! Timers, time, and who runs when.

use crate::case::{Case, Outcome};
use crate::system::{PRIORITY, System, milliseconds, poll, receive, reply};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{InfoItem, Kind, Options, Rights, join, split};
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Handle, Instant, Timer, raw};
use core::hint::spin_loop;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use core::time::Duration;
use suite::bare;

pub const CASES: &[Case] = cases!["timers":
    a_timer_expires_once, a_period_goes_on, a_cancelled_timer_is_silent, timers_expire_in_order,
    a_timer_set_in_the_past_for_ever_starves_nobody, a_period_too_short_is_refused, missed_expiries_are_counted,
    time_is_monotonic, the_clock_is_the_counter,
    peers_share_the_processor, the_higher_priority_runs_at_once, yielding_lets_peers_run,
    priorities_have_a_ceiling, a_priority_can_be_changed,
];

fn a_timer_expires_once(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 0xAB)?;
    timer.set(Instant::now() + Duration::from_secs(3600))?;
    check_eq!(poll(&endpoint), Err(Error::WouldBlock));
    let until = Instant::now() + Duration::from_millis(2);
    timer.set(until)?;
    let message = receive(&endpoint)?;
    check!(Instant::now() >= until, "too early");
    check_eq!((message.tag.kind(), message.tag.badge(), message.words[0]), (Kind::Timer, 0xAB, 1));
    let later = receive_for(&endpoint, 5);
    check_eq!(later, Err(Error::TimedOut), "a second expiry");
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn receive_for(endpoint: &Endpoint, count: u64) -> Result<abi::Message, Error> {
    crate::system::receive_before(endpoint, Instant::from_cycles(Instant::now().cycles() + milliseconds(count)))
}

fn a_period_goes_on(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 1)?;
    let start = Instant::now();
    let period = Duration::from_millis(1);
    timer.set_periodic(start + period, period)?;
    let mut expiries = 0;
    while expiries < 10 {
        let message = receive(&endpoint)?;
        check_eq!(message.tag.kind(), Kind::Timer);
        check!(message.words[0] >= 1);
        expiries += message.words[0] as u32;
        check!(start.elapsed() >= period * expiries, "expiry {expiries} is too early");
    }
    timer.cancel()?;
    let _ = poll(&endpoint);
    check_eq!(receive_for(&endpoint, 4), Err(Error::TimedOut), "an expiry after it was cancelled");
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_cancelled_timer_is_silent(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 1)?;
    check_eq!(raw::timer_cancel(timer.raw(), [0; 4])?.words[0], 0, "whether it was set");
    timer.set(Instant::now() + Duration::from_secs(3600))?;
    check_eq!(raw::timer_cancel(timer.raw(), [0; 4])?.words[0], 1, "whether it was set");
    loop {
        timer.set(Instant::now() + Duration::from_millis(2))?;
        if raw::timer_cancel(timer.raw(), [0; 4])?.words[0] == 1 {
            break;
        }
        // The machine was too slow: it expired before.
        check_eq!(poll(&endpoint)?.tag.kind(), Kind::Timer);
    }
    check_eq!(receive_for(&endpoint, 5), Err(Error::TimedOut));
    // Setting it again moves it.
    timer.set(Instant::now() + Duration::from_secs(3600))?;
    timer.set(Instant::now() + Duration::from_millis(1))?;
    check_eq!(receive(&endpoint)?.tag.kind(), Kind::Timer);
    // A timer that is set to a time in the past expires at once.
    timer.set(Instant::from_cycles(1))?;
    check_eq!(receive(&endpoint)?.words[0], 1);
    timer.set(Instant::now() + Duration::from_millis(1))?;
    timer.destroy()?;
    // An expiry that wasn't received goes with its timer.
    check_eq!(receive_for(&endpoint, 4), Err(Error::TimedOut), "the expiry of a destroyed timer");
    endpoint.destroy()?;
    Ok(())
}

fn timers_expire_in_order(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let mut timers = alloc::vec::Vec::new();
    for badge in [5_u16, 2, 8, 1, 7, 3, 6, 4] {
        timers.push((Timer::new(&endpoint, badge)?, Duration::from_micros(300) * badge.into()));
    }
    // All must be set before the first expires, however slow the machine is.
    let mut ahead = Duration::from_millis(2);
    loop {
        let start = Instant::now() + ahead;
        for (timer, after) in &timers {
            timer.set(start + *after)?;
        }
        if Instant::now() < start {
            break;
        }
        for (timer, _) in &timers {
            timer.cancel()?;
        }
        while poll(&endpoint).is_ok() {}
        ahead *= 2;
    }
    for expected in 1..=8 {
        let message = receive(&endpoint)?;
        check_eq!((message.tag.kind(), message.tag.badge()), (Kind::Timer, expected));
    }
    for (timer, _) in timers {
        timer.destroy()?;
    }
    endpoint.destroy()?;
    Ok(())
}

/// A program of low priority that sets a timer to a time in the past, again and again, is served no earlier than others
/// whose deadlines have passed. The case can fail only where the clock counts instructions (`just bench` runs the suite
/// so), and then it hangs. On a host's clock a call takes longer than the pause between two traps of the timer. The
/// core's own tests fail anywhere.
fn a_timer_set_in_the_past_for_ever_starves_nobody(system: &System) -> Outcome {
    extern "C" fn set_for_ever(timer: usize) {
        while raw::timer_set(timer as u32, [0; 4]).is_ok() {
            ROUNDS.fetch_add(1, Ordering::Relaxed);
        }
    }
    ROUNDS.store(0, Ordering::Relaxed);
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 1)?;
    let worker = Worker::start(PRIORITY - 1, set_for_ever, timer.raw() as usize)?;
    // Each look is a wait by a deadline.
    system.wait_until("it has set it often", || Ok(ROUNDS.load(Ordering::Relaxed) >= 1000))?;
    drop(worker);
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_period_too_short_is_refused(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 1)?;
    let result = timer.set_periodic(Instant::now(), Duration::from_nanos(500));
    check_eq!(result, Err(Error::BadArgument));
    check_eq!(receive_for(&endpoint, 1), Err(Error::TimedOut));
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn missed_expiries_are_counted(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let timer = Timer::new(&endpoint, 1)?;
    let before = system.root.kernel()?.timers;
    let start = Instant::now();
    timer.set_periodic(start, Duration::from_micros(500))?;
    while system.root.kernel()?.timers.wrapping_sub(before) < 5 {
        check!(start.elapsed() < Duration::from_secs(10), "it doesn't expire");
    }
    timer.cancel()?;
    let expiries = system.root.kernel()?.timers.wrapping_sub(before);
    // One of the expiries counted may be the watching thread's deadline.
    let [counted, ..] = receive(&endpoint)?.words;
    check!(counted >= 4 && counted <= expiries as usize, "{counted} of {expiries}");
    check_eq!(poll(&endpoint), Err(Error::WouldBlock));
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn time_is_monotonic(_: &System) -> Outcome {
    let mut last = 0;
    for _ in 0..2000 {
        let [low, high, ..] = raw::info(abi::NO_HANDLE, [InfoItem::Now as usize, 0, 0, 0])?.words;
        let now = join(low, high);
        let counter = Instant::now().cycles();
        check!(last < now && now < counter, "{last}, then {now}, then {counter}");
        last = counter;
    }
    Ok(())
}

fn the_clock_is_the_counter(_: &System) -> Outcome {
    let [low, high, _, bits] = raw::info(abi::NO_HANDLE, [InfoItem::Clock as usize, 0, 0, 0])?.words;
    check_eq!((join(low, high), bits), (bellwire::time::frequency(), 64));
    check!(join(low, high) > 10_000_000);
    Ok(())
}

static TURNS: [AtomicU32; 2] = [const { AtomicU32::new(0) }; 2];

extern "C" fn count_turns(number: usize) {
    loop {
        TURNS[number].fetch_add(1, Ordering::Relaxed);
        spin_loop();
    }
}

fn peers_share_the_processor(system: &System) -> Outcome {
    TURNS.iter().for_each(|turns| turns.store(0, Ordering::Relaxed));
    let workers = [Worker::start(20, count_turns, 0)?, Worker::start(20, count_turns, 1)?];
    let mut last = [0, 0];
    for round in 0..4 {
        let what = alloc::format!("both run, round {round}");
        system.wait_until(&what, || Ok((0..2).all(|one| TURNS[one].load(Ordering::Relaxed) > last[one])))?;
        last = [0, 1].map(|one: usize| TURNS[one].load(Ordering::Relaxed));
    }
    // A third of a lower priority doesn't get a turn.
    TURNS[1].store(0, Ordering::Relaxed);
    let [first, second] = workers;
    drop(second);
    TURNS[1].store(0, Ordering::Relaxed);
    let lower = Worker::start(19, count_turns, 1)?;
    system.sleep(Duration::from_millis(40))?;
    check_eq!(TURNS[1].load(Ordering::Relaxed), 0, "turns of a lower thread");
    drop(first);
    system.wait_until("the lower one runs", || Ok(TURNS[1].load(Ordering::Relaxed) != 0))?;
    drop(lower);
    Ok(())
}

static WOKEN: AtomicU64 = AtomicU64::new(0);

fn the_higher_priority_runs_at_once(_: &System) -> Outcome {
    extern "C" fn stamp(handle: usize) {
        loop {
            if bare::receive(handle as u32, [0; 4]).is_err() {
                return;
            }
            WOKEN.fetch_add(1, Ordering::Relaxed);
        }
    }
    let endpoint = Endpoint::new()?;
    WOKEN.store(0, Ordering::Relaxed);
    let higher = Worker::start(PRIORITY + 1, stamp, endpoint.raw() as usize)?;
    for round in 1..=10 {
        endpoint.notify(1)?;
        check_eq!(WOKEN.load(Ordering::Relaxed), round, "after a notify");
    }
    // And by an interrupt, the timer's, in the middle of a loop.
    let timer = Timer::new(&endpoint, 1)?;
    timer.set(Instant::now() + Duration::from_millis(1))?;
    let start = Instant::now();
    while WOKEN.load(Ordering::Relaxed) == 10 {
        check!(start.elapsed() < Duration::from_secs(10), "it isn't woken");
    }
    drop(higher);
    // A lower one waits until this thread does.
    let lower = Worker::start(PRIORITY - 1, stamp, endpoint.raw() as usize)?;
    let before = WOKEN.load(Ordering::Relaxed);
    endpoint.notify(1)?;
    check_eq!(WOKEN.load(Ordering::Relaxed), before, "before this thread waits");
    drop(lower);
    timer.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

static ROUNDS: AtomicU32 = AtomicU32::new(0);

fn yielding_lets_peers_run(_: &System) -> Outcome {
    extern "C" fn yielding(_: usize) {
        for _ in 0..100 {
            ROUNDS.fetch_add(1, Ordering::Relaxed);
            let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
        }
    }
    ROUNDS.store(0, Ordering::Relaxed);
    let worker = Worker::start(PRIORITY, yielding, 0)?;
    check_eq!(ROUNDS.load(Ordering::Relaxed), 0, "before this thread yields");
    let start = Instant::now();
    while ROUNDS.load(Ordering::Relaxed) < 100 {
        raw::yield_now(abi::NO_HANDLE, [0; 4])?;
        check!(start.elapsed() < Duration::from_secs(10), "the peer doesn't run");
    }
    drop(worker);
    Ok(())
}

fn priorities_have_a_ceiling(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let create = |process: u32, priority: usize| {
        let entry = suite::code::spin as *const () as usize;
        bare::thread_create(process, [entry, 0x1000, priority, 0]).map(|message| message.words[0] as u32)
    };
    check_eq!(create(0, 64), Err(Error::BadArgument), "a priority 64");
    let partner = crate::partner::Partner::new(3, 10, [16, 16])?;
    check_eq!(create(partner.process.raw(), 11), Err(Error::Priority), "one above the process's ceiling");
    let thread = create(partner.process.raw(), 10)?;
    check_eq!(raw::thread_priority(thread, [11, 0, 0, 0]).map(drop), Err(Error::Priority), "raising it above");
    check_eq!(raw::thread_priority(thread, [64, 0, 0, 0]).map(drop), Err(Error::BadArgument), "raising it to 64");
    raw::thread_priority(thread, [3, 0, 0, 0])?;
    raw::thread_priority(thread, [10, 0, 0, 0])?;
    bare::destroy(thread, [0; 4])?;
    let message = raw::invoke(SafeOperation::ProcessCreate, 0, 64, Options::empty(), [16, 16, 0, 0]);
    check_eq!(raw::checked(message), Err(Error::BadArgument), "a ceiling of 64");
    drop(partner);
    endpoint.destroy()?;
    Ok(())
}

fn a_priority_can_be_changed(system: &System) -> Outcome {
    TURNS.iter().for_each(|turns| turns.store(0, Ordering::Relaxed));
    let high = Worker::start(21, count_turns, 0)?;
    let low = Worker::start(20, count_turns, 1)?;
    system.wait_until("the higher one runs", || Ok(TURNS[0].load(Ordering::Relaxed) != 0))?;
    check_eq!(TURNS[1].load(Ordering::Relaxed), 0, "turns of the lower one");
    low.thread.set_priority(22)?;
    system.wait_until("the raised one runs", || Ok(TURNS[1].load(Ordering::Relaxed) != 0))?;
    let before = TURNS[0].load(Ordering::Relaxed);
    system.sleep(Duration::from_millis(20))?;
    check_eq!(TURNS[0].load(Ordering::Relaxed), before, "turns of the one that is lower now");
    drop((high, low));
    // That of a thread that waits to be served doesn't change its place, and its call goes on.
    extern "C" fn caller(handle: usize) {
        let [low, high] = split(u64::MAX);
        let _ = raw::deadline(abi::NO_HANDLE, [low, high, 0, 0]);
        let _ = bare::call(handle as u32, [1; 4]);
    }
    let endpoint = Endpoint::new()?;
    let client = endpoint.copy(Rights::CALL)?;
    let worker = Worker::start(PRIORITY + 1, caller, client.raw() as usize)?;
    worker.thread.set_priority(10)?;
    check_eq!(receive(&endpoint)?.words, [1; 4]);
    reply(0, [0; 4])?;
    drop(worker);
    endpoint.destroy()?;
    Ok(())
}
