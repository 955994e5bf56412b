//! Lets a thread do the rounds of a row, and judges what it noted.

use abi::{Operation, Options, Tag};
use alloc::vec;
use alloc::vec::Vec;
use bellwire::{Access, Endpoint, Handle, Mapping, Memory, Result, Thread, raw};

use crate::{Cost, Plan, ROUNDS, kind, threads};

const STACK_BYTES: usize = 4096;

/// The first code of a row's thread.
pub type First = unsafe extern "C" fn();

/// The resources that the measuring threads use, one thread after the other.
pub struct Meter {
    priority: u8,
    done: Endpoint,
    stack: Mapping,
}

impl Meter {
    /// Makes what threads of this priority need, which is to be that of the calling thread.
    pub fn new(priority: u8) -> Result<Self> {
        let stack = Memory::new(STACK_BYTES)?.map(Access::READ | Access::WRITE)?;
        Ok(Self { priority, done: Endpoint::new()?, stack })
    }

    /// Lets a thread do the rounds, and waits until it has.
    pub fn measure(&self, first: First, plan: &Plan, rounds: usize) -> Result<Vec<u32>> {
        let mut samples = vec![0_u32; rounds];
        let plan = Plan { rounds, samples: samples.as_mut_ptr(), done: self.done.raw() as usize, ..*plan };
        let top = self.stack.address() + self.stack.len();
        // SAFETY: the code is written to be a thread's first; the stack is its alone until it is done, and so are plan
        // and samples.
        let thread = unsafe { Thread::new(first as usize, top, self.priority, None) }?;
        thread.start([&raw const plan as usize, 0, 0, 0])?;
        // SAFETY: this thread has no server.
        unsafe { raw::receive(self.done.raw(), [0; 4]) }?;
        // The thread may still be at its last instructions.
        let _ = thread.destroy();
        Ok(samples)
    }

    /// Measures the cost of reading the clock twice.
    pub fn overhead(&self) -> Result<u32> {
        let null = Tag::incoming(Operation::Null, 0, Options::empty());
        let plan = Plan::of(abi::NO_HANDLE, null, [0; 4]);
        let mut samples = self.measure(threads::measure::<{ kind::NOTHING }>, &plan, ROUNDS)?;
        Ok(Cost::of(&mut samples, 0).minimum)
    }
}
