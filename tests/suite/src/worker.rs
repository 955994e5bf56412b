//! Threads of the conductor's own process.

use abi::{Access, Operation, Options};
use bellwire::{Endpoint, Handle, Mapping, Memory, Result, Thread, raw};
use suite::bare;

/// A thread with a stack; it ends when this is dropped.
pub struct Worker {
    pub thread: Thread,
    /// Given back only after the thread has ended.
    stack: Stack,
}

/// The memory of a stack. The page below a mapping is never mapped, so that running off the stack's end is a fault.
struct Stack {
    memory: Memory,
    mapping: Option<Mapping>,
}

impl Stack {
    fn new(bytes: usize) -> Result<Self> {
        let mut stack = Self { memory: Memory::new(bytes)?, mapping: None };
        stack.mapping = Some(stack.memory.map(Access::READ | Access::WRITE)?);
        Ok(stack)
    }

    /// The address of its first byte, and that behind its last one.
    fn ends(&self) -> (usize, usize) {
        self.mapping.as_ref().map_or((0, 0), |mapping| (mapping.address(), mapping.address() + mapping.len()))
    }
}

impl Drop for Stack {
    fn drop(&mut self) {
        drop(self.mapping.take());
        while bare::destroy(self.memory.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

/// How much stack a worker has.
pub const STACK_BYTES: usize = 16 << 10;

impl Worker {
    /// Starts a thread that calls a function.
    pub fn start(priority: u8, function: extern "C" fn(usize), argument: usize) -> Result<Self> {
        let worker = Self::prepare(priority, begin as *const () as usize, None, STACK_BYTES)?;
        worker.thread.start([function as usize, argument, 0, 0])?;
        Ok(worker)
    }

    /// A stopped thread that will begin at an address, and whose faults go to an endpoint with a badge.
    pub fn prepare(priority: u8, entry: usize, faults: Option<(&Endpoint, u8)>, stack: usize) -> Result<Self> {
        let stack = Stack::new(stack)?;
        let (_, top) = stack.ends();
        let (endpoint, badge) = faults.map_or((0, 0), |(endpoint, badge)| (endpoint.raw(), badge));
        let words = [entry, top, priority as usize, endpoint as usize];
        let message = bare::invoke(Operation::ThreadCreate, abi::NO_HANDLE, badge, Options::empty(), words);
        let handle = raw::checked(message)?.words[0];
        Ok(Self { thread: bare::thread(handle), stack })
    }

    /// The lowest address of its stack.
    pub fn stack_bottom(&self) -> usize {
        self.stack.ends().0
    }

    /// Starts at `begin`, for a worker that was prepared with it.
    pub fn begin(&self, function: extern "C" fn(usize), argument: usize) -> Result<()> {
        self.thread.start([function as usize, argument, 0, 0])
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // A thread that has ended by itself is gone already.
        let _ = bare::destroy(self.thread.raw(), [0; 4]);
    }
}

/// The first instructions of a worker: the function is word 0, its argument word 1.
#[cfg(target_arch = "x86_64")]
#[unsafe(naked)]
pub extern "C" fn begin() {
    core::arch::naked_asm!("mov rdi, rdx", "call rsi", "call {end}", "ud2", end = sym end)
}

/// The first instructions of a worker: the function is word 0, its argument word 1.
#[cfg(target_arch = "x86")]
#[unsafe(naked)]
pub extern "C" fn begin() {
    core::arch::naked_asm!(
        // Together with the argument these make 16 bytes.
        "push 0", "push 0", "push 0",
        "push esi",
        "call ebx",
        "call {end}",
        "ud2",
        end = sym end,
    )
}

extern "C" fn end() -> ! {
    loop {
        let _ = raw::thread_exit(abi::NO_HANDLE, [0; 4]);
    }
}
