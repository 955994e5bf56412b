//! What `info` answers. Loops over a process's threads are bounded by [`crate::tables::sizes::THREADS_PER_PROCESS`].

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::process::Life;
use crate::objects::thread::SIBLINGS;
use crate::request::{CallResult, Outcome, Request};
use crate::tables::{Arena, Link};
use abi::{Error, InfoItem, InterruptPart, ProcessPart, Rights, split};

/// The entry in a slot of a table, if the slot is in use.
pub(super) fn slot<T, const N: usize>(table: &Arena<T, N>, index: usize) -> Result<Option<&T>, Error> {
    if index < N { Ok(table.live(Link::new(index))) } else { Err(Error::BadArgument) }
}

impl<M: Machine> Kernel<M> {
    pub(super) fn info(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [item, index, part, _] = request.message.words;
        let item = InfoItem::from_number(item).ok_or(Error::BadArgument)?;
        let open = matches!(item, InfoItem::Clock | InfoItem::Now | InfoItem::Memory);
        if !open {
            self.find(&request, Rights::ROOT_INFO)?;
        }
        let words = match item {
            InfoItem::Clock => {
                let (frequency, invariant) = machine.clock();
                let [low, high] = split(frequency);
                [low, high, invariant as usize, 64]
            }
            InfoItem::Now => {
                let ([low, high], [began_low, began_high]) = (split(machine.now().0), split(machine.began().0));
                [low, high, began_low, began_high]
            }
            InfoItem::Memory if index == 0 => {
                let (total, free) = (self.frames.total(), self.frames.free());
                [total, free, total - free, 0]
            }
            InfoItem::Memory => {
                let quota = self.processes.at(request.process).ok_or(Error::Gone)?.quota;
                [quota.frames(), quota.frames_used(), quota.objects(), quota.objects_used()]
                    .map(|number| number as usize)
            }
            InfoItem::Interrupt => self.interrupt_info(index, part)?,
            InfoItem::Process => self.process_info(machine, index, part)?,
            InfoItem::Kernel => self.kernel_info(part)?,
            InfoItem::Line => self.line_info(machine, index)?,
            InfoItem::Thread => self.thread_info(index, part)?,
        };
        Ok(Outcome::Return(words))
    }

    fn interrupt_info(&self, index: usize, part: usize) -> Result<[usize; 4], Error> {
        let part = InterruptPart::from_number(part).ok_or(Error::BadArgument)?;
        let Some(source) = slot(&self.interrupts, index)? else { return Ok([0; 4]) };
        let counters = &source.counters;
        Ok(match part {
            InterruptPart::Source => {
                let level = (source.trigger() == crate::machine::Trigger::Level) as usize;
                let bound = (!source.endpoint().is_none()) as usize;
                let message = M::MESSAGE_LINES.contains(&source.line().0) as usize;
                let holder = if source.holder().is_some() { source.holder() } else { source.owner() };
                let flags = level | (source.is_masked() as usize) << 1 | bound << 2 | message << 3;
                [1, source.line().0 as usize, flags, self.badge_of(holder) as usize]
            }
            InterruptPart::Counts => {
                let delivered = source.delivered();
                [counters.taken, delivered, counters.coalesced, counters.spurious].map(|count| count as usize)
            }
            InterruptPart::More => [counters.dropped, counters.latency_maximum, source.sequence(), counters.completed]
                .map(|count| count as usize),
            InterruptPart::Message => self.message_info(source),
            InterruptPart::Binding => self.binding_info(source),
            histogram => {
                let first = (histogram as usize - InterruptPart::Histogram0 as usize) * 4;
                let mut words = [0; 4];
                for (word, count) in words.iter_mut().zip(counters.histogram.iter().skip(first)) {
                    *word = *count as usize;
                }
                words
            }
        })
    }

    fn process_info(&self, machine: &mut M, index: usize, part: usize) -> Result<[usize; 4], Error> {
        let part = ProcessPart::from_number(part).ok_or(Error::BadArgument)?;
        let Some(process) = slot(&self.processes, index)? else { return Ok([0; 4]) };
        Ok(match part {
            ProcessPart::State => {
                let mut highest = 0;
                let mut thread = process.first_thread();
                while let Some(entry) = self.threads.at(thread) {
                    highest = entry.asked_priority().number().max(highest);
                    thread = self.threads.next::<SIBLINGS>(thread);
                }
                let state = if process.life() == Life::Alive { 1 } else { 2 };
                [state, process.badge as usize, process.thread_count(), highest]
            }
            ProcessPart::Quota => {
                let quota = process.quota;
                [quota.frames_used(), quota.frames(), quota.objects_used(), quota.objects()]
                    .map(|number| number as usize)
            }
            ProcessPart::Usage => {
                let (calls, cycles) = self.usage(machine, Link::new(index));
                let ([calls, calls_high], [cycles, cycles_high]) = (split(calls as u64), split(cycles));
                [calls, calls_high, cycles, cycles_high]
            }
            ProcessPart::Parent => {
                [self.processes.resolve(process.parent).map_or(0, |parent| parent.index() + 1), 0, 0, 0]
            }
            ProcessPart::Share => {
                let standing = &process.standing;
                let payer = if standing.payer().is_some() { standing.payer().index() + 1 } else { 0 };
                let share = standing.budget.share().thousandths() as usize;
                [share, standing.is_lowered() as usize, standing.overruns() as usize, payer]
            }
        })
    }

    /// The calls and the processor time of a process, including those of its former threads.
    fn usage(&self, machine: &mut M, link: Link) -> (usize, u64) {
        let Some(process) = self.processes.at(link) else { return (0, 0) };
        let (mut calls, mut cycles) = process.former_usage();
        // The idle thread is in no process's list: it never ends.
        if link == self.root {
            cycles = cycles.wrapping_add(self.used_cycles(machine, self.idle));
        }
        let mut thread = process.first_thread();
        while let Some(entry) = self.threads.at(thread) {
            calls = calls.wrapping_add(entry.calls());
            cycles = cycles.wrapping_add(self.used_cycles(machine, thread));
            thread = self.threads.next::<SIBLINGS>(thread);
        }
        (calls, cycles)
    }

    fn kernel_info(&self, part: usize) -> Result<[usize; 4], Error> {
        let account = &self.account;
        Ok(match part {
            0 => {
                let ([calls, calls_high], [switches, switches_high]) =
                    (split(account.calls as u64), split(account.switches as u64));
                [calls, calls_high, switches, switches_high]
            }
            1 => [self.processes.used(), self.threads.used(), self.endpoints.used(), self.handles.used()],
            2 => [
                self.processes.capacity(),
                self.threads.capacity(),
                self.endpoints.capacity(),
                crate::tables::sizes::HANDLES,
            ],
            3 => {
                [account.spurious_pic, account.spurious_apic, account.unowned, account.nmis].map(|count| count as usize)
            }
            4 => [account.faults, account.exits, account.expiries, account.stale_replies].map(|count| count as usize),
            _ => return Err(Error::BadArgument),
        })
    }
}
