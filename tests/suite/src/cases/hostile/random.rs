//! Registers and instructions that look random. The fuzzer does the same for longer.

use crate::case::{Case, Failure, Outcome};
use crate::hostile;
use crate::scene::Scene;
use crate::system::receive_before;
use crate::victim::{TRAP_FLAG, Victim, at};
use abi::{Kind, Register};
use bellwire::{Endpoint, Error, Handle, Instant};
use core::time::Duration;
use suite::bare;
use suite::code;

pub const CASES: &[Case] = hostile!["random": random_registers, random_instructions];

/// Numbers that look random, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Often a number that matters.
    fn odd(&mut self) -> usize {
        match self.next() % 6 {
            0 => 0,
            1 => usize::MAX,
            2 => abi::USER_END,
            3 => 1 << (self.next() % u64::from(usize::BITS)),
            4 => (self.next() % 0x1_0000) as usize,
            _ => self.next() as usize,
        }
    }
}

/// Registers of all kinds at an instruction that faults, and at one that an interrupt comes to.
fn random_registers(scene: &Scene<'_>) -> Outcome {
    let mut random = Random(0x0123_4567_89AB_CDEF);
    for round in 0..200 {
        let spins = round % 4 == 0;
        let victim = Victim::new(scene, if spins { at(code::spin) } else { at(code::undefined) })?;
        for number in (0..=18).filter(|number| *number != Register::Ip as usize) {
            let Some(register) = Register::from_number(number) else { continue };
            let value = match register {
                Register::Flags => random.odd() & !TRAP_FLAG,
                _ => random.odd(),
            };
            victim.try_set(register, value)?;
        }
        if spins {
            victim.start([random.odd(); 4])?;
            scene.ticks(2)?;
        } else {
            crate::check_eq!(victim.fault()?.vector, 6, "round {round}");
        }
    }
    Ok(())
}

/// Bytes that look random as instructions, in a process that has nothing: no handle, no port, one page to write to.
fn random_instructions(scene: &Scene<'_>) -> Outcome {
    let mut random = Random(0xFEDC_BA98_7654_3210);
    let faults = Endpoint::new()?;
    scene.lose_count_of_faults();
    for round in 0..150 {
        let mut code = [0_u8; 256];
        for bytes in code.chunks_mut(8) {
            bytes.copy_from_slice(&random.next().to_le_bytes());
        }
        let partner = super::outlaw_with_handler(&code, faults.raw())?;
        scene.breathe()?;
        partner.thread.start([super::OUTLAW_DATA + 2048; 4])?;
        // The thread goes on behind each of its first faults.
        for step in 1..8 {
            match receive_before(&faults, Instant::now() + Duration::from_micros(300)) {
                Ok(message) if message.tag.kind() == Kind::Fault => {
                    let next = super::OUTLAW_CODE + (step * 31) % code.len();
                    bare::thread_write(partner.thread.raw(), [Register::Ip as usize, next, 0, 0])?;
                    bare::reply(abi::NO_HANDLE, [0; 4])?;
                }
                // The thread runs on, waits, or has ended itself.
                Err(Error::TimedOut) => break,
                other => return Err(Failure::new(alloc::format!("round {round}: {other:?}"))),
            }
        }
    }
    while bare::destroy(faults.raw(), [0; 4])?.words[0] != 0 {}
    Ok(())
}
