//! A function of a PCI device, as its driver gets it. Configuration space stays with the program `pci`: the function is
//! switched on before the driver starts, and off when it has ended. It masters the bus only once the driver says so.

use crate::protocol::{PciAddress, PciId, PciRequest};
use crate::startup::narrow;
use crate::{Endpoint, Error, Grants, Interrupt, Memory, Pending, PortRange, Result, Server, Trigger};
use abi::StartupKind;
use alloc::format;

/// How a function interrupts, as the manifest says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PciInterrupt {
    /// By this line, which is level-triggered. Other functions may have the same line.
    Line(u8),
    /// By messages.
    Message,
}

/// A function of a PCI device.
#[derive(Debug)]
pub struct PciDevice {
    grants: Grants,
    index: usize,
    /// The function that masters the bus, whatever is written to `address`.
    function: PciAddress,
    /// The function's vendor and device numbers.
    pub id: PciId,
    /// The function's place on the bus.
    pub address: PciAddress,
    /// How the function interrupts.
    pub interrupt: PciInterrupt,
}

impl PciDevice {
    /// The memory of a base address register. Only its pages are granted, so a size below that of a page counts as one.
    pub fn memory(&self, register: u8) -> Result<Memory> {
        self.grants.handle(&format!("pci {} bar {register}", self.index)).map(Memory::from)
    }

    /// The ports of a base address register.
    pub fn ports(&self, register: u8) -> Result<PortRange> {
        let numbers = self.grants.number(&format!("pci {} ports {register}", self.index));
        let [first, count] = numbers.ok_or(Error::BadHandle)?;
        Ok(PortRange::new(narrow(first)?, narrow(count)?))
    }

    /// Lets the function master the bus: read and write memory by itself, and interrupt by messages.
    /// [`Error::Unsupported`] without the right `dma`.
    ///
    /// From then on the function's registers reach all memory, past what Rust knows. There is no other way here: the
    /// bus takes this request by the program's handle for it alone, which [`Grants::handle`] gives to nobody, and not
    /// by that of the service `pci`.
    ///
    /// ```compile_fail,E0133
    /// # fn open(device: &bellwire::PciDevice) -> bellwire::Result<()> {
    /// device.master_bus()
    /// # }
    /// ```
    ///
    /// # Safety
    /// 1. The device does nothing any more that a predecessor or the firmware has told it: what it still did would
    ///    reach memory that belongs to somebody else by now.
    /// 2. Nothing that the program does with the function's registers has it write to memory that Rust knows of, or
    ///    that isn't the program's. A [`Memory`] that was made for the device is neither.
    pub unsafe fn master_bus(&self) -> Result<()> {
        let bus = self.grants.entries().find(|entry| entry.name() == BUS && entry.kind == StartupKind::Handle);
        // SAFETY: all functions of the program share the handle. `Grants` gives it to nobody, so nobody closes it. The
        // caller answers for what is asked for with it.
        let bus = unsafe { Endpoint::borrowed(bus.ok_or(Error::Unsupported)?.value) };
        loop {
            match bus.request(PciRequest::Master(self.function)) {
                // The bus died before it answered. Its successor is told which functions are driven.
                Err(Error::Gone) => {}
                result => return result.map(drop),
            }
        }
    }

    /// Lets the function's interrupts arrive at a server, with a badge. Functions that share a line share an interrupt:
    /// bound once, it is [`Error::Busy`] for the second. After another error it can be bound again.
    pub fn bind(&self, server: &Server, badge: u16) -> Result<(Interrupt, Pending)> {
        let name = format!("pci {} interrupt", self.index);
        let entry = self.grants.find(&name, |entry| entry.kind == StartupKind::Handle)?;
        let taken = self.grants.take_for_now(entry)?;
        // The pins of PCI are level-triggered (PCI Local Bus Specification 3.0, 2.2.6), whatever the firmware says of
        // the line.
        let trigger = match self.interrupt {
            PciInterrupt::Line(_) => Trigger::Level,
            PciInterrupt::Message => Trigger::Edge,
        };
        // SAFETY: the handle is taken as long as this is used.
        let pending = unsafe { Interrupt::borrowed(taken.raw()) }.bind(server.endpoint(), badge, trigger)?;
        Ok((Interrupt::from(taken.keep()), pending))
    }
}

impl Grants {
    /// The PCI functions that this program drives.
    pub fn pci_devices(&self) -> impl Iterator<Item = PciDevice> {
        let grants = *self;
        (0..).map_while(move |index| {
            let [id, address] = grants.number(&format!("pci {index}"))?;
            let interrupt = format!("pci {index} interrupt");
            let interrupt = grants.entries().find(|entry| entry.name() == interrupt)?;
            let interrupt = match interrupt.extra {
                [line, 0] => PciInterrupt::Line(narrow(line).ok()?),
                _ => PciInterrupt::Message,
            };
            let id = PciId { vendor: narrow(id >> 16).ok()?, device: (id & 0xFFFF) as u16 };
            let function = PciAddress::from_number(narrow(address).ok()?);
            Some(PciDevice { grants, index, function, id, address: function, interrupt })
        })
    }
}

/// How `init` names to the program `pci` which functions are driven.
const DRIVEN: &str = "driven";

/// How `init` names the service `pci` to a driver that may let its functions master the bus.
pub(crate) const BUS: &str = "pci bus";

/// The badge of a program's handle for letting its functions master the bus. The program's other handles, that of the
/// service `pci` too, have the program's own badge, by which nobody is let.
pub const fn master_badge(program: u16) -> u16 {
    program | 1 << 15
}

/// A PCI function that a program drives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DrivenFunction {
    /// The function's place on the bus.
    pub address: PciAddress,
    /// The badge of the handle by which a program may let the function master the bus, if one may: [`master_badge`].
    pub master: Option<u16>,
}

impl Grants {
    /// The PCI functions that programs drive at this moment. Only the program that serves `pci` is told.
    pub fn driven_functions(&self) -> impl Iterator<Item = DrivenFunction> {
        let named = self.entries().filter(|entry| entry.name() == DRIVEN && entry.kind == StartupKind::Number);
        named.filter_map(|entry| {
            let [address, master] = entry.extra;
            let address = PciAddress::from_number(narrow(address).ok()?);
            Some(DrivenFunction { address, master: narrow(master).ok() })
        })
    }
}

/// How `init` names what a program gets of its function with an index; the driver's side of it is [`PciDevice`].
pub mod entries {
    use super::{BUS, DRIVEN, DrivenFunction, PciInterrupt, StartupKind, format};
    use crate::protocol::{PciAddress, PciId};
    use abi::StartupEntry;

    /// The function itself.
    pub fn function(index: usize, id: PciId, address: PciAddress) -> StartupEntry {
        let numbers = [u64::from(id.vendor) << 16 | u64::from(id.device), u64::from(address.number())];
        StartupEntry::new(&format!("pci {index}"), StartupKind::Number, 0, numbers)
    }

    /// A function that a program drives, for [`crate::Grants::driven_functions`].
    pub fn driven(function: DrivenFunction) -> StartupEntry {
        // No badge is as large as the number that stands for none.
        let master = function.master.map_or(u64::MAX, u64::from);
        StartupEntry::new(DRIVEN, StartupKind::Number, 0, [u64::from(function.address.number()), master])
    }

    /// The service `pci`, for [`crate::PciDevice::master_bus`].
    pub fn bus(handle: u32) -> StartupEntry {
        StartupEntry::new(BUS, StartupKind::Handle, handle, [0; 2])
    }

    /// Registers in memory.
    pub fn memory(index: usize, register: u8, handle: u32, bytes: u64) -> StartupEntry {
        StartupEntry::new(&format!("pci {index} bar {register}"), StartupKind::Handle, handle, [bytes, 0])
    }

    /// Ports.
    pub fn ports(index: usize, register: u8, first: u16, count: u16) -> StartupEntry {
        let name = format!("pci {index} ports {register}");
        StartupEntry::new(&name, StartupKind::Number, 0, [first.into(), count.into()])
    }

    /// The function's interrupt.
    pub fn interrupt(index: usize, handle: u32, kind: PciInterrupt) -> StartupEntry {
        let numbers = match kind {
            PciInterrupt::Line(line) => [u64::from(line), 0],
            PciInterrupt::Message => [0, 1],
        };
        StartupEntry::new(&format!("pci {index} interrupt"), StartupKind::Handle, handle, numbers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Handle;

    #[test]
    fn a_driver_finds_what_init_names() {
        let id = PciId { vendor: 0x1234, device: 0x11E8 };
        let address = [PciAddress::new(0, 4, 0), PciAddress::new(1, 8, 3)];
        let driven = [
            DrivenFunction { address: address[1], master: Some(u16::MAX) },
            DrivenFunction { address: address[0], master: None },
        ];
        let all = [
            entries::function(0, id, address[0]),
            entries::memory(0, 0, 5, 1 << 20),
            entries::interrupt(0, 6, PciInterrupt::Line(11)),
            entries::function(1, id, address[1]),
            entries::ports(1, 4, 0xC000, 32),
            entries::interrupt(1, 7, PciInterrupt::Message),
            entries::driven(driven[0]),
            entries::driven(driven[1]),
        ];
        let grants = crate::startup::tests::grants(&all);
        let devices: Vec<PciDevice> = grants.pci_devices().collect();
        let [first, second] = devices.as_slice() else { panic!("{devices:?}") };
        assert_eq!((first.id, first.address, first.interrupt), (id, address[0], PciInterrupt::Line(11)));
        assert_eq!((second.address, second.interrupt), (address[1], PciInterrupt::Message));
        let memory = first.memory(0).unwrap();
        assert_eq!(memory.raw(), 5);
        assert_eq!(first.memory(1).err(), Some(Error::BadHandle));
        assert_eq!(second.ports(4), Ok(PortRange::new(0xC000, 32)));
        assert_eq!(grants.driven_functions().collect::<Vec<_>>(), driven);
        // SAFETY: there is no device.
        assert_eq!(unsafe { first.master_bus() }, Err(Error::Unsupported), "nothing lets it reach the bus");
    }

    #[test]
    fn an_interrupt_whose_bind_fails_can_be_bound_again() {
        let failures = std::cell::Cell::new(1);
        crate::raw::fake::answer_with(move |operation, _, words| match operation {
            abi::Operation::InterruptBind if failures.replace(0) != 0 => Err(Error::NoMemory),
            _ => Ok(words),
        });
        let all = [
            entries::function(0, PciId { vendor: 1, device: 2 }, PciAddress::new(0, 4, 0)),
            entries::interrupt(0, 7, PciInterrupt::Line(11)),
        ];
        let device = crate::startup::tests::grants(&all).pci_devices().next().unwrap();
        // SAFETY: nothing is received here.
        let server = Server::new(unsafe { crate::ReceiveRight::assume() }, Endpoint::installed(9));
        assert_eq!(device.bind(&server, 3).err(), Some(Error::NoMemory));
        let (interrupt, _) = device.bind(&server, 3).unwrap();
        assert_eq!(interrupt.raw(), 7);
        assert_eq!(device.bind(&server, 3).err(), Some(Error::Busy));
    }

    #[test]
    fn a_driver_asks_the_bus_until_one_answers() {
        use crate::raw::fake;
        use std::cell::RefCell;
        use std::rc::Rc;

        let asked = Rc::new(RefCell::new(Vec::new()));
        fake::answer_with({
            let asked = asked.clone();
            move |operation, handle, words| {
                if operation != abi::Operation::Call {
                    return Ok(words);
                }
                asked.borrow_mut().push((handle, words[0]));
                if asked.borrow().len() == 1 { Err(Error::Gone) } else { Ok([0; 4]) }
            }
        });
        let address = PciAddress::new(0, 4, 0);
        let id = PciId { vendor: 0x1234, device: 0x11E8 };
        let all = [entries::function(0, id, address), entries::interrupt(0, 7, PciInterrupt::Message), entries::bus(9)];
        let grants = crate::startup::tests::grants(&all);
        let mut device = grants.pci_devices().next().unwrap();
        // Safe code has no other way to the handle, and can't have another function master the bus.
        assert_eq!(grants.handle("pci bus").err(), Some(Error::BadHandle));
        device.address = PciAddress::new(1, 1, 1);
        // SAFETY: there is no device.
        assert_eq!(unsafe { device.master_bus() }, Ok(()));
        assert_eq!(*asked.borrow(), [(9, usize::from(address.number())); 2]);
    }
}
