//! What `info` answers. Each answer is about one slot of a table, so that it takes bounded time.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::request::{CallResult, Outcome, Request};
use crate::tables::{Arena, Link};
use abi::{Error, InfoItem, Rights, split};

mod interrupt;
mod process;
mod thread;

/// The entry in a slot of a table, if the slot is in use.
fn slot<T, const N: usize>(table: &Arena<T, N>, index: usize) -> Result<Option<&T>, Error> {
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
