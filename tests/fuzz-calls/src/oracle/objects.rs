//! Making and ending what the oracle knows.

use super::things::{Being, Detail, Grant, Life, Object, ObjectNumber, Place, ProcessNumber, State, ThreadNumber};
use super::{Oracle, rule};
use abi::{Error, ObjectKind, Rights};
use kernel::machine::PortRange;
use kernel::tables::sizes;

impl Oracle {
    /// A process has got a handle.
    pub(super) fn add_handle(&mut self, process: ProcessNumber, handle: usize, grant: Grant) {
        let before = self.processes[process].handles.insert(handle as u32, grant);
        rule!(self, before.is_none(), "process {process} got the handle {handle:#x}, which it has already");
    }

    /// A process has made an object, and has a handle with every right to it.
    pub(super) fn make(&mut self, process: ProcessNumber, handle: usize, detail: Detail) -> ObjectNumber {
        let kind = detail.kind();
        let makes = match kind {
            ObjectKind::Process | ObjectKind::Thread => Rights::all(),
            _ => self.processes[process].makes,
        };
        self.objects.push(Object { owner: process, being: Being::Alive, detail });
        let object = self.objects.len() - 1;
        let rights = Rights::all_of(kind) & makes;
        self.add_handle(process, handle, Grant::new(Some(object), rights));
        object
    }

    /// A call that makes an object has failed: that has to have a reason.
    pub(super) fn check_refusal(&mut self, process: ProcessNumber, kind: ObjectKind, error: Error) {
        let capacity = match kind {
            ObjectKind::Endpoint => sizes::ENDPOINTS,
            ObjectKind::Timer => sizes::TIMERS,
            ObjectKind::Memory => sizes::MEMORIES,
            _ => return,
        };
        let (used, handles) = (self.count(kind), self.processes[process].handles.len());
        let may_fail = match error {
            Error::TableFull => used >= capacity,
            // Handles come along with messages that the receiver's registers don't show yet.
            Error::NoHandleSlot => handles + self.threads.len() >= sizes::TABLE_HANDLES,
            Error::NoMemory => true,
            _ => kind == ObjectKind::Timer || kind == ObjectKind::Memory && error == Error::BadArgument,
        };
        rule!(self, may_fail, "{kind:?}: {error:?}, with {used} of {capacity} in use and {handles} handles");
    }

    /// An object's end is over.
    pub(super) fn end_object(&mut self, number: ObjectNumber) {
        self.objects[number].being = Being::Gone;
        match self.objects[number].detail {
            Detail::Thread(thread) => self.thread_is_gone(thread),
            Detail::Ports(range) => self.take_ports(range),
            Detail::Memory(_) => self.forget_frames(number),
            _ => {}
        }
    }

    /// Nobody may use a range of ports any more.
    pub(super) fn take_ports(&mut self, range: PortRange) {
        for process in &mut self.processes {
            process.ports.retain(|other| *other != range);
            process.loose_ports.retain(|other| *other != range);
        }
    }

    /// A range of ports is being taken from those that use it.
    pub(super) fn loosen_ports(&mut self, range: PortRange) {
        for process in self.processes.iter_mut().filter(|process| process.ports.contains(&range)) {
            process.ports.retain(|other| *other != range);
            process.loose_ports.push(range);
        }
    }

    /// A process's end has begun.
    pub(super) fn end_process(&mut self, number: ProcessNumber) {
        if self.processes[number].life == Life::Alive {
            self.processes[number].life = Life::Ending;
        }
    }

    /// The reaping of a process has begun: nobody can know how far it is with what its family owned.
    pub(super) fn begin_reaping(&mut self, number: ProcessNumber) {
        if self.processes[number].is_reaped {
            return;
        }
        let family = self.family(number);
        for number in &family {
            self.end_process(*number);
            self.processes[*number].is_reaped = true;
        }
        for object in &mut self.objects {
            if family.contains(&object.owner) && object.being != Being::Gone {
                object.being = Being::Fading;
            }
        }
        let ranges = self.objects.iter().filter_map(|object| match object.detail {
            Detail::Ports(range) if object.being == Being::Fading && family.contains(&object.owner) => Some(range),
            _ => None,
        });
        let ranges: Vec<_> = ranges.collect();
        ranges.into_iter().for_each(|range| self.loosen_ports(range));
    }

    /// Nothing is left of a process.
    pub(super) fn end_reaping(&mut self, number: ProcessNumber) {
        let family = self.family(number);
        // Those made last give back first, to those that made them.
        for member in family.iter().rev() {
            self.share_came_back(*member);
            let process = &mut self.processes[*member];
            process.life = Life::Reaped;
            process.handles.clear();
            let (pages, object) = (process.pages.len(), process.object);
            rule!(self, pages == 0, "process {member} is reaped, and {pages} pages of it are mapped");
            self.objects[object].being = Being::Gone;
        }
        let owned = |(number, object): (usize, &Object)| family.contains(&object.owner).then_some(number);
        let owned: Vec<_> = self.objects.iter().enumerate().filter_map(owned).collect();
        for object in owned {
            match &self.objects[object].detail {
                // The one that reaps may have it.
                Detail::Memory(memory) if memory.is_known => self.objects[object].being = Being::Fading,
                _ => self.end_object(object),
            }
        }
        let threads: Vec<_> = self
            .threads
            .iter()
            .filter(|(_, thread)| family.contains(&thread.process))
            .map(|(number, _)| *number)
            .collect();
        rule!(self, threads.is_empty(), "process {number} is reaped, and has the threads {threads:?}");
        let kept: Vec<_> =
            self.spaces.iter().filter(|(_, owner)| family.contains(owner)).map(|(space, _)| *space).collect();
        rule!(self, kept.is_empty(), "process {number} is reaped, and has the memory {kept:?}");
    }

    /// A thread has ended: calls that it had received fail, faults wait for another handler.
    pub(super) fn thread_is_gone(&mut self, number: ThreadNumber) {
        let Some(thread) = self.threads.remove(&number) else { return };
        if let State::Calling(letter) | State::Faulted(letter) = thread.state {
            self.letters[letter].place = Place::Over;
        }
        if let Some(letter) = thread.owes
            && self.letters[letter].place == Place::Owed(number)
        {
            self.give_up(letter);
        }
        if let Some(object) = thread.object {
            self.objects[object].being = Being::Gone;
        }
    }

    /// Nobody answers a call or a fault any more. A fault waits for another handler.
    pub(super) fn give_up(&mut self, letter: usize) {
        let fault = self.letters[letter].is_fault;
        if self.letters[letter].place != Place::Over {
            self.letters[letter].place = if fault { Place::Queued } else { Place::Over };
        }
    }
}
