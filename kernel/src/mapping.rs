//! What happens to memory objects and address spaces: zeroing and mapping in steps of bounded length.

use crate::frames::{Frame, Zone};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::tables::Link;
use abi::Error;

mod floating_point;
mod map;

impl<M: Machine> Kernel<M> {
    /// Zeroes the next part of a memory object. Returns how many are left.
    pub(crate) fn prepare(&mut self, machine: &mut M, memory: Link) -> u32 {
        let part = self.memories.at_mut(memory).and_then(|memory| memory.take_unprepared());
        let Some((frame, part, left)) = part else { return 0 };
        machine.zero(frame, part);
        left
    }

    /// Returns a zeroed frame for a page table, charged to a process; if there is none yet, does a step towards one.
    ///
    /// The process keeps the frame: the work isn't lost if a call that wants it fails, and the next call goes on with
    /// it.
    pub(crate) fn prepare_spare(&mut self, machine: &mut M, process: Link) -> Result<Option<Frame>, Error> {
        let owner = self.processes.at_mut(process).ok_or(Error::Gone)?;
        let spare = &mut owner.spare;
        if let Some((frame, part)) = spare.next_part() {
            machine.zero(frame, part);
            return Ok(None);
        }
        if let Some(frame) = spare.take() {
            return Ok(Some(frame));
        }
        owner.quota.charge(1, 0).ok_or(Error::NoMemory)?;
        match self.frames.take(1, Zone::Low) {
            Some(frame) => {
                spare.begin(frame);
                Ok(None)
            }
            None => {
                owner.quota.refund(1, 0);
                Err(Error::NoMemory)
            }
        }
    }
}
