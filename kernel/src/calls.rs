//! System calls: from the operation to what it does, a file for each kind of object that calls are about.
//!
//! Each call returns words or an error, or has set its caller's message registers itself and returns who runs next.

use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::request::{CallResult, DONE, Request};
use abi::Operation;

mod handle;
mod info;
mod interrupt;
mod log;
mod memory;
mod message;
mod ports;
mod process;
mod thread;
mod timer;

impl<M: Machine> Kernel<M> {
    /// Carries out a call of the running thread. The calls of a driver's loop come first.
    pub(crate) fn perform(&mut self, machine: &mut M, request: Request, operation: Operation) -> CallResult {
        match operation {
            Operation::ReplyReceive => self.reply_receive(machine, request),
            Operation::Call => self.call_endpoint(request),
            Operation::Null => DONE,
            Operation::Receive => self.receive(machine, request),
            Operation::Reply => self.reply(request),
            Operation::Notify => self.notify(request),
            Operation::ReplyTake => self.reply_take(request),
            Operation::EndpointCreate => self.endpoint_create(request),
            Operation::InterruptCreate => self.interrupt_create(machine, request),
            Operation::MessageInterruptCreate => self.message_interrupt_create(machine, request),
            Operation::InterruptBind => self.interrupt_bind(machine, request),
            Operation::InterruptComplete => self.interrupt_complete(machine, request),
            Operation::InterruptUnbind => self.interrupt_unbind(machine, request),
            Operation::TimerCreate => self.timer_create(request),
            Operation::TimerSet => self.timer_set(machine, request),
            Operation::TimerCancel => self.timer_cancel(request),
            Operation::PortsCreate => self.ports_create(machine, request),
            Operation::PortsAttach => self.ports_attach(machine, request),
            Operation::MemoryCreate => self.memory_create(request),
            Operation::MemoryDevice => self.memory_device(machine, request),
            Operation::MemoryPrepare => self.memory_prepare(machine, request),
            Operation::MemoryMap => self.memory_map(machine, request),
            Operation::MemoryUnmap => self.memory_unmap(machine, request),
            Operation::MemorySeal => self.memory_seal(request),
            Operation::MemoryInfo => self.memory_info(request),
            Operation::ProcessCreate => self.process_create(machine, request),
            Operation::ProcessGrant => self.process_grant(request),
            Operation::ProcessKill => self.process_kill(machine, request),
            Operation::ProcessShare => self.process_share(request),
            Operation::ProcessReap => self.process_reap(machine, request),
            Operation::Exit => self.exit(machine, request),
            Operation::ThreadCreate => self.thread_create(machine, request),
            Operation::ThreadStart => self.thread_start(request),
            Operation::ThreadRead => self.thread_read(request),
            Operation::ThreadWrite => self.thread_write(request),
            Operation::ThreadPriority => self.thread_priority(request),
            Operation::ThreadPointer => self.thread_pointer(machine, request),
            Operation::ThreadExit => self.thread_exit(machine, request),
            Operation::Deadline => self.deadline(request),
            Operation::Yield => self.yield_now(request),
            Operation::HandleCopy => self.handle_copy(request),
            Operation::HandleClose => self.handle_close(request),
            Operation::Destroy => self.destroy(machine, request),
            Operation::LogWrite => self.log_write(machine, request),
            Operation::LogRead => self.log_read(machine, request),
            Operation::LogRelease => self.log_release(machine, request),
            Operation::Info => self.info(machine, request),
        }
    }
}
