//! The driver of the interrupt benches: acknowledges QEMU's teaching device and waits again. It runs in an address
//! space of its own, with a higher priority than the program that makes the device interrupt.
//!
//! Its first thread binds the device and hands its registers over, then starts the driver and ends.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use abi::{Operation, Options};
#[cfg(target_os = "none")]
use bellwire::{Access, Error, Handle, Memory, PAGE_BYTES, PciInterrupt, Result, Startup, Thread, raw};
#[cfg(target_os = "none")]
use bench::{BY_LINE, BY_MESSAGE, EDU_ACKNOWLEDGE, threads};

#[cfg(target_os = "none")]
bellwire::main!(run);

#[cfg(not(target_os = "none"))]
fn main() {}

#[cfg(target_os = "none")]
const STACK_BYTES: usize = 4096;
/// This process's, in the manifest.
#[cfg(target_os = "none")]
const PRIORITY: u8 = 49;

#[cfg(target_os = "none")]
fn run(startup: Startup) -> Result<()> {
    let server = startup.server("edu")?;
    let device = startup.pci_devices().next().ok_or(Error::BadHandle)?;
    let memory = device.memory(0)?;
    let registers = memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE)?;
    let kind = match device.interrupt {
        PciInterrupt::Line(_) => BY_LINE,
        PciInterrupt::Message => {
            // SAFETY: the device was told nothing before, and nobody has it move memory.
            unsafe { device.master_bus() }?;
            BY_MESSAGE
        }
    };
    let bound = device.bind(&server, 0)?;
    let endpoint = server.endpoint().raw();
    // The bind first reports interrupts that came before it.
    // SAFETY: the server doesn't receive, so the thread's right to do so is unused.
    while unsafe { raw::receive(endpoint, [0; 4]) }?.tag.kind() != abi::Kind::Call {}
    let answer = [kind, 0, 0, memory.raw() as usize];
    // SAFETY: the memory is this program's own.
    raw::checked(unsafe { raw::invoke_any(Operation::Reply, abi::NO_HANDLE, 0, Options::HANDLE, answer) })?;
    let stack = Memory::new(STACK_BYTES)?.map(Access::READ | Access::WRITE)?;
    let top = stack.address() + stack.len();
    // SAFETY: the code is written to be a thread's first, and no other thread has the stack.
    let driver = unsafe { Thread::new(threads::drive as *const () as usize, top, PRIORITY, None) }?;
    driver.start([endpoint as usize, registers.address() + EDU_ACKNOWLEDGE, 0, 0])?;
    // The process needs these up to its end.
    core::mem::forget((server, device, memory, registers, bound, stack, driver));
    raw::thread_exit(abi::NO_HANDLE, [0; 4]).map(drop)
}
