//! Who pays for the CPU's time, and whose share of it is used up.
//!
//! A process has a share of its own if its maker gave it one, or else runs on its maker's, so that a process gains
//! nothing by splitting itself. Threads' cycles are counted exactly at every switch. A review of a process sums them up
//! and charges its budget with what was used since the last review. So it makes no difference whether a process runs
//! when it is looked at.
//!
//! If the budget is used up, the process is lowered: its threads run below all that haven't used up theirs, and what
//! they use there is free. A deadline reviews the process again when the debt is paid. While the CPU is busy, the timer
//! looks at the running process, then at another one, at the running one again, then at a source of interrupts, and so
//! on. A look takes bounded time: it moves one thread at most, and the process's deadline moves the next one.

use crate::dispatch::{DeadlineOf, Load, Next, Turn, Wakes, Watched};
use crate::kernel::Kernel;
use crate::machine::{Line, Machine, Time};
use crate::objects::event::Event;
use crate::objects::pace::Pacing;
use crate::objects::process::{Life, Process};
use crate::objects::standing::{Level, Wish};
use crate::objects::thread::{SIBLINGS, StateKind, Thread};
use crate::tables::Link;

/// What the kernel's work for one expiry of a timer costs its owner, in cycles: the trap from ring 3 and back, and
/// setting the timer anew.
pub(crate) const EXPIRY_CYCLES: u64 = 2_000;

/// What an interrupt that its driver doesn't wait for costs the driver's process, in cycles. One that the driver waits
/// for is paid by the driver's thread: its time begins with the trap.
pub(crate) const INTERRUPT_CYCLES: u64 = 2_000;

/// The longest time until a lowered process is reviewed again, in slices: its budget may get a share back meanwhile,
/// which pays the debt sooner.
const SLICES_TO_REVIEW: u64 = 10;

/// How many slots a look goes through for a process or source that lives.
const SLOTS_PER_LOOK: u32 = 8;

/// Some threads of a process.
#[derive(Clone, Copy)]
struct Found {
    /// One of them: the running one if that is among them.
    thread: Link,
    count: u32,
}

/// What a process's threads have used, and with which priorities they run.
struct Survey {
    cycles: u64,
    wish: Wish,
    full: Found,
    lowered: Found,
}

impl<M: Machine> Kernel<M> {
    /// Looks at the running process, at another one, or at a source. The timer raises the trap.
    pub(crate) fn look(&mut self, machine: &mut M) -> Next {
        let load = if self.current == self.idle { Load::Idle } else { Load::Busy };
        if self.watch.look(self.now, load, self.idle_cycles(), self.slice_cycles) {
            self.schedule.set_wakes(&self.threads, Wakes::Slow);
        }
        // One review is enough for a trap.
        let decided = match self.watch.take_turn() {
            Turn::Running => {
                let running = self.threads.at(self.current).map_or(Link::NONE, |thread| thread.process);
                self.review(running)
            }
            Turn::Next(watched) => {
                let link = self.next_in_turn(watched);
                match watched {
                    Watched::Process => self.review(link),
                    Watched::Source => self.review_source(machine, link),
                }
            }
        };
        decided.unwrap_or(Next::Scheduled)
    }

    /// Switches a source off that interrupts more often than its budget allows, if the process that pays for it has
    /// used up its share of the CPU. A driver that serves many interrupts within its share disturbs nobody. An NMI
    /// can't be kept back. Returns nothing if the source stays on.
    fn review_source(&mut self, machine: &mut M, link: Link) -> Option<Next> {
        let (now, window) = (self.now, self.slice_cycles);
        let source = self.interrupts.at(link).filter(|source| source.line() != Line::NMI)?;
        let pace = self.paces.at_mut(link).filter(|pace| !pace.is_off())?;
        let pacing = pace.review(source.counters.taken, now, window);
        let lowered = self.processes.at(source.payer()).is_some_and(|payer| payer.standing.is_lowered());
        (pacing == Pacing::Over && lowered).then(|| self.switch_off(machine, link))
    }

    /// Wakes the watch, since a program is to run after the idle thread.
    pub(crate) fn wake_watch(&mut self) {
        self.watch.wake(self.now, self.idle_cycles(), self.slice_cycles);
        self.schedule.set_wakes(&self.threads, Wakes::Any);
    }

    fn idle_cycles(&self) -> u64 {
        self.threads.at(self.idle).map_or(0, |idle| idle.used_cycles(self.time_of(self.idle)))
    }

    /// The present time, for the thread that runs.
    fn time_of(&self, thread: Link) -> Option<Time> {
        (thread == self.current).then_some(self.now)
    }

    /// The process or source whose turn it is to be looked at; none if the next few slots are free.
    fn next_in_turn(&mut self, watched: Watched) -> Link {
        let extent = match watched {
            Watched::Process => self.processes.extent(),
            Watched::Source => self.interrupts.extent(),
        } as u32;
        let first = self.watch.place(watched, extent);
        let slots = first..extent.min(first + SLOTS_PER_LOOK);
        let after = slots.end;
        let mut links = slots.map(|slot| Link::new(slot as usize));
        let found = match watched {
            Watched::Process => links.find(|link| self.processes.live(*link).is_some()),
            Watched::Source => links.find(|link| self.interrupts.live(*link).is_some()),
        };
        self.watch.set_place(watched, found.map_or(after, |link| link.index() as u32 + 1));
        found.unwrap_or(Link::NONE)
    }

    /// Charges a process's budget with what it has used, and lowers or restores its threads accordingly, one a trap.
    /// Returns nothing if no thread was moved and nobody was told anything.
    pub(crate) fn review(&mut self, link: Link) -> Option<Next> {
        let survey = self.survey(link)?;
        let is_used_up = self.charge_budget(link, survey.cycles, survey.wish)?;
        let (now, window) = (self.now, self.slice_cycles);
        let process = self.processes.at_mut(link).filter(|process| process.life() == Life::Alive)?;
        let supervisor = process.origin().supervisor;
        let standing = &mut process.standing;
        // A decision is carried out before the next one is made.
        match (standing.level(), is_used_up) {
            (Level::Full, true) if survey.lowered.count == 0 => standing.lower(now, window),
            (Level::Lowered, false) if survey.full.count == 0 => standing.restore(now),
            _ => {}
        }
        let level = standing.level();
        let misplaced = if level == Level::Lowered { survey.full } else { survey.lowered };
        let is_told = misplaced.count == 0 && standing.take_overrun(now, window);
        self.set_review(link, level, misplaced);
        if misplaced.count != 0 {
            self.reprioritise(misplaced.thread, |thread| match level {
                Level::Full => thread.restore(),
                Level::Lowered => thread.lower(),
            });
            return Some(Next::Scheduled);
        }
        let supervisor = self.endpoints.resolve(supervisor).filter(|_| is_told)?;
        Some(self.post(supervisor, Event::Overrun(link)))
    }

    /// Sets when a process is reviewed again: soon if more threads than one are misplaced, when its debt is paid if it
    /// is lowered, else not by its own deadline.
    fn set_review(&mut self, link: Link, level: Level, misplaced: Found) {
        let soon = Time(self.after_pause());
        let Some(process) = self.processes.at(link) else { return };
        let paid = match self.processes.at(process.standing.payer()) {
            Some(payer) if level == Level::Lowered => {
                let cycles = payer.standing.budget.cycles_to_pay().min(self.slice_cycles * SLICES_TO_REVIEW);
                soon.max(Time(self.now.0.saturating_add(cycles)))
            }
            _ => soon,
        };
        if let Some(process) = self.processes.at_mut(link) {
            process.standing.set_pays_until(paid);
        }
        match (misplaced.count, level) {
            (0 | 1, Level::Full) => {
                self.deadlines.clear(DeadlineOf::Process(link));
            }
            (0 | 1, Level::Lowered) => self.deadlines.set(DeadlineOf::Process(link), paid),
            _ => self.deadlines.set(DeadlineOf::Process(link), soon),
        }
    }

    fn survey(&self, link: Link) -> Option<Survey> {
        let process = self.processes.live(link)?;
        let none = Found { thread: Link::NONE, count: 0 };
        let mut survey = Survey { cycles: process.former_usage().1, wish: Wish::Other, full: none, lowered: none };
        let mut link = process.first_thread();
        while let Some(thread) = self.threads.at(link) {
            survey.cycles = survey.cycles.wrapping_add(thread.used_cycles(self.time_of(link)));
            let found = if thread.is_lowered() { &mut survey.lowered } else { &mut survey.full };
            found.count += 1;
            if link == self.current || found.thread != self.current {
                found.thread = link;
            }
            if matches!(thread.state().kind(), StateKind::Ready | StateKind::Preempted) {
                survey.wish = Wish::Waits;
            }
            link = self.threads.next::<SIBLINGS>(link);
        }
        if survey.full.thread == self.current || survey.lowered.thread == self.current {
            survey.wish = Wish::Other;
        }
        Some(survey)
    }

    /// Charges a process's budget, when its threads have used that many cycles in all. Returns whether the budget is
    /// used up; nothing for the kernel's own process, which has none.
    fn charge_budget(&mut self, link: Link, used_cycles: u64, wish: Wish) -> Option<bool> {
        let (now, window) = (self.now, self.slice_cycles);
        let most = self.watch.most_cycles(now);
        let standing = &mut self.processes.at_mut(link)?.standing;
        let uncharged = standing.take_uncharged(used_cycles);
        let since = standing.note_wish(wish, uncharged);
        let cycles = uncharged.min(most);
        let payer = standing.payer();
        let budget = &mut self.processes.at_mut(payer)?.standing.budget;
        budget.review(now, cycles, window, since);
        Some(budget.is_used_up())
    }

    /// Charges work of the kernel's to the process that it is done for, instead of to the one that it interrupts.
    pub(crate) fn charge_for(&mut self, owner: Link, cycles: u64) {
        if !self.watch.is_needed() {
            return;
        }
        let (now, window) = (self.now, self.slice_cycles);
        let payer = self.processes.at(owner).map_or(Link::NONE, |owner| owner.standing.payer());
        let interrupted = self.threads.at(self.current).map_or(Link::NONE, |thread| thread.process);
        let Some(interrupted) = self.processes.at(interrupted).map(|process| process.standing) else { return };
        if interrupted.payer() == payer {
            return;
        }
        let Some(paying) = self.processes.at_mut(payer) else { return };
        paying.standing.budget.accrue(now, window);
        paying.standing.budget.debit(cycles, window);
        if paying.standing.budget.is_used_up() {
            self.review_soon(owner);
        }
        // What is used while lowered isn't charged, so there is nothing to give back.
        if !interrupted.is_lowered()
            && let Some(spared) = self.processes.at_mut(interrupted.payer())
        {
            spared.standing.budget.accrue(now, window);
            spared.standing.budget.refund(cycles, window);
        }
    }

    /// Reviews a process at the next trap of the timer. Call this for work that is charged to a process that doesn't
    /// run: a look finds such a process only in its turn, which is long where many live. The kernel's own process pays
    /// for nothing, and isn't reviewed.
    fn review_soon(&mut self, link: Link) {
        let due = Time(self.after_pause());
        let process = self.processes.at(link);
        let may_be_lowered = |process: &&Process<M>| {
            let standing = &process.standing;
            process.life() == Life::Alive && standing.payer().is_some() && !standing.is_lowered()
        };
        if process.filter(may_be_lowered).is_some() && !self.deadlines.is_set(DeadlineOf::Process(link)) {
            self.deadlines.set(DeadlineOf::Process(link), due);
        }
    }

    /// Until when an expiry of a process's timer is put off: while the process has used up its share and others need
    /// the CPU. Nothing if it isn't.
    pub(crate) fn put_off(&self, owner: Link) -> Option<Time> {
        let standing = &self.processes.at(owner)?.standing;
        let running = self.threads.at(self.current)?;
        let others_run = !running.is_lowered() && self.current != self.idle;
        (standing.is_lowered() && others_run).then(|| standing.pays_until().max(Time(self.after_pause())))
    }

    /// Charges what an ended process has used and wasn't charged with, and gives its share back to the budget that it
    /// came from. Its threads are gone.
    pub(crate) fn close_account(&mut self, link: Link) {
        let Some(process) = self.processes.at(link) else { return };
        let ((_, used), parent) = (process.former_usage(), process.origin().parent);
        self.charge_budget(link, used, Wish::Other);
        let Some(ended) = self.processes.at(link).map(|process| process.standing) else { return };
        if ended.payer() != link {
            return;
        }
        let giver = self.processes.get(parent).map_or(Link::NONE, |parent| parent.standing.payer());
        let (now, window) = (self.now, self.slice_cycles);
        if let Some(giver) = self.processes.at_mut(giver) {
            giver.standing.budget.accrue(now, window);
            giver.standing.budget.take_back(&ended.budget, window);
        }
        if self.watch.remove_budget() {
            self.schedule.set_wakes(&self.threads, Wakes::Any);
        }
    }

    /// Changes the priority of a thread in any state, which goes behind its new peers if it is ready.
    pub(crate) fn reprioritise(&mut self, link: Link, change: impl FnOnce(&mut Thread<M::Context>)) {
        let kind = self.threads.at(link).map_or(StateKind::Stopped, |thread| thread.state().kind());
        let ready = matches!(kind, StateKind::Ready | StateKind::Preempted);
        if ready {
            // A ready thread has no deadline: it only has to leave its queue.
            self.detach(link);
        }
        if let Some(thread) = self.threads.at_mut(link) {
            change(thread);
        }
        if ready {
            self.enqueue(link);
        } else if link == self.current {
            // The thread may no longer be the highest, or may have peers now. It can't join the chain, which holds only
            // threads that outranked the chain when they were preempted.
            self.yield_turn();
        }
    }
}
