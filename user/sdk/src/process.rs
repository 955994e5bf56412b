//! Other processes, for whoever starts and supervises them.

use crate::handle::handle_type;
use crate::{Endpoint, Handle, Result, raw};
use abi::Rights;

handle_type! {
    /// An address space, a handle table and a quota.
    Process
}

impl Process {
    /// Makes an empty process with a quota of frames and objects out of this process's own. How it ended arrives at
    /// the supervisor's endpoint as [`crate::Event::Exit`] with the badge.
    pub fn new(frames: usize, objects: usize, supervisor: &Endpoint, badge: u16) -> Result<Self> {
        let words = [frames, objects, supervisor.raw() as usize, badge as usize];
        Ok(Self::from_raw(raw::process_create(abi::NO_HANDLE, words)?.words[0] as u32))
    }

    /// Gives it a copy of a handle with fewer rights, and returns the handle's number there.
    pub fn grant(&self, handle: &impl Handle, rights: Rights) -> Result<u32> {
        self.grant_badged(handle, rights, 0)
    }

    /// Gives it a copy of an endpoint's handle, whose messages arrive with a badge.
    pub fn grant_badged(&self, handle: &impl Handle, rights: Rights, badge: u16) -> Result<u32> {
        let words = [handle.raw() as usize, rights.bits() as usize, badge as usize, 0];
        Ok(raw::process_grant(self.raw(), words)?.words[0] as u32)
    }

    /// Ends it.
    pub fn kill(&self, reason: usize) -> Result<()> {
        raw::process_kill(self.raw(), [reason, 0, 0, 0]).map(drop)
    }

    /// Tears down what is left of it after its end, slice by slice, and gives its quota back.
    pub fn reap(self) -> Result<()> {
        while raw::process_reap(self.raw(), [0; 4])?.words[0] != 0 {}
        Ok(())
    }
}
