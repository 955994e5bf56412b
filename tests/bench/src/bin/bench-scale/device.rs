//! QEMU's teaching device, whose driver is another process, and how it interrupts.
//!
//! A process that has ports makes switches dearer, and this process measures. So it has the ports of configuration
//! space only while it changes the way in which the device interrupts.

use abi::Access;
use bellwire::protocol::{PciAddress, PciBar, PciFunction, PciId, PciSignal};
use bellwire::{Error, Interrupt, InterruptWrite, Mapping, Memory, PAGE_BYTES, PortRange, Result, Root, Trust};
use bench::EDU_RAISE;
use driver_pci::{Mechanism, bar, enable, master, scan};

const EDU: PciId = PciId { vendor: 0x1234, device: 0x11E8 };
/// The ports of the mechanism: its address, its data.
const PORTS: u16 = 8;

/// How the device interrupts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// The device asserts its line.
    Line,
    /// The device writes a message.
    Message,
}

/// The device.
pub struct Device {
    address: PciAddress,
    registers: Mapping,
    write: InterruptWrite,
    /// Its registers' memory, for the driver.
    pub memory: Memory,
    /// Its line.
    pub line: Interrupt,
    /// Its message.
    pub message: Interrupt,
}

impl Device {
    /// Finds it, and claims how it interrupts.
    pub fn find(root: &Root) -> Result<Self> {
        let (function, registers) = with_space(root, |space| {
            let function = scan(space).into_iter().find(|function| function.id == EDU).ok_or(Error::BadHandle)?;
            let PciBar::Memory { address, .. } = bar(space, function.address, 0) else { return Err(Error::BadHandle) };
            Ok((function, address))
        })?;
        let PciFunction { address, line: Some(line), .. } = function else { return Err(Error::BadHandle) };
        let memory = root.device_memory(registers, PAGE_BYTES)?;
        let registers = memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE)?;
        let (message, write) = root.message_interrupt()?;
        Ok(Self { address, registers, write, memory, line: root.line(line)?, message })
    }

    /// Has it interrupt so from now on.
    pub fn interrupt_by(&self, root: &Root, signal: Signal) -> Result<()> {
        let (signal, trust) = match signal {
            Signal::Line => (PciSignal::Line, Trust::Contained),
            Signal::Message => (PciSignal::Message(self.write), Trust::Dma),
        };
        with_space(root, |space| {
            let enabled = enable(space, self.address, signal, trust);
            // The device was told nothing before.
            let enabled =
                if trust == Trust::Dma { enabled.and_then(|()| master(space, self.address)) } else { enabled };
            enabled.map_err(|_| Error::Unsupported)
        })
    }

    /// The address of the register that makes it interrupt.
    pub fn raise(&self) -> usize {
        self.registers.address() + EDU_RAISE
    }
}

fn with_space<T>(root: &Root, work: impl FnOnce(&mut Mechanism) -> Result<T>) -> Result<T> {
    let ports = root.ports(Mechanism::FIRST_PORT, PORTS)?;
    ports.attach(None)?;
    let mut space = Mechanism::new(PortRange::new(Mechanism::FIRST_PORT, PORTS)).ok_or(Error::Unsupported)?;
    let result = work(&mut space);
    ports.destroy()?;
    result
}
