//! Things that calls end or answer, and what a program is told of its own quota.

use super::things::{Being, Call, Detail, Life, ObjectNumber, Place, ThreadNumber};
use super::{Grant, Oracle, rule};
use abi::{InfoItem, Rights};

impl Oracle {
    pub(super) fn reaped(&mut self, process: usize, handle: u32, left: usize, quarantined: usize) {
        let Some(target) = self.target(process, handle as usize) else { return };
        let life = self.processes[target].life;
        rule!(self, life != Life::Alive, "process {target} is reaped, and is alive");
        self.begin_reaping(target);
        if quarantined != 0 {
            let rights = Rights::DESTROY | Rights::DMA;
            self.add_handle(process, quarantined, Grant::new(None, rights));
        }
        self.forget_quotas();
        if left == 0 {
            self.end_reaping(target);
        }
    }

    pub(super) fn handle_closed(&mut self, process: usize, handle: u32, object: Option<ObjectNumber>) {
        self.close(process, handle);
        if let Some(object) = object
            && let Detail::Reply(letter) = self.objects[object].detail
        {
            self.objects[object].being = Being::Gone;
            if self.letters[letter].place == Place::Held(object) {
                self.give_up(letter);
            }
        }
    }

    pub(super) fn destroyed(&mut self, process: usize, object: Option<ObjectNumber>, left: usize) {
        let Some(object) = object else { return };
        let owner = self.objects[object].owner;
        if owner != process {
            self.processes[owner].quota = None;
        }
        // What was in quarantine may be charged to a process further up.
        if matches!(&self.objects[object].detail, Detail::Memory(memory) if memory.is_known) {
            self.forget_quotas();
        }
        if left == 0 {
            return self.end_object(object);
        }
        self.objects[object].being = Being::Ending;
        match self.objects[object].detail {
            Detail::Ports(range) => self.loosen_ports(range),
            Detail::Memory(_) => self.forget_frames(object),
            _ => {}
        }
    }

    pub(super) fn forget_quotas(&mut self) {
        self.processes.iter_mut().for_each(|process| process.quota = None);
    }

    pub(super) fn notified(&mut self, object: Option<ObjectNumber>, bits: u32) {
        if let Some(object) = object
            && let Detail::Endpoint { noted } = &mut self.objects[object].detail
        {
            for (bit, count) in noted.iter_mut().enumerate() {
                *count += bits >> bit & 1;
            }
        }
    }

    pub(super) fn replied(&mut self, number: ThreadNumber, call: Call) {
        let process = self.threads[&number].process;
        if call.handle == 0 {
            match self.threads.get_mut(&number).and_then(|thread| thread.owes.take()) {
                Some(letter) => self.answer(process, letter, Place::Owed(number), call.message),
                None => self.breaches.push(format!("thread {number} answered, and owed nothing")),
            }
            return;
        }
        if let Some(object) = self.object(process, call.handle as usize)
            && let Detail::Reply(letter) = self.objects[object].detail
        {
            self.objects[object].being = Being::Gone;
            self.answer(process, letter, Place::Held(object), call.message);
        }
        self.close(process, call.handle);
    }

    pub(super) fn informed(&mut self, process: usize, call: Call, words: [usize; 4]) {
        let [item, index, ..] = call.message.words;
        if item != InfoItem::Memory as usize || index != 1 {
            return;
        }
        let holds_replies = self.processes[process]
            .handles
            .values()
            .any(|grant| grant.object.is_some_and(|object| matches!(self.objects[object].detail, Detail::Reply(_))));
        let [frames, used, objects, objects_used] = words;
        let given = self.processes[process].frames;
        rule!(self, frames <= given, "process {process} was given {given} frames, and has {frames}");
        rule!(self, used <= frames && objects_used <= objects, "process {process} uses more than it has: {words:?}");
        if let Some(before) = self.processes[process].quota {
            rule!(self, before == words, "process {process} had the quota {before:?}, and has {words:?}");
        }
        self.processes[process].quota = (!holds_replies).then_some(words);
    }
}
