//! Memory objects and mappings: what is allowed, what isn't, and that everything comes back.

use crate::case::{Case, Failure, Outcome};
use crate::partner::{Grant, Partner};
use crate::system::System;
use crate::{cases, check, check_eq};
use abi::{Access, BYTES_ZEROED_PER_CALL, InfoItem, Operation, PAGE_BYTES, PAGES_PER_CALL, Rights};
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Handle, Memory, Result, raw};
use suite::bare;
use suite::role::{self, Role};

pub const CASES: &[Case] = cases!["memory":
    fresh_memory_is_zero, unprepared_memory_cannot_be_mapped, both_mappings_see_one_memory,
    writable_and_executable_is_refused, sealed_memory_is_read_only, sealed_code_runs, addresses_are_checked,
    occupied_addresses_are_refused, large_memory_goes_in_slices, page_tables_are_made_in_slices,
    processes_share_memory, quota_is_an_error_and_comes_back,
    memory_comes_back, destroyed_memory_is_unmapped, device_memory_is_claimed_once, a_mapping_is_charged,
];

const WRITABLE: Access = Access::READ.union(Access::WRITE);

/// Where the cases map by hand. No other code maps there.
const PLACE: usize = 0xA800_0000;

fn map(memory: u32, access: Access, words: [usize; 4]) -> Result<usize> {
    loop {
        match raw::checked(bare::invoke(Operation::MemoryMap, memory, 0, access.options(), words))?.words[0] {
            // A page table is being made.
            0 => {}
            bytes => return Ok(bytes),
        }
    }
}

fn fresh_memory_is_zero(_: &System) -> Outcome {
    const BYTES: usize = 8 * PAGE_BYTES;
    for round in 0..3 {
        let memory = Memory::new(BYTES)?;
        let mapping = memory.map(WRITABLE)?;
        for offset in (0..BYTES).step_by(4) {
            check_eq!(mapping.read::<u32>(offset), 0, "round {round}, offset {offset:#x}");
            mapping.write(offset, 0xDEAD_BEEF_u32);
        }
        drop(mapping);
        memory.destroy()?;
    }
    Ok(())
}

fn unprepared_memory_cannot_be_mapped(_: &System) -> Outcome {
    const BYTES: usize = 2 * PAGE_BYTES;
    let memory = raw::memory_create(0, [BYTES, 0, 0, 0])?.words[0] as u32;
    let words = [PLACE, 0, PAGE_BYTES, 0];
    for left in (0..BYTES).step_by(BYTES_ZEROED_PER_CALL).rev() {
        check_eq!(map(memory, WRITABLE, words), Err(Error::NotPrepared), "mapping it partly prepared");
        check_eq!(raw::memory_seal(memory, [0; 4]).map(drop), Err(Error::NotPrepared));
        check_eq!(raw::memory_prepare(memory, [0; 4])?.words[0], left, "bytes left");
    }
    check_eq!(raw::memory_info(memory, [0; 4])?.words[..2], [BYTES, 1 << 2]);
    check_eq!(map(memory, WRITABLE, words), Ok(PAGE_BYTES));
    bare::memory(memory as usize).destroy()?;
    for bytes in [0, usize::MAX] {
        let result = raw::memory_create(0, [bytes, 0, 0, 0]).map(drop);
        check!(matches!(result, Err(Error::BadArgument | Error::NoMemory)), "{bytes:#x} bytes: {result:?}");
    }
    Ok(())
}

fn both_mappings_see_one_memory(_: &System) -> Outcome {
    let memory = Memory::new(2 * PAGE_BYTES)?;
    let (one, other) = (memory.map(WRITABLE)?, memory.map(Access::READ)?);
    let part = memory.map_part(PAGE_BYTES, PAGE_BYTES, WRITABLE)?;
    one.write(PAGE_BYTES + 8, 0x1234_u32);
    check_eq!((other.read::<u32>(PAGE_BYTES + 8), part.read::<u32>(8)), (0x1234, 0x1234));
    part.write(12, 7_u32);
    check_eq!(one.read::<u32>(PAGE_BYTES + 12), 7);
    drop((one, other, part));
    memory.destroy()?;
    Ok(())
}

fn writable_and_executable_is_refused(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    let words = [PLACE, 0, PAGE_BYTES, 0];
    check!(map(memory.raw(), WRITABLE | Access::EXECUTE, words).is_err(), "writable and executable, unsealed");
    check_eq!(map(memory.raw(), Access::READ | Access::EXECUTE, words), Err(Error::Sealed), "executable, unsealed");
    memory.seal()?;
    check!(map(memory.raw(), WRITABLE | Access::EXECUTE, words).is_err(), "writable and executable, sealed");
    check_eq!(map(memory.raw(), Access::READ | Access::EXECUTE, words), Ok(PAGE_BYTES));
    memory.destroy()?;
    Ok(())
}

fn sealed_memory_is_read_only(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    let mapping = memory.map(WRITABLE)?;
    check_eq!(memory.seal(), Err(Error::Sealed), "sealing while it can be written");
    drop(mapping);
    memory.seal()?;
    memory.seal()?;
    check_eq!(memory.map(WRITABLE).map(drop), Err(Error::Sealed));
    check_eq!(memory.map(Access::READ).map(drop), Ok(()));
    check_eq!(raw::memory_info(memory.raw(), [0; 4])?.words[1] & 1, 1);
    memory.destroy()?;
    Ok(())
}

fn sealed_code_runs(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    let mapping = memory.map(WRITABLE)?;
    // mov eax, 0x12345678; ret
    mapping.write_bytes(0, &[0xB8, 0x78, 0x56, 0x34, 0x12, 0xC3]);
    drop(mapping);
    memory.seal()?;
    let mapping = memory.map(Access::READ | Access::EXECUTE)?;
    // SAFETY: the code above is a function of this type, and it is mapped executable.
    let function: extern "C" fn() -> u32 = unsafe { core::mem::transmute(mapping.address()) };
    check_eq!(function(), 0x1234_5678);
    drop(mapping);
    memory.destroy()?;
    Ok(())
}

fn addresses_are_checked(_: &System) -> Outcome {
    let memory = Memory::new(2 * PAGE_BYTES)?;
    let end = abi::USER_END;
    for (address, offset, bytes) in [
        (0, 0, PAGE_BYTES),
        (PLACE + 1, 0, PAGE_BYTES),
        (PLACE, 1, PAGE_BYTES),
        (PLACE, 0, 0),
        (PLACE, 0, 3 * PAGE_BYTES),
        (PLACE, PAGE_BYTES, 2 * PAGE_BYTES),
        (PLACE, 2 * PAGE_BYTES, PAGE_BYTES),
        (PLACE, usize::MAX - PAGE_BYTES + 1, PAGE_BYTES),
        (PLACE, 0, usize::MAX),
        (end, 0, PAGE_BYTES),
        (end - PAGE_BYTES, 0, 2 * PAGE_BYTES),
        (usize::MAX - PAGE_BYTES + 1, 0, PAGE_BYTES),
        (1 << (usize::BITS - 1), 0, PAGE_BYTES + usize::MAX / 2),
    ] {
        let result = map(memory.raw(), WRITABLE, [address, offset, bytes, 0]);
        check_eq!(result, Err(Error::BadArgument), "{bytes:#x} bytes at {address:#x} from {offset:#x}");
    }
    // The last page that there is.
    check_eq!(map(memory.raw(), WRITABLE, [end - PAGE_BYTES, 0, PAGE_BYTES, 0]), Ok(PAGE_BYTES));
    check_eq!(bare::memory_unmap(0, [end - PAGE_BYTES, PAGE_BYTES, 0, 0])?.words[0], PAGE_BYTES);
    check_eq!(bare::memory_unmap(0, [PLACE, PAGE_BYTES, 0, 0])?.words[0], 0, "unmapping nothing");
    check_eq!(bare::memory_unmap(0, [PLACE, usize::MAX, 0, 0]).map(drop), Err(Error::BadArgument));
    memory.destroy()?;
    Ok(())
}

fn occupied_addresses_are_refused(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    check_eq!(map(memory.raw(), WRITABLE, [PLACE, 0, PAGE_BYTES, 0]), Ok(PAGE_BYTES));
    check_eq!(map(memory.raw(), Access::READ, [PLACE, 0, PAGE_BYTES, 0]), Err(Error::Conflict));
    let code = suite::code::spin as *const () as usize & !(PAGE_BYTES - 1);
    check_eq!(map(memory.raw(), WRITABLE, [code, 0, PAGE_BYTES, 0]), Err(Error::Conflict), "over code");
    check_eq!(bare::memory_unmap(0, [PLACE, PAGE_BYTES, 0, 0])?.words[0], PAGE_BYTES);
    check_eq!(map(memory.raw(), Access::READ, [PLACE, 0, PAGE_BYTES, 0]), Ok(PAGE_BYTES), "the free place");
    memory.destroy()?;
    Ok(())
}

fn large_memory_goes_in_slices(_: &System) -> Outcome {
    const PAGES: usize = 3 * PAGES_PER_CALL + 5;
    let memory = Memory::new(PAGES * PAGE_BYTES)?;
    let first = map(memory.raw(), WRITABLE, [PLACE, 0, PAGES * PAGE_BYTES, 0])?;
    check_eq!(first, PAGES_PER_CALL * PAGE_BYTES, "what one call maps");
    bare::memory_unmap(0, [PLACE, first, 0, 0])?;
    let mapping = memory.map(WRITABLE)?;
    for page in 0..PAGES {
        mapping.write(page * PAGE_BYTES, page);
    }
    for page in 0..PAGES {
        check_eq!(mapping.read::<usize>(page * PAGE_BYTES), page);
    }
    drop(mapping);
    memory.destroy()?;
    Ok(())
}

fn page_tables_are_made_in_slices(_: &System) -> Outcome {
    // An address at which nothing is mapped yet: on x86_64 three tables are missing. On i686 only the last is.
    const FAR: usize = if cfg!(target_arch = "x86_64") { (1 << (usize::BITS - 18)) + 0x1000 } else { 0x9F00_0000 };
    const MISSING: usize = if cfg!(target_arch = "x86_64") { 3 } else { 1 };
    // Each is taken by one call and zeroed by further ones; the next then uses it.
    const CALLS: usize = MISSING * (1 + PAGE_BYTES / BYTES_ZEROED_PER_CALL);
    let memory = Memory::new(PAGE_BYTES)?;
    let frames = used()?[0];
    for call in 0..=CALLS {
        let words = [FAR, 0, PAGE_BYTES, 0];
        let message = bare::invoke(Operation::MemoryMap, memory.raw(), 0, WRITABLE.options(), words);
        let mapped = if call == CALLS { PAGE_BYTES } else { 0 };
        check_eq!(raw::checked(message)?.words[0], mapped, "call {call} of {CALLS}");
    }
    check_eq!(used()?[0], frames + MISSING, "frames of this process");
    memory.destroy()?;
    Ok(())
}

fn processes_share_memory(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let grant = Grant { name: "service", handle: endpoint.raw(), rights: Rights::RECEIVE | Rights::BIND, badge: 0 };
    let mut partner = system.image.start(Role::Echo, 7, 45, &[grant])?;
    let memory = Memory::new(PAGE_BYTES)?;
    let mapping = memory.map(WRITABLE)?;
    mapping.write(0, 41_u32);
    let answer = endpoint.call_with_handle(role::SWAP, [42, 0, 0], &memory)?;
    check_eq!((answer.words[0], mapping.read::<u32>(0)), (41, 42));
    // And it stays when the other process is gone.
    partner.kill(0)?;
    partner.wait()?;
    partner.reap()?;
    check_eq!(mapping.read::<u32>(0), 42);
    drop((mapping, partner));
    memory.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

/// Frames and objects of this process, used.
fn used() -> Result<[usize; 2]> {
    let [_, frames, _, objects] = raw::info(0, [InfoItem::Memory as usize, 1, 0, 0])?.words;
    Ok([frames, objects])
}

fn quota_is_an_error_and_comes_back(_: &System) -> Outcome {
    // Room for the list of them, so that the heap doesn't grow in between.
    let mut memories: Vec<Memory> = Vec::with_capacity(1024);
    let before = used()?;
    let mut bytes = 64 << 20;
    let error = loop {
        match raw::memory_create(0, [bytes, 0, 0, 0]) {
            Ok(message) => memories.push(bare::memory(message.words[0])),
            Err(_) if bytes > PAGE_BYTES => bytes /= 2,
            Err(error) => break error,
        }
    };
    check_eq!(error, Error::NoMemory);
    check!(memories.len() > 1);
    check_eq!(Endpoint::new().map(Endpoint::destroy), Ok(Ok(())), "an endpoint needs no frame");
    let endpoint = Endpoint::new()?;
    check_eq!(Partner::new(1, 1, [8, 8]).map(drop), Err(Error::NoMemory), "a process without frames");
    endpoint.destroy()?;
    for memory in memories.drain(..) {
        memory.destroy()?;
    }
    check_eq!(used()?, before);
    Ok(())
}

fn memory_comes_back(_: &System) -> Outcome {
    let free = || raw::info(0, [InfoItem::Memory as usize, 0, 0, 0]).map(|message| message.words[1]);
    // The first time takes page tables for the place.
    let once = || -> Result<()> {
        let memory = Memory::new(40 * PAGE_BYTES)?;
        drop(memory.map(WRITABLE)?);
        memory.destroy()
    };
    once()?;
    let before = (used()?, free()?);
    for _ in 0..50 {
        once()?;
    }
    check_eq!((used()?, free()?), before);
    Ok(())
}

fn destroyed_memory_is_unmapped(system: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    let mut partner = Partner::new(8, 10, [16, 16])?;
    let copy = memory.copy(Rights::all())?;
    copy.map_into(&partner.process, PLACE, 0, PAGE_BYTES, WRITABLE)?;
    check_eq!(map(memory.raw(), WRITABLE, [PLACE, 0, PAGE_BYTES, 0]), Ok(PAGE_BYTES));
    memory.destroy()?;
    check_eq!(copy.bytes(), Err(Error::BadHandle), "another handle to it");
    // Both places are free again.
    let next = Memory::new(PAGE_BYTES)?;
    check_eq!(map(next.raw(), WRITABLE, [PLACE, 0, PAGE_BYTES, 0]), Ok(PAGE_BYTES));
    next.map_into(&partner.process, PLACE, 0, PAGE_BYTES, WRITABLE)?;
    next.destroy()?;
    partner.kill(0)?;
    partner.wait()?;
    partner.reap()?;
    let _ = system;
    Ok(())
}

fn device_memory_is_claimed_once(system: &System) -> Outcome {
    const TEXT_SCREEN: u64 = 0xB8000;
    const SCREEN_WINDOW: u64 = 0xA0000;
    let screen = system.root.device_memory(TEXT_SCREEN, 8 * PAGE_BYTES)?;
    check_eq!(system.root.device_memory(TEXT_SCREEN + 0x1000, PAGE_BYTES).map(drop), Err(Error::Conflict));
    check_eq!(screen.seal(), Err(Error::BadArgument), "sealing a device");
    let in_text_mode = holds_what_is_written(&screen)?;
    screen.destroy()?;
    // A loader may have left it with pixels, which are reached through this window.
    let window = system.root.device_memory(SCREEN_WINDOW, 8 * PAGE_BYTES)?;
    check!(in_text_mode || holds_what_is_written(&window)?, "the screen holds nothing");
    window.destroy()?;
    // RAM; no whole page; nothing; the local APIC; two places where a write may be an interrupt.
    for (address, bytes) in [
        (0x10_0000, PAGE_BYTES),
        (TEXT_SCREEN + 1, PAGE_BYTES),
        (TEXT_SCREEN, 0),
        (0xFEE0_0000, PAGE_BYTES),
        (0xFEE0_5000, PAGE_BYTES),
        (0xFEDF_F000, 2 * PAGE_BYTES),
    ] {
        let result = system.root.device_memory(address, bytes).map(drop);
        check_eq!(result, Err(Error::BadArgument), "device memory at {address:#x}");
    }
    Ok(())
}

/// Writes to the screen's last character, or the pixels in that place, and reads it again.
fn holds_what_is_written(screen: &Memory) -> core::result::Result<bool, Failure> {
    const LAST: usize = 2 * (80 * 24 + 79);
    let mapping = screen.map(WRITABLE)?;
    let cell: u16 = mapping.read(LAST);
    mapping.write::<u16>(LAST, 0x0741);
    let found: u16 = mapping.read(LAST);
    mapping.write(LAST, cell);
    Ok(found == 0x0741)
}

fn a_mapping_is_charged(_: &System) -> Outcome {
    let memory = Memory::new(PAGE_BYTES)?;
    let mut partner = Partner::new(8, 10, [16, 2])?;
    memory.map_into(&partner.process, PLACE, 0, PAGE_BYTES, Access::READ)?;
    memory.map_into(&partner.process, PLACE + 2 * PAGE_BYTES, 0, PAGE_BYTES, Access::READ)?;
    let third = memory.map_into(&partner.process, PLACE + 4 * PAGE_BYTES, 0, PAGE_BYTES, Access::READ);
    check_eq!(third, Err(Error::NoMemory), "a third mapping with a quota of two objects");
    partner.kill(0)?;
    partner.wait()?;
    partner.reap()?;
    memory.destroy()?;
    Ok(())
}
