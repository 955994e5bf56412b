//! Budgets: shares add up to the CPU, threads run as their process stands, and the watch is awake while a program runs.

use crate::dispatch::{DeadlineOf, MOST_WINDOWS, Priority, Wakes};
use crate::objects::process::Life;
use crate::objects::thread::SIBLINGS;
use crate::tests::world::World;
use abi::Share;

pub fn check(world: &World) {
    check_shares(world);
    check_levels(world);
    check_watch(world);
}

/// Every process is paid for, and the shares are those of one CPU.
fn check_shares(world: &World) {
    let kernel = &world.kernel;
    let mut total = 0;
    let mut given = 0;
    for (link, process) in kernel.processes.iter().filter(|(link, _)| *link != kernel.root) {
        let standing = &process.standing;
        let payer = kernel.processes.live(standing.payer()).expect("the process that pays is gone");
        assert_eq!(payer.standing.payer(), standing.payer(), "the process that pays doesn't pay for itself");
        assert!(payer.standing.budget.share() > Share::NONE, "nothing pays");
        let own = standing.payer() == link;
        assert!(own || standing.budget.share() == Share::NONE, "a share is nobody's");
        total += standing.budget.share().thousandths();
        given += own as usize;
        let credit = standing.budget.credit();
        let window = kernel.slice_cycles as i64;
        let most = window * MOST_WINDOWS as i64 * standing.budget.share().thousandths() as i64;
        assert!(credit <= most || credit <= 0, "credit is saved up");
        assert!(credit >= -window * 100_000, "a debt without bounds");
    }
    assert_eq!(total, Share::WHOLE.thousandths(), "the shares aren't those of one CPU");
    assert_eq!(kernel.watch.budgets() + 1, given);
}

/// A thread runs with the priority that was asked for, or below all others while its process is lowered; where a thread
/// doesn't yet, the process's deadline will see to it. A lowered process is restored when its debt is paid.
fn check_levels(world: &World) {
    let kernel = &world.kernel;
    for (link, process) in kernel.processes.iter() {
        let lowered = process.standing.is_lowered();
        let threads = kernel.threads.walk::<SIBLINGS>(process.threads());
        let mut misplaced = 0;
        for thread in threads.iter().map(|thread| kernel.threads.at(*thread).unwrap()) {
            let expected = if thread.is_lowered() { Priority::LOWERED } else { thread.asked_priority() };
            assert_eq!(thread.priority(), expected);
            misplaced += (thread.is_lowered() != lowered) as usize;
        }
        let is_reviewed = kernel.deadlines.is_set(DeadlineOf::Process(link));
        if process.life() == Life::Alive {
            assert!(misplaced == 0 || is_reviewed, "a thread isn't moved");
            assert!(!lowered || is_reviewed, "a process isn't restored");
        }
    }
    assert!(!kernel.threads.at(kernel.idle).unwrap().is_lowered());
}

/// The watch sleeps only while the idle thread runs, and then every wake goes the way that wakes the watch.
fn check_watch(world: &World) {
    let kernel = &world.kernel;
    assert_eq!(kernel.watch.is_asleep(), kernel.schedule.wakes() == Wakes::Slow);
    assert!(!kernel.watch.is_asleep() || world.is_idle(), "a program runs unwatched");
}
