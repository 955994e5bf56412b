//! The clock and its alarm: the time stamp counter, and one one-shot timer that is set to absolute times.
//!
//! The counter is measured by `references`. The timer is the local APIC's, comparing with the counter itself where the
//! CPU can, else counting down at a measured rate, else the 8254. With any of them, the core sees an alarm that fires
//! at its time and not before: a wait beyond the timer's reach is cut into pieces here.

use crate::clock::pit;
use crate::clock::references::{Interval, Reference, References};
use crate::clock::scale::Scale;
use crate::interrupts::apic::LocalApic;
use crate::interrupts::controller::{Controller, TIMER_VECTOR};
use kernel::machine::Time;
use x86::time::rdtsc;

/// The features of the CPU that decide how time is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClockFeatures {
    /// The local APIC's timer can compare with the time stamp counter.
    pub tsc_deadline: bool,
    /// The counter runs at one rate in every power state.
    pub invariant: bool,
}

/// Why there is no clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClockError {
    /// Nothing says how fast the time stamp counter runs.
    NoRuler,
    /// Neither a local APIC's timer nor an 8254 can interrupt.
    NoAlarm,
}

/// What the timer's interrupt means to the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The core's deadline is reached.
    Due,
    /// The deadline isn't reached yet, or there is none; the timer was set again.
    NotYet,
}

#[derive(Debug)]
enum Timer {
    /// Before [`Clock::measure`], and while [`OwnAlarm`] has the timer.
    None,
    /// The local APIC compares with the time stamp counter.
    Deadline,
    /// The local APIC counts down.
    Counter(Scale),
    /// The 8254 counts down.
    Pit(Scale),
}

/// The clock of this CPU.
#[derive(Debug)]
pub struct Clock {
    hertz: u64,
    invariant: bool,
    timer: Timer,
    deadline: Option<Time>,
    own: Option<OwnAlarm>,
}

/// An alarm of the machine's own beside the core's. The timer stands here meanwhile, so that the core's alarms pay
/// nothing for this one where there is none.
#[derive(Debug)]
struct OwnAlarm {
    at: Time,
    timer: Timer,
}

/// Reads the time stamp counter. The read doesn't wait for earlier instructions: a stamp may be a few cycles early.
#[inline(always)]
pub fn now() -> Time {
    // SAFETY: start-up refused CPUs without the counter; ring 0 may always read it.
    Time(unsafe { rdtsc() })
}

impl Clock {
    /// Before [`Self::measure`].
    pub const STOPPED: Self = Self { hertz: 0, invariant: false, timer: Timer::None, deadline: None, own: None };

    /// Measures the counters and sets up the timer, stopped. Takes 10 ms, more in a virtual machine that is stopped
    /// meanwhile, and two seconds where there is no reference but the real-time clock.
    pub fn measure(
        controller: &mut Controller,
        features: ClockFeatures,
        references: &mut References,
    ) -> Result<Self, ClockError> {
        let mut counter = controller.local().filter(|_| !features.tsc_deadline).map(ApicCounter);
        let found = references.measure(counter.as_mut().map(|counter| counter as &mut dyn Reference), || now().0);
        let said = found.rate.ok_or(ClockError::NoRuler)?;
        let hertz = said.rate.hertz();
        let scale = found.other.and_then(|ratio| Scale::new(ratio.reference_hertz(hertz), hertz, u32::MAX));
        let timer = match (controller.local(), scale) {
            (Some(local), _) if features.tsc_deadline => {
                // SAFETY: CPUID says that the CPU has this timer.
                unsafe { local.use_deadline(TIMER_VECTOR) };
                Timer::Deadline
            }
            (Some(local), Some(scale)) => {
                local.use_counter(TIMER_VECTOR);
                Timer::Counter(scale)
            }
            _ => {
                let scale = Scale::new(pit::HERTZ, hertz, pit::LARGEST);
                let scale = scale.filter(|_| controller.can_use_pit() && Interval::is_there());
                let scale = scale.ok_or(ClockError::NoAlarm)?;
                pit::stop();
                controller.use_pit();
                Timer::Pit(scale)
            }
        };
        let megahertz = (hertz + 500_000) / 1_000_000;
        log::info!("clock: {megahertz} MHz by {}, timer: {}", said.by, timer.name());
        Ok(Self { hertz, invariant: features.invariant, timer, deadline: None, own: None })
    }

    /// The counter's frequency in hertz, and whether it never changes.
    pub const fn frequency(&self) -> (u64, bool) {
        (self.hertz, self.invariant)
    }

    /// Sets the alarm to an absolute time, or stops it. A time in the past fires at once.
    #[inline]
    pub fn arm(&mut self, controller: &mut Controller, deadline: Option<Time>) {
        if deadline != self.deadline {
            self.deadline = deadline;
            self.program(controller);
        }
    }

    /// Tells whether the alarm is due, after the timer fired. If not, sets the timer to the rest of the wait.
    #[inline]
    pub fn fired(&mut self, controller: &mut Controller) -> Alarm {
        match self.deadline {
            Some(deadline) if now() >= deadline => {
                self.deadline = None;
                if self.own.is_some() {
                    self.program_both(controller);
                }
                Alarm::Due
            }
            Some(_) => {
                self.program(controller);
                Alarm::NotYet
            }
            None => Alarm::NotYet,
        }
    }

    /// Sets the machine's own alarm, or stops it. At its time, [`Self::fired`] says "not yet".
    pub fn set_own_alarm(&mut self, controller: &mut Controller, at: Option<Time>) {
        let had_own = match self.own.take() {
            Some(own) => {
                self.timer = own.timer;
                true
            }
            None => false,
        };
        if let Some(at) = at {
            self.own = Some(OwnAlarm { at, timer: core::mem::replace(&mut self.timer, Timer::None) });
        }
        if had_own || at.is_some() {
            self.program(controller);
        }
    }

    /// Tells whether the machine's own alarm is set.
    pub const fn has_own_alarm(&self) -> bool {
        self.own.is_some()
    }

    #[inline(always)]
    fn program(&mut self, controller: &mut Controller) {
        let Some(Time(deadline)) = self.deadline else { return self.stop(controller) };
        let wait = || deadline.saturating_sub(now().0);
        match (&self.timer, controller.local()) {
            // SAFETY: `measure` called `use_deadline` when it chose this timer. 0 would stop it.
            (Timer::Deadline, Some(local)) => unsafe { local.set_deadline(deadline.max(1)) },
            (Timer::Counter(scale), Some(local)) => local.set_counter(scale.count(wait())),
            (Timer::Pit(scale), _) => pit::start(scale.count(wait())),
            (Timer::None | Timer::Deadline | Timer::Counter(_), _) => self.program_both(controller),
        }
    }

    #[cold]
    fn stop(&mut self, controller: &mut Controller) {
        match (&self.timer, controller.local()) {
            // SAFETY: `measure` called `use_deadline` when it chose this timer.
            (Timer::Deadline, Some(local)) => unsafe { local.set_deadline(0) },
            (Timer::Counter(_), Some(local)) => local.set_counter(0),
            (Timer::Pit(_), _) => pit::stop(),
            (Timer::None | Timer::Deadline | Timer::Counter(_), _) => self.program_both(controller),
        }
    }

    /// Sets the timer to the earlier of the core's alarm and the machine's own.
    #[cold]
    #[inline(never)]
    fn program_both(&mut self, controller: &mut Controller) {
        let Some(OwnAlarm { at, timer }) = self.own.take() else { return };
        let earlier = self.deadline.map_or(at, |deadline| deadline.min(at));
        let deadline = self.deadline.replace(earlier);
        self.timer = timer;
        self.program(controller);
        self.deadline = deadline;
        self.own = Some(OwnAlarm { at, timer: core::mem::replace(&mut self.timer, Timer::None) });
    }
}

impl Timer {
    /// Its name in the log.
    const fn name(&self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Deadline => "local APIC (TSC deadline)",
            Self::Counter(_) => "local APIC (counter)",
            Self::Pit(_) => "8254",
        }
    }
}

/// The local APIC's timer while its rate is measured.
struct ApicCounter<'a>(&'a mut LocalApic);

impl Reference for ApicCounter<'_> {
    fn name(&self) -> &'static str {
        "the local APIC's timer"
    }

    fn hertz(&self) -> Option<u64> {
        None
    }

    fn bits(&self) -> u32 {
        32
    }

    fn start(&mut self) -> Option<()> {
        self.0.run_silently();
        Some(())
    }

    fn count(&mut self) -> Option<u32> {
        Some(self.0.elapsed()).filter(|&elapsed| elapsed != u32::MAX)
    }

    fn stop(&mut self) {
        self.0.set_counter(0);
    }
}
