//! Call numbers out of range, and garbage where a call's registers hold more than the call looks at (CVE-2007-4573,
//! CVE-2010-3301).

use super::assembly::Code;
use crate::case::{Case, Outcome};
use crate::scene::Scene;
use crate::victim::{Generated, Victim};
use crate::{check_eq, hostile};
use abi::{Error, Kind, Operation, Register, Tag};
use bellwire::{Endpoint, Handle};
use suite::entry::{Entry, Registers};

pub const CASES: &[Case] = hostile!["fast_entry":
    numbers_out_of_range, garbage_around_a_call_changes_nothing, a_thread_ends_itself_with_garbage_around,
];

const ENTRIES: [Entry; 2] = [Entry::Fast, Entry::Gate];

/// The upper halves of handle and tag on x86_64; i686 has none.
const UPPER: &[usize] = if cfg!(target_arch = "x86_64") {
    &[
        0,
        1 << (usize::BITS - 32),
        usize::MAX << (usize::BITS - 32),
        1 << (usize::BITS - 1),
        0xAAAA_AAAA << (usize::BITS - 32),
    ]
} else {
    &[0]
};

fn call(entry: Entry, upper: usize, handle: u32, tag: u32, words: [usize; 4]) -> (Registers, Registers) {
    let mut before = Registers::of_call(handle, tag, words);
    if cfg!(target_arch = "x86_64") {
        before.ax = handle as usize | upper;
        before.di = tag as usize | upper;
    }
    (before, before.call(entry))
}

/// Every number that is none, with every bit that may stand beside it.
fn numbers_out_of_range(scene: &Scene<'_>) -> Outcome {
    let endpoint = Endpoint::new()?;
    let mut besides = alloc::vec![0, 0xFFFF_FF00];
    besides.extend((8..32).map(|bit| 1 << bit));
    for number in (0..=u8::MAX).filter(|number| Operation::from_number(*number).is_none()) {
        scene.breathe()?;
        for (round, beside) in besides.iter().enumerate() {
            let tag = u32::from(number) | beside;
            let upper = UPPER[round % UPPER.len()];
            for entry in ENTRIES {
                let (before, after) = call(entry, upper, endpoint.raw(), tag, [usize::MAX; 4]);
                let (tag, words) = after.message();
                check_eq!(Tag(tag), Tag::outgoing(Kind::Error, Error::UnknownCall as u8, 0), "{number} + {beside:#x}");
                check_eq!(words, [0; 4], "what {number} + {beside:#x} by {entry:?} answers");
                check_eq!(after.kept(), before.kept(), "registers after {number} + {beside:#x} by {entry:?}");
            }
        }
    }
    endpoint.destroy()?;
    Ok(())
}

/// Each call with a handle that was never given out, every option, and garbage: the same answer each time.
fn garbage_around_a_call_changes_nothing(scene: &Scene<'_>) -> Outcome {
    // Without a handle these end the thread or do something.
    let skipped = [
        Operation::Exit,
        Operation::ThreadExit,
        Operation::EndpointCreate,
        Operation::Deadline,
        Operation::ThreadPointer,
        // The answer of this call changes with time.
        Operation::Info,
    ];
    for number in 0..abi::DESCRIPTIONS.len() as u8 {
        let operation = Operation::from_number(number).filter(|operation| !skipped.contains(operation));
        let Some(operation) = operation else { continue };
        scene.breathe()?;
        let mut tags = alloc::vec![0, 0xFFFF_FF00];
        tags.extend((16..32).map(|bit| 1 << bit));
        for beside in tags {
            let tag = operation as u32 | beside;
            let handle = 0xFFFF_F0F0;
            let expected = call(Entry::Gate, 0, handle, tag, [usize::MAX; 4]).1.message();
            for upper in UPPER {
                for entry in ENTRIES {
                    let (before, after) = call(entry, *upper, handle, tag, [usize::MAX; 4]);
                    check_eq!(after.message(), expected, "{operation:?} + {beside:#x} with {upper:#x} by {entry:?}");
                    check_eq!(after.kept(), before.kept(), "{operation:?} + {beside:#x} with {upper:#x} by {entry:?}");
                }
            }
        }
    }
    Ok(())
}

/// The garbage isn't taken for another number: the thread is gone, and has not come to the `ud2` behind the call.
fn a_thread_ends_itself_with_garbage_around(scene: &Scene<'_>) -> Outcome {
    let tag = Operation::ThreadExit as u32 | 0xFFFF_FF00;
    for entry in ENTRIES {
        let code = if cfg!(target_arch = "x86_64") {
            // mov rdi, TAG with all upper bits set; mov rax, -1
            let tag = u64::from(tag) | 0xFFFF_FFFF << 32;
            Code::default().then(&[0x48, 0xBF]).then(&tag.to_le_bytes()).then(&[0x48, 0xC7, 0xC0]).then(&[0xFF; 4])
        } else {
            // mov eax, TAG; mov edx, -1
            Code::default().then(&[0xB8]).then(&tag.to_le_bytes()).then(&[0xBA]).then(&[0xFF; 4])
        };
        let generated = Generated::new(&code.call(entry).end())?;
        let victim = Victim::new(scene, generated.address())?;
        victim.start([0; 4])?;
        let what = alloc::format!("the thread ends by {entry:?}");
        scene.system.wait_until(&what, || Ok(victim.get(Register::Ip) == Err(Error::BadHandle)))?;
    }
    Ok(())
}
