//! Registers of other programs and of the kernel that are left readable (CVE-2009-2910, CVE-2018-3665): no way out of
//! the kernel leaves any, whichever program ran before.

use crate::case::{Case, Failure, Outcome};
use crate::scene::Scene;
use crate::system::PRIORITY;
use crate::victim::{Victim, at};
use crate::worker::{STACK_BYTES, Worker, begin};
use crate::{check, check_eq, hostile};
use abi::{InfoItem, Operation, Options, Register, Tag};
use bellwire::{Handle, Instant};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use suite::code;
use suite::entry::Registers;
use suite::float::Level;
use suite::held::{self, Event, Whole};

pub const CASES: &[Case] = hostile!["leftovers":
    a_new_thread_finds_nothing, calls_leave_nothing, faults_leave_nothing, a_new_thread_finds_no_floating_point,
];

const GENERAL: [Register; 7] =
    [Register::Ax, Register::Bx, Register::Cx, Register::Dx, Register::Si, Register::Di, Register::Bp];

/// The witness has run right before, with a value in every register.
fn a_new_thread_finds_nothing(scene: &Scene<'_>) -> Outcome {
    let words = [0x101, 0x202, 0x303, 0x404];
    let message = if cfg!(target_arch = "x86_64") {
        [Register::Si, Register::Dx, Register::R8, Register::R9]
    } else {
        [Register::Bx, Register::Si, Register::Di, Register::Bp]
    };
    let victim = Victim::new(scene, at(code::undefined))?;
    victim.start(words)?;
    victim.next()?;
    let more = (8..16).filter_map(Register::from_number).filter(|_| cfg!(target_arch = "x86_64"));
    for register in GENERAL.into_iter().chain(more) {
        let expected = message.iter().position(|other| *other == register).map_or(0, |at| words[at]);
        check_eq!(victim.get(register)?, expected, "{register:?}");
    }
    // IF, and the bit that is always set; RF is the fault's own.
    check_eq!(victim.get(Register::Flags)? & !(1 << 16), 0x202, "flags");
    check_eq!(victim.get(Register::FsBase)?, 0, "the thread pointer");
    let victim = Victim::new(scene, at(code::read_selectors))?;
    victim.fault()?;
    let registers = if cfg!(target_arch = "x86_64") {
        [Register::R12, Register::R13, Register::R14, Register::R15]
    } else {
        [Register::Ax, Register::Bx, Register::Cx, Register::Dx]
    };
    let flat = if cfg!(target_arch = "x86_64") { 0 } else { 0x23 };
    for (register, (name, expected)) in registers.into_iter().zip([("ds", flat), ("es", flat), ("fs", 0), ("gs", 0)]) {
        check_eq!(victim.get(register)?, expected, "{name}");
    }
    Ok(())
}

/// Holds registers in the process's one state for that. The threads use it one after the other.
fn hold(level: Level, event: Event, call: Registers) -> (Whole, Whole) {
    static STACK: [AtomicUsize; 64] = [const { AtomicUsize::new(0) }; 64];
    // SAFETY: cases run one after the other, and one thread of each holds registers.
    let state = unsafe { held::state() };
    held::fill(state, level, 0x55);
    let stack = STACK.as_ptr_range().end as usize & !15;
    state.before = Whole { general: call, stack, segments: held::selectors(), thread_word: 0, gs_word: 0 };
    if cfg!(target_arch = "x86_64") {
        // Where a fast call finds the stack pointer.
        state.before.general.r[2] = stack;
    }
    // SAFETY: the state was just filled, and there is a stack for what the event needs.
    unsafe { held::function(level, event)() };
    (state.before, state.after)
}

fn check_floating_point(level: Level, what: &str) -> Outcome {
    // SAFETY: as in `hold`, whose call is over.
    let state = unsafe { held::state() };
    match level.difference(&state.filled, &state.found) {
        None => Ok(()),
        Some(offset) => Err(Failure::new(alloc::format!("{what}: byte {offset} of floating point"))),
    }
}

/// Calls that return at once, that fail, or that let other threads run before they return, by each entry. Each register
/// but those of the message is unchanged, or has the value that the CPU put there.
fn calls_leave_nothing(scene: &Scene<'_>) -> Outcome {
    let level = Level::detect();
    let silent = scene.system.silent.raw();
    for event in [Event::Fast, Event::Gate] {
        for (operation, handle, options) in [
            (Operation::Null, 0, Options::empty()),
            (Operation::Info, 0, Options::empty()),
            (Operation::Notify, 0xFFFF_F0F0, Options::empty()),
            (Operation::Yield, 0, Options::empty()),
            (Operation::Receive, silent, Options::NO_WAIT),
            (Operation::Receive, silent, Options::DEADLINE),
        ] {
            let soon = (Instant::now() + Duration::from_micros(100)).cycles();
            let words = match operation {
                Operation::Info => [InfoItem::Memory as usize, 0, 0, 0],
                _ => [soon as u32 as usize, (soon >> 32) as usize, 3, 4],
            };
            let call = Registers::of_call(handle, Tag::incoming(operation, 0, options).0, words);
            scene.breathe()?;
            let (before, after) = hold(level, event, call);
            let what = alloc::format!("{operation:?} with {options:?} by {event:?}");
            let expected = after_a_call(event, &before, &after);
            if let Some((number, expected, found)) = held::difference(&expected, &after) {
                let name = held::NAMES[number];
                return Err(Failure::new(alloc::format!("{what}: {name} is {found:#x}, not {expected:#x}")));
            }
            check_message(operation, words, &after, &what)?;
            check_floating_point(level, &what)?;
        }
    }
    Ok(())
}

/// The registers behind a call: its message as found, and all others as before, but for those that the CPU's
/// instructions change.
#[cfg(target_arch = "x86_64")]
fn after_a_call(event: Event, before: &Whole, after: &Whole) -> Whole {
    let mut expected = *before;
    let found = &after.general;
    let general = &mut expected.general;
    (general.di, general.si, general.dx) = (found.di, found.si, found.dx);
    (general.r[0], general.r[1]) = (found.r[0], found.r[1]);
    general.ax = 0;
    if event == Event::Fast {
        // `syscall` puts the return address and the flags there (SDM 2B); `hold` is where it was done.
        let distance = found.cx.wrapping_sub(held::function(Level::detect(), event) as *const () as usize);
        general.cx = if distance < 0x400 { found.cx } else { 0 };
        general.r[3] = general.flags;
    }
    expected
}

/// The registers behind a call: its message as found, and all others as before, but for those that the CPU's
/// instructions change.
#[cfg(target_arch = "x86")]
fn after_a_call(event: Event, before: &Whole, after: &Whole) -> Whole {
    let mut expected = *before;
    let found = &after.general;
    let general = &mut expected.general;
    general.r = [0; 8];
    (general.ax, general.bx, general.si) = (found.ax, found.bx, found.si);
    (general.di, general.bp) = (found.di, found.bp);
    if event == Event::Fast {
        // The call page wants the stack pointer in ecx, which is one word below; `sysexit` wants the address in edx.
        let page = abi::CALL_PAGE_I686 as usize;
        if super::has_sysenter() {
            (general.cx, general.dx) = (before.stack - size_of::<usize>(), page + 4);
            // `sysenter` saves no flags, so the caller gets none: only IF, and the bit that is always set.
            general.flags = 0x202;
        } else {
            general.cx = page;
        }
    }
    expected
}

/// A call that returns nothing leaves the words as they were; one that fails, and the last word of `Info`, are 0.
fn check_message(operation: Operation, given: [usize; 4], after: &Whole, what: &str) -> Outcome {
    let (tag, words) = after.general.message();
    let is_done = Tag(tag).kind() == abi::Kind::Done;
    let [.., last] = words;
    let is_right = match operation {
        Operation::Info => is_done && last == 0,
        Operation::Null | Operation::Yield => is_done && words == given,
        _ => !is_done && words == [0; 4],
    };
    check!(is_right, "{what}: {tag:#x} and the words {words:x?}");
    Ok(())
}

static HELD: AtomicUsize = AtomicUsize::new(0);

/// Holds registers through an event in a thread of its own.
extern "C" fn hold_through(event: usize) {
    let event = if event == Event::Fault as usize { Event::Fault } else { Event::Trap };
    let _ = hold(Level::detect(), event, Registers::of_call(1, 2, [3, 4, 5, 6]));
    HELD.store(1, Ordering::Release);
}

/// A fault and a trap whose handler lets the witness run before it answers.
fn faults_leave_nothing(scene: &Scene<'_>) -> Outcome {
    let level = Level::detect();
    for (event, vector, behind) in [(Event::Fault, 6, 2), (Event::Trap, 3, 0)] {
        HELD.store(0, Ordering::Relaxed);
        let victim = Victim::new(scene, begin as *const () as usize)?;
        victim.worker.begin(hold_through, event as usize)?;
        let caught = victim.next()?;
        check_eq!(caught.vector, vector);
        if behind != 0 {
            victim.set(Register::Ip, caught.instruction + behind)?;
        }
        victim.go_on()?;
        scene.system.wait_until("the thread ends", || Ok(HELD.load(Ordering::Acquire) != 0))?;
        // SAFETY: the thread that held registers is done.
        let state = unsafe { held::state() };
        let mut expected = state.before;
        if cfg!(target_arch = "x86") {
            expected.general.r = [0; 8];
        }
        if let Some((number, expected, found)) = held::difference(&expected, &state.after) {
            let name = held::NAMES[number];
            return Err(Failure::new(alloc::format!("{event:?}: {name} is {found:#x}, not {expected:#x}")));
        }
        check_floating_point(level, "a fault")?;
    }
    Ok(())
}

/// The witness's state is in the registers, or was a moment ago; or that of a thread that was ended while it held it.
fn a_new_thread_finds_no_floating_point(scene: &Scene<'_>) -> Outcome {
    extern "C" fn keep(seed: usize) {
        let level = Level::detect();
        HELD.store(1, Ordering::Release);
        level.hold(&level.pattern(seed as u8), 0, usize::MAX);
    }
    let level = Level::detect();
    for round in 0..4 {
        if round % 2 == 1 {
            HELD.store(0, Ordering::Relaxed);
            let keeper = Worker::start(20, keep, round)?;
            scene.system.wait_until("the thread begins", || Ok(HELD.load(Ordering::Acquire) != 0))?;
            drop(keeper);
        } else {
            scene.breathe()?;
        }
        // Higher than this thread: it has ended when `start` returns.
        let worker = Worker::prepare(PRIORITY + 1, level.first_instructions(), None, STACK_BYTES)?;
        worker.thread.start([0; 4])?;
        let found = suite::float::first_state();
        if let Some(offset) = level.difference(&level.initial(), &found) {
            return Err(Failure::new(alloc::format!("round {round}: byte {offset} is {:#x}", found.0[offset])));
        }
    }
    Ok(())
}
