//! System calls by either entry: the same results, the registers kept, and no harm from flags.

use crate::case::{Case, Outcome};
use crate::system::{PRIORITY, System, poll};
use crate::worker::Worker;
use crate::{cases, check, check_eq};
use abi::{InfoItem, Kind, Operation, Options, Tag};
use bellwire::{Endpoint, Handle, Memory, raw};
use core::sync::atomic::{AtomicUsize, Ordering};
use suite::bare;
use suite::entry::{Entry, Registers};

pub const CASES: &[Case] = cases!["entries":
    both_entries_do_the_same, registers_are_kept, upper_halves_do_not_matter, flags_do_no_harm,
    flags_do_not_reach_other_threads,
];

const ENTRIES: [Entry; 2] = [Entry::Fast, Entry::Gate];

fn call(entry: Entry, operation: Operation, handle: u32, words: [usize; 4]) -> (Tag, [usize; 4]) {
    let tag = Tag::incoming(operation, 0, Options::empty()).0;
    let (tag, words) = Registers::of_call(handle, tag, words).call(entry).message();
    (Tag(tag), words)
}

fn both_entries_do_the_same(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let memory = Memory::new(2 * abi::PAGE_BYTES)?;
    for (operation, handle, words) in [
        (Operation::Null, 0, [0; 4]),
        (Operation::Null, u32::MAX, [usize::MAX; 4]),
        (Operation::Info, 0, [InfoItem::Clock as usize, 0, 0, 0]),
        (Operation::Info, 0, [InfoItem::Memory as usize, 0, 0, 0]),
        (Operation::Info, 0, [InfoItem::Kernel as usize, 0, 0, 0]),
        (Operation::MemoryInfo, memory.raw(), [0; 4]),
        (Operation::Notify, endpoint.raw(), [usize::MAX; 4]),
        (Operation::Notify, memory.raw(), [1; 4]),
        (Operation::TimerSet, endpoint.raw(), [1, 2, 3, 4]),
        (Operation::Reply, 0, [1, 2, 3, 4]),
    ] {
        let [fast, gate] = ENTRIES.map(|entry| call(entry, operation, handle, words));
        let bare = bare::invoke(operation, handle, 0, Options::empty(), words);
        check_eq!(fast, gate, "{operation:?}");
        check_eq!(fast, (bare.tag, bare.words), "{operation:?} by the SDK");
    }
    for entry in ENTRIES {
        raw::notify(endpoint.raw(), [7, 0, 0, 0])?;
        while poll(&endpoint).is_ok() {}
        raw::notify(endpoint.raw(), [7, 0, 0, 0])?;
        let (tag, words) = call(entry, Operation::Receive, endpoint.raw(), [0; 4]);
        check_eq!((tag.kind(), words), (Kind::Notify, [7, 0, 0, 0]), "{entry:?}");
    }
    memory.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn registers_are_kept(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    // A call that returns at once, a call in which another thread gets its turn, a call that fails.
    for operation in [Operation::Null, Operation::Yield, Operation::Info, Operation::Notify] {
        for entry in ENTRIES {
            let tag = Tag::incoming(operation, 0, Options::empty()).0;
            let before = Registers::of_call(endpoint.raw(), tag, [usize::MAX, 1, 2, 3]);
            let after = before.call(entry);
            check_eq!(after.kept(), before.kept(), "{operation:?} by {entry:?}");
        }
    }
    endpoint.destroy()?;
    Ok(())
}

/// `of_call` puts garbage there; on i686 there are none, and the tag's unknown option bits stand for them.
fn upper_halves_do_not_matter(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    for entry in ENTRIES {
        let tag = Tag::incoming(Operation::Notify, 0xFF, Options::empty()).0 | 0xF0F0_0000;
        let (tag, _) = Registers::of_call(endpoint.raw(), tag, [2; 4]).call(entry).message();
        check_eq!(Tag(tag).kind(), Kind::Done, "{entry:?}");
        check_eq!(poll(&endpoint)?.words[0], 2);
    }
    endpoint.destroy()?;
    Ok(())
}

const DIRECTION: usize = 1 << 10;
const NESTED: usize = 1 << 14;
const ALIGNMENT: usize = 1 << 18;
const ARITHMETIC: usize = 0x8D5;
const IDENTIFICATION: usize = 1 << 21;

fn flags_do_no_harm(_: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let all = DIRECTION | NESTED | ALIGNMENT | ARITHMETIC | IDENTIFICATION;
    for flags in [DIRECTION, NESTED, ALIGNMENT, ARITHMETIC, IDENTIFICATION, all] {
        for entry in ENTRIES {
            for operation in [Operation::Notify, Operation::Yield, Operation::Info] {
                let tag = Tag::incoming(operation, 0, Options::empty()).0;
                let mut registers = Registers::of_call(endpoint.raw(), tag, [0; 4]);
                registers.flags |= flags;
                let after = registers.call(entry);
                let (tag, _) = after.message();
                check_eq!(Tag(tag).kind(), Kind::Done, "{operation:?} by {entry:?} with flags {flags:#x}");
                check_eq!(after.flags & 0x3202, 0x202, "interrupts on, privilege level 0");
                check_eq!(after.kept(), registers.kept(), "{operation:?} by {entry:?} with flags {flags:#x}");
            }
        }
    }
    endpoint.destroy()?;
    Ok(())
}

static SEEN: AtomicUsize = AtomicUsize::new(0);

/// Looks at its flags after every turn of its own.
extern "C" fn look(rounds: usize) {
    let mut seen = 0;
    for _ in 0..rounds {
        let tag = Tag::incoming(Operation::Yield, 0, Options::empty()).0;
        seen |= Registers::of_call(0, tag, [0; 4]).call(Entry::Gate).flags;
    }
    SEEN.store(seen | 1 << 31, Ordering::Relaxed);
}

fn flags_do_not_reach_other_threads(_: &System) -> Outcome {
    SEEN.store(0, Ordering::Relaxed);
    let worker = Worker::start(PRIORITY, look, 50)?;
    let start = bellwire::Instant::now();
    while SEEN.load(Ordering::Relaxed) == 0 {
        for entry in ENTRIES {
            let tag = Tag::incoming(Operation::Yield, 0, Options::empty()).0;
            let mut registers = Registers::of_call(0, tag, [0; 4]);
            registers.flags |= DIRECTION | NESTED | ALIGNMENT;
            registers.call(entry);
        }
        check!(start.elapsed() < core::time::Duration::from_secs(10), "the other thread doesn't end");
    }
    check_eq!(SEEN.load(Ordering::Relaxed) & (DIRECTION | NESTED | ALIGNMENT), 0, "flags that the other thread saw");
    drop(worker);
    Ok(())
}
