//! Hostile programs on the portable core: several processes that don't trust each other make random calls, with their
//! own handles and with what no program should use. An oracle, which knows only the calls that were made and what a
//! person with a probe at the machine would see, tells what each may see and change.
//!
//! `kernel/src/tests/random` walks through a world of programs that trust each other, and checks the core's own
//! state. Here nothing of the core's state is looked at.
//!
//! Arguments: `seed=`, `rounds=`, `first=` (a round), `steps=` (of a round). All follows from the seed. A failure names
//! the round and the step, and the arguments that run that round again. `lives=` makes and destroys objects instead,
//! see [`lives`].

mod board;
mod lives;
mod oracle;
mod program;
mod random;
mod scene;
mod world;

use std::process::ExitCode;

use world::Tally;

/// What a run does.
#[derive(Clone, Copy, Debug)]
struct Plan {
    seed: u64,
    first: u64,
    rounds: u64,
    steps: usize,
}

/// Ten million steps.
const LONG: Plan = Plan { seed: 1, first: 0, rounds: 1_000, steps: 10_000 };

fn main() -> ExitCode {
    let mut plan = LONG;
    for argument in std::env::args().skip(1) {
        let number = |text: &str| text.replace('_', "").parse::<u64>().ok();
        let parsed = argument.split_once('=').and_then(|(name, value)| Some((name, number(value)?)));
        match parsed {
            Some(("seed", value)) => plan.seed = value,
            Some(("first", value)) => plan.first = value,
            Some(("rounds", value)) => plan.rounds = value,
            Some(("steps", value)) => plan.steps = value as usize,
            Some(("lives", value)) => return live(value),
            _ => {
                eprintln!("error: {argument} isn't seed=, first=, rounds=, steps= or lives= with a number");
                return ExitCode::FAILURE;
            }
        }
    }
    match with_room(move || run(plan)) {
        Ok(tally) => {
            println!("done: {:?}\nerrors: {:?}\ndelivered: {:?}", tally.done, tally.errors, tally.delivered);
            println!("shares that were wanted for a whole contest: {}; storms: {}", tally.contests, tally.storms);
            println!(
                "fuzz-calls, {SIZES} tables: {} rounds of {} steps, seed {}, {} slow and {} fast ways: no breach",
                plan.rounds, plan.steps, plan.seed, tally.slow, tally.fast
            );
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Makes and destroys objects.
fn live(count: u64) -> ExitCode {
    match with_room(move || lives::run(count)) {
        Ok(()) => {
            println!("fuzz-calls, {SIZES} tables: {count} lives, no table is used up and no stale handle found");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            eprintln!("FAILED with {SIZES} tables at {failure}");
            ExitCode::FAILURE
        }
    }
}

/// Runs all rounds of a plan.
fn run(plan: Plan) -> Result<Tally, String> {
    let mut tally = Tally::default();
    for round in plan.first..plan.first + plan.rounds {
        let seed = plan.seed.wrapping_mul(0x1_0000_0001).wrapping_add(round);
        let of_round = scene::run(seed, plan.steps).map_err(|(step, what)| {
            let again = format!("seed={} first={round} rounds=1 steps={}", plan.seed, plan.steps);
            format!("FAILED with {SIZES} tables in round {round} at step {step} (again: {again}):\n  {what}")
        })?;
        tally.add(&of_round);
    }
    Ok(tally)
}

/// Which tables the core has.
const SIZES: &str = if cfg!(feature = "small-tables") { "small" } else { "full" };

/// Runs something on a stack that has room for a whole kernel.
fn with_room<T: Send + 'static>(what: impl FnOnce() -> T + Send + 'static) -> T {
    const STACK_BYTES: usize = 256 << 20;
    let thread = std::thread::Builder::new().stack_size(STACK_BYTES).spawn(what).expect("a thread");
    match thread.join() {
        Ok(value) => value,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}

#[cfg(test)]
mod tests {
    use super::{LONG, Plan, lives, run, with_room};
    use abi::{Kind, Operation};

    #[test]
    fn hostile_programs_change_and_see_only_what_they_may() {
        let plan = Plan { seed: 7, first: 0, rounds: 60, steps: 5_000 };
        let tally = with_room(move || run(plan)).unwrap_or_else(|failure| panic!("{failure}"));
        // A run that gets nowhere proves nothing. Exits have no answer, and the log is nobody's secret here.
        let silent = [Operation::Exit, Operation::ThreadExit, Operation::LogRead, Operation::LogRelease];
        let expected = 0..=Operation::MessageInterruptCreate as u8;
        let speaks = |number: &u8| !silent.iter().any(|operation| *operation as u8 == *number);
        let missing: Vec<_> = expected.filter(speaks).filter(|number| !tally.done.contains_key(number)).collect();
        assert!(missing.is_empty(), "calls that were never done: {missing:?}");
        assert!(tally.errors.len() >= 14 && tally.delivered.len() >= 8, "{:?} {:?}", tally.errors, tally.delivered);
        assert!(tally.fast > 1_000, "{}", tally.fast);
        let told =
            [Kind::CallerGone, Kind::Overrun].map(|kind| tally.delivered.get(&(kind as u8)).copied().unwrap_or(0));
        assert!(told.iter().all(|count| *count > 4) && tally.contests > 10, "{told:?}, {}", tally.contests);
        assert!(tally.storms > 20, "{}", tally.storms);
    }

    #[test]
    fn tables_do_not_wear_out() {
        // Each kind's generations come round at least once where tables are full, and often where they are small.
        const LIVES: u64 = if cfg!(feature = "small-tables") { 100_000 } else { 400_000 };
        with_room(|| lives::run(LIVES)).unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn ten_million_steps_change_and_show_only_what_they_may() {
        with_room(|| run(LONG)).unwrap_or_else(|failure| panic!("{failure}"));
    }

    #[test]
    #[ignore = "takes minutes"]
    fn tables_do_not_wear_out_in_500_million_lives() {
        with_room(|| lives::run(500_000_000)).unwrap_or_else(|failure| panic!("{failure}"));
    }
}
