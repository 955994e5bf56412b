//! The tail of every trap: which thread runs when the kernel is left, and what the timer is set to.

use crate::dispatch::{Next, Slice};
use crate::kernel::{Kernel, NEVER};
use crate::machine::{Machine, Time};
use crate::objects::thread::State;
use crate::tables::Link;

impl<M: Machine> Kernel<M> {
    /// The tail of every trap, and the only place that switches on the slow path: carries out what the trap decided.
    /// The highest-priority thread that can run runs, and the timer is set.
    #[inline(never)]
    pub(crate) fn carry_out(&mut self, machine: &mut M, next: Next) {
        match next {
            Next::Scheduled => {}
            Next::Woken(link) => self.place(machine, link),
            Next::HandOver(link) => self.run(machine, link),
        }
        match self.threads.at(self.current) {
            Some(thread) if thread.state() == State::RUNNING => {
                if self.schedule.highest() > thread.priority() {
                    self.preempt_current();
                    self.run_highest(machine);
                }
            }
            _ => self.run_highest(machine),
        }
        self.arm(machine);
    }

    /// Runs a thread that can run and is in no queue, if it outranks the running thread and all that are ready; else
    /// queues it.
    fn place(&mut self, machine: &mut M, link: Link) {
        let Some(priority) = self.threads.at(link).map(|thread| thread.priority()) else { return };
        let Some(running) = self.threads.at(self.current) else { return };
        let goes_on = running.state() == State::RUNNING;
        if priority <= self.schedule.highest() || goes_on && priority <= running.priority() {
            return self.enqueue(link);
        }
        if goes_on {
            self.preempt_current();
        }
        self.run(machine, link);
    }

    /// Runs the highest-priority ready thread, or the idle thread.
    fn run_highest(&mut self, machine: &mut M) {
        let next = self.schedule.pick(&mut self.threads);
        self.run(machine, if next.is_some() { next } else { self.idle });
    }

    /// Preempts the running thread for a higher one: it keeps its turn.
    fn preempt_current(&mut self) {
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return };
        if current == self.idle {
            thread.become_ready();
            return;
        }
        thread.preempt(if self.slice_end == NEVER { Slice::Open } else { Slice::Measured });
        self.schedule.preempt(&mut self.threads, current);
    }

    /// A thread that is in no queue runs.
    #[inline(never)]
    fn run(&mut self, machine: &mut M, link: Link) {
        let now = self.read_clock(machine);
        // A preempted slice goes on where it stopped. If it began anew, interrupts that come more often than slices end
        // would keep a thread's peers from ever running.
        if let Some(thread) = self.threads.at_mut(self.current)
            && thread.state() == State::PREEMPTED_IN_SLICE
        {
            thread.keep_slice(self.slice_end.saturating_sub(now.0));
        }
        let Some(thread) = self.threads.at(link) else { return };
        self.set_slice_end(match thread.state() {
            State::PREEMPTED_IN_SLICE => now.0.saturating_add(thread.slice_left()),
            _ => NEVER,
        });
        if self.watch.is_asleep() && link != self.idle {
            self.wake_watch();
        }
        self.hand_over(machine, self.current, link, now);
        self.note_delivery(link, now);
        self.begin_slice_if_shared();
    }

    /// The timer is set to nothing: it has fired, or was never set.
    pub(crate) fn forget_alarm(&mut self) {
        self.armed = NEVER;
    }

    /// Sets the timer to what is due next.
    fn arm(&mut self, machine: &mut M) {
        let deadline = self.deadlines.first().map_or(NEVER, |(time, _)| time.0);
        let next = deadline.min(self.slice_end).min(self.watch.next()).max(self.not_before);
        if next != self.armed {
            self.armed = next;
            machine.arm(if next == NEVER { None } else { Some(Time(next)) });
        }
    }
}
