//! The thread that a hostile case attacks with, and code made for it at run time.

use crate::case::{Failure, Outcome};
use crate::check_eq;
use crate::scene::Scene;
use crate::system::{PRIORITY, receive};
use crate::worker::{STACK_BYTES, Worker};
use abi::{Access, Kind, Register};
use bellwire::{Endpoint, Error, Handle, Mapping, Memory, raw};
use core::cell::Cell;
use suite::bare;

/// The address of a thread's first instructions.
pub fn at(function: extern "C" fn()) -> usize {
    function as *const () as usize
}

/// EFLAGS.TF.
pub const TRAP_FLAG: usize = 1 << 8;

/// A thread with faults of its own, below the one that runs the cases.
pub struct Victim<'a> {
    /// The thread.
    pub worker: Worker,
    /// Where its faults arrive.
    pub faults: Endpoint,
    /// The right to answer the fault that was caught last, or [`abi::NO_HANDLE`]. A receive without an answer, as for
    /// the witness, would end the process.
    answer: Cell<u32>,
    scene: &'a Scene<'a>,
}

/// A fault as its handler sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caught {
    /// The exception.
    pub vector: u8,
    /// Its error code.
    pub error: usize,
    /// The address of a page fault.
    pub address: usize,
    /// Where it happened.
    pub instruction: usize,
}

impl<'a> Victim<'a> {
    /// A thread that will begin at an address, with a stack.
    pub fn new(scene: &'a Scene<'a>, entry: usize) -> Result<Self, Failure> {
        let faults = Endpoint::new()?;
        let worker = Worker::prepare(PRIORITY - 5, entry, Some((&faults, 0)), STACK_BYTES)?;
        Ok(Self { worker, faults, answer: Cell::new(abi::NO_HANDLE), scene })
    }

    /// Gives it a register.
    pub fn set(&self, register: Register, value: usize) -> Result<(), Error> {
        bare::thread_write(self.worker.thread.raw(), [register as usize, value, 0, 0]).map(drop)
    }

    /// Gives it a register if the kernel takes that value.
    pub fn try_set(&self, register: Register, value: usize) -> Outcome {
        match self.set(register, value) {
            Ok(()) | Err(Error::BadArgument) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads one of its registers.
    pub fn get(&self, register: Register) -> Result<usize, Error> {
        self.worker.thread.register(register)
    }

    /// Starts it, while the witness holds its registers.
    pub fn start(&self, words: [usize; 4]) -> Outcome {
        self.scene.breathe()?;
        Ok(self.worker.thread.start(words)?)
    }

    /// Runs it until it faults.
    pub fn fault(&self) -> Result<Caught, Failure> {
        self.start([0; 4])?;
        self.next()
    }

    /// Waits until it has come to an address at which it stays, and is interrupted there.
    pub fn interrupted_at(&self, address: usize) -> Outcome {
        let what = alloc::format!("the thread comes to {address:#x}");
        self.scene.system.wait_until(&what, || Ok(self.get(Register::Ip)? == address))?;
        self.scene.ticks(2)
    }

    /// Waits for its next fault.
    pub fn next(&self) -> Result<Caught, Failure> {
        let message = receive(&self.faults)?;
        check_fault(message)?;
        self.answer.set(raw::reply_take(abi::NO_HANDLE, [0; 4])?.words[0] as u32);
        self.scene.note_fault();
        let [error, address, instruction, _] = message.words;
        Ok(Caught { vector: message.tag.label(), error, address, instruction })
    }

    /// Lets it go on behind a fault that was caught, while the witness holds its registers.
    pub fn go_on(&self) -> Outcome {
        self.scene.breathe()?;
        bare::reply(self.answer.replace(abi::NO_HANDLE), [0; 4])?;
        Ok(())
    }
}

fn check_fault(message: abi::Message) -> Outcome {
    check_eq!(message.tag.kind(), Kind::Fault, "what arrived");
    Ok(())
}

impl Drop for Victim<'_> {
    fn drop(&mut self) {
        let _ = bare::destroy(self.worker.thread.raw(), [0; 4]);
        let answer = self.answer.replace(abi::NO_HANDLE);
        if answer != abi::NO_HANDLE {
            let _ = bare::handle_close(answer, [0; 4]);
        }
        while bare::destroy(self.faults.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

/// Memory with code made at run time, gone with it.
pub struct Generated {
    memory: Memory,
    mapping: Option<Mapping>,
}

impl Generated {
    /// Executable memory with this code.
    pub fn new(code: &[u8]) -> Result<Self, Failure> {
        let memory = Memory::new(code.len())?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(0, code);
        memory.seal()?;
        let mapping = Some(memory.map(Access::READ | Access::EXECUTE)?);
        Ok(Self { memory, mapping })
    }

    /// Where it begins.
    pub fn address(&self) -> usize {
        self.mapping.as_ref().map_or(0, Mapping::address)
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        drop(self.mapping.take());
        while bare::destroy(self.memory.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}
