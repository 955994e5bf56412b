//! Shares of the CPU: no program keeps others from theirs. That the supervisor is told takes two seconds, which is long
//! where instructions are counted: the runner's `budgets` await it.

use crate::case::{Case, Outcome};
use crate::partner::{FRAMES, OBJECTS, Partner};
use crate::system::{PRIORITY, System, milliseconds};
use crate::{cases, check, check_eq};
use bellwire::{Endpoint, Error, Instant, Result, Share};
use core::hint::spin_loop;
use core::time::Duration;
use suite::role::Role;

pub const CASES: &[Case] = cases!["budgets":
    a_loop_above_all_others_leaves_them_the_processor, timers_are_paid_for_by_their_owner,
    shares_are_the_makers_to_give,
];

/// A twentieth of the CPU.
const PART: usize = 50;

/// What the kernel charges a timer's owner for each expiry, in cycles (`kernel/src/budget.rs`).
const EXPIRY_CYCLES: u64 = 2_000;

fn share(thousandths: usize) -> Result<Share> {
    Share::from_thousandths(thousandths).ok_or(Error::BadArgument)
}

/// Starts a partner with a share of its own, above the thread that runs the cases.
fn start(system: &System, role: Role, badge: u16) -> Result<Partner> {
    let partner = Partner::new(badge, PRIORITY + 7, [FRAMES, OBJECTS])?;
    partner.process.give_share(share(PART)?)?;
    system.image.load(partner, role, PRIORITY + 7, &[], [0; 2])
}

/// Runs until the clock has gone on so far.
fn spin(cycles: u64) {
    let end = Instant::now().cycles() + cycles;
    while Instant::now().cycles() < end {
        spin_loop();
    }
}

/// Without a budget the case would never go on. How much the loop gets is tested on the host, where time is exact: an
/// emulator's timer may be late by more than a window.
fn a_loop_above_all_others_leaves_them_the_processor(system: &System) -> Outcome {
    let partner = start(system, Role::Spin, 61)?;
    let loops = || system.find_process(61);
    for _ in 0..10 {
        let before = loops()?.cycles;
        system.wait_until("the loop to run", || Ok(loops()?.cycles > before))?;
        system.wait_until("the loop to be lowered", || Ok(loops()?.is_over))?;
    }
    check_eq!(loops()?.share.thousandths() as usize, PART);
    drop(partner);
    Ok(())
}

fn timers_are_paid_for_by_their_owner(system: &System) -> Outcome {
    let _partner = start(system, Role::Timers, 63)?;
    // Who wants more than its own share has no claim on what the timers use beyond theirs: so this thread sleeps a
    // third of the time, in which the timers are free.
    let nobody = Endpoint::new()?;
    let (mut elapsed, mut cost) = (0, 0);
    for _ in 0..10 {
        drop(nobody.call_before(Instant::now() + Duration::from_millis(10), 0, [0; 4]));
        let (before, begin) = (system.root.kernel()?.timers, Instant::now().cycles());
        spin(milliseconds(20));
        elapsed += Instant::now().cycles() - begin;
        cost += u64::from(system.root.kernel()?.timers - before) * EXPIRY_CYCLES;
    }
    nobody.destroy()?;
    // The share's part, and what one look overshoots by.
    let most = elapsed * PART as u64 / 1_000 * 2;
    check!(cost <= most, "{cost} of {elapsed} cycles are for the timers of a program with a twentieth");
    Ok(())
}

fn shares_are_the_makers_to_give(system: &System) -> Outcome {
    let all = share(1_000)?;
    let first = Partner::new(64, PRIORITY, [FRAMES, OBJECTS])?;
    check_eq!(first.process.give_share(all), Err(Error::NoShare));
    first.process.give_share(share(600)?)?;
    check_eq!(first.process.give_share(share(1)?), Err(Error::Busy));
    let second = Partner::new(65, PRIORITY, [FRAMES, OBJECTS])?;
    check_eq!(second.process.give_share(share(400)?), Err(Error::NoShare));
    second.process.give_share(share(399)?)?;
    check_eq!(system.find_process(65)?.share, share(399)?);
    drop((first, second));
    // It has come back.
    let third = Partner::new(66, PRIORITY, [FRAMES, OBJECTS])?;
    third.process.give_share(share(999)?)?;
    Ok(())
}
