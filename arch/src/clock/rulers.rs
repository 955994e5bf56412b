//! Rulers: counters whose rate is known, by which the time stamp counter is measured.
//!
//! Any of them may be missing, stand still or lie, so all that are there are read at the same time and compared. The
//! real-time clock, which takes seconds, is asked only where no other is there, and what the CPU says of its own
//! nominal rate counts only where nothing measures.

mod hpet;
mod i8254;
mod measure;
mod power_timer;
mod rtc;
mod stated;
#[cfg(test)]
mod tests;
mod verdict;

pub use hpet::{Hpet, REGISTER_BYTES as HPET_BYTES};
pub use i8254::Interval;
pub use measure::{Pace, Trouble, measure};
pub use power_timer::PowerManagement;
pub use verdict::{Rate, Said, choose};

use alloc::vec::Vec;

/// A counter that counts up.
pub trait Ruler {
    /// Its name in the log.
    fn name(&self) -> &'static str;
    /// Its rate in hertz; nothing if the rate is to be measured.
    fn hertz(&self) -> Option<u64>;
    /// The number of valid bits of a count: those of the chip's counter.
    fn bits(&self) -> u32;
    /// Starts the counter, if it doesn't run. `None`: the chip isn't there.
    fn start(&mut self) -> Option<()>;
    /// Reads the count, modulo its bits. `None`: the counter has run out, so that the measurement has to begin anew.
    fn count(&mut self) -> Option<u32>;
    /// Leaves the counter as other code expects it.
    fn stop(&mut self) {}
}

/// The rulers that this machine may have.
#[derive(Debug, Default)]
pub struct Rulers {
    /// The high precision event timer, if the firmware names one.
    pub hpet: Option<Hpet>,
    /// The power management timer, if the firmware names one.
    pub power: Option<PowerManagement>,
    /// The 8254.
    pub interval: Interval,
}

/// What the rulers say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The rate of the time stamp counter, if anything says it.
    pub rate: Option<Said>,
    /// How far the time stamp counter advances for each count of the other counter, if that runs.
    pub other: Option<Pace>,
}

impl Rulers {
    /// Measures the time stamp counter, and beside it another counter of unknown rate. `cycles` reads the former.
    pub fn measure<'a>(
        &'a mut self,
        other: Option<&'a mut (dyn Ruler + 'a)>,
        mut cycles: impl FnMut() -> u64,
    ) -> Found {
        let has_other = other.is_some();
        let mut all: Vec<&mut dyn Ruler> = Vec::new();
        // The better ones first: finer counts, and rates that are nobody's to change.
        all.extend(self.hpet.as_mut().map(|ruler| ruler as &mut dyn Ruler));
        all.extend(self.power.as_mut().map(|ruler| ruler as &mut dyn Ruler));
        all.push(&mut self.interval);
        all.extend(other);
        let mut paces = measure(&mut all, &mut cycles);
        let other = if has_other { paces.pop().and_then(Result::ok) } else { None };
        let mut said: Vec<Said> = stated::exact().into_iter().collect();
        for (ruler, pace) in all.iter().zip(&paces) {
            match pace {
                Ok(pace) => said.extend(ruler.hertz().map(|hertz| Said::measured(ruler.name(), pace.rate(hertz)))),
                Err(Trouble::Missing) => {}
                Err(trouble) => log::warn!("clock: {} {trouble}", ruler.name()),
            }
        }
        let rate = choose(&said)
            .or_else(|| rtc::measure(rtc::register, &mut cycles).and_then(|rate| choose(&[rate])))
            .or_else(|| stated::nominal().and_then(|rate| choose(&[rate])));
        Found { rate, other }
    }
}
