//! A storm: a device interrupts without end, while programs compute and do what they want.

use super::Scene;
use crate::oracle::contest::WINDOW;
use crate::oracle::storms::INTERRUPT_CYCLES;
use kernel::machine::Line;

/// How long it goes on.
const STORM_WINDOWS: u64 = 30;
/// How often the device interrupts: four times what a source may do on and on.
const OF_A_WINDOW: u64 = 2_048;

impl Scene {
    /// Has the device of a bound source interrupt without end for a while.
    pub(super) fn storm(&mut self) {
        let sources = self.world.oracle.storms();
        let Some(storm) = self.random.pick(&sources).copied() else { return };
        // A device's messages come through whatever is masked.
        let line = Line(storm.line);
        if kernel::fake::MESSAGE_LINES.contains(&storm.line) {
            return;
        }
        let mood = self.mood();
        let end = self.world.oracle.now + STORM_WINDOWS * WINDOW;
        let before = self.world.board.fake.line(line).taken;
        while self.world.oracle.now < end {
            let seen = self.world.board.fake.line(line).taken;
            self.world.board.fake.raise(line);
            self.world.board.fake.assert(line);
            self.world.take_interrupts();
            let taken = self.world.board.fake.line(line).taken - seen;
            self.world.lose(u64::from(taken) * INTERRUPT_CYCLES);
            self.world.advance_to_timer(WINDOW / OF_A_WINDOW);
            self.go_on(mood);
        }
        self.world.board.fake.release(line);
        let taken = u64::from(self.world.board.fake.line(line).taken - before);
        self.world.oracle.end_storm(storm, taken, OF_A_WINDOW);
        self.world.tally.storms += 1;
    }
}
