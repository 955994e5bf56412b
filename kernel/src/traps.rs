//! The entries of the core: each trap comes in here, does its work by the steps below, and leaves by one tail.

use crate::account::TraceKind;
use crate::budget::{EXPIRY_CYCLES, INTERRUPT_CYCLES};
use crate::dispatch::{DeadlineOf, Next};
use crate::ends::EndSlice;
use crate::kernel::Kernel;
use crate::machine::{Context, Line, Machine};
use crate::objects::event::Event;
use crate::objects::process::Life;
use crate::objects::source::Noted;
use crate::objects::thread::Fault;
use crate::request::{Outcome, Request};
use crate::tables::Link;
use abi::{Error, Kind, Message, Operation, Tag};

mod tail;

impl<M: Machine> Kernel<M> {
    /// A line fired: the slow path of an interrupt.
    pub fn interrupt(&mut self, machine: &mut M, line: Line) {
        self.interrupt_times(machine, line, 1);
    }

    /// A line fired `times` times, once at least, since the kernel looked last: one message tells of all.
    #[inline(always)]
    fn interrupt_times(&mut self, machine: &mut M, line: Line, times: u32) {
        self.read_clock(machine);
        self.trace(TraceKind::Interrupt, line.0 as u32);
        let link = self.lines.source(line);
        let Some(source) = self.interrupts.at_mut(link) else { return self.undelivered(machine, line, times) };
        let Some(endpoint) = self.endpoints.resolve(source.endpoint()) else {
            return self.undelivered(machine, line, times);
        };
        let (noted, payer) = (source.fire(machine, self.now, times), source.payer());
        if line != Line::NMI {
            machine.end_of_interrupt(line);
        }
        let next = match noted {
            Noted::Post => self.post(endpoint, Event::Interrupt(link)),
            Noted::Coalesced | Noted::Storm => {
                self.charge_for(payer, INTERRUPT_CYCLES);
                Next::Scheduled
            }
        };
        self.carry_out(machine, next);
    }

    /// Non-maskable interrupts that came since the last exit from the kernel.
    pub fn non_maskable(&mut self, machine: &mut M, count: u32) {
        self.account.nmis = self.account.nmis.wrapping_add(count);
        if count > 0 && self.lines.source(Line::NMI).is_some() {
            self.interrupt_times(machine, Line::NMI, count);
        }
    }

    /// An interrupt was spurious: the controller took it back. `line` is its line, if that is known.
    pub fn spurious(&mut self, line: Option<Line>) {
        match line {
            Some(line) => {
                self.account.spurious_pic = self.account.spurious_pic.wrapping_add(1);
                let link = self.lines.source(line);
                if let Some(source) = self.interrupts.at_mut(link).filter(|source| !source.endpoint().is_none()) {
                    source.note_spurious();
                }
            }
            None => self.account.spurious_apic = self.account.spurious_apic.wrapping_add(1),
        }
    }

    /// Counts an interrupt that has no endpoint to go to, since its source is off or no process listens. The process
    /// that pays for the source pays for it all the same: nothing masks a device's messages.
    #[cold]
    fn undelivered(&mut self, machine: &mut M, line: Line, times: u32) {
        let link = self.lines.source(line);
        if !self.note_while_off(link) {
            self.unowned(machine, line, times);
        }
        if line != Line::NMI {
            machine.end_of_interrupt(line);
        }
        let payer = self.interrupts.at(link).map_or(Link::NONE, |source| source.payer());
        self.charge_for(payer, INTERRUPT_CYCLES);
        self.carry_out(machine, Next::Scheduled);
    }

    /// Masks a line that no process listens to. A source notices here that its endpoint was destroyed: the end of an
    /// endpoint doesn't search all sources.
    fn unowned(&mut self, machine: &mut M, line: Line, times: u32) {
        let link = self.lines.source(line);
        self.unbind(machine, link);
        machine.mask(line);
        if let Some(source) = self.interrupts.at_mut(link) {
            source.note_unbound(times);
        }
        self.account.unowned = self.account.unowned.wrapping_add(1);
    }

    /// The running thread raised an exception. Its handler's reply means "retry".
    pub fn fault(&mut self, machine: &mut M, fault: Fault) {
        self.read_clock(machine);
        self.trace(TraceKind::Fault, fault.vector as u32);
        self.account.faults = self.account.faults.wrapping_add(1);
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return self.carry_out(machine, Next::Scheduled) };
        let handler = self.endpoints.resolve(thread.fault_endpoint());
        let process = thread.process;
        let next = match handler {
            // A thread can't be its own handler: it would wait for itself.
            Some(endpoint)
                if thread.serves() != thread.fault_endpoint()
                    && self.endpoints.at(endpoint).is_some_and(|target| !target.is_dying()) =>
            {
                thread.begin_fault(fault);
                self.send(endpoint)
            }
            _ => self.end_process(machine, process, fault.into()),
        };
        self.carry_out(machine, next);
    }

    /// The running thread made a system call; its arguments stand in its saved registers.
    pub fn call(&mut self, machine: &mut M) {
        let caller = self.current;
        let Some(thread) = self.threads.at(caller) else { return };
        let message = thread.context.message();
        let handle = thread.context.handle();
        let process = thread.process;
        self.read_clock(machine);
        self.note_call(caller, message.tag, self.now);
        let request = Request { caller, process, handle, message };
        let result = match Operation::from_number(message.tag.operation_number()) {
            Some(operation) => self.perform(machine, request, operation),
            None => Err(Error::UnknownCall.into()),
        };
        let answer = match result {
            Ok(Outcome::Next(next)) => return self.carry_out(machine, next),
            Ok(Outcome::Done) => {
                self.set_done(caller);
                return self.carry_out(machine, Next::Scheduled);
            }
            Ok(Outcome::Word(word)) => Message::new(Tag::DONE, [word, 0, 0, 0]),
            Ok(Outcome::Return(words)) => Message::new(Tag::DONE, words),
            Ok(Outcome::Labelled(label, words)) => Message::new(Tag::outgoing(Kind::Done, label, 0), words),
            Err(refusal) => Message::error(refusal.error, [refusal.badge as usize, 0]),
        };
        self.set_message(caller, answer);
        self.carry_out(machine, Next::Scheduled);
    }

    /// The one-shot timer fired.
    pub fn timer(&mut self, machine: &mut M) {
        self.read_clock(machine);
        self.forget_alarm();
        self.trace(TraceKind::Timer, 0);
        // A look goes first: a program's deadlines could be due without end.
        let next = if self.watch.is_due(self.now) { self.look(machine) } else { self.expire(machine) };
        if self.slice_end <= self.now.0 {
            self.yield_turn();
        }
        // The timer's interrupt has the highest priority. If more deadlines are due, devices get their chance first.
        let more = self.watch.is_due(self.now) || self.deadlines.first().is_some_and(|(time, _)| time <= self.now);
        self.not_before = if more { self.after_pause() } else { 0 };
        self.carry_out(machine, next);
    }

    /// Serves the earliest deadline if it has passed. If more have passed, the timer raises the next trap soon.
    fn expire(&mut self, machine: &mut M) -> Next {
        let Some((time, owner)) = self.deadlines.first().filter(|(time, _)| *time <= self.now) else {
            return Next::Scheduled;
        };
        match owner {
            DeadlineOf::Process(process) => {
                // The end of a process sets its own deadline anew, or clears it.
                if self.processes.at(process).is_some_and(|process| process.life() == Life::Ending) {
                    return self.go_on_ending(machine, process, EndSlice::OF_TIMER);
                }
                self.deadlines.clear(owner);
                self.review(process).unwrap_or(Next::Scheduled)
            }
            DeadlineOf::Source(source) => self.let_back(machine, source),
            DeadlineOf::Thread(thread) => {
                self.account.expiries = self.account.expiries.wrapping_add(1);
                let process = self.threads.at(thread).map_or(Link::NONE, |thread| thread.process);
                self.charge_for(process, EXPIRY_CYCLES);
                self.fail(thread, Error::TimedOut);
                Next::Scheduled
            }
            DeadlineOf::Timer(timer) => {
                self.account.expiries = self.account.expiries.wrapping_add(1);
                let process = self.timers.at(timer).map_or(Link::NONE, |timer| timer.owner());
                // A process that has ended can't be lowered, so nothing would bound its timers.
                if self.processes.at(process).is_none_or(|process| process.life() != Life::Alive) {
                    self.deadlines.clear(owner);
                    return Next::Scheduled;
                }
                self.charge_for(process, EXPIRY_CYCLES);
                if let Some(later) = self.put_off(process) {
                    self.deadlines.set(owner, later);
                    return Next::Scheduled;
                }
                self.deadlines.clear(owner);
                self.expire_timer(timer, time)
            }
        }
    }
}
