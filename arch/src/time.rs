//! The clock and its alarm: the time stamp counter, and one one-shot timer that is set to absolute times.
//!
//! The timer is the local APIC's, comparing with the counter itself where the CPU can, else counting down at a measured
//! rate, else the 8254. Whatever it is, the core sees an alarm that fires at its time and not before: a wait beyond the
//! timer's reach is cut into pieces here.

use crate::controller::{Controller, TIMER_VECTOR, TimerSource};
use crate::pit;
use crate::scale::Scale;
use kernel::machine::Time;
use x86::time::rdtsc;

/// What measuring takes of the CPU.
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
    /// The 8254's channel 2 never reached its count.
    NoRuler,
    /// A counter stood still, or ran at an absurd rate.
    NoCounter,
}

/// How often is measured at most, if the CPU is stopped at the wrong moment each time.
const MEASUREMENTS: usize = 10;

/// Whether an alarm's time has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// The core's deadline is reached.
    Due,
    /// It isn't yet, or there is none; the timer was set again.
    NotYet,
}

#[derive(Debug)]
enum Timer {
    /// Before [`Clock::measure`].
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
}

/// The time stamp counter. Nothing waits for earlier instructions: a stamp may be a few cycles early.
#[inline(always)]
pub fn now() -> Time {
    // SAFETY: start-up refused CPUs without the counter; ring 0 may always read it.
    Time(unsafe { rdtsc() })
}

impl Clock {
    /// Before [`Self::measure`].
    pub const STOPPED: Self = Self { hertz: 0, invariant: false, timer: Timer::None, deadline: None };

    /// Measures the counters against the 8254 and sets up the timer, stopped. Takes 10 ms, more in a virtual machine that
    /// is stopped meanwhile.
    pub fn measure(controller: &mut Controller, features: ClockFeatures) -> Result<Self, ClockError> {
        let mut span = Self::measure_once(controller).ok_or(ClockError::NoRuler)?;
        for _ in 1..MEASUREMENTS {
            if span.is_sharp() {
                break;
            }
            span = span.narrow(Self::measure_once(controller).ok_or(ClockError::NoRuler)?);
        }
        let hertz = pit::frequency(span.cycles());
        let timer = match (controller.timer(), controller.local()) {
            (TimerSource::Apic, Some(local)) if features.tsc_deadline => {
                // SAFETY: CPUID says that the CPU has this timer.
                unsafe { local.use_deadline(TIMER_VECTOR) };
                Timer::Deadline
            }
            (TimerSource::Apic, Some(local)) => {
                let scale = Scale::new(pit::frequency(u64::from(span.other())), hertz, u32::MAX);
                local.use_counter(TIMER_VECTOR);
                Timer::Counter(scale.ok_or(ClockError::NoCounter)?)
            }
            _ => {
                let scale = Scale::new(pit::HERTZ, hertz, pit::LARGEST).ok_or(ClockError::NoCounter)?;
                pit::stop();
                controller.use_pit();
                Timer::Pit(scale)
            }
        };
        Ok(Self { hertz, invariant: features.invariant, timer, deadline: None })
    }

    /// The counter's frequency in hertz, and whether it never changes.
    pub const fn frequency(&self) -> (u64, bool) {
        (self.hertz, self.invariant)
    }

    /// A word for the log.
    pub const fn name(&self) -> &'static str {
        match self.timer {
            Timer::None => "none",
            Timer::Deadline => "local APIC (TSC deadline)",
            Timer::Counter(_) => "local APIC (counter)",
            Timer::Pit(_) => "8254",
        }
    }

    /// Sets the alarm to an absolute time, or stops it. A time in the past fires at once.
    #[inline]
    pub fn arm(&mut self, controller: &mut Controller, deadline: Option<Time>) {
        if deadline != self.deadline {
            self.deadline = deadline;
            self.program(controller);
        }
    }

    /// The timer fired: tells whether the alarm is due, and if not, sets the timer to the rest of the wait.
    #[inline]
    pub fn fired(&mut self, controller: &mut Controller) -> Alarm {
        match self.deadline {
            Some(deadline) if now() >= deadline => {
                self.deadline = None;
                Alarm::Due
            }
            Some(_) => {
                self.program(controller);
                Alarm::NotYet
            }
            None => Alarm::NotYet,
        }
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
            (Timer::None | Timer::Deadline | Timer::Counter(_), _) => {}
        }
    }

    #[cold]
    fn stop(&mut self, controller: &mut Controller) {
        match (&self.timer, controller.local()) {
            // SAFETY: `measure` called `use_deadline` when it chose this timer.
            (Timer::Deadline, Some(local)) => unsafe { local.set_deadline(0) },
            (Timer::Counter(_), Some(local)) => local.set_counter(0),
            (Timer::Pit(_), _) => pit::stop(),
            (Timer::None | Timer::Deadline | Timer::Counter(_), _) => {}
        }
    }

    fn measure_once(controller: &mut Controller) -> Option<pit::Span> {
        let Some(local) = controller.local() else { return pit::measure(|| now().0, || 0) };
        local.run_silently();
        let span = pit::measure(|| now().0, || local.elapsed());
        local.set_counter(0);
        span
    }
}
