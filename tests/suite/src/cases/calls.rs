//! Messages between threads and processes: calls, replies, notifications, deadlines, and what can be wrong with them.

use crate::case::{Case, Outcome};
use crate::partner::{Grant, Partner};
use crate::system::{System, milliseconds, poll, receive, reply};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{Access, Kind, Operation, Options, Rights, split};
use bellwire::{Endpoint, Error, Handle, HowEnded, Instant, Memory, Result, raw};
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use suite::bare;
use suite::role::{self, Role};

pub const CASES: &[Case] = cases!["calls":
    words_label_and_badge_arrive, handles_travel_both_ways, a_full_receiver_is_an_error, notify_merges,
    notify_wakes_a_receiver, a_receive_has_a_deadline, a_call_has_a_deadline, nothing_to_receive_is_an_error,
    a_reply_can_be_kept, a_reply_that_is_dropped_ends_the_call, a_reply_answers_once,
    a_call_that_is_not_answered_ends, a_dead_server_gives_gone_and_its_successor_serves, senders_are_served_in_order,
];

/// A service with an echo partner behind it, and the caller's handle with a badge.
struct Service {
    endpoint: Endpoint,
    client: Endpoint,
    partner: Partner,
}

const BADGE: u16 = 0xB0B;

fn serve(system: &System, endpoint: &Endpoint, badge: u16) -> Result<Partner> {
    let rights = Rights::RECEIVE | Rights::BIND | Rights::COPY;
    let grant = Grant { name: "service", handle: endpoint.raw(), rights, badge: 0 };
    system.image.start(Role::Echo, badge, 45, &[grant])
}

impl Service {
    fn new(system: &System) -> Result<Self> {
        let endpoint = Endpoint::new()?;
        let partner = serve(system, &endpoint, 7)?;
        let client = endpoint.badged(Rights::CALL | Rights::NOTIFY, BADGE)?;
        Ok(Self { endpoint, client, partner })
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.partner.kill(0);
        while bare::destroy(self.endpoint.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

fn words_label_and_badge_arrive(system: &System) -> Outcome {
    let service = Service::new(system)?;
    for words in [[1, 2, 3, 4], [usize::MAX, 0, usize::MAX, 0], [0x8000_0000, 0x7FFF_FFFF, 0, 0xFFFF_FFFF]] {
        let answer = service.client.call(role::ECHO, words)?;
        check_eq!((answer.label, answer.words), (7, words));
    }
    let answer = service.client.call(role::BADGE, [0; 4])?;
    check_eq!(answer.words, [BADGE as usize, 0, 0, 0]);
    check_eq!(service.client.call(99, [0; 4])?.label, bellwire::protocol::REFUSED);
    Ok(())
}

fn handles_travel_both_ways(system: &System) -> Outcome {
    let service = Service::new(system)?;
    let endpoint = Endpoint::new()?;
    service.client.call_with_handle(role::NOTIFY, [5, 0, 0], &endpoint)?;
    let message = poll(&endpoint)?;
    check_eq!((message.tag.kind(), message.words), (Kind::Notify, [5, 0, 0, 0]));
    endpoint.destroy()?;
    let memory = Memory::new(3 * abi::PAGE_BYTES)?;
    let answer = service.client.call_with_handle(role::BACK, [0; 3], &memory)?;
    check_eq!(answer.words[..3], [1, 2, 3]);
    let back = answer.handle.map(Memory::from).ok_or(Error::BadHandle)?;
    check!(back.raw() != memory.raw());
    check_eq!(back.bytes()?, 3 * abi::PAGE_BYTES);
    // Rights travel with the handle: what wasn't there doesn't come back.
    let weak = memory.copy(Rights::READ | Rights::COPY)?;
    let answer = service.client.call_with_handle(role::BACK, [0; 3], &weak)?;
    let back = answer.handle.map(Memory::from).ok_or(Error::BadHandle)?;
    check_eq!(back.map(Access::READ | Access::WRITE).map(drop), Err(Error::MissingRight));
    check_eq!(back.map(Access::READ).map(drop), Ok(()));
    // A handle that may not be copied may not be sent.
    let fixed = memory.copy(Rights::READ)?;
    check_eq!(service.client.call_with_handle(role::BACK, [0; 3], &fixed), Err(Error::MissingRight));
    memory.destroy()?;
    Ok(())
}

fn a_full_receiver_is_an_error(system: &System) -> Outcome {
    let service = Service::new(system)?;
    let memory = Memory::new(abi::PAGE_BYTES)?;
    let [filled, error, ..] = service.client.call(role::FILL, [0; 4])?.words;
    check!(filled > 32, "only {filled} handles");
    check_eq!(error, Error::NoHandleSlot as usize);
    let result = service.client.call_with_handle(role::BACK, [0; 3], &memory);
    check_eq!(result, Err(Error::ReceiverFull));
    service.client.call(role::EMPTY, [0; 4])?;
    check_eq!(service.client.call_with_handle(role::BACK, [0; 3], &memory)?.words[..3], [1, 2, 3]);
    memory.destroy()?;
    Ok(())
}

fn notify_merges(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    for bits in [1, 4, 4, 0x8000_0000, 0] {
        endpoint.notify(bits)?;
    }
    let message = receive(&endpoint)?;
    check_eq!((message.tag.kind(), message.words[0]), (Kind::Notify, 0x8000_0005));
    check_eq!(poll(&endpoint), Err(Error::WouldBlock));
    endpoint.destroy()?;
    Ok(())
}

fn notify_wakes_a_receiver(_: &System) -> Outcome {
    extern "C" fn notifier(handle: usize) {
        let _ = raw::notify(handle as u32, [3, 0, 0, 0]);
    }
    let endpoint = Endpoint::new()?;
    let worker = Worker::start(20, notifier, endpoint.raw() as usize)?;
    let message = receive(&endpoint)?;
    check_eq!((message.tag.kind(), message.words[0]), (Kind::Notify, 3));
    drop(worker);
    endpoint.destroy()?;
    Ok(())
}

fn a_receive_has_a_deadline(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let start = Instant::now().cycles();
    let until = start + milliseconds(3);
    let [low, high] = split(until);
    let message = bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::DEADLINE, [low, high, 0, 0]);
    check_eq!(raw::checked(message), Err(Error::TimedOut));
    check!(Instant::now().cycles() >= until, "too early");
    // A deadline in the past ends the wait at once, with what is there.
    let message = bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::DEADLINE, [1, 0, 0, 0]);
    check_eq!(raw::checked(message), Err(Error::TimedOut));
    endpoint.notify(1)?;
    let message = bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::DEADLINE, [1, 0, 0, 0]);
    check_eq!(raw::checked(message).map(|message| message.words[0]), Ok(1));
    endpoint.destroy()?;
    Ok(())
}

fn a_call_has_a_deadline(system: &System) -> Outcome {
    let service = Service::new(system)?;
    let until = Instant::from_cycles(Instant::now().cycles() + milliseconds(3));
    check_eq!(service.client.call_before(until, role::HOLD, [0; 4]), Err(Error::TimedOut), "one that was taken");
    check!(Instant::now() >= until, "too early");
    // The server's late answer is dropped, and has no effect.
    service.client.call(role::DROP, [0; 4])?;
    let silent = Endpoint::new()?;
    let until = Instant::from_cycles(Instant::now().cycles() + milliseconds(2));
    check_eq!(silent.call_before(until, 1, [0; 4]), Err(Error::TimedOut), "a call that was never received");
    check_eq!(poll(&silent), Err(Error::WouldBlock), "its message");
    // The deadline was for one call.
    check_eq!(service.client.call(role::ECHO, [9; 4])?.words, [9; 4]);
    silent.destroy()?;
    Ok(())
}

fn nothing_to_receive_is_an_error(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    check_eq!(poll(&endpoint), Err(Error::WouldBlock));
    endpoint.notify(2)?;
    check_eq!(poll(&endpoint).map(|message| message.words[0]), Ok(2));
    endpoint.destroy()?;
    Ok(())
}

/// Calls `HOLD` from another thread, and keeps what came of it.
static HELD: AtomicUsize = AtomicUsize::new(0);

extern "C" fn call_hold(handle: usize) {
    HELD.store(0, Ordering::Relaxed);
    let message = bare::invoke(Operation::Call, handle as u32, role::HOLD, Options::empty(), [0; 4]);
    let result = match raw::checked(message) {
        Ok(message) => message.words[0],
        Err(error) => 0x100 + error as usize,
    };
    HELD.store(result, Ordering::Relaxed);
}

fn a_reply_can_be_kept(system: &System) -> Outcome {
    let service = Service::new(system)?;
    let worker = Worker::start(42, call_hold, service.client.raw() as usize)?;
    // Others are served meanwhile.
    check_eq!(service.client.call(role::ECHO, [3; 4])?.words, [3; 4]);
    check_eq!(HELD.load(Ordering::Relaxed), 0);
    service.client.call(role::RELEASE, [77, 0, 0, 0])?;
    system.wait_until("the kept call ends", || Ok(HELD.load(Ordering::Relaxed) != 0))?;
    check_eq!(HELD.load(Ordering::Relaxed), 77);
    drop(worker);
    Ok(())
}

fn a_reply_that_is_dropped_ends_the_call(system: &System) -> Outcome {
    let service = Service::new(system)?;
    let worker = Worker::start(42, call_hold, service.client.raw() as usize)?;
    service.client.call(role::ECHO, [3; 4])?;
    service.client.call(role::DROP, [0; 4])?;
    system.wait_until("the kept call ends", || Ok(HELD.load(Ordering::Relaxed) != 0))?;
    check_eq!(HELD.load(Ordering::Relaxed), 0x100 + Error::Gone as usize);
    drop(worker);
    Ok(())
}

/// Calls the endpoint with its own number as words, and adds the answer up.
pub(super) static ANSWERS: AtomicUsize = AtomicUsize::new(0);

pub(super) extern "C" fn call_once(handle: usize) {
    let message = bare::invoke(Operation::Call, handle as u32, 1, Options::empty(), [1, 2, 3, 4]);
    let result = match raw::checked(message) {
        Ok(message) => message.words[0],
        Err(error) => 0x100 + error as usize,
    };
    ANSWERS.store(result, Ordering::Relaxed);
}

fn a_reply_answers_once(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    ANSWERS.store(0, Ordering::Relaxed);
    check_eq!(reply(0, [0; 4]), Err(Error::Stale), "an answer without a call");
    let worker = Worker::start(20, call_once, endpoint.raw() as usize)?;
    let message = receive(&endpoint)?;
    check_eq!((message.tag.kind(), message.words), (Kind::Call, [1, 2, 3, 4]));
    let taken = raw::reply_take(abi::NO_HANDLE, [0; 4])?.words[0] as u32;
    check_eq!(reply(0, [0; 4]), Err(Error::Stale), "an answer to a call that was taken");
    check_eq!(raw::reply_take(abi::NO_HANDLE, [0; 4]).map(drop), Err(Error::Stale), "a second Reply");
    bare::reply(taken, [55, 0, 0, 0])?;
    check_eq!(bare::reply(taken, [56, 0, 0, 0]).map(drop), Err(Error::BadHandle), "a second answer");
    system.wait_until("the answer arrives", || Ok(ANSWERS.load(Ordering::Relaxed) != 0))?;
    check_eq!(ANSWERS.load(Ordering::Relaxed), 55);
    drop(worker);
    endpoint.destroy()?;
    Ok(())
}

fn a_call_that_is_not_answered_ends(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    ANSWERS.store(0, Ordering::Relaxed);
    let worker = Worker::start(20, call_once, endpoint.raw() as usize)?;
    check_eq!(receive(&endpoint)?.tag.kind(), Kind::Call);
    check_eq!(poll(&endpoint), Err(Error::WouldBlock));
    system.wait_until("the call ends", || Ok(ANSWERS.load(Ordering::Relaxed) != 0))?;
    check_eq!(ANSWERS.load(Ordering::Relaxed), 0x100 + Error::Gone as usize);
    drop(worker);
    // A call whose caller is gone can't be answered.
    let worker = Worker::start(20, call_once, endpoint.raw() as usize)?;
    check_eq!(receive(&endpoint)?.tag.kind(), Kind::Call);
    drop(worker);
    check_eq!(reply(0, [0; 4]), Err(Error::Stale));
    endpoint.destroy()?;
    Ok(())
}

fn a_dead_server_gives_gone_and_its_successor_serves(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let client = endpoint.badged(Rights::CALL, BADGE)?;
    for round in 0..3_usize {
        let mut partner = serve(system, &endpoint, 100 + round as u16)?;
        check_eq!(client.call(role::ECHO, [round; 4])?.words, [round; 4]);
        check_eq!(client.call(role::DIE, [0; 4]), Err(Error::Gone));
        let exit = partner.wait()?;
        check_eq!((exit.badge, exit.how), (100 + round as u16, HowEnded::Exited { code: 0 }));
        // A call that comes between the servers waits for the next one.
        ANSWERS.store(0, Ordering::Relaxed);
        let worker = Worker::start(42, call_echo, client.raw() as usize)?;
        check_eq!(ANSWERS.load(Ordering::Relaxed), 0);
        partner.reap()?;
        let next = serve(system, &endpoint, 200)?;
        system.wait_until("the successor serves", || Ok(ANSWERS.load(Ordering::Relaxed) != 0))?;
        check_eq!(ANSWERS.load(Ordering::Relaxed), 1);
        drop((worker, next));
    }
    endpoint.destroy()?;
    Ok(())
}

extern "C" fn call_echo(handle: usize) {
    let message = bare::invoke(Operation::Call, handle as u32, role::ECHO, Options::empty(), [1, 2, 3, 4]);
    let result = match raw::checked(message) {
        Ok(message) => message.words[0],
        Err(error) => 0x100 + error as usize,
    };
    ANSWERS.store(result, Ordering::Relaxed);
}

static ORDER: [AtomicU32; 4] = [const { AtomicU32::new(0) }; 4];

fn senders_are_served_in_order(_: &System) -> Outcome {
    extern "C" fn sender(handle: usize) {
        let _ = bare::invoke(Operation::Call, handle as u32, 1, Options::empty(), [0; 4]);
    }
    let endpoint = Endpoint::new()?;
    let mut workers = alloc::vec::Vec::new();
    for badge in 1..=4 {
        let client = endpoint.badged(Rights::CALL, badge)?;
        // Higher than this thread: each has called before the next is started.
        workers.push((Worker::start(41, sender, client.raw() as usize)?, client));
    }
    endpoint.notify(1)?;
    let message = receive(&endpoint)?;
    check_eq!(message.tag.kind(), Kind::Notify, "events come before calls");
    for (position, order) in ORDER.iter().enumerate() {
        let message = receive(&endpoint)?;
        order.store(message.tag.badge().into(), Ordering::Relaxed);
        check_eq!(message.tag.badge() as usize, position + 1);
        reply(0, [0; 4])?;
    }
    drop(workers);
    endpoint.destroy()?;
    Ok(())
}
