//! The thread pointer and the segment selectors: each thread has its own, and no other thread changes them.

use crate::case::{Case, Outcome};
use crate::system::System;
use crate::worker::Worker;
use crate::{cases, check_eq};
use bellwire::raw;
use core::arch::asm;
use core::sync::atomic::{AtomicUsize, Ordering};
use suite::bare;

pub const CASES: &[Case] = cases!["pointers":
    each_thread_finds_what_its_own_points_to, a_thread_that_loads_selectors_harms_no_other,
    selectors_tell_nothing_of_other_threads, a_pointer_into_the_kernel_gives_nothing,
];

const WORKERS: usize = 3;
const ROUNDS: usize = 200;
const RIGHT: usize = usize::MAX;

/// The words that the threads' pointers point to: each holds its own number.
static NUMBERS: [AtomicUsize; WORKERS] = [AtomicUsize::new(10), AtomicUsize::new(11), AtomicUsize::new(12)];
static ENDED: [AtomicUsize; WORKERS] = [const { AtomicUsize::new(0) }; WORKERS];

/// The word that the thread pointer points to.
fn pointed_to() -> usize {
    let word: usize;
    // SAFETY: the caller has set its thread pointer to a static word.
    unsafe { asm!("mov {}, fs:[0]", out(reg) word, options(nostack, readonly, preserves_flags)) };
    word
}

/// Sets its pointer, and looks there again and again while others run.
extern "C" fn look(number: usize) {
    let mut result = RIGHT;
    if bare::thread_pointer(abi::NO_HANDLE, [NUMBERS[number].as_ptr() as usize, 0, 0, 0]).is_err() {
        result = 1;
    }
    for _ in 0..ROUNDS {
        let found = pointed_to();
        if found != 10 + number {
            result = 0x1000 + found;
            break;
        }
        let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
    }
    ENDED[number].store(result, Ordering::Relaxed);
}

/// Sets its pointer to where another's points too, and then spoils all data segments that ring 3 may load.
extern "C" fn spoil(number: usize) {
    let _ = bare::thread_pointer(abi::NO_HANDLE, [NUMBERS[0].as_ptr() as usize, 0, 0, 0]);
    for round in 0..ROUNDS {
        let selector = [0_u32, 3, STACK_SELECTOR][round % 3];
        // SAFETY: this thread uses neither segment from now on.
        unsafe { asm!("mov fs, {0:e}", "mov gs, {0:e}", in(reg) selector, options(nostack, preserves_flags)) };
        let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
    }
    ENDED[number].store(RIGHT, Ordering::Relaxed);
}

/// The selector of ring 3's flat data segment, which is in the stack segment register.
const STACK_SELECTOR: u32 = 0x23;

fn run(system: &System, functions: [extern "C" fn(usize); WORKERS]) -> Outcome {
    ENDED.iter().for_each(|ended| ended.store(0, Ordering::Relaxed));
    let mut workers = alloc::vec::Vec::new();
    for (number, function) in functions.into_iter().enumerate() {
        workers.push(Worker::start(20, function, number)?);
    }
    for (number, ended) in ENDED.iter().enumerate() {
        let what = alloc::format!("thread {number} ends");
        system.wait_until(&what, || Ok(ended.load(Ordering::Relaxed) != 0))?;
        check_eq!(ended.load(Ordering::Relaxed), RIGHT, "thread {number}: 0x1000 and what it found");
    }
    Ok(())
}

fn each_thread_finds_what_its_own_points_to(system: &System) -> Outcome {
    run(system, [look, look, look])
}

fn a_thread_that_loads_selectors_harms_no_other(system: &System) -> Outcome {
    run(system, [look, spoil, look])?;
    run(system, [look, look, spoil])
}

/// GS is as it was: no thread here uses it, but another has loaded something into its own.
fn selectors_tell_nothing_of_other_threads(system: &System) -> Outcome {
    extern "C" fn load(number: usize) {
        // SAFETY: this thread doesn't use the segment.
        unsafe { asm!("mov gs, {0:e}", in(reg) STACK_SELECTOR, options(nostack, preserves_flags)) };
        ENDED[number].store(1, Ordering::Relaxed);
        for _ in 0..ROUNDS {
            let _ = raw::yield_now(abi::NO_HANDLE, [0; 4]);
        }
    }
    ENDED[0].store(0, Ordering::Relaxed);
    let worker = Worker::start(20, load, 0)?;
    system.wait_until("the thread has loaded it", || Ok(ENDED[0].load(Ordering::Relaxed) != 0))?;
    let found: u32;
    // SAFETY: reads a selector.
    unsafe { asm!("mov {0:e}, gs", out(reg) found, options(nomem, nostack, preserves_flags)) };
    check_eq!(found, 0);
    drop(worker);
    Ok(())
}

/// x86_64 refuses such an address, since it might not be canonical. i686 takes any base: pages protect the kernel.
fn a_pointer_into_the_kernel_gives_nothing(_: &System) -> Outcome {
    let kernel = usize::MAX - 0xFFF;
    let set = bare::thread_pointer(abi::NO_HANDLE, [kernel, 0, 0, 0]);
    check_eq!(set.is_err(), cfg!(target_arch = "x86_64"));
    bare::thread_pointer(abi::NO_HANDLE, [0; 4])?;
    Ok(())
}
