//! Exceptions: of a thread whose handler never hears of them, and of one without a handler.

use bellwire::{Endpoint, Handle, Memory, Result, Thread, raw, thread_exit};

const STACK_BYTES: usize = 16 << 10;
const PRIORITY: u8 = 10;
/// The badge, which no handler sees.
const BADGE: u8 = 0;

/// Starts the thread that serves this endpoint. Its faults go to an endpoint on which no thread receives.
pub fn spawn(endpoint: &Endpoint) -> Result<()> {
    let stack = Memory::new(STACK_BYTES)?.map(bellwire::Access::READ | bellwire::Access::WRITE)?;
    let top = stack.address() + stack.len();
    let faults = Endpoint::new()?;
    // SAFETY: `first` is written to be a thread's first code, and no other thread has the stack.
    let thread = unsafe { Thread::new(first as *const () as usize, top, PRIORITY, Some((&faults, BADGE))) }?;
    // The thread and its handler stay as long as the process does.
    core::mem::forget((stack, faults));
    thread.start([endpoint.raw() as usize, 0, 0, 0])
}

/// The stack is aligned, and the first words become arguments.
#[cfg(target_os = "none")]
#[unsafe(naked)]
extern "C" fn first() -> ! {
    bellwire::naked_start!(receive_and_fault)
}

/// There is nothing to start on the host.
#[cfg(not(target_os = "none"))]
extern "C" fn first() -> ! {
    receive_and_fault(0, 0)
}

extern "C" fn receive_and_fault(endpoint: usize, _: usize) -> ! {
    // SAFETY: the endpoint is this thread's, which has no server.
    let _ = unsafe { raw::receive(endpoint as u32, [0; 4]) };
    // SAFETY: this raises an exception, and nothing after it is reached before its handler says so.
    unsafe { core::arch::asm!("ud2") };
    thread_exit()
}

/// Executes what only the kernel may.
pub fn halt() {
    // SAFETY: this raises an exception, which ends the program.
    unsafe { core::arch::asm!("hlt") };
}

/// Writes to the first page, where nothing is ever mapped.
pub fn write_anywhere() {
    let place = core::ptr::without_provenance_mut::<u8>(0x10);
    // SAFETY: this raises an exception, which ends the program.
    unsafe { place.write_volatile(0) };
}
