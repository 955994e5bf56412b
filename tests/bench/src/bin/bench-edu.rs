//! The driver of the interrupt benches: acknowledges QEMU's teaching device and waits again, from another address space and
//! with a higher priority than who makes the device interrupt.
//!
//! It uses the bare calls, so that what is measured is the kernel's work and not a library's.
#![cfg_attr(target_os = "none", no_std, no_main)]

use abi::{Kind, Operation, Options};
use bellwire::{Access, Error, Handle, Instant, PAGE_BYTES, PciInterrupt, Result, Server, Startup, raw, split};
use bench::{BY_LINE, BY_MESSAGE, EDU_ACKNOWLEDGE, INTERRUPTED, REGISTERS};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let server = Server::new(startup.serves("edu")?);
    let device = startup.pci_devices().next().ok_or(Error::BadHandle)?;
    let memory = device.memory(0)?;
    let registers = memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE)?;
    let acknowledge = registers.register::<u32>(EDU_ACKNOWLEDGE);
    let kind = match device.interrupt {
        PciInterrupt::Line(_) => BY_LINE,
        PciInterrupt::Message => BY_MESSAGE,
    };
    let _bound = device.bind(&server, 0)?;
    let endpoint = server.endpoint().raw();
    let mut interrupted = [0; 2];
    let (mut answer, mut options) = ([0; 4], Options::empty());
    loop {
        let message = raw::invoke(Operation::ReplyReceive, endpoint, 0, options, answer);
        let now = Instant::now();
        (answer, options) = match (message.tag.kind(), message.tag.label()) {
            (Kind::Interrupt, _) => {
                acknowledge.write(1);
                interrupted = split(now.cycles());
                ([0; 4], Options::empty())
            }
            (Kind::Call, REGISTERS) => ([kind, 0, 0, memory.raw() as usize], Options::HANDLE),
            (Kind::Call, INTERRUPTED) => ([interrupted[0], interrupted[1], 0, 0], Options::empty()),
            _ => ([0; 4], Options::empty()),
        };
    }
}
