//! Stale names, and the sweep that forgets them, so that generations can wrap.
//!
//! A name has a generation of 16 bits, which tells the entries apart that a slot has had. A stale name must not become
//! valid again when the slot's generations wrap. So every few creations, a sweep looks at a few of the places that hold
//! names, and replaces stale names by [`Name::GONE`]. A generation returns after [`GENERATIONS`] creations, and a round
//! of the sweep takes fewer. A stale name can't be copied: otherwise a program could keep a copy ahead of the sweep.
//!
//! The alternative, retiring a slot whose generations are used up, lets a program use up the tables for good.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::handle::Grant;
use crate::request::Refusal;
use crate::tables::sizes::{
    CREATIONS_PER_SWEEP, GENERATIONS, HANDLES, INTERRUPTS, NAMES_PER_SWEEP, PROCESSES, REPLIES, THREADS, TIMERS,
};
use crate::tables::{Link, Name};
use abi::{Error, ObjectKind};

/// The places that hold names: handles, threads, sources, timers, processes, Replies.
const PLACES: usize = HANDLES + THREADS + INTERRUPTS + TIMERS + PROCESSES + REPLIES;

/// How many creations a round of the sweep takes.
const CREATIONS_PER_ROUND: usize = PLACES.div_ceil(NAMES_PER_SWEEP) * CREATIONS_PER_SWEEP;

const _: () = assert!(
    2 * CREATIONS_PER_ROUND < GENERATIONS as usize,
    "a generation could return before a whole round of the sweep has followed its end"
);

impl<M: Machine> Kernel<M> {
    /// Refuses a name whose object has gone, before it is copied.
    pub(crate) fn check_copy(&self, grant: Grant) -> Result<Grant, Refusal> {
        if self.exists(grant.kind, grant.object) { Ok(grant) } else { Err(Error::BadHandle.into()) }
    }

    fn exists(&self, kind: ObjectKind, name: Name) -> bool {
        match kind {
            ObjectKind::Endpoint => self.endpoints.get(name).is_some(),
            ObjectKind::Interrupt => self.interrupts.get(name).is_some(),
            ObjectKind::Timer => self.timers.get(name).is_some(),
            ObjectKind::Memory => self.memories.get(name).is_some(),
            ObjectKind::Ports => self.ports.get(name).is_some(),
            ObjectKind::Thread => self.threads.get(name).is_some(),
            ObjectKind::Process | ObjectKind::Root => self.processes.get(name).is_some(),
            ObjectKind::Reply => self.replies.get(name).is_some(),
            ObjectKind::None => true,
        }
    }

    /// Counts a creation. Every [`CREATIONS_PER_SWEEP`] of them, a few more places are looked at.
    pub(crate) fn note_creation(&mut self) {
        self.sweep.creations += 1;
        if self.sweep.creations >= CREATIONS_PER_SWEEP as u32 {
            self.sweep.creations = 0;
            self.sweep_some();
        }
    }

    #[inline(never)]
    fn sweep_some(&mut self) {
        for _ in 0..NAMES_PER_SWEEP {
            let place = self.sweep.place as usize;
            self.sweep_place(place);
            self.sweep.place = if place + 1 < PLACES { place as u32 + 1 } else { 0 };
        }
    }

    fn sweep_place(&mut self, place: usize) {
        let Some(index) = place.checked_sub(HANDLES) else {
            let (kind, name) = self.handles.object_at(place);
            if !self.exists(kind, name) {
                self.handles.forget_object(place);
            }
            return;
        };
        let Some(timer) = index.checked_sub(THREADS + INTERRUPTS) else {
            return match index.checked_sub(THREADS) {
                None => self.sweep_thread(Link::new(index)),
                Some(source) => self.sweep_source(Link::new(source)),
            };
        };
        let Some(process) = timer.checked_sub(TIMERS) else { return self.sweep_timer(Link::new(timer)) };
        match process.checked_sub(PROCESSES) {
            None => self.sweep_process(Link::new(process)),
            Some(reply) => self.sweep_reply(Link::new(reply)),
        }
    }

    fn sweep_thread(&mut self, link: Link) {
        let Some(thread) = self.threads.at_mut(link) else { return };
        for name in thread.names_mut() {
            forget_if(name, self.endpoints.get(*name).is_none());
        }
        if self.interrupts.get(thread.completes().source).is_none() {
            thread.forget_token();
        }
    }

    fn sweep_source(&mut self, link: Link) {
        if let Some(source) = self.interrupts.at_mut(link)
            && self.endpoints.get(source.endpoint()).is_none()
        {
            source.forget_endpoint();
        }
        if let Some(pace) = self.paces.at_mut(link) {
            let gone = self.endpoints.get(pace.endpoint()).is_none();
            forget_if(pace.endpoint_mut(), gone);
        }
    }

    fn sweep_timer(&mut self, link: Link) {
        if let Some(timer) = self.timers.at_mut(link)
            && self.endpoints.get(timer.endpoint()).is_none()
        {
            timer.forget_endpoint();
        }
    }

    fn sweep_reply(&mut self, link: Link) {
        if let Some(reply) = self.replies.at_mut(link)
            && !reply.endpoint().is_none()
            && self.endpoints.get(reply.endpoint()).is_none()
        {
            reply.forget_endpoint();
        }
    }

    fn sweep_process(&mut self, link: Link) {
        let Some(process) = self.processes.at(link) else { return };
        let parent_gone = self.processes.get(process.origin().parent).is_none();
        let target_gone = self.processes.get(process.reap().target).is_none();
        let supervisor_gone = self.endpoints.get(process.origin().supervisor).is_none();
        let Some(process) = self.processes.at_mut(link) else { return };
        let [parent, target, supervisor] = process.names_mut();
        forget_if(parent, parent_gone);
        forget_if(target, target_gone);
        forget_if(supervisor, supervisor_gone);
    }
}

/// Replaces a name whose object has gone. No name at all stays none.
fn forget_if(name: &mut Name, gone: bool) {
    if gone && !name.is_none() {
        *name = Name::GONE;
    }
}
