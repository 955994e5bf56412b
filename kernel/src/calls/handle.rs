//! The calls about handles: closing a handle forgets a name, destroying an object revokes it for everyone.

use crate::kernel::Kernel;
use crate::machine::{Context, Machine};
use crate::objects::handle::Grant;
use crate::request::{CallResult, DONE, Outcome, Request, word};
use abi::{Error, Message, ObjectKind, Rights};

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
        if matches!(grant.kind, ObjectKind::Process | ObjectKind::Root) {
            // A process is ended by `process_kill` and torn down by `process_reap`; the root is for ever.
            return Err(Error::WrongType.into());
        }
        let link = self.check_copy(grant)?.link();
        match grant.kind {
            ObjectKind::Endpoint => return word(self.destroy_endpoint(machine, link)),
            ObjectKind::Memory => return word(self.destroy_memory(machine, link)),
            ObjectKind::Ports => return word(self.destroy_ports(machine, link)),
            ObjectKind::Interrupt => self.destroy_interrupt(machine, link),
            ObjectKind::Timer => self.destroy_timer(link),
            ObjectKind::Thread if link == request.caller => return Err(Error::Busy.into()),
            ObjectKind::Thread => {
                let registers = self.threads.at(link).map_or(Message::default(), |thread| thread.context.message());
                self.remove_thread(machine, link);
                return last_message(grant, registers);
            }
            _ => return Err(Error::BadHandle.into()),
        }
        DONE
    }
}

/// What a destroyed thread's message registers held, for a caller that might have read them before. The caller can't
/// read them in a call of its own: an answer may come between the two calls.
fn last_message(thread: Grant, registers: Message) -> CallResult {
    if !thread.rights.contains(Rights::THREAD) {
        return word(0);
    }
    let Message { tag, words: [.., last] } = registers;
    Ok(Outcome::Return([0, tag.0 as usize, last, 0]))
}
