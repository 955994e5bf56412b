//! Budgets: no process gets more of the CPU than its share while others want it, whatever it tries, and none gets less.

use super::world::{Actor, ENTRY, STACK, World};
use crate::budget::EXPIRY_CYCLES;
use crate::fake::FREQUENCY;
use crate::machine::Line;
use crate::objects::thread::{SIBLINGS, StateKind};
use crate::tables::Link;
use abi::{InfoItem, Kind, Operation, Options, ProcessPart, Rights, Tag, join, split};

const WINDOW: u64 = FREQUENCY / crate::ready::SLICES_PER_SECOND;
const SECOND: u64 = FREQUENCY;

/// The cycles that a process has used, its former threads' included.
fn used(world: &World, process: Link) -> u64 {
    let kernel = &world.kernel;
    let process = kernel.processes.at(process).unwrap();
    let threads = kernel.threads.walk::<SIBLINGS>(process.threads());
    let of = |link: Link| {
        let now = (link == kernel.current).then_some(crate::machine::Time(world.machine.time));
        kernel.threads.at(link).unwrap().used_cycles(now)
    };
    threads.into_iter().map(of).fold(process.former_usage().1, u64::wrapping_add)
}

/// Lets time pass, with each trap of the timer when it is due, as on a real machine. Init waits again if it was told
/// something.
fn pass(world: &mut World, cycles: u64) {
    let end = world.machine.time + cycles;
    while world.machine.time < end {
        let next = world.machine.armed.map_or(end, |armed| armed.0.clamp(world.machine.time, end));
        world.advance(next - world.machine.time);
        if world.is_running(world.init_thread) {
            world.park();
        }
    }
}

/// Lets time pass in steps, and calls `act` before each. Returns what a
/// process used of it, in thousandths.
fn part_used(world: &mut World, process: Link, cycles: u64, step: u64, mut act: impl FnMut(&mut World)) -> u64 {
    let (begin, before) = (world.machine.time, used(world, process));
    while world.machine.time < begin + cycles {
        act(world);
        pass(world, step);
    }
    (used(world, process) - before) * 1_000 / (world.machine.time - begin)
}

fn nothing(_: &mut World) {}

/// Init waits for its bell; actors that were just started run.
fn park(world: &mut World) {
    world.park();
    assert!(!world.is_running(world.init_thread));
}

/// Whether a number is near another, in thousandths.
#[track_caller]
fn assert_near(part: u64, expected: u64) {
    assert!(part.abs_diff(expected) <= 1 + expected / 20, "{part} instead of {expected} thousandths");
}

#[test]
fn a_loop_at_high_priority_gets_its_share_and_no_more() {
    for share in [10, 50, 200, 600] {
        let mut world = World::new();
        let greedy = world.spawn_sharing(47, share);
        let modest = world.spawn(10);
        park(&mut world);
        assert!(world.is_running(greedy.thread));
        let part = part_used(&mut world, greedy.process, 2 * SECOND, WINDOW / 20, nothing);
        assert_near(part, share as u64);
        assert!(used(&world, modest.process) > SECOND / 4);
    }
}

#[test]
fn an_idle_cpu_is_not_wasted_and_its_use_is_not_held_against_anybody() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 200);
    park(&mut world);
    assert_eq!(part_used(&mut world, greedy.process, SECOND, WINDOW / 4, nothing), 1_000);
    world.ring();
    world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, greedy.process, 2 * SECOND, WINDOW / 20, nothing);
    assert_near(part, 200);
}

#[test]
fn all_that_want_more_than_their_shares_share_what_is_left() {
    let mut world = World::new();
    let greedy = [100, 200].map(|share| world.spawn_sharing(47, share));
    park(&mut world);
    let first = used(&world, greedy[0].process);
    let part = part_used(&mut world, greedy[1].process, 4 * SECOND, WINDOW / 8, nothing);
    let other = (used(&world, greedy[0].process) - first) * 1_000 / (4 * SECOND);
    // Beyond their shares they take turns.
    assert!(part >= 200 && other >= 100 && part + other >= 999, "{part} and {other}");
}

/// The greedy one is lowered at each look, and the modest ones run in between.
#[test]
fn processes_that_run_between_looks_alone_get_their_shares() {
    let mut world = World::new();
    world.spawn_sharing(47, 860);
    let modest = [15, 15, 90].map(|share| world.spawn_sharing(10, share));
    park(&mut world);
    // What is saved is used up first.
    pass(&mut world, SECOND);
    let part = part_used(&mut world, modest[2].process, 4 * SECOND, WINDOW / 20, nothing);
    assert!(part >= 80, "{part} of 90 thousandths");
}

#[test]
fn giving_up_the_cpu_before_each_look_gains_nothing() {
    let mut world = World::new();
    let dodger = world.spawn_sharing(47, 50);
    let endpoint = world.bind_for(dodger, Line(8));
    let modest = world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, dodger.process, 4 * SECOND, WINDOW / 64, |world| {
        let close = world.kernel.watch.next() <= world.machine.time + WINDOW / 32;
        match world.is_running(dodger.thread) {
            true if close => {
                world.receive(endpoint);
            }
            false if !close => world.raise(Line(8)),
            _ => {}
        }
    });
    assert!(part <= 53, "{part} of 50 thousandths");
    assert!(used(&world, modest.process) > 3 * SECOND);
}

#[test]
fn many_threads_get_no_more_than_one() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    for priority in [63, 47, 47, 30, 5] {
        let thread = world.make(Operation::ThreadCreate, greedy.process_handle, [ENTRY, STACK, priority, 0]);
        world.done(Operation::ThreadStart, thread, [0; 4]);
    }
    world.spawn(10);
    park(&mut world);
    let part = part_used(&mut world, greedy.process, 4 * SECOND, WINDOW / 30, nothing);
    assert_near(part, 100);
}

#[test]
fn many_processes_get_no_more_than_one() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let modest = world.spawn(10);
    park(&mut world);
    // It makes others, which run on its share, and gives one of them a share of that.
    let create = Tag::incoming(Operation::ProcessCreate, 47, Options::empty());
    let mut made = std::vec![greedy.process];
    for number in 0..2 {
        let child = world.make_with(create, 0, [6, 4, 0, 7]);
        if number == 1 {
            world.done(Operation::ProcessShare, child, [40, 0, 0, 0]);
        }
        let thread = world.make(Operation::ThreadCreate, child, [ENTRY, STACK, 47, 0]);
        world.done(Operation::ThreadStart, thread, [0; 4]);
        made.push(world.object(child));
    }
    let before = used(&world, modest.process);
    let begin = world.machine.time;
    while world.machine.time < begin + 4 * SECOND {
        pass(&mut world, WINDOW / 30);
    }
    let part = (used(&world, modest.process) - before) * 1_000 / (4 * SECOND);
    assert!(part >= 895, "{part} of 900 thousandths are left to others");
}

#[test]
fn a_process_that_ends_before_a_look_is_paid_for() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let modest = world.spawn(10);
    park(&mut world);
    let create = Tag::incoming(Operation::ProcessCreate, 47, Options::empty());
    let before = used(&world, modest.process);
    let begin = world.machine.time;
    let mut children = 0;
    while world.machine.time < begin + SECOND {
        if world.is_running(greedy.thread) {
            let child = world.make_with(create, 0, [6, 4, 0, 7]);
            if children % 2 == 1 {
                world.done(Operation::ProcessShare, child, [40, 0, 0, 0]);
            }
            let thread = world.make(Operation::ThreadCreate, child, [ENTRY, STACK, 47, 0]);
            world.done(Operation::ThreadStart, thread, [0; 4]);
            // The child runs in its place for less than the time to the next look.
            world.done(Operation::Yield, 0, [0; 4]);
            pass(&mut world, WINDOW / 16);
            while !world.is_running(greedy.thread) {
                pass(&mut world, WINDOW / 30);
            }
            world.done(Operation::ProcessKill, child, [0; 4]);
            world.reap(child);
            for handle in [child, thread] {
                world.done(Operation::HandleClose, handle, [0; 4]);
            }
            children += 1;
        }
        pass(&mut world, WINDOW / 30);
    }
    assert!(children > 3);
    let part = (used(&world, modest.process) - before) * 1_000 / (world.machine.time - begin);
    assert!(part >= 880, "{part} of 900 thousandths are left to others");
}

#[test]
fn threads_are_lowered_and_restored_in_every_state() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let endpoints = [world.endpoint(), world.endpoint()];
    let all = Rights::all_of(abi::ObjectKind::Endpoint);
    let [served, unserved] = endpoints.map(|endpoint| world.grant(greedy, endpoint, all, 0));
    let mut threads = std::vec![greedy.thread];
    for _ in 0..4 {
        let thread = world.make(Operation::ThreadCreate, greedy.process_handle, [ENTRY, STACK, 40, endpoints[1]]);
        threads.push(world.object(thread));
        if threads.len() < 5 {
            world.done(Operation::ThreadStart, thread, [0; 4]);
        }
    }
    let server = world.spawn(50);
    let server_end = world.grant(server, endpoints[0], all, 0);
    world.spawn(10);
    park(&mut world);
    // The server takes a call and keeps it. One thread waits for its answer, one for a message, one for the handler of
    // its fault, with a deadline on another's wait.
    world.receive(server_end);
    assert!(world.is_running(greedy.thread));
    world.call(Operation::Call, served, [0; 4]);
    assert!(world.is_running(server.thread));
    let other = world.endpoint();
    world.receive(other);
    let deadline = Tag::incoming(Operation::Receive, 0, Options::DEADLINE);
    let [low, high] = split(world.machine.time + 100 * SECOND);
    world.call_with(deadline, unserved, [low, high, 0, 0]);
    world.fault(13);
    let states = |world: &World| -> std::vec::Vec<StateKind> {
        threads.iter().map(|thread| world.state(*thread).kind()).collect()
    };
    let lowered =
        |world: &World| threads.iter().filter(|thread| world.kernel.threads.at(**thread).unwrap().is_lowered()).count();
    let before = states(&world);
    for expected in [StateKind::Awaiting, StateKind::Stopped, StateKind::Running] {
        assert!(before.contains(&expected), "{before:?}");
    }
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..400 {
        pass(&mut world, WINDOW / 64);
        seen.insert(lowered(&world));
    }
    assert!(seen.contains(&0) && seen.contains(&5), "{seen:?}");
    let asked: std::vec::Vec<usize> =
        threads.iter().map(|thread| world.kernel.threads.at(*thread).unwrap().asked_priority().number()).collect();
    assert_eq!(asked, [47, 40, 40, 40, 40]);
}

#[test]
fn a_priority_that_is_asked_for_while_lowered_counts_later() {
    let mut world = World::new();
    let waker = world.spawn_sharing(60, 10);
    let bell = world.bind_for(waker, Line(8));
    let greedy = world.spawn_sharing(47, 100);
    let theirs = world.grant(waker, greedy.thread_handle, Rights::THREAD, 0);
    let modest = world.spawn(50);
    park(&mut world);
    while world.is_running(waker.thread) {
        world.receive(bell);
    }
    // It runs once the modest one waits.
    let silent = world.endpoint();
    let _ = modest;
    world.receive(silent);
    assert!(world.is_running(greedy.thread));
    pass(&mut world, WINDOW);
    assert!(world.kernel.threads.at(greedy.thread).unwrap().is_lowered());
    world.raise(Line(8));
    world.done(Operation::ThreadPriority, theirs, [20, 0, 0, 0]);
    assert!(world.kernel.threads.at(greedy.thread).unwrap().is_lowered());
    world.receive(bell);
    pass(&mut world, 20 * WINDOW);
    let seen = (0..100).any(|_| {
        pass(&mut world, WINDOW / 16);
        world.kernel.threads.at(greedy.thread).unwrap().priority().number() == 20
    });
    assert!(seen, "it is never restored");
}

#[test]
fn the_supervisor_is_told_once_an_episode() {
    let mut world = World::new();
    let greedy = world.spawn_sharing(47, 100);
    let bell = world.bind_for(greedy, Line(8));
    world.spawn(10);
    park(&mut world);
    for episode in 1..=2 {
        let mut overruns = std::vec::Vec::new();
        let end = world.machine.time + 250 * WINDOW;
        while world.machine.time < end {
            let next = world.machine.armed.map_or(end, |armed| armed.0.clamp(world.machine.time, end));
            world.advance(next - world.machine.time);
            if world.is_running(world.init_thread) {
                overruns.push((world.machine.time, world.message(world.init_thread)));
                world.park();
            }
        }
        let [(_, message)] = overruns[..] else { panic!("told {} times", overruns.len()) };
        assert_eq!(message.tag, Tag::outgoing(Kind::Overrun, 0, greedy.badge as u16));
        assert_eq!(message.words[0], 100);
        let over = join(message.words[1], message.words[2]);
        assert!((200..=210).contains(&(over / WINDOW)), "{over}");
        // It keeps to its share for a while.
        // Not as often as the looks.
        while !world.is_running(greedy.thread) {
            pass(&mut world, WINDOW / 31);
        }
        while world.is_running(greedy.thread) {
            world.receive(bell);
        }
        pass(&mut world, 10 * WINDOW);
        let part = [InfoItem::Process as usize, greedy.process.index(), ProcessPart::Share as usize, 0];
        world.ring();
        let root = world.init.root as usize;
        let [share, lowered, told, payer] = world.done(Operation::Info, root, part);
        assert_eq!((share, lowered, told, payer), (100, 0, episode, greedy.process.index() + 1));
        park(&mut world);
        world.raise(Line(8));
    }
}

#[test]
fn timers_are_paid_for_by_their_owner() {
    let mut world = World::new();
    let owner = world.spawn_sharing(20, 50);
    park(&mut world);
    let endpoint = world.endpoint();
    let period = FREQUENCY / 100_000;
    for number in 0..4 {
        let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
        let [low, high] = split(world.machine.time + 1_000 + number * 777);
        world.done(Operation::TimerSet, timer, [low, high, period as usize, 0]);
    }
    let silent = world.endpoint();
    world.receive(silent);
    world.ring();
    let modest = world.spawn(10);
    park(&mut world);
    assert!(world.is_running(modest.thread));
    let _ = owner;
    let before = world.kernel.account.expiries;
    let begin = world.machine.time;
    while world.machine.time < begin + SECOND / 2 {
        pass(&mut world, FREQUENCY / 1_000_000);
    }
    let cost = (world.kernel.account.expiries - before) as u64 * EXPIRY_CYCLES;
    let part = cost * 1_000 / (world.machine.time - begin);
    assert!((20..=53).contains(&part), "{part} thousandths of the time are for timers with a share of 50");
}

/// A process that has timers expire while others run.
fn owner_of_timers(world: &mut World) -> Actor {
    let owner = world.spawn_sharing(20, 50);
    let modest = world.spawn(10);
    park(world);
    let endpoint = world.endpoint();
    for number in 0..4 {
        let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
        let [low, high] = split(world.machine.time + 1_000 + number * 777);
        world.done(Operation::TimerSet, timer, [low, high, FREQUENCY as usize / 100_000, 0]);
    }
    let silent = world.endpoint();
    world.receive(silent);
    assert!(world.is_running(modest.thread));
    owner
}

#[test]
fn timers_that_use_a_share_up_lower_their_owner_before_the_next_look() {
    let mut world = World::new();
    let owner = owner_of_timers(&mut world);
    let look = world.kernel.watch.next();
    let lowered = |world: &World| world.kernel.threads.at(owner.thread).unwrap().is_lowered();
    while !lowered(&world) && world.machine.time < look {
        pass(&mut world, FREQUENCY / 1_000_000);
    }
    assert!(world.machine.time < look, "only a look sees what its timers cost");
}

#[test]
fn what_is_charged_to_a_timers_owner_is_given_back_to_the_interrupted() {
    let mut world = World::new();
    owner_of_timers(&mut world);
    let running = world.kernel.current;
    let payer = world.kernel.processes.at(world.kernel.threads.at(running).unwrap().process).unwrap().standing.payer();
    let credit = |world: &World| world.kernel.processes.at(payer).unwrap().standing.budget.credit();
    let (before, expiries) = (credit(&world), world.kernel.account.expiries);
    while world.kernel.account.expiries == expiries {
        pass(&mut world, 100);
    }
    let share = world.kernel.processes.at(payer).unwrap().standing.budget.share();
    let most = (WINDOW * share.thousandths() as u64) as i64;
    assert!(credit(&world) >= most.min(before + EXPIRY_CYCLES as i64 * 1_000), "{before}, then {}", credit(&world));
}

#[test]
fn timers_of_an_idle_system_are_never_put_off() {
    let mut world = World::new();
    world.spawn_sharing(20, 10);
    park(&mut world);
    let endpoint = world.endpoint();
    let timer = world.make(Operation::TimerCreate, 0, [endpoint, 0, 0, 0]);
    let period = FREQUENCY / 100_000;
    let [low, high] = split(world.machine.time + period);
    world.done(Operation::TimerSet, timer, [low, high, period as usize, 0]);
    let silent = world.endpoint();
    world.receive(silent);
    assert!(world.is_idle());
    let before = world.kernel.account.expiries;
    for _ in 0..5_000 {
        pass(&mut world, period);
    }
    assert_eq!(world.kernel.account.expiries - before, 5_000);
}

#[test]
fn the_watch_sleeps_while_nothing_happens_and_wakes_with_the_first_thread() {
    let mut world = World::new();
    let driver = world.spawn_sharing(47, 100);
    let bell = world.bind_for(driver, Line(8));
    park(&mut world);
    while world.is_running(driver.thread) {
        world.receive(bell);
    }
    assert!(world.is_idle());
    assert!(world.machine.armed.is_some());
    pass(&mut world, WINDOW);
    pass(&mut world, WINDOW);
    assert_eq!(world.machine.armed, None, "an idle machine isn't woken");
    // It spins, and the watch sees it.
    world.raise(Line(8));
    assert!(world.is_running(driver.thread));
    assert!(world.machine.armed.is_some());
    pass(&mut world, WINDOW / 4);
    assert!(world.kernel.threads.at(driver.thread).unwrap().is_lowered());
}

#[test]
fn interrupts_that_come_often_stay_on_the_fast_path() {
    let mut world = World::new();
    let driver = world.spawn_sharing(47, 100);
    let bell = world.bind_for(driver, Line(8));
    park(&mut world);
    while world.is_running(driver.thread) {
        world.receive(bell);
    }
    world.raise(Line(8));
    pass(&mut world, 100);
    world.receive(bell);
    let before = world.fast_paths.get("interrupt").copied().unwrap_or(0);
    for _ in 0..500 {
        pass(&mut world, WINDOW / 2);
        world.raise(Line(8));
        assert!(world.is_running(driver.thread));
        pass(&mut world, 100);
        world.receive(bell);
    }
    assert_eq!(world.fast_paths["interrupt"] - before, 500);
}
