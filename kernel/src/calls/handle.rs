//! The calls about handles: closing a handle forgets a name, destroying an object revokes it for everyone.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::request::{CallResult, DONE, Request, word};
use crate::tables::Link;
use abi::{Error, ObjectKind, Rights};

impl<M: Machine> Kernel<M> {
    pub(super) fn handle_copy(&mut self, request: Request) -> CallResult {
        let [rights, badge, without, _] = request.message.words;
        let grant = self.check_copy(self.find(&request, Rights::COPY)?)?;
        let grant = grant.restricted(Rights::from_bits_truncate(rights as u32), badge as u16, without as u32);
        word(self.install(request.process, grant)? as usize)
    }

    pub(super) fn handle_close(&mut self, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::empty())?;
        if let Some(process) = self.processes.at_mut(request.process) {
            self.handles.close(&mut process.table, request.handle);
        }
        if grant.kind == ObjectKind::Reply {
            self.drop_reply(grant.object);
        }
        DONE
    }

    pub(super) fn destroy(&mut self, machine: &mut M, request: Request) -> CallResult {
        let grant = self.find(&request, Rights::DESTROY)?;
        let link = grant.link();
        match grant.kind {
            ObjectKind::Endpoint if self.endpoints.get(grant.object).is_some() => {
                word(self.destroy_endpoint_slice(machine, link))
            }
            ObjectKind::Interrupt if self.interrupts.get(grant.object).is_some() => {
                self.destroy_interrupt(machine, link);
                DONE
            }
            ObjectKind::Timer if self.timers.get(grant.object).is_some() => {
                let owner = self.timers.at(link).map_or(Link::NONE, |timer| timer.owner());
                self.remove_timer(link);
                self.refund(owner, 0, 1);
                DONE
            }
            ObjectKind::Memory if self.memories.get(grant.object).is_some() => word(self.destroy_memory(machine, link)),
            ObjectKind::Ports if self.ports.get(grant.object).is_some() => word(self.destroy_ports(machine, link)),
            ObjectKind::Thread if self.threads.get(grant.object).is_some() => {
                if link == request.caller {
                    return Err(Error::Busy.into());
                }
                self.remove_thread(machine, link);
                DONE
            }
            // A process is ended by `process_kill` and torn down by `process_reap`; the root is for ever.
            ObjectKind::Process | ObjectKind::Root => Err(Error::WrongType.into()),
            _ => Err(Error::BadHandle.into()),
        }
    }
}
