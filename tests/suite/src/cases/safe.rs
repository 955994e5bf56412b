//! What Rust promises to code without `unsafe`, as the SDK keeps it: see `suite::safe` for the partners' part.

use crate::case::{Case, Outcome};
use crate::partner::{OBJECTS, Partner};
use crate::system::{System, receive};
use crate::worker::{STACK_BYTES, Worker, begin};
use crate::{cases, check, check_eq};
use abi::{Exception, Kind, Register};
use alloc::sync::Arc;
use bellwire::{CallThread, Endpoint, Event, Handle, HowEnded, Memory, PAGE_BYTES, PortRange, Rights, Server, Thread};
use core::hint::black_box;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use suite::bare;
use suite::role::Role;

pub const CASES: &[Case] = cases!["safe":
    no_frame_jumps_over_the_guard_below_a_stack, a_heap_that_could_not_grow_grows_later,
    a_thread_waits_for_the_heap_of_one_below, stacks_come_back, reads_stay_on_their_side_of_a_port,
    calls_that_are_given_up_leave_nothing, handles_that_come_too_late_are_closed,
    a_stale_reply_answers_nobody,
    threads_that_are_destroyed_leave_nothing, workers_have_guards_below_stacks,
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
    check!(is_fault, "the program {how}");
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
    while worker.thread.register(Register::Ip).is_ok() && start.elapsed() < Duration::from_secs(5) {
        let deadline = bellwire::Instant::now() + Duration::from_micros(200);
        let _ = crate::system::receive_before(&done, deadline);
    }
    check_eq!(SEEN.each_ref().map(|seen| seen.load(Ordering::Relaxed)), [1, 2]);
    drop(worker);
    faults.destroy()?;
    done.destroy()?;
    Ok(())
}

fn calls_that_are_given_up_leave_nothing(system: &System) -> Outcome {
    check_eq!(end_of(system, Role::GiveUp, crate::partner::FRAMES)?, HowEnded::Exited { code: 0 });
    Ok(())
}

fn a_stale_reply_answers_nobody(system: &System) -> Outcome {
    check_eq!(end_of(system, Role::Stale, crate::partner::FRAMES)?, HowEnded::Exited { code: 0 });
    Ok(())
}

/// A call is given up while its answer is on its way, with a handle: before the thread that made the call runs again,
/// or at some point of what that thread does then. Each handle would keep its place in the table.
fn handles_that_come_too_late_are_closed(system: &System) -> Outcome {
    const CALLS: u32 = 400;
    const END: u8 = 1;
    let own = crate::system::PRIORITY;
    let (service, taken, memory) = (Arc::new(Endpoint::new()?), Endpoint::new()?, Memory::new(PAGE_BYTES)?);
    let (calls, tell, copied) = (service.copy(Rights::RECEIVE)?, taken.notifier(1)?, memory.copy(Rights::all())?);
    let server = Thread::spawn(own + 1, STACK_BYTES, move |right| {
        let mut server = Server::new(right, calls);
        while let Ok(Event::Call(call)) = server.next() {
            if call.label == END {
                call.answer([0; 4]);
                break;
            }
            // The owner of the calling thread goes on as soon as this one waits, and before the calling one.
            let _ = tell.notify(1);
            match copied.copy(Rights::READ | Rights::COPY) {
                Ok(handle) => call.answer_with_handle([0; 3], handle),
                Err(_) => call.refuse(),
            }
        }
    })?;
    let mut before = None;
    for number in 0..CALLS {
        let mut call = CallThread::new(own - 1, taken.notifier(2)?, 2)?;
        call.begin(service.clone(), 0, [0; 4], None)?;
        let message = receive(&taken)?;
        check_eq!((message.tag.kind(), message.words[0]), (Kind::Notify, 1), "what the server says");
        if number % 4 != 0 {
            system.sleep(Duration::from_nanos(100 * u64::from(number)))?;
        }
        drop(call);
        while crate::system::poll(&taken).is_ok() {}
        let now = system.in_use()?;
        // The first one may take a page table, and have the heap grow.
        check_eq!(now, *before.get_or_insert(now), "after {} calls", number + 1);
    }
    service.call(END, [0; 4])?;
    server.join();
    memory.destroy()?;
    taken.destroy()?;
    Arc::into_inner(service).map_or(Ok(()), Endpoint::destroy)?;
    Ok(())
}

/// Threads that wait, or haven't begun, are destroyed: more than the address space below a page table has room for.
fn threads_that_are_destroyed_leave_nothing(system: &System) -> Outcome {
    const THREADS: usize = 240;
    const STACK_BYTES: usize = 8 << 10;
    let silent = system.silent.raw();
    let mut before = None;
    for number in 0..THREADS {
        let priority = if number % 2 == 0 { PRIORITY } else { crate::system::PRIORITY + 1 };
        let thread = Thread::spawn(priority, STACK_BYTES, move |_| {
            let array = black_box([number; 64]);
            while bare::receive(silent, [0; 4]).is_ok() {}
            black_box(array);
        })?;
        if number % 4 == 0 {
            system.sleep(Duration::from_micros(100))?;
        }
        // SAFETY: the thread hasn't begun, or waits, or is about to. Nobody knows what is on its stack.
        unsafe { thread.destroy() }?;
        let now = system.in_use()?;
        // The first one may take a page table, and have the heap grow.
        check_eq!(now, *before.get_or_insert(now), "after {} threads", number + 1);
    }
    Ok(())
}

fn workers_have_guards_below_stacks(_: &System) -> Outcome {
    /// Doesn't end.
    #[inline(never)]
    fn dive(depth: usize) -> usize {
        let frame = black_box([depth; 16]);
        if black_box(true) { dive(depth + 1) + frame[depth % 16] } else { 0 }
    }

    extern "C" fn run(_: usize) {
        black_box(dive(0));
    }

    let faults = Endpoint::new()?;
    let worker = Worker::prepare(PRIORITY, begin as *const () as usize, Some((&faults, 0)), STACK_BYTES)?;
    worker.begin(run, 0)?;
    let message = receive(&faults)?;
    check_eq!((message.tag.kind(), message.tag.label()), (Kind::Fault, Exception::PAGE_FAULT.0), "what arrives");
    let guard = worker.stack_bottom() - PAGE_BYTES..worker.stack_bottom();
    let [_, address, ..] = message.words;
    check!(guard.contains(&address), "it faults at {address:#x}, and its guard is {guard:#x?}");
    drop(worker);
    faults.destroy()?;
    Ok(())
}
