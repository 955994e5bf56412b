//! What `info` answers about a process. Loops over its threads are bounded by
//! [`crate::tables::sizes::THREADS_PER_PROCESS`].

use super::slot;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::process::Life;
use crate::objects::thread::SIBLINGS;
use crate::tables::Link;
use abi::{Error, ProcessPart, split};

impl<M: Machine> Kernel<M> {
    pub(super) fn process_info(&self, machine: &mut M, index: usize, part: usize) -> Result<[usize; 4], Error> {
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
                [state, process.origin().badge as usize, process.thread_count(), highest]
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
                [self.processes.resolve(process.origin().parent).map_or(0, |parent| parent.index() + 1), 0, 0, 0]
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
}
