//! Making an object with its first handle, charged to its maker's quota.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::handle::Grant;
use crate::request::{Refusal, Request};
use crate::tables::{Link, Name};
use abi::{Error, ObjectKind, Rights};

impl<M: Machine> Kernel<M> {
    /// Makes an object that is charged to the caller, and a handle with every right to it.
    pub(crate) fn create(
        &mut self,
        request: Request,
        kind: ObjectKind,
        insert: impl FnOnce(&mut Self) -> Option<Name>,
    ) -> Result<u32, Refusal> {
        let process = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        if !process.table.has_room() {
            return Err(Error::NoHandleSlot.into());
        }
        process.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        let rights = Rights::all_of(kind) & process.origin().grantable;
        self.note_creation();
        let Some(object) = insert(self) else {
            self.refund(request.process, 0, 1);
            return Err(Error::TableFull.into());
        };
        let grant = Grant::new(object, kind, rights);
        Ok(self.install(request.process, grant)?)
    }

    /// Installs a handle in a process.
    pub(crate) fn install(&mut self, process: Link, grant: Grant) -> Result<u32, Error> {
        let process = self.processes.at_mut(process).ok_or(Error::Gone)?;
        self.handles.install(&mut process.table, grant)
    }

    pub(crate) fn refund(&mut self, process: Link, frames: u32, objects: u32) {
        if let Some(process) = self.processes.at_mut(process) {
            process.quota.refund(frames, objects);
        }
    }
}
