//! Sets a thread's registers: at its start, and when it goes on after a fault.

use abi::Register;
use bellwire::{Error, Result, Thread, raw};
use fuzz::fault::Fault;
use fuzz::layout::STEP_BYTES;
use fuzz::registers::{GENERAL, Registers};
use fuzz::step::{Plan, Step};
use fuzz::values;

/// Loads all registers of a stopped thread, and gives the words to start it with.
pub fn load(thread: &Thread, step: Step, registers: &Registers) -> Result<[usize; 4]> {
    write(thread, Register::Ip, step.address())?;
    write(thread, Register::Ip, registers.pointer)?;
    write(thread, Register::Sp, registers.stack)?;
    write(thread, Register::Flags, registers.flags)?;
    write(thread, Register::FsBase, registers.general[0])?;
    for (general, value) in registers.general.iter().enumerate() {
        if let Some(register) = Register::from_number(Registers::number(general)) {
            write(thread, register, *value)?;
        }
    }
    // The start puts the words into the message's registers: the values that those are to have.
    let message: [usize; 4] = if GENERAL > 8 { [4, 3, 7, 8] } else { [1, 4, 5, 6] };
    Ok(message.map(|general| registers.general[general]))
}

/// Lets a thread go on after a fault: as it is, behind what it did, elsewhere, or with other registers.
pub fn retry(thread: &Thread, step: Step, plan: &mut Plan, fault: &Fault) -> Result<()> {
    let random = &mut plan.random;
    match random.below(4) {
        0 => {}
        1 => write(thread, Register::Ip, fault.instruction.wrapping_add(1 + random.below(8)))?,
        2 => write(thread, Register::Ip, step.address() + random.below(STEP_BYTES))?,
        _ => {
            write(thread, Register::Ip, values::instruction_pointer(random))?;
            write(thread, Register::Sp, values::stack_pointer(random))?;
            write(thread, Register::Flags, values::flags(random))?;
            if let Some(register) = Register::from_number(random.below(GENERAL + 4)) {
                write(thread, register, values::word(random))?;
            }
        }
    }
    // SAFETY: what the thread received last is the fault.
    unsafe { raw::reply(abi::NO_HANDLE, [0; 4]) }.map(drop)
}

/// Values that a register can't have are refused, and that is right.
fn write(thread: &Thread, register: Register, value: usize) -> Result<()> {
    // SAFETY: the thread is another process's.
    match unsafe { thread.set_register(register, value) } {
        Ok(()) | Err(Error::BadArgument) => Ok(()),
        Err(error) => Err(error),
    }
}
