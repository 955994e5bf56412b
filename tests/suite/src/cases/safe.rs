//! What Rust promises to code without `unsafe`, as the SDK keeps it: see `suite::safe` for the partners' part.

use crate::case::{Case, Outcome};
use crate::partner::{OBJECTS, Partner};
use crate::system::{System, receive};
use crate::worker::{STACK_BYTES, Worker, begin};
use crate::{cases, check_eq};
use abi::{Exception, Kind, Register};
use bellwire::{Endpoint, Handle, HowEnded, PortRange};
use core::sync::atomic::{AtomicU32, Ordering};
use suite::bare;
use suite::role::Role;

pub const CASES: &[Case] = cases!["safe":
    no_frame_jumps_over_the_guard_below_a_stack, a_heap_that_could_not_grow_grows_later,
    a_thread_waits_for_the_heap_of_one_below, stacks_come_back, reads_stay_on_their_side_of_a_port,
];

const PRIORITY: u8 = 20;

/// Frames for the heap of 5 MiB that fails to grow, three times over: a heap that leaks is to be seen, too.
const GROWING_FRAMES: usize = 8000;

fn end_of(system: &System, role: Role, frames: usize) -> Result<HowEnded, crate::case::Failure> {
    let partner = Partner::new(1, PRIORITY + 1, [frames, OBJECTS])?;
    let mut partner = system.image.load(partner, role, PRIORITY, &[], [u64::from(PRIORITY), 0])?;
    Ok(partner.wait()?.how)
}

fn no_frame_jumps_over_the_guard_below_a_stack(system: &System) -> Outcome {
    let how = end_of(system, Role::Overflow, crate::partner::FRAMES)?;
    let is_fault = matches!(how, HowEnded::Fault { vector, .. } if vector == Exception::PAGE_FAULT.0);
    crate::check!(is_fault, "the program {how}");
    Ok(())
}

fn a_heap_that_could_not_grow_grows_later(system: &System) -> Outcome {
    check_eq!(end_of(system, Role::Grow, GROWING_FRAMES)?, HowEnded::Exited { code: 0 });
    Ok(())
}

fn a_thread_waits_for_the_heap_of_one_below(system: &System) -> Outcome {
    check_eq!(end_of(system, Role::Allocate, crate::partner::FRAMES)?, HowEnded::Exited { code: 0 });
    Ok(())
}

fn stacks_come_back(system: &System) -> Outcome {
    check_eq!(end_of(system, Role::Join, crate::partner::FRAMES)?, HowEnded::Exited { code: 0 });
    Ok(())
}

/// What a device changes in memory while a port is read is seen by the read behind that. The part of the device is
/// played by the handler of the fault that the port raises.
fn reads_stay_on_their_side_of_a_port(_: &System) -> Outcome {
    static MEMORY: AtomicU32 = AtomicU32::new(0);
    static SEEN: [AtomicU32; 2] = [AtomicU32::new(0), AtomicU32::new(0)];
    /// Nobody has it here.
    const PORT: u16 = 0x2F8;
    /// `in al, dx`.
    const INPUT_BYTES: usize = 1;

    extern "C" fn poll(_: usize) {
        // SAFETY: the other thread writes while this one is stopped in its fault.
        let before = unsafe { MEMORY.as_ptr().read() };
        PortRange::new(PORT, 1).port::<u8>(0).read();
        // SAFETY: as above.
        let after = unsafe { MEMORY.as_ptr().read() };
        SEEN[0].store(before, Ordering::Relaxed);
        SEEN[1].store(after, Ordering::Relaxed);
    }

    let faults = Endpoint::new()?;
    let done = Endpoint::new()?;
    MEMORY.store(1, Ordering::Relaxed);
    let worker = Worker::prepare(PRIORITY, begin as *const () as usize, Some((&faults, 0)), STACK_BYTES)?;
    worker.begin(poll, 0)?;
    let message = receive(&faults)?;
    check_eq!((message.tag.kind(), message.tag.label()), (Kind::Fault, 13), "what the port raises");
    MEMORY.store(2, Ordering::Relaxed);
    let next = worker.thread.register(Register::Ip)? + INPUT_BYTES;
    bare::thread_write(worker.thread.raw(), [Register::Ip as usize, next, 0, 0])?;
    crate::system::reply(0, [0; 4])?;
    // It has ended once its handle names nothing.
    let start = bellwire::Instant::now();
    while worker.thread.register(Register::Ip).is_ok() && start.elapsed() < core::time::Duration::from_secs(5) {
        let deadline = bellwire::Instant::now() + core::time::Duration::from_micros(200);
        let _ = crate::system::receive_before(&done, deadline);
    }
    check_eq!(SEEN.each_ref().map(|seen| seen.load(Ordering::Relaxed)), [1, 2]);
    drop(worker);
    faults.destroy()?;
    done.destroy()?;
    Ok(())
}
