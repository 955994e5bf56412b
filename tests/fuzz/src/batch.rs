//! A batch: the steps that share the memory of their code, since that has to be sealed before it is run.

use crate::victim::Data;
use abi::Access;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use bellwire::{Mapping, Memory, Result};
use fuzz::fault::Fault;
use fuzz::layout::{BATCH_STEPS, CODE, CODE_BYTES, STEP_BYTES};
use fuzz::step::{Machine, Step};

/// The code of a batch, and the memory of its steps.
pub struct Batch {
    /// Its number in the run.
    pub number: u64,
    /// The code of all its steps.
    pub code: Memory,
    /// The data that each step of the batch finds in its memory.
    pub data: Box<Data>,
    mapping: Mapping,
}

impl Batch {
    /// The batch that a step is in.
    pub fn new(step: Step, machine: Machine) -> Result<Self> {
        let number = step.batch();
        let code = Memory::new(CODE_BYTES)?;
        let mapping = code.map(Access::READ | Access::WRITE)?;
        let mut bytes = [0; STEP_BYTES];
        for position in 0..BATCH_STEPS {
            let step = Step { number: number * BATCH_STEPS as u64 + position as u64, ..step };
            step.write_code(&mut bytes, machine);
            mapping.write_bytes(position * STEP_BYTES, &bytes);
        }
        drop(mapping);
        code.seal()?;
        let mapping = code.map(Access::READ)?;
        let mut data = Box::new([0; _]);
        step.fill_memory(&mut data);
        Ok(Self { number, code, mapping, data })
    }

    /// Gives its memory back.
    pub fn end(self) -> Result<()> {
        drop(self.mapping);
        self.code.destroy()
    }

    /// Checks whether the code of a step can have raised this fault.
    pub fn explains(&self, step: Step, fault: &Fault) -> core::result::Result<(), String> {
        if !fault.is_a_programs() {
            return Err(format!("no program can raise this: {fault:x?}"));
        }
        let Some(at) = fault.instruction.checked_sub(CODE).filter(|at| *at < CODE_BYTES) else { return Ok(()) };
        let mut bytes = [0; 32];
        let start = at.saturating_sub(16).min(CODE_BYTES - bytes.len());
        self.mapping.read_bytes(start, &mut bytes);
        let (before, behind) = bytes.split_at(at - start);
        if fault.fits(before, behind) {
            return Ok(());
        }
        let position = step.position() * STEP_BYTES;
        Err(format!("{fault:x?}, {at:#x} in the code (the step's is at {position:#x}), of {before:x?} {behind:x?}"))
    }
}
