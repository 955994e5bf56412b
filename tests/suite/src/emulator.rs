//! The faults of the emulator.
//!
//! A case expects what the manuals say. Where an emulator is known to do something else, the case asks [`Faults`] which
//! of the two this one does. All are tried once, before the first case, since an emulator's next version may be right.
//! `docs/testing.md` lists the faults of each emulator, and the cases that ask.

use crate::case::Failure;
use crate::system::{PRIORITY, receive};
use crate::victim::{Generated, at};
use crate::worker::{STACK_BYTES, Worker};
use abi::Register;
use alloc::vec::Vec;
use bellwire::{Endpoint, Handle};
use suite::bare;
use suite::code;
use suite::float::{Level, cpuid};

/// The faults of the emulator that the suite runs on.
pub struct Faults(Vec<Fault>);

/// A known fault of an emulator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// `icebp` is undefined.
    UndefinedTrap,
    /// `invd` and `wbinvd`, which are the kernel's, pass in ring 3 without effect.
    PassingCacheControl,
    /// 64-bit mode has `aam`, `aad` and `into`.
    OldInstructions,
    /// The error code of an `int` that isn't allowed has the number one place too far left, in 64-bit mode.
    DoubledNumber,
    /// An address that isn't canonical is #GP by the stack segment, too.
    StackAsProtection,
    /// An unmasked SSE exception isn't raised.
    SilentSimd,
    /// Alignment isn't checked.
    AnyAlignment,
    /// `iret`, far `ret` and far `call` use a program's stack with the kernel's rights. With SMAP the CPU refuses them
    /// at that stack. Without SMAP, the program reaches the kernel's memory. Such an `iret` also sets VM.
    KernelsReturns,
}

/// EFLAGS.AC.
const ALIGNMENT_CHECK: usize = 1 << 18;
/// EFLAGS.IF and the bit that is always 1.
const FLAGS: usize = 0x202;
/// #PF came from ring 3.
const USER: usize = 1 << 2;

/// Where the kernel's image lies.
const KERNEL: usize = if cfg!(target_arch = "x86_64") { usize::MAX - 0x7FEF_FFFF } else { 0xC010_0000 };

impl Faults {
    /// Tries all that are known of the emulator. Of a processor none is.
    pub fn find() -> Result<Self, Failure> {
        let mut found = Vec::new();
        if is_qemu() {
            for fault in Fault::ALL {
                if fault.is_there()? {
                    found.push(fault);
                }
            }
        }
        Ok(Self(found))
    }

    /// Whether the emulator has this one.
    pub fn have(&self, fault: Fault) -> bool {
        self.0.contains(&fault)
    }
}

impl Fault {
    /// All that QEMU has had.
    const ALL: [Fault; 8] = [
        Fault::UndefinedTrap,
        Fault::PassingCacheControl,
        Fault::OldInstructions,
        Fault::DoubledNumber,
        Fault::StackAsProtection,
        Fault::SilentSimd,
        Fault::AnyAlignment,
        Fault::KernelsReturns,
    ];

    fn is_there(self) -> Result<bool, Failure> {
        let long = cfg!(target_arch = "x86_64");
        let word = [0_u32; 2];
        let odd = word.as_ptr() as usize + 1;
        Ok(match self {
            Fault::UndefinedTrap => attempt(&[0xF1], &[])?.is(6, 0),
            Fault::PassingCacheControl => attempt(&[0x0F, 0x09], &[])?.is(6, 2),
            Fault::OldInstructions => long && attempt(&[0xD4, 10], &[])?.is(6, 2),
            Fault::DoubledNumber => long && attempt(&[0xCD, 5], &[])?.error == 5 << 4 | 2,
            // mov eax, [rbp]
            Fault::StackAsProtection => {
                long && attempt(&[0x8B, 0x45, 0], &[(Register::Bp, 1 << (usize::BITS - 1))])?.is(13, 0)
            }
            // mov eax, [ecx]
            Fault::AnyAlignment => {
                let registers = [(Register::Cx, odd), (Register::Flags, FLAGS | ALIGNMENT_CHECK)];
                attempt(&[0x8B, 0x01], &registers)?.is(6, 2)
            }
            Fault::SilentSimd => Level::detect() != Level::X87 && fault_of(at(code::divide_sse), &[])?.vector == 6,
            // retf
            Fault::KernelsReturns => {
                let Attempt { vector, error, .. } = attempt(&[0xCB], &[(Register::Sp, KERNEL)])?;
                vector != 14 || error & USER == 0
            }
        })
    }
}

/// Whether this is QEMU's emulation. Bochs is known for none of these.
fn is_qemu() -> bool {
    let [highest, name, ..] = cpuid(0x4000_0000);
    highest >= 0x4000_0000 && name.to_le_bytes() == *b"TCGT"
}

/// The end of a piece of code with `ud2` behind it.
struct Attempt {
    vector: u8,
    error: usize,
    /// How far it came.
    passed: usize,
}

impl Attempt {
    fn is(&self, vector: u8, passed: usize) -> bool {
        self.vector == vector && self.passed == passed
    }
}

fn attempt(code: &[u8], registers: &[(Register, usize)]) -> Result<Attempt, Failure> {
    let code = [code, &[0x0F, 0x0B]].concat();
    let generated = Generated::new(&code)?;
    fault_of(generated.address(), registers)
}

/// Runs a thread until it faults.
fn fault_of(entry: usize, registers: &[(Register, usize)]) -> Result<Attempt, Failure> {
    let faults = Endpoint::new()?;
    let worker = Worker::prepare(PRIORITY - 5, entry, Some((&faults, 0)), STACK_BYTES)?;
    for &(register, value) in registers {
        bare::thread_write(worker.thread.raw(), [register as usize, value, 0, 0])?;
    }
    worker.thread.start([0; 4])?;
    let message = receive(&faults)?;
    let [error, _, instruction, _] = message.words;
    drop(worker);
    while bare::destroy(faults.raw(), [0; 4])?.words[0] != 0 {}
    Ok(Attempt { vector: message.tag.label(), error, passed: instruction.wrapping_sub(entry) })
}
