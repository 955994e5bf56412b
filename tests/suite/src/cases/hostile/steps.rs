//! The trap flag is set when the kernel is entered: by each call, at each way in for an exception, set in each way. The
//! step is the program's, behind the call, and the kernel is never stepped into. The CPU puts off a trap for one
//! instruction after a load of SS, but that doesn't move the trap to the kernel's first instruction. (A breakpoint on
//! data would be moved, CVE-2018-8897, but ring 3 can't set one; see the family of instructions.)

use super::assembly::{Code, NOTHING};
use super::own_stack_segment;
use crate::case::{Case, Failure, Outcome};
use crate::scene::Scene;
use crate::victim::{Caught, Generated, TRAP_FLAG, Victim, at};
use crate::{check, check_eq, hostile};
use abi::Register;
use alloc::vec::Vec;
use bellwire::HowEnded;
use suite::code;
use suite::entry::Entry;

pub const CASES: &[Case] = hostile!["steps":
    calls_are_stepped_over, a_load_of_the_stack_segment_before_a_call, faults_come_before_the_step,
    a_stepper_without_a_handler_ends,
];

const DEBUG: u8 = 1;
const UNDEFINED: u8 = 6;
const FLAGS: u32 = 0x202 | TRAP_FLAG as u32;
/// DR6.BS: a single step, which is what the fault's address says of a debug exception.
const STEP: usize = 1 << 14;

/// Runs it to the `ud2` at its end, and lists where it was stopped before.
fn steps(victim: &Victim<'_>, words: [usize; 4]) -> Result<Vec<usize>, Failure> {
    let mut steps = Vec::new();
    victim.start(words)?;
    loop {
        let Caught { vector, error, address, instruction } = victim.next()?;
        if vector == UNDEFINED {
            return Ok(steps);
        }
        check_step(vector, error, address)?;
        steps.push(instruction);
        if steps.len() > 50 {
            return Err(Failure::new("the steps don't end".into()));
        }
        victim.go_on()?;
    }
}

fn check_step(vector: u8, error: usize, address: usize) -> Outcome {
    check_eq!((vector, error, address & STEP), (DEBUG, 0, STEP), "a step");
    Ok(())
}

/// Behind each instruction before the call, and each behind it; the instruction that calls is none.
fn expected(entry: Entry, begin: usize, behind: usize) -> Vec<usize> {
    let before = match entry {
        Entry::Gate => alloc::vec![],
        Entry::Fast if cfg!(target_arch = "x86_64") => alloc::vec![begin + 3],
        // The call of the call page, what that has before `sysenter`, and its return.
        Entry::Fast => {
            let page = abi::CALL_PAGE_I686 as usize;
            let load = super::has_sysenter().then_some(page + 2);
            [begin + 5, page].into_iter().chain(load).chain([behind]).collect()
        }
    };
    before.into_iter().chain([behind + 1, behind + 2]).collect()
}

/// How the trap flag gets set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// By a thread that may write the registers of another.
    Written,
    Pop,
    Return,
}

fn calls_are_stepped_over(scene: &Scene<'_>) -> Outcome {
    let has_own_returns = super::has_own_returns(scene);
    for entry in [Entry::Fast, Entry::Gate] {
        for way in [Way::Written, Way::Pop, Way::Return] {
            if way == Way::Return && !has_own_returns {
                continue;
            }
            let code = match way {
                Way::Written => Code::default(),
                Way::Pop => Code::default().flags_by_pop(FLAGS),
                Way::Return => Code::default().flags_by_return(FLAGS),
            };
            let begin = code.len();
            let code = code.call(entry);
            let behind = code.len();
            let code = code.then(NOTHING).then(NOTHING);
            let generated = Generated::new(&code.end())?;
            let victim = Victim::new(scene, generated.address())?;
            if way == Way::Written {
                victim.set(Register::Flags, FLAGS as usize)?;
            }
            let steps = steps(&victim, [0; 4])?;
            let [begin, behind] = [begin, behind].map(|offset| generated.address() + offset);
            check_eq!(steps, expected(entry, begin, behind), "{entry:?} by {way:?}: steps");
        }
    }
    Ok(())
}

/// The CPU puts off what a load of SS would bring until after the next instruction, which is the call.
fn a_load_of_the_stack_segment_before_a_call(scene: &Scene<'_>) -> Outcome {
    // mov ss, ecx. A pop of SS is undefined in 64-bit mode.
    let moved: &[u8] = &[0x8E, 0xD1];
    // push ss; pop ss
    let popped: &[u8] = &[0x16, 0x17];
    let loads = if cfg!(target_arch = "x86_64") { alloc::vec![moved] } else { alloc::vec![moved, popped] };
    let calls: [&[u8]; 4] = [&[0xCD, 0x80], &[0xCC], &[0xCD, 0x03], fast()];
    for load in loads {
        for call in calls {
            for flags in [0x202, FLAGS as usize] {
                let code = Code::default().then(load).then(call).then(NOTHING);
                let generated = Generated::new(&code.end())?;
                let victim = Victim::new(scene, generated.address())?;
                victim.set(Register::Cx, own_stack_segment())?;
                victim.set(Register::Flags, flags)?;
                let mut caught = victim.fault()?;
                let mut count = 0;
                while [DEBUG, 3].contains(&caught.vector) {
                    count += 1;
                    check!(count < 10, "{load:x?}, {call:x?}: {caught:x?}");
                    victim.go_on()?;
                    caught = victim.next()?;
                }
                // If ecx isn't the stack pointer, as `sysenter` needs it, the call page's return faults.
                check!([6, 14].contains(&caught.vector), "{load:x?}, {call:x?}: {caught:x?}");
                check_eq!(victim.get(Register::Flags)? & 0x200, 0x200);
            }
        }
    }
    Ok(())
}

/// The bare instruction.
fn fast() -> &'static [u8] {
    match () {
        () if cfg!(target_arch = "x86_64") => &[0x0F, 0x05],
        () if super::has_sysenter() => &[0x0F, 0x34],
        () => &[0xCD, 0x80],
    }
}

/// An instruction that faults hasn't been done, so that there is nothing to have stepped over.
fn faults_come_before_the_step(scene: &Scene<'_>) -> Outcome {
    let faults: [(extern "C" fn(), u8); 5] = [
        (code::undefined, UNDEFINED),
        (code::divide, 0),
        (code::clear_interrupts, 13),
        (code::load, 14),
        (code::breakpoint, 3),
    ];
    for (entry, vector) in faults {
        let victim = Victim::new(scene, at(entry))?;
        victim.set(Register::Flags, FLAGS as usize)?;
        check_eq!(victim.fault()?.vector, vector);
        check_eq!(victim.get(Register::Flags)? & TRAP_FLAG, TRAP_FLAG, "vector {vector}: the flag is still set");
        // And without it the thread isn't stopped again before the next instruction.
        victim.set(Register::Flags, 0x202)?;
        victim.set(Register::Ip, at(code::undefined))?;
        victim.go_on()?;
        check_eq!(victim.next()?.vector, UNDEFINED);
    }
    Ok(())
}

fn a_stepper_without_a_handler_ends(scene: &Scene<'_>) -> Outcome {
    let mut ways = alloc::vec![Code::default().flags_by_pop(FLAGS)];
    if super::has_own_returns(scene) {
        ways.push(Code::default().flags_by_return(FLAGS));
    }
    for code in ways {
        let mut outlaw = super::outlaw(&code.then(NOTHING).then(NOTHING).end())?;
        scene.breathe()?;
        outlaw.thread.start([0; 4])?;
        let exit = outlaw.wait()?;
        scene.note_fault();
        check!(matches!(exit.how, HowEnded::Fault { vector: DEBUG, .. }), "it ended by {:?}", exit.how);
    }
    Ok(())
}
