//! Whether a source's line is masked, for which reason, and how it is unmasked.

use super::Source;
use crate::machine::{Machine, Masked, Trigger};

impl Source {
    /// Masks its level line until the message is completed.
    pub(super) fn mask<M: Machine>(&mut self, machine: &mut M) {
        self.masked = machine.mask(self.line);
    }

    /// Masks its level line on the fast path, until the message is completed.
    #[inline(always)]
    pub fn mask_directly<M: Machine>(&mut self, machine: &mut M) {
        self.masked = Masked::Directly;
        machine.mask_directly(self.line);
    }

    /// Masks its line for another reason: a storm, or since no process listens.
    pub(super) fn hold_back<M: Machine>(&mut self, machine: &mut M) {
        machine.mask(self.line);
        self.masked = Masked::Otherwise;
    }

    /// Unmasks its line.
    pub fn unmask<M: Machine>(&mut self, machine: &mut M) {
        self.masked = Masked::No;
        machine.unmask(self.line);
    }

    /// Whether the fast path can unmask its line, if that is masked at all.
    #[inline(always)]
    pub fn can_unmask_directly(&self) -> bool {
        self.masked != Masked::Otherwise
    }

    /// Unmasks its line on the fast path, if that is masked.
    #[inline(always)]
    pub fn unmask_directly<M: Machine>(&mut self, machine: &mut M) {
        if self.masked == Masked::Directly {
            self.masked = Masked::No;
            machine.unmask_directly(self.line);
        }
    }

    /// Whether the controller holds it back.
    pub fn is_masked(&self) -> bool {
        self.masked != Masked::No
    }

    /// Whether edges may have come unseen: it was masked, and edges of a masked line get lost.
    pub fn may_have_lost(&self) -> bool {
        self.is_masked() && self.trigger == Trigger::Edge
    }
}
