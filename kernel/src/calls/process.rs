//! The calls about processes.

use crate::dispatch::Priority;
use crate::frames::Frame;
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::handle::{Grant, TableSize};
use crate::objects::process::{Exit, Life, Origin, Past, Process, Quota};
use crate::objects::standing::Standing;
use crate::request::{CallResult, DONE, Outcome, Request, word};
use crate::tables::Name;
use abi::{Error, ExitKind, ObjectKind, Options, Rights, Share};

impl<M: Machine> Kernel<M> {
    pub(super) fn process_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [frames, objects, endpoint, badge] = request.message.words;
        let supervisor = if endpoint == 0 { Name::NONE } else { self.bindable_endpoint(request.process, endpoint)? };
        let (frames, objects) = match (u32::try_from(frames), u32::try_from(objects)) {
            (Ok(frames), Ok(objects)) => (frames, objects),
            _ => return Err(Error::BadArgument.into()),
        };
        let ceiling = Priority::new(request.message.tag.label() as usize).ok_or(Error::BadArgument)?;
        let parent = self.processes.at(request.process).ok_or(Error::Gone)?;
        if ceiling > parent.origin().ceiling {
            return Err(Error::Priority.into());
        }
        let dma = if request.message.tag.options().contains(Options::DMA) { Rights::DMA } else { Rights::empty() };
        let grantable = parent.origin().grantable.difference(Rights::DMA) | (parent.origin().grantable & dma);
        if !parent.table.has_room() {
            return Err(Error::NoHandleSlot.into());
        }
        if self.processes.is_full() || !self.handles.has_table() {
            return Err(Error::TableFull.into());
        }
        // The root is zeroed as the caller's spare frame. Once it is ready, it is charged to the child instead.
        let mut rest = parent.quota;
        rest.refund(parent.spare.is_some() as u32, 0);
        rest.charge(frames, objects.saturating_add(abi::OBJECTS_PER_PROCESS)).ok_or(Error::NoMemory)?;
        let mut quota = Quota::new(frames, objects);
        quota.charge(1, 0).ok_or(Error::NoMemory)?;
        let Some(root) = self.prepare_spare(machine, request.process)? else { return word(abi::NO_HANDLE as usize) };
        let parent = self.processes.name(request.process);
        let origin = Origin { badge: badge as u16, supervisor, parent, ceiling, grantable };
        let made = self.make_process(machine, root, origin, quota, TableSize::Common);
        let parent = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        let name = match made {
            Ok(name) => name,
            Err(error) => {
                parent.spare.put_back(root);
                return Err(error.into());
            }
        };
        parent.quota = rest;
        let standing = Standing::on(parent.standing.payer());
        if let Some(process) = self.processes.at_mut(name.link()) {
            process.standing = standing;
        }
        let rights = Rights::all_of(ObjectKind::Process);
        word(self.install(request.process, Grant::new(name, ObjectKind::Process, rights))? as usize)
    }

    pub(super) fn process_share(&mut self, request: Request) -> CallResult {
        let [thousandths, ..] = request.message.words;
        let link = self.find_process(&request)?;
        let share = Share::from_thousandths(thousandths).filter(|share| *share != Share::NONE);
        let share = share.ok_or(Error::BadArgument)?;
        let maker = self.processes.name(request.process);
        let process = self.processes.at(link).ok_or(Error::BadHandle)?;
        let payer = process.standing.payer();
        if process.origin().parent != maker {
            return Err(Error::BadArgument.into());
        }
        // The shares of its children came from the budget that it runs on, and go back to the one that it runs on then:
        // so the budget doesn't change once it can have children.
        if process.life() != Life::Alive || process.past() != Past::New || payer == link {
            return Err(Error::Busy.into());
        }
        // What it has used so far is for the budget that it ran on.
        let _ = self.review(link);
        let (now, window) = (self.now, self.slice_cycles);
        let giver = self.processes.at_mut(payer).ok_or(Error::Gone)?;
        giver.standing.budget.accrue(now, window);
        if !giver.standing.budget.give(share, window) {
            return Err(Error::NoShare.into());
        }
        if let Some(process) = self.processes.at_mut(link) {
            process.standing.own(link, share, now);
        }
        if self.watch.add_budget(self.now) {
            self.wake_watch();
        }
        DONE
    }

    pub(super) fn process_grant(&mut self, request: Request) -> CallResult {
        let [handle, rights, badge, without] = request.message.words;
        let process = self.find_process(&request)?;
        // A process whose handles are torn down already must not get new ones.
        if self.processes.at(process).is_none_or(|process| process.life() != Life::Alive) {
            return Err(Error::Gone.into());
        }
        let grant = self.check_copy(self.find_in(request.process, handle as u32, Rights::COPY)?)?;
        let grant = grant.restricted(Rights::from_bits_truncate(rights as u32), badge as u16, without as u32);
        let granted = self.install(process, grant)?;
        // Who can bind a source pays for it: its device may send messages before.
        if grant.kind == ObjectKind::Interrupt
            && grant.rights.contains(Rights::INTERRUPT)
            && let Some(source) = self.interrupts.get_mut(grant.object)
        {
            source.pass_on(process);
        }
        word(granted as usize)
    }

    pub(super) fn process_kill(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [reason, ..] = request.message.words;
        let process = self.find_process(&request)?;
        let next = self.end_process(machine, process, Exit { how: ExitKind::Killed, words: [reason, 0, 0, 0] });
        // A caller that ends its own process doesn't return; any other call returns nothing.
        self.set_done(request.caller);
        Ok(Outcome::Next(next))
    }

    pub(super) fn process_reap(&mut self, machine: &mut M, request: Request) -> CallResult {
        let process = self.find_process(&request)?;
        self.reap(machine, process, request)
    }

    /// Ends the caller's process.
    pub(super) fn exit(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [code, ..] = request.message.words;
        let exit = Exit { how: ExitKind::Exited, words: [code, 0, 0, 0] };
        Ok(Outcome::Next(self.end_process(machine, request.process, exit)))
    }

    /// Makes an empty process. `root` is a zeroed frame, which is charged to `quota` already.
    pub(crate) fn make_process(
        &mut self,
        machine: &mut M,
        root: Frame,
        origin: Origin,
        quota: Quota,
        size: TableSize,
    ) -> Result<Name, Error> {
        if self.processes.is_full() {
            return Err(Error::TableFull);
        }
        self.note_creation();
        let table = self.handles.take_table(size).ok_or(Error::TableFull)?;
        let space = machine.create_space(root);
        let name = self.processes.insert(Process::new(origin, space, table, quota)).ok_or(Error::TableFull)?;
        let version = self.next_ports_version();
        if let Some(process) = self.processes.at_mut(name.link()) {
            process.home.process = name.link().index() as u16;
            process.home.ports_version = version;
        }
        Ok(name)
    }
}
