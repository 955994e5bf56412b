//! Timers: once and periodically, counted when nobody looks.

use super::world::World;
use crate::fake::FREQUENCY;
use abi::{Error, InfoItem, Kind, Message, Operation, Options, Rights, Tag};

const PERIOD: u64 = FREQUENCY / 1_000;

fn timer(world: &mut World, endpoint: usize) -> usize {
    world.make(Operation::TimerCreate, 0, [endpoint, 0x71, 0, 0])
}

fn set(world: &mut World, timer: usize, after: u64, period: u64) {
    let [low, high] = abi::split(world.machine.time + after);
    let [period_low, period_high] = abi::split(period);
    world.done(Operation::TimerSet, timer, [low, high, period_low, period_high]);
}

fn expiries(count: usize) -> Result<Message, Error> {
    Ok(Message::new(Tag::outgoing(Kind::Timer, 0, 0x71), [count, 0, 0, 0]))
}

#[test]
fn a_timer_fires_once_at_its_time() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    set(&mut world, timer, 500, 0);
    world.advance(499);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    world.advance(1);
    assert_eq!(world.poll(endpoint), expiries(1));
    world.advance(10 * PERIOD);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert_eq!(world.machine.armed, None);
}

#[test]
fn a_timer_wakes_the_thread_that_waits() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    set(&mut world, timer, 500, 0);
    world.receive(endpoint);
    assert!(world.is_idle());
    world.advance(500);
    assert!(world.is_running(world.init_thread));
    assert_eq!(Ok(world.message(world.init_thread)), expiries(1));
}

#[test]
fn a_periodic_timer_keeps_its_beat_and_counts_what_nobody_read() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    set(&mut world, timer, PERIOD, PERIOD);
    let begin = world.machine.time;
    for _ in 0..3 {
        world.advance(PERIOD);
    }
    assert_eq!(world.poll(endpoint), expiries(3));
    assert_eq!(world.machine.armed.unwrap().0, begin + 4 * PERIOD);
    // Periods that passed without the CPU are one expiry: it doesn't catch up in a storm.
    world.advance(10 * PERIOD + 5);
    assert_eq!(world.poll(endpoint), expiries(1));
    assert_eq!(world.machine.armed.unwrap().0, begin + 14 * PERIOD + 5);
}

#[test]
fn a_timer_can_be_moved_and_cancelled() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    assert_eq!(world.done(Operation::TimerCancel, timer, [0; 4])[0], 0);
    set(&mut world, timer, 500, 0);
    set(&mut world, timer, 900, 0);
    world.advance(500);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert_eq!(world.done(Operation::TimerCancel, timer, [0; 4])[0], 1);
    world.advance(1_000);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
}

#[test]
fn a_period_that_leaves_no_time_is_refused() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    let shortest = (FREQUENCY / 100_000) as usize;
    assert_eq!(world.refused(Operation::TimerSet, timer, [0, 0, shortest - 1, 0]), Error::BadArgument);
    world.done(Operation::TimerSet, timer, [0, 0, shortest, 0]);
    assert_eq!(world.refused(Operation::TimerCreate, 0, [timer, 0, 0, 0]), Error::WrongType);
}

#[test]
fn deadlines_at_the_end_of_time_are_harmless() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let timer = timer(&mut world, endpoint);
    world.done(Operation::TimerSet, timer, [usize::MAX; 4]);
    world.done(Operation::TimerSet, timer, [0, 0, usize::MAX, usize::MAX]);
    world.advance(1);
    assert_eq!(world.poll(endpoint), expiries(1));
    world.advance(u64::MAX / 2);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
}

#[test]
fn many_deadlines_at_once_are_served_one_a_trap() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    for _ in 0..crate::tables::sizes::TIMERS {
        let timer = timer(&mut world, endpoint);
        set(&mut world, timer, 100, 0);
    }
    assert_eq!(world.refused(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]), Error::TableFull);
    world.machine.advance(100);
    let mut traps = 0;
    while world.machine.take_timer() {
        world.trap(|kernel, machine| kernel.timer(machine));
        traps += 1;
        assert!(world.machine.armed.is_none_or(|next| next.0 > world.machine.time), "a pause for other interrupts");
        world.machine.time = world.kernel.after_pause();
    }
    assert_eq!(traps, crate::tables::sizes::TIMERS);
    for _ in 0..crate::tables::sizes::TIMERS {
        assert_eq!(world.poll(endpoint), expiries(1));
    }
}

/// However often a program sets deadlines that have passed, those of others are served when they are due.
fn is_served_beside(waits: impl Fn(&mut World, usize, usize)) {
    let mut world = World::new();
    let [endpoint, silent] = [0; 2].map(|_| world.endpoint());
    let [theirs, ours] = [0; 2].map(|_| timer(&mut world, endpoint));
    set(&mut world, ours, 100, 0);
    world.advance(50);
    for _ in 0..100 {
        waits(&mut world, theirs, silent);
        world.advance(PERIOD);
        while world.is_idle() {
            world.advance(PERIOD);
        }
    }
    let is_set = |world: &mut World| world.done(Operation::TimerCancel, ours, [0; 4])[0];
    assert_eq!(is_set(&mut world), 0, "it has expired");
}

#[test]
fn timers_set_in_the_past_starve_no_others() {
    is_served_beside(|world, timer, _| {
        world.done(Operation::TimerSet, timer, [0; 4]);
    });
}

#[test]
fn waits_until_the_past_starve_no_others() {
    is_served_beside(|world, _, silent| {
        world.call_with(Tag::incoming(Operation::Receive, 0, Options::DEADLINE), silent, [0; 4]);
    });
}

#[test]
fn a_destroyed_timer_takes_its_message_along() {
    let mut world = World::new();
    let endpoint = world.endpoint();
    let [first, second] = [timer(&mut world, endpoint), timer(&mut world, endpoint)];
    set(&mut world, first, 100, 0);
    set(&mut world, second, 200, 0);
    world.advance(100);
    world.done(Operation::Destroy, first, [0; 4]);
    world.done(Operation::Destroy, second, [0; 4]);
    world.advance(100);
    assert_eq!(world.poll(endpoint), Err(Error::WouldBlock));
    assert_eq!(world.refused(Operation::TimerSet, first, [0; 4]), Error::BadHandle);
}

#[test]
fn the_clock_and_the_counters_can_be_read() {
    let mut world = World::new();
    world.machine.time = 0x1_2345_6789;
    assert_eq!(world.done(Operation::Info, 0, [InfoItem::Now as usize, 0, 0, 0]), [0x2345_6789, 1, 0, 0]);
    let clock = world.done(Operation::Info, 0, [InfoItem::Clock as usize, 0, 0, 0]);
    assert_eq!(clock, [FREQUENCY as usize, 0, 1, 64]);
    let root = world.init.root as usize;
    let kernel = [InfoItem::Kernel as usize, 0, 1, 0];
    assert_eq!(world.done(Operation::Info, root, kernel)[..3], [2, 2, 1]);
    assert_eq!(world.refused(Operation::Info, 0, kernel), Error::BadHandle);
    let weak = world.make(Operation::HandleCopy, root, [Rights::ROOT_LOG_WRITE.bits() as usize, 0, 0, 0]);
    assert_eq!(world.refused(Operation::Info, weak, kernel), Error::MissingRight);
    for words in [[8, 0, 0, 0], [3, 8, 0, 0], [3, 0, 14, 0], [4, 7, 0, 0], [4, 0, 5, 0], [5, 0, 5, 0], [usize::MAX; 4]]
    {
        assert_eq!(world.refused(Operation::Info, root, words), Error::BadArgument, "{words:?}");
    }
    let init = world.done(Operation::Info, root, [InfoItem::Process as usize, world.init.process.index(), 0, 0]);
    assert_eq!(init, [1, 0, 1, 63]);
}

#[test]
fn the_log_is_written_read_and_released() {
    let mut world = World::new();
    let root = world.init.root as usize;
    let write = Tag::incoming(Operation::LogWrite, 6, abi::Options::empty());
    let word = |bytes: &[u8; 4]| u32::from_le_bytes(*bytes) as usize;
    world.done_with(write, root, [word(b"bell"), word(b"wire"), 0, 0]);
    assert_eq!(world.machine.log, b"bellwi");
    let read = world.call(Operation::LogRead, root, [1, 0, 0, 0]);
    assert_eq!((read.tag.label(), read.words), (5, [6, word(b"ellw"), word(b"i\0\0\0"), 0]));
    world.done(Operation::LogRelease, root, [0; 4]);
    assert!(world.machine.log_released);
    let weak = world.make(Operation::HandleCopy, root, [Rights::ROOT_INFO.bits() as usize, 0, 0, 0]);
    for operation in [Operation::LogWrite, Operation::LogRead, Operation::LogRelease] {
        assert_eq!(world.refused(operation, weak, [0; 4]), Error::MissingRight);
    }
}

#[test]
fn a_thread_pointer_is_loaded_at_once() {
    let mut world = World::new();
    let switches = world.machine.switches;
    world.done(Operation::ThreadPointer, 0, [0x7000, 0, 0, 0]);
    assert!(world.machine.switches > switches);
    assert_eq!(world.refused(Operation::ThreadPointer, 0, [usize::MAX, 0, 0, 0]), Error::BadArgument);
}
