//! References: counters whose rate is known, by which the time stamp counter is measured.
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
pub use measure::{MeasureError, Ratio, measure};
pub use power_timer::PowerManagement;
pub use verdict::{NamedRate, Rate, choose};

use alloc::vec::Vec;

/// A counter that counts up.
pub trait Reference {
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

/// The references that this machine may have.
#[derive(Debug, Default)]
pub struct References {
    /// The high precision event timer, if the firmware names one.
    pub hpet: Option<Hpet>,
    /// The power management timer, if the firmware names one.
    pub power: Option<PowerManagement>,
    /// The 8254.
    pub interval: Interval,
}

/// What the references say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// The rate of the time stamp counter, if anything says it.
    pub rate: Option<NamedRate>,
    /// How far the time stamp counter advances for each count of the other counter, if that runs.
    pub other: Option<Ratio>,
}

impl References {
    /// Measures the time stamp counter, and beside it another counter of unknown rate. `cycles` reads the former.
    pub fn measure<'a>(
        &'a mut self,
        other: Option<&'a mut (dyn Reference + 'a)>,
        mut cycles: impl FnMut() -> u64,
    ) -> Measured {
        let has_other = other.is_some();
        let mut all: Vec<&mut dyn Reference> = Vec::new();
        // The better ones first: finer counts, and rates that are nobody's to change.
        all.extend(self.hpet.as_mut().map(|reference| reference as &mut dyn Reference));
        all.extend(self.power.as_mut().map(|reference| reference as &mut dyn Reference));
        all.push(&mut self.interval);
        all.extend(other);
        let mut ratios = measure(&mut all, &mut cycles);
        let other = if has_other { ratios.pop().and_then(Result::ok) } else { None };
        let mut said: Vec<NamedRate> = stated::exact().into_iter().collect();
        for (reference, ratio) in all.iter().zip(&ratios) {
            match ratio {
                Ok(ratio) => {
                    said.extend(reference.hertz().map(|hertz| NamedRate::measured(reference.name(), ratio.rate(hertz))))
                }
                Err(MeasureError::Missing) => {}
                Err(error) => log::warn!("clock: {} {error}", reference.name()),
            }
        }
        let rate = choose(&said)
            .or_else(|| rtc::measure(rtc::register, &mut cycles).and_then(|rate| choose(&[rate])))
            .or_else(|| stated::nominal().and_then(|rate| choose(&[rate])));
        Measured { rate, other }
    }
}
