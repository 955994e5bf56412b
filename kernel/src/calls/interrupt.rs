//! The calls about interrupt sources: claiming a line or a message, binding, completing.

use crate::kernel::Kernel;
use crate::machine::{InterruptWrite, Line, Machine, Trigger};
use crate::objects::pace::Pace;
use crate::objects::source::{Binding, Source};
use crate::objects::thread::Token;
use crate::request::{CallResult, DONE, Outcome, Refusal, Request, word};
use abi::{Error, ObjectKind, Rights, split};

impl<M: Machine> Kernel<M> {
    pub(super) fn interrupt_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [line, ..] = request.message.words;
        self.find(&request, Rights::ROOT_LINES)?;
        let line = u8::try_from(line).map(Line).map_err(|_| Error::BadArgument)?;
        if !machine.has_line(line) {
            return Err(Error::BadArgument.into());
        }
        if let Some(source) = self.claim_of(line) {
            return Err(self.conflict(source.owner()));
        }
        word(self.claim(machine, request, line)? as usize)
    }

    /// Claims the first free message. The search is short: a machine has about a hundred messages.
    pub(super) fn message_interrupt_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        self.find(&request, Rights::ROOT_LINES)?;
        let line = self.lines.first_free(M::MESSAGE_LINES).ok_or(Error::TableFull)?;
        let InterruptWrite { address, data } = machine.message(line).ok_or(Error::Unsupported)?;
        let interrupt = self.claim(machine, request, line)?;
        let [low, high] = split(address);
        Ok(Outcome::Return([interrupt as usize, low, high, data as usize]))
    }

    pub(super) fn interrupt_bind(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [endpoint, badge, trigger, _] = request.message.words;
        let source = self.find_interrupt(&request)?;
        let endpoint = self.bindable_endpoint(request.process, endpoint)?;
        let trigger = match trigger {
            0 => None,
            1 => Some(Trigger::Edge),
            2 => Some(Trigger::Level),
            _ => return Err(Error::BadArgument.into()),
        };
        let binding = Binding { holder: request.process, badge: badge as u16, trigger };
        let (pending, sequence) = self.bind(machine, source, endpoint, binding)?;
        Ok(Outcome::Return([pending as usize, sequence as usize, 0, 0]))
    }

    pub(super) fn interrupt_complete(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [sequence, ..] = request.message.words;
        let source = self.find_interrupt(&request)?;
        self.complete(machine, Token { source: self.interrupts.name(source), sequence: sequence as u32 })?;
        DONE
    }

    pub(super) fn interrupt_unbind(&mut self, machine: &mut M, request: Request) -> CallResult {
        let source = self.find_interrupt(&request)?;
        self.unbind(machine, source);
        DONE
    }

    fn claim_of(&self, line: Line) -> Option<&Source> {
        self.interrupts.at(self.lines.source(line))
    }

    /// Makes the source of a line that no process has claimed.
    fn claim(&mut self, machine: &mut M, request: Request, line: Line) -> Result<u32, Refusal> {
        let trigger = machine.configure(line, None);
        let owner = request.process;
        let result = self.create(request, ObjectKind::Interrupt, |kernel| {
            let source = Source::new(line, trigger, owner);
            let name = kernel.interrupts.insert(source)?;
            kernel.lines.claim(line, name.link());
            if let Some(pace) = kernel.paces.at_mut(name.link()) {
                *pace = Pace::NEW;
            }
            Some(name)
        });
        machine.mask(line);
        result
    }
}
