//! When the kernel looks at which process uses the CPU.
//!
//! The fast paths account for time and decide nothing, so the timer raises a trap now and then that looks at the
//! account. It does so while the CPU is busy and several budgets exist. Once the idle thread alone has run from one
//! look to the next, the watch sleeps, and the first thread that runs wakes it: that one takes the slow path.

use crate::machine::Time;

/// How many looks fall into a slice while the CPU is busy.
const LOOKS_PER_SLICE: u64 = 16;

/// No look is due.
const NEVER: u64 = u64::MAX;

/// When the next look is due, and at which process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Watch {
    /// When the next look is due.
    next: u64,
    /// When the first of the present budgets was given.
    began: Time,
    /// The time of the last look.
    last: Time,
    /// What the idle thread had used then, in cycles.
    idle_cycles: u64,
    /// How many processes have a share that was given to them.
    budgets: u32,
    /// How many looks there were, which says whose turn it is. (A field with unused values would change the order of
    /// the kernel's tables, and with it the code of the fast paths.)
    looks: u32,
    /// The slot of the process whose turn it is to be looked at without running.
    process: u32,
    /// The slot of the source whose turn it is.
    source: u32,
}

/// What a look is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The process that runs.
    Running,
    /// The next one of these.
    Next(Watched),
}

/// What is looked at all in turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watched {
    /// Processes.
    Process,
    /// Sources of interrupts.
    Source,
}

/// What a look finds the CPU to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// A program runs.
    Busy,
    /// The idle thread runs.
    Idle,
}

impl Watch {
    /// All zeros, for tables that need no image.
    pub const EMPTY: Self =
        Self { next: 0, began: Time(0), last: Time(0), idle_cycles: 0, budgets: 0, looks: 0, process: 0, source: 0 };

    /// There is nothing to watch: one budget pays for all.
    pub const NONE: Self = Self { next: NEVER, ..Self::EMPTY };

    /// When the next look is due; the end of time if none is.
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether a look is due.
    pub const fn is_due(&self, now: Time) -> bool {
        self.next <= now.0
    }

    /// Whether there are several budgets.
    pub const fn is_needed(&self) -> bool {
        self.budgets != 0
    }

    /// Whether there are several budgets, and no look is due since no program ran.
    pub const fn is_asleep(&self) -> bool {
        self.is_needed() && self.next == NEVER
    }

    /// How many processes have a share that was given to them, for the tests.
    #[cfg(test)]
    pub fn budgets(&self) -> usize {
        self.budgets as usize
    }

    /// A further budget exists. Returns whether it is the first.
    pub const fn add_budget(&mut self, now: Time) -> bool {
        self.budgets += 1;
        let is_first = self.budgets == 1;
        if is_first {
            self.began = now;
        }
        is_first
    }

    /// The most that a process can have used since there are budgets, in cycles: what it used before isn't charged.
    pub const fn most_cycles(&self, now: Time) -> u64 {
        now.0.saturating_sub(self.began.0)
    }

    /// A budget has ended. Returns whether none is left but the first process's.
    pub const fn remove_budget(&mut self) -> bool {
        self.budgets = self.budgets.saturating_sub(1);
        if self.budgets == 0 {
            self.next = NEVER;
        }
        self.budgets == 0
    }

    /// A program runs from now on, after the idle thread, which has used that many cycles.
    pub const fn wake(&mut self, now: Time, idle_cycles: u64, slice_cycles: u64) {
        self.next = now.0.saturating_add(slice_cycles / LOOKS_PER_SLICE);
        (self.last, self.idle_cycles) = (now, idle_cycles);
    }

    /// Notes a look, and sets the next one. Returns whether the watch goes to sleep instead.
    pub const fn look(&mut self, now: Time, load: Load, idle_cycles: u64, slice_cycles: u64) -> bool {
        let idle = idle_cycles.wrapping_sub(self.idle_cycles);
        let sleeps = matches!(load, Load::Idle) && idle == now.0.wrapping_sub(self.last.0);
        (self.last, self.idle_cycles) = (now, idle_cycles);
        self.next = match load {
            _ if sleeps => NEVER,
            Load::Busy => now.0.saturating_add(slice_cycles / LOOKS_PER_SLICE),
            Load::Idle => now.0.saturating_add(slice_cycles),
        };
        sleeps
    }

    /// What this look is at: every other one is at the process that runs.
    pub const fn take_turn(&mut self) -> Turn {
        self.looks = self.looks.wrapping_add(1);
        match self.looks % 4 {
            0 => Turn::Next(Watched::Process),
            2 => Turn::Next(Watched::Source),
            _ => Turn::Running,
        }
    }

    /// The slot from which on the next process or source is looked for, of `extent` slots.
    pub const fn place(&self, watched: Watched, extent: u32) -> u32 {
        let place = match watched {
            Watched::Process => self.process,
            Watched::Source => self.source,
        };
        if place < extent { place } else { 0 }
    }

    /// Sets that slot.
    pub const fn set_place(&mut self, watched: Watched, place: u32) {
        match watched {
            Watched::Process => self.process = place,
            Watched::Source => self.source = place,
        }
    }
}
