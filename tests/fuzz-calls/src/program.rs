//! What a hostile program does next: mostly calls that get somewhere, with handles of its own, and now and then what no
//! program should do.

use crate::oracle::things::{Call, Detail, Grant, ProcessNumber, State, ThreadNumber};
use crate::oracle::{STACK_STEP, STACKS};
use crate::random::Random;
use crate::world::{ENTRY, World};
use abi::{Access, InfoItem, Message, Operation, Options, PAGE_BYTES, Rights, Tag};
use kernel::fake::DEVICE_FIRST;

/// A receive takes handles: an option that has no effect where receives always do.
const TAKE_HANDLE: Options = Options::from_bits_truncate(1 << 5);

/// How often which call is made.
const WEIGHTS: &[(Operation, usize)] = &[
    (Operation::Call, 14),
    (Operation::ReplyReceive, 12),
    (Operation::Receive, 10),
    (Operation::Reply, 5),
    (Operation::ReplyTake, 4),
    (Operation::Notify, 5),
    (Operation::Deadline, 4),
    (Operation::Yield, 1),
    (Operation::EndpointCreate, 3),
    (Operation::InterruptCreate, 2),
    (Operation::InterruptBind, 3),
    (Operation::InterruptComplete, 3),
    (Operation::InterruptUnbind, 1),
    (Operation::TimerCreate, 2),
    (Operation::TimerSet, 4),
    (Operation::TimerCancel, 1),
    (Operation::MemoryCreate, 5),
    (Operation::MemoryPrepare, 14),
    (Operation::MemoryDevice, 1),
    (Operation::MemoryMap, 10),
    (Operation::MemoryUnmap, 2),
    (Operation::MemorySeal, 3),
    (Operation::MemoryInfo, 2),
    (Operation::PortsCreate, 1),
    (Operation::PortsAttach, 1),
    (Operation::ProcessCreate, 2),
    (Operation::ProcessGrant, 3),
    (Operation::ProcessShare, 3),
    (Operation::ProcessKill, 1),
    (Operation::ProcessReap, 8),
    (Operation::ThreadCreate, 2),
    (Operation::ThreadStart, 3),
    (Operation::ThreadRead, 1),
    (Operation::ThreadWrite, 1),
    (Operation::ThreadPriority, 1),
    (Operation::HandleCopy, 4),
    (Operation::HandleClose, 6),
    (Operation::Destroy, 7),
    (Operation::Info, 4),
    (Operation::LogWrite, 1),
    (Operation::MessageInterruptCreate, 1),
    (Operation::ThreadPointer, 1),
];

/// Values at which arithmetic slips show.
const EDGES: [usize; 8] = [
    0,
    1,
    usize::MAX,
    usize::MAX - PAGE_BYTES + 1,
    u32::MAX as usize,
    1 << 31,
    abi::USER_END,
    abi::USER_END - PAGE_BYTES,
];

/// The running thread of a hostile program takes its next step.
pub fn step(world: &mut World, random: &mut Random, number: ThreadNumber) {
    let process = world.oracle.threads[&number].process;
    match random.below(100) {
        0..12 => use_memory(world, random, process),
        12..20 => look_at_quota(world),
        20 => world.fault([0, 6, 13, 14][random.below(4)]),
        21 if random.one_in(4) => drop(world.ask(Operation::Exit, 0, [7, 0, 0, 0])),
        22 if random.one_in(4) => drop(world.ask(Operation::ThreadExit, 0, [0; 4])),
        23 => noise(world, random),
        _ => {
            // Mostly a call for which the program has a handle.
            let mut call = choose(world, random, process);
            for _ in 0..6 {
                if call.handle != NO_HANDLE_FITS {
                    break;
                }
                call = choose(world, random, process);
            }
            world.call(call);
        }
    }
}

/// No handle's value: the program has none that fits.
const NO_HANDLE_FITS: u32 = 0x7FFF_0000;

/// Reads a page of its own memory, or writes to it.
fn use_memory(world: &mut World, random: &mut Random, process: ProcessNumber) {
    let pages: Vec<_> = world.oracle.processes[process].pages.iter().map(|(page, mapped)| (*page, *mapped)).collect();
    let Some((page, mapped)) = random.pick(&pages).copied() else { return };
    let space = world.oracle.processes[process].space;
    let part = random.below(crate::board::PARTS);
    let access = if mapped.is_writable && random.one_in(2) { Access::WRITE } else { Access::READ };
    let Some(frame) = world.board.fake.translate(space, page.address(), access) else {
        return world.oracle.breaches.push(format!("{page:?} of process {process} isn't there"));
    };
    if access == Access::WRITE {
        let stamp = world.fresh() as u64;
        world.board.write(frame, part, stamp);
        world.oracle.note_write(mapped, part, stamp);
    } else {
        let found = world.board.content(frame, part);
        world.oracle.check_content(mapped, part, found);
    }
}

fn look_at_quota(world: &mut World) {
    world.ask(Operation::Info, 0, [InfoItem::Memory as usize, 1, 0, 0]);
}

/// Calls with whatever stands in the registers, but for the calls that would take the thread's name from it.
fn noise(world: &mut World, random: &mut Random) {
    let tag = Tag(random.next() as u32);
    let spoils = [Operation::ThreadWrite, Operation::ThreadCreate, Operation::TimerCreate, Operation::InterruptBind];
    let operation = Operation::from_number(tag.operation_number());
    if operation.is_some_and(|operation| spoils.contains(&operation)) {
        return;
    }
    let nonce = world.fresh();
    let words = [nonce, random.next() as usize, random.next() as usize, random.next() as usize];
    world.call(Call { message: Message::new(tag, words), handle: random.next() as u32 });
}

/// A handle of the process's that has these rights, mostly.
pub fn handle(world: &World, random: &mut Random, process: ProcessNumber, needs: Rights) -> u32 {
    let owner = &world.oracle.processes[process];
    let fitting: Vec<u32> =
        owner.handles.iter().filter(|(_, grant)| grant.rights.contains(needs)).map(|(value, _)| *value).collect();
    let any: Vec<u32> = owner.handles.keys().copied().collect();
    let choice = match random.below(40) {
        0 => random.pick(&owner.stale).copied(),
        1 => random.pick(&any).copied(),
        2 => {
            let other = random.below(world.oracle.processes.len());
            let values: Vec<u32> = world.oracle.processes[other].handles.keys().copied().collect();
            // A value may be a handle here too, of which the oracle isn't told before its thread has run.
            random.pick(&values).copied().filter(|value| owner.handles.contains_key(value) || other != process)
        }
        3 => Some(random.next() as u32),
        _ => random.pick(&fitting).copied(),
    };
    choice.unwrap_or(NO_HANDLE_FITS)
}

/// A call of the process's.
fn choose(world: &mut World, random: &mut Random, process: ProcessNumber) -> Call {
    let total: usize = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    let mut choice = random.below(total);
    let (operation, _) = WEIGHTS
        .iter()
        .find(|(_, weight)| match choice.checked_sub(*weight) {
            Some(rest) => {
                choice = rest;
                false
            }
            None => true,
        })
        .expect("the choice is below the sum");
    let operation = *operation;
    let mut words = [world.fresh(), random.below(64), random.below(64), random.below(64)];
    let mut options = Options::empty();
    let mut label = random.below(64) as u8;
    let mut needs = operation.needs();
    let now = world.board.fake.time as usize;
    let deadline = now + random.below(3_000_000);
    let pick = |random: &mut Random, needs| handle(world, random, process, needs) as usize;
    match operation {
        Operation::Call | Operation::ReplyReceive | Operation::Reply => {
            let carried = pick(random, Rights::COPY);
            if operation == Operation::Reply {
                needs = Rights::REPLY;
            }
            if random.one_in(4) {
                options |= Options::HANDLE;
                words[3] = carried;
            }
            if operation == Operation::ReplyReceive && random.one_in(2) {
                options |= TAKE_HANDLE;
            }
        }
        Operation::Receive => {
            // Some take handles, where taking them has to be asked for.
            options |= if random.one_in(2) { TAKE_HANDLE } else { Options::empty() };
            options |= [Options::NO_WAIT, Options::NO_WAIT, Options::DEADLINE, Options::empty()][random.below(4)];
            options.set(Options::KEEP, random.one_in(4));
            if options.contains(Options::DEADLINE) {
                words[0] = deadline;
                words[1] = 0;
            }
        }
        Operation::Notify => words[0] = 1 << random.below(32),
        Operation::Deadline => words = [if random.one_in(4) { 0 } else { deadline }, 0, 0, 0],
        Operation::InterruptCreate => words[0] = random.below(15),
        Operation::InterruptBind | Operation::TimerCreate => {
            let endpoint = pick(random, Rights::BIND);
            words = [endpoint, words[0] & 0xFFFF, random.below(3), 0];
        }
        Operation::InterruptComplete => {
            let threads = world.oracle.threads.values().filter(|thread| thread.process == process);
            words[0] = threads.map(|thread| thread.sequence).max().unwrap_or(1);
        }
        Operation::TimerSet => {
            words = [deadline, 0, [0, 20_000, 500_000][random.below(3)], 0];
        }
        Operation::MemoryCreate => words[0] = [1, 1, 2, 3, 4, 9, 17, 33][random.below(8)] * PAGE_BYTES,
        Operation::MemoryPrepare => needs = Rights::WRITE,
        Operation::MemoryDevice => {
            words =
                [(DEVICE_FIRST.0 as usize + random.below(8)) * PAGE_BYTES, 0, (1 + random.below(2)) * PAGE_BYTES, 0];
        }
        Operation::MemoryMap | Operation::MemoryUnmap => {
            let target = pick(random, Rights::PROCESS);
            needs = Rights::READ;
            let address = 0x10_0000 + random.below(32) * PAGE_BYTES;
            let target = if random.one_in(4) { target } else { 0 };
            let bytes = [1, 1, 2, 3, 8, 20][random.below(6)] * PAGE_BYTES;
            let writes = [Access::READ, Access::WRITE, Access::WRITE, Access::EXECUTE][random.below(4)];
            if operation == Operation::MemoryMap {
                options |= (Access::READ | writes).options();
                words = [address, random.below(3) * PAGE_BYTES, bytes, target];
            } else {
                words = [address, bytes * 2, 0, target];
            }
        }
        Operation::MemorySeal => needs = Rights::SEAL,
        Operation::MemoryInfo => needs = if random.one_in(2) { Rights::DMA } else { Rights::READ },
        Operation::PortsCreate => words = [random.below(32) * 4, 1 + random.below(8), 0, 0],
        Operation::PortsAttach => {
            let target = pick(random, Rights::PROCESS);
            words[3] = if random.one_in(3) { target } else { 0 };
        }
        Operation::ProcessCreate => {
            let supervisor = pick(random, Rights::BIND);
            let supervisor = if random.one_in(4) { 0 } else { supervisor };
            words = [random.below(30), random.below(20), supervisor, words[0] & 0xFFFF];
            options.set(Options::DMA, random.one_in(2));
            label = random.below(24) as u8;
        }
        Operation::ProcessShare => words[0] = [0, 1_001, 1_000, 1 + words[0] % 9, 1 + words[1]][random.below(5)],
        Operation::ProcessGrant => {
            let given = pick(random, Rights::COPY);
            words = [given, [usize::MAX, random.next() as usize][random.below(2)], random.below(9), 0];
        }
        Operation::ThreadCreate => {
            let faults = pick(random, Rights::BIND);
            let target = pick(random, Rights::PROCESS);
            let stack = STACKS + world.oracle.next_thread() * STACK_STEP;
            words = [ENTRY, stack, random.below(24), if random.one_in(2) { faults } else { 0 }];
            let handle = if random.one_in(2) { target as u32 } else { 0 };
            return Call { message: Message::new(Tag::incoming(operation, label, options), words), handle };
        }
        // The stack pointer says which thread it is.
        Operation::ThreadRead => words[0] = random.below(19),
        Operation::ThreadWrite => words = [[0, 1, 2, 3, 5, 8][random.below(6)], words[0], 0, 0],
        Operation::ThreadPriority => words[0] = random.below(24),
        Operation::HandleCopy => {
            needs = Rights::COPY;
            words = [[usize::MAX, random.next() as usize][random.below(2)], random.below(9), 0, 0];
        }
        Operation::HandleClose => needs = Rights::empty(),
        Operation::Info => {
            needs = Rights::ROOT_INFO;
            words = [random.below(9), random.below(12), random.below(12), 0];
        }
        Operation::LogWrite => label = random.below(17) as u8,
        Operation::ThreadPointer => words[0] = random.below(1 << 20),
        _ => {}
    }
    if random.one_in(40) && !matches!(operation, Operation::ThreadWrite) {
        words[1 + random.below(3)] = EDGES[random.below(EDGES.len())];
    }
    let mut handle = handle(world, random, process, needs);
    if operation == Operation::Reply && random.one_in(2) {
        handle = 0;
    }
    if operation == Operation::MemorySeal && random.one_in(2) {
        handle = written(world, process).unwrap_or(handle);
    }
    if operation == Operation::HandleClose && is_precious(world, process, handle) && !random.one_in(8) {
        handle = random.pick(&world.oracle.processes[process].stale).copied().unwrap_or(1);
    }
    Call { message: Message::new(Tag::incoming(operation, label, options), words), handle }
}

/// A handle that could seal memory which the process may write to.
fn written(world: &World, process: ProcessNumber) -> Option<u32> {
    let owner = &world.oracle.processes[process];
    owner.pages.values().filter(|page| page.is_writable).find_map(|page| {
        let seals = |grant: &Grant| grant.object == Some(page.object) && grant.rights.contains(Rights::SEAL);
        owner.handles.iter().find(|(_, grant)| seals(grant)).map(|(value, _)| *value)
    })
}

/// Whether a program that closes that handle couldn't do much any more.
fn is_precious(world: &World, process: ProcessNumber, handle: u32) -> bool {
    let Some(grant) = world.oracle.grant(process, handle as usize) else { return false };
    let Some(object) = grant.object else { return false };
    let waits = world.oracle.threads.values().any(|thread| thread.state == State::Receiving(Some(object)));
    waits || matches!(world.oracle.objects[object].detail, Detail::Root | Detail::Endpoint { .. })
}
