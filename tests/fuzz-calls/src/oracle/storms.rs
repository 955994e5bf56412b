//! Storms: how many interrupts of a source there may be at most, whatever its device does.

use super::contest::WINDOW;
use super::things::{Being, Detail, Life, ProcessNumber};
use super::{Oracle, rule};

/// What a window allows a source on and on.
const OF_A_WINDOW: u64 = 512;
/// How many windows' interrupts may come at once.
const BURST_WINDOWS: u64 = 16;
/// What the core charges a process for an interrupt.
pub const INTERRUPT_CYCLES: u64 = 2_000;
/// For how many windows of a storm a source may be on beyond what it is allowed: a source is reviewed in its turn, and
/// is on again after each time off.
const UNSEEN_WINDOWS: u64 = 8;

/// A source whose device interrupts without end.
#[derive(Clone, Copy, Debug)]
pub struct Storm {
    pub line: u8,
    /// The process whose share pays for the interrupts.
    payer: ProcessNumber,
    began: u64,
}

impl Oracle {
    /// The sources that may have a storm: those that are bound, whose interrupts a small share pays for.
    pub fn storms(&self) -> Vec<Storm> {
        /// A process of a larger share may serve as many interrupts as a storm here has.
        const LARGEST_SHARE: i64 = 200;
        let alive = self.objects.iter().filter(|object| object.being == Being::Alive);
        alive
            .filter_map(|object| match object.detail {
                Detail::Source { line, bound: Some((endpoint, _)), holder } => Some((line, endpoint, holder)),
                _ => None,
            })
            .filter(|(_, endpoint, holder)| {
                self.objects[*endpoint].being == Being::Alive && self.processes[*holder].life == Life::Alive
            })
            .map(|(line, _, holder)| Storm { line, payer: self.payer(holder), began: self.now })
            .filter(|storm| self.share_of(storm.payer) <= LARGEST_SHARE)
            .collect()
    }

    /// Judges a storm: whether the number of interrupts that the CPU took of it, `taken`, is within its bound. The
    /// device raised `of_a_window` in each window.
    pub fn end_storm(&mut self, storm: Storm, taken: u64, of_a_window: u64) {
        let windows = (self.now - storm.began) / WINDOW;
        let share = self.share_of(storm.payer).max(0) as u64;
        let by_budget = OF_A_WINDOW * (windows + BURST_WINDOWS);
        let by_share = (windows + 1) * WINDOW / 1_000 * share / INTERRUPT_CYCLES;
        let most = by_budget.max(by_share) + UNSEEN_WINDOWS * of_a_window;
        rule!(
            self,
            taken <= most,
            "line {} has interrupted {taken} times in {windows} windows, {most} at most, with {share} thousandths",
            storm.line
        );
    }

    fn share_of(&self, payer: ProcessNumber) -> i64 {
        self.processes[payer].share.map_or(0, |share| share.thousandths)
    }
}
