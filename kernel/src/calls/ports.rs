//! The calls about ranges of I/O ports.

use crate::kernel::Kernel;
use crate::machine::{Machine, PortRange};
use crate::objects::ports::Ports;
use crate::request::{CallResult, DONE, Request, word};
use crate::tables::Link;
use abi::{Error, ObjectKind, Rights};

impl<M: Machine> Kernel<M> {
    pub(super) fn ports_create(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [first, count, ..] = request.message.words;
        self.find(&request, Rights::ROOT_PORTS)?;
        let end = first.checked_add(count).filter(|end| *end <= 0x1_0000 && count > 0).ok_or(Error::BadArgument)?;
        let range = PortRange { first: first as u16, count: count.min(u16::MAX as usize) as u16 };
        if !machine.are_free_ports(range) {
            return Err(self.conflict(Link::NONE));
        }
        let before = self.ports.at(self.ports.last_below(&self.claimed_ports, end));
        if let Some(ports) = before.filter(|ports| first < ports.range().first as usize + ports.range().count as usize)
        {
            return Err(self.conflict(ports.owner()));
        }
        let handle = self.create(request, ObjectKind::Ports, |kernel| {
            let name = kernel.ports.insert(Ports::new(range, request.process))?;
            kernel.ports.add(&mut kernel.claimed_ports, name.link());
            Some(name)
        })?;
        word(handle as usize)
    }

    pub(super) fn ports_attach(&mut self, machine: &mut M, request: Request) -> CallResult {
        let range = self.find_ports(&request)?;
        // What a switch between processes opens and closes is bounded.
        if range.count as usize > abi::PORTS_PER_RANGE {
            return Err(Error::BadArgument.into());
        }
        let [.., process] = request.message.words;
        let target = self.process_or_own(request, process)?;
        if self.processes.at(target).ok_or(Error::Gone)?.home.ports.contains(&range) {
            return DONE;
        }
        let version = self.next_ports_version();
        let home = &mut self.processes.at_mut(target).ok_or(Error::Gone)?.home;
        home.add_ports(range, version).ok_or(Error::TableFull)?;
        self.reload_home(machine, target);
        DONE
    }
}
