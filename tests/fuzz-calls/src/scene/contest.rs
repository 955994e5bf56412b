//! A contest: programs compute, and now and then do something else.

use super::Scene;
use crate::oracle::contest::WINDOW;
use crate::program;
use abi::Operation;

/// How long a contest for the CPU takes, in windows: long enough that a supervisor is told.
const CONTEST_WINDOWS: u64 = 260;
/// The most traps of the timer in a contest.
const CONTEST_TRAPS: usize = 8_000;

/// What programs do that get the CPU while time passes.
#[derive(Clone, Copy)]
pub(super) enum Mood {
    /// They compute.
    Calm,
    /// Now and then they make a call.
    Restless,
}

impl Scene {
    /// All programs that can run compute for a while, as programs mostly do: here a step takes no time.
    pub(super) fn compete(&mut self) {
        const LONGEST_CYCLES: usize = 2_000_000;
        let mood = self.mood();
        let end = self.world.oracle.now + CONTEST_WINDOWS * WINDOW;
        self.world.oracle.begin_contest();
        for _ in 0..CONTEST_TRAPS {
            let left = end.saturating_sub(self.world.oracle.now);
            if left == 0 {
                break;
            }
            self.world.advance_to_timer(left.min(self.random.below(LONGEST_CYCLES) as u64));
            self.go_on(mood);
            self.world.oracle.note_wants();
        }
        self.world.tally.contests += self.world.oracle.end_contest();
    }

    pub(super) fn mood(&mut self) -> Mood {
        if self.random.one_in(2) { Mood::Restless } else { Mood::Calm }
    }

    /// Lets the thread that has the CPU do something. `init` has it if it was told something, and waits again.
    pub(super) fn go_on(&mut self, mood: Mood) {
        match (self.world.running(), mood) {
            (Some(0), _) => drop(self.world.ask(Operation::Receive, self.supervisor, [0; 4])),
            (Some(thread), Mood::Restless) if self.random.one_in(50) => {
                program::step(&mut self.world, &mut self.random, thread);
            }
            _ => {}
        }
    }
}
