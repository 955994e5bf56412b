//! The areas in which threads' floating-point registers are saved: a frame each, given at first use.

use crate::frames::{FrameRun, Zone};
use crate::kernel::Kernel;
use crate::machine::{Context, Machine};

impl<M: Machine> Kernel<M> {
    /// Gives the running thread, which uses floating point for the first time, a state area that is charged to its
    /// process. Returns false if there is no frame: then the exception is a fault like any other. The frame isn't
    /// zeroed: the machine initialises it.
    pub fn attach_floating_point(&mut self) -> bool {
        let current = self.current;
        let Some(thread) = self.threads.at_mut(current) else { return false };
        let Some(process) = self.processes.at_mut(thread.process) else { return false };
        if process.quota.charge(1, 0).is_none() {
            return false;
        }
        let Some(frame) = self.frames.take(1, Zone::Low) else {
            process.quota.refund(1, 0);
            return false;
        };
        thread.floating_point = frame;
        thread.context.attach_floating_point(frame);
        true
    }

    /// Gives a thread's floating-point area back.
    pub(crate) fn detach_floating_point(&mut self, link: crate::tables::Link) {
        let Some(thread) = self.threads.at_mut(link) else { return };
        let frame = core::mem::take(&mut thread.floating_point);
        if frame.0 == 0 {
            return;
        }
        self.frames.give_back(FrameRun { first: frame, count: 1 });
        if let Some(process) = self.processes.at_mut(thread.process) {
            process.quota.refund(1, 0);
        }
    }
}
