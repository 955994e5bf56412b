//! Flags that a program sets before it enters the kernel, in each way and by each entry: NT, AC, DF, ID, RF and those
//! that it may not set, IOPL, VM, VIF, VIP. The kernel works on, the witness doesn't see the flags, and the program has
//! those that it may have (syscall_nt).

use super::assembly::{Code, NOTHING, SPIN, UNDEFINED};
use crate::case::{Case, Outcome};
use crate::emulator::Fault;
use crate::scene::Scene;
use crate::system::PRIORITY;
use crate::victim::{Caught, Generated, Victim, at};
use crate::worker::{STACK_BYTES, Worker};
use crate::{check, check_eq, hostile};
use abi::{Access, Kind, Operation, Options, PAGE_BYTES, Register, Tag};
use bellwire::{Handle, Instant, Memory, raw};
use core::time::Duration;
use suite::bare;
use suite::code;
use suite::entry::{Entry, Registers};
use suite::float::Level;

pub const CASES: &[Case] = hostile!["flags":
    flags_at_each_entry, flags_that_are_not_the_programs, a_nested_task_returns_nowhere,
    memory_is_cleared_in_any_direction, floating_point_begins_with_any_flags,
];

const CARRY: u32 = 1;
const OVERFLOW: u32 = 1 << 11;
const DIRECTION: u32 = 1 << 10;
const LEVEL: u32 = 3 << 12;
const NESTED: u32 = 1 << 14;
const RESUME: u32 = 1 << 16;
const VIRTUAL: u32 = 1 << 17;
const ALIGNMENT: u32 = 1 << 18;
const VIRTUAL_INTERRUPT: u32 = 3 << 19;
const IDENTIFICATION: u32 = 1 << 21;
const INTERRUPTS: u32 = 1 << 9;

/// The flags that only the kernel may set.
const PRIVILEGED: u32 = LEVEL | VIRTUAL | VIRTUAL_INTERRUPT;
/// The flags that a program may set and that the instructions at the end of a piece of code don't change.
const SETTABLE: u32 = CARRY | OVERFLOW | DIRECTION | NESTED | ALIGNMENT | IDENTIFICATION;

/// How the flags get set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a thread that may write the registers of another. It can't set NT.
    Written,
    Pop,
    Return,
}

/// How the kernel is entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Into {
    Call(Entry),
    /// Likewise, but other threads run before the call returns: the witness, which was interrupted.
    Wait(Entry),
    /// #UD.
    Exception,
    /// #PF.
    PageFault,
    /// The timer's, while the program runs.
    Interrupt,
}

fn flags_at_each_entry(scene: &Scene<'_>) -> Outcome {
    let has_own_returns = super::has_own_returns(scene);
    let kernels_returns = scene.system.faults.have(Fault::KernelsReturns);
    let all = SETTABLE | RESUME | PRIVILEGED;
    let kinds = [
        Into::Call(Entry::Fast),
        Into::Call(Entry::Gate),
        Into::Wait(Entry::Fast),
        Into::Wait(Entry::Gate),
        Into::Exception,
        Into::PageFault,
        Into::Interrupt,
    ];
    for flags in
        [DIRECTION, NESTED, ALIGNMENT, LEVEL, RESUME, VIRTUAL, VIRTUAL_INTERRUPT, IDENTIFICATION, SETTABLE, all]
    {
        for way in [Way::Written, Way::Pop, Way::Return] {
            if way == Way::Return && !has_own_returns {
                continue;
            }
            // To a CPU the flag means virtual-8086 mode in ring 0 alone.
            let flags = if way == Way::Return && kernels_returns { flags & !VIRTUAL } else { flags };
            for into in kinds {
                one(scene, flags, way, into)?;
            }
        }
    }
    Ok(())
}

fn one(scene: &Scene<'_>, flags: u32, way: Way, into: Into) -> Outcome {
    let what = alloc::format!("flags {flags:#x} by {way:?} at {into:?}");
    let word = flags | INTERRUPTS | 2;
    let code = match way {
        Way::Written => Code::default(),
        Way::Pop => Code::default().flags_by_pop(word),
        Way::Return => Code::default().flags_by_return(word),
    };
    let begin = code.len();
    let code = match into {
        Into::Call(entry) => code.call(entry),
        Into::Wait(entry) => {
            let tag = Tag::incoming(Operation::Receive, 0, Options::DEADLINE);
            code.message(tag, scene.system.silent.raw()).call(entry)
        }
        Into::Exception => code.then(UNDEFINED),
        // mov al, [ecx]
        Into::PageFault => code.then(&[0x8A, 0x01]),
        // Behind an instruction, so that the program is seen to have begun.
        Into::Interrupt => code.then(NOTHING).then(SPIN),
    };
    let end = code.len();
    let generated = Generated::new(&code.end())?;
    let victim = Victim::new(scene, generated.address())?;
    if way == Way::Written {
        victim.set(Register::Flags, word as usize)?;
    }
    let [low, high] = abi::split((Instant::now() + Duration::from_micros(100)).cycles());
    victim.start(if let Into::Wait(_) = into { [low, high, 0, 0] } else { [0; 4] })?;
    match into {
        Into::Call(_) | Into::Wait(_) => {}
        Into::Exception | Into::PageFault => {
            let caught = victim.next()?;
            let vector = if into == Into::Exception { 6 } else { 14 };
            check_eq!((caught.vector, caught.instruction), (vector, generated.address() + begin), "{what}");
            victim.set(Register::Ip, generated.address() + end)?;
            victim.go_on()?;
        }
        Into::Interrupt => {
            victim.interrupted_at(generated.address() + end - SPIN.len())?;
            victim.set(Register::Ip, generated.address() + end)?;
        }
    }
    let Caught { vector, instruction, .. } = victim.next()?;
    check_eq!((vector, instruction), (6, generated.address() + end), "{what}");
    let found = victim.get(Register::Flags)? as u32;
    check_eq!(found & (PRIVILEGED | INTERRUPTS), INTERRUPTS, "{what}: found {found:#x}");
    // `sysenter` saves none.
    let is_fast = matches!(into, Into::Call(Entry::Fast) | Into::Wait(Entry::Fast));
    if !is_fast || cfg!(target_arch = "x86_64") || !super::has_sysenter() {
        let settable = if way == Way::Written { SETTABLE & !NESTED } else { SETTABLE };
        check_eq!(found & SETTABLE, flags & settable, "{what}: found {found:#x}");
    }
    Ok(())
}

/// Written all at once, and none.
fn flags_that_are_not_the_programs(scene: &Scene<'_>) -> Outcome {
    for flags in [usize::MAX & !crate::victim::TRAP_FLAG, 0, PRIVILEGED as usize] {
        let victim = Victim::new(scene, at(code::undefined))?;
        victim.try_set(Register::Flags, flags)?;
        check_eq!(victim.fault()?.vector, 6, "with flags {flags:#x}");
        let found = victim.get(Register::Flags)? as u32;
        check_eq!(found & (PRIVILEGED | NESTED), 0, "privileged flags after {flags:#x}: {found:#x}");
        check!(found & INTERRUPTS != 0, "interrupts off");
    }
    Ok(())
}

/// An `iret` of the program itself with NT set: to a task that interrupted nothing.
fn a_nested_task_returns_nowhere(scene: &Scene<'_>) -> Outcome {
    // iretd or iretq
    let code: &[u8] = if cfg!(target_arch = "x86_64") { &[0x48, 0xCF] } else { &[0xCF] };
    let generated = Generated::new(&Code::default().flags_by_pop(NESTED | INTERRUPTS | 2).then(code).end())?;
    let victim = Victim::new(scene, generated.address())?;
    let caught = victim.fault()?;
    // #TS for the link of this task, 0; 64-bit mode has no tasks.
    let expected = if cfg!(target_arch = "x86_64") { (13, 0) } else { (10, 0) };
    check_eq!((caught.vector, caught.error), expected);
    Ok(())
}

/// The kernel clears memory by string instructions, which must run upwards. Here the memory was another program's
/// before.
fn memory_is_cleared_in_any_direction(scene: &Scene<'_>) -> Outcome {
    const BYTES: usize = 4 * PAGE_BYTES;
    for entry in [Entry::Fast, Entry::Gate] {
        let used = Memory::new(BYTES)?;
        used.map(Access::READ | Access::WRITE)?.write_bytes(0, &[0xFF; BYTES]);
        used.destroy()?;
        let handle = raw::memory_create(abi::NO_HANDLE, [BYTES, 0, 0, 0])?.words[0] as u32;
        let tag = Tag::incoming(Operation::MemoryPrepare, 0, Options::empty()).0;
        scene.breathe()?;
        loop {
            let mut registers = Registers::of_call(handle, tag, [0; 4]);
            registers.flags |= (DIRECTION | NESTED | ALIGNMENT) as usize;
            let (tag, [left, ..]) = registers.call(entry).message();
            check_eq!(Tag(tag).kind(), Kind::Done);
            if left == 0 {
                break;
            }
        }
        let memory = bare::memory(handle as usize);
        let mut bytes = [0xFF; BYTES];
        memory.map(Access::READ)?.read_bytes(0, &mut bytes);
        check!(bytes.iter().all(|byte| *byte == 0), "memory prepared by {entry:?} isn't zero");
        memory.destroy()?;
    }
    Ok(())
}

/// The first use of floating point takes an area, and clears it, on the way through an exception.
fn floating_point_begins_with_any_flags(scene: &Scene<'_>) -> Outcome {
    let level = Level::detect();
    // FNSAVE's registers lie 10 bytes apart; Bochs checks the alignment of each, not of the area as processors do
    // (SDM 3A, table 6-7), and the thread's own look would fault.
    let alignment = if level == Level::X87 { 0 } else { ALIGNMENT };
    for flags in [DIRECTION, NESTED | DIRECTION | alignment | CARRY] {
        scene.breathe()?;
        // Higher than this thread: it has ended when `start` returns.
        let worker = Worker::prepare(PRIORITY + 1, level.first_instructions(), None, STACK_BYTES)?;
        let word = (flags | INTERRUPTS | 2) as usize;
        bare::thread_write(worker.thread.raw(), [Register::Flags as usize, word, 0, 0])?;
        worker.thread.start([0; 4])?;
        let found = suite::float::first_state();
        check_eq!(level.difference(&level.initial(), &found), None, "the first byte that isn't initial");
    }
    Ok(())
}
