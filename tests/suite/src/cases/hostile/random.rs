//! Registers and instructions that look random. The fuzzer does the same for longer.

use crate::case::{Case, Failure, Outcome};
use crate::hostile;
use crate::partner::Partner;
use crate::scene::Scene;
use crate::system::receive_before;
use crate::victim::{TRAP_FLAG, Victim, at};
use abi::{Access, Kind, Register};
use bellwire::{Endpoint, Error, Handle, Instant, Memory, Thread, raw};
use core::time::Duration;
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
            scene.system.sleep(Duration::from_micros(200))?;
        } else {
            crate::check_eq!(victim.fault()?.vector, 6, "round {round}");
        }
    }
    Ok(())
}

/// Bytes that look random as instructions, in a process that has nothing: no handle, no port, one page to write to.
fn random_instructions(scene: &Scene<'_>) -> Outcome {
    const CODE: usize = 0x0040_0000;
    const DATA: usize = 0x0050_0000;
    let mut random = Random(0xFEDC_BA98_7654_3210);
    let faults = Endpoint::new()?;
    scene.lose_count_of_faults();
    for round in 0..150 {
        let mut code = [0_u8; 256];
        for bytes in code.chunks_mut(8) {
            bytes.copy_from_slice(&random.next().to_le_bytes());
        }
        let mut partner = Partner::new(77, 10, [16, 16])?;
        let memory = Memory::new(abi::PAGE_BYTES)?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(0, &code);
        memory.seal()?;
        partner.give(memory, CODE, Access::READ | Access::EXECUTE)?;
        partner.give(Memory::new(abi::PAGE_BYTES)?, DATA, Access::READ | Access::WRITE)?;
        let words = [CODE, DATA + abi::PAGE_BYTES, 10, faults.raw() as usize];
        partner.thread = Thread::from_raw(raw::thread_create(partner.process.raw(), words)?.words[0] as u32);
        scene.breathe()?;
        partner.thread.start([DATA + 2048; 4])?;
        // It goes on behind each of its first faults.
        for step in 1..8 {
            match receive_before(&faults, Instant::now() + Duration::from_micros(300)) {
                Ok(message) if message.tag.kind() == Kind::Fault => {
                    let next = CODE + (step * 31) % code.len();
                    raw::thread_write(partner.thread.raw(), [Register::Ip as usize, next, 0, 0])?;
                    raw::reply(abi::NO_HANDLE, [0; 4])?;
                }
                // It runs on, waits, or has ended itself.
                Err(Error::TimedOut) => break,
                other => return Err(Failure::new(alloc::format!("round {round}: {other:?}"))),
            }
        }
    }
    while raw::destroy(faults.raw(), [0; 4])?.words[0] != 0 {}
    Ok(())
}
