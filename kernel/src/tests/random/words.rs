//! Words for random calls, by the names that the table of calls gives them.

use crate::fake::DEVICE_FIRST;
use crate::tests::world::{ENTRY, STACK, World};
use abi::{PAGE_BYTES, Rights};
use std::vec::Vec;

/// Values at which arithmetic slips show.
const EDGES: [usize; 12] = [
    0,
    1,
    usize::MAX,
    usize::MAX / 2,
    usize::MAX / 2 + 1,
    usize::MAX - PAGE_BYTES + 1,
    u32::MAX as usize,
    1 << 31,
    0xFFFF,
    0x1_0000,
    abi::USER_END,
    abi::USER_END - PAGE_BYTES,
];

/// A word of that name: mostly one that makes sense, now and then one that doesn't.
pub fn shape(world: &World, name: &str, raw: u32) -> usize {
    if raw.is_multiple_of(16) {
        return EDGES[raw as usize / 16 % EDGES.len()];
    }
    let number = (raw / 16) as usize;
    match name {
        "endpoint" => pick_handle(world, Rights::BIND, raw / 16) as usize,
        "fault_endpoint" | "supervisor" if number.is_multiple_of(2) => 0,
        "fault_endpoint" | "supervisor" => pick_handle(world, Rights::BIND, raw / 32) as usize,
        "handle" => pick_handle(world, Rights::COPY, raw / 16) as usize,
        "process" if !number.is_multiple_of(3) => 0,
        "process" => pick_handle(world, Rights::PROCESS, raw / 64) as usize,
        "line" if number.is_multiple_of(16) => abi::LINE_NMI,
        "line" => number % 25,
        "trigger" => number % 3,
        "deadline_low" => (world.machine.time as usize & 0xFFFF_FFFF) + number % 30_000_000,
        "deadline_high" | "period_high" => (world.machine.time >> 32) as usize * (name == "deadline_high") as usize,
        "period_low" => [0, 20_000, 5_000_000][number % 3],
        "sequence" => sequence(world, number),
        "bytes" => [1, 1, 2, 2, 3, 4, 5, 18][number % 8] * PAGE_BYTES,
        "address" => 0x10_0000 + number % 32 * PAGE_BYTES,
        "address_low" => (DEVICE_FIRST.0 as usize + number % 8) * PAGE_BYTES,
        "address_high" => 0,
        "offset" => number % 3 * PAGE_BYTES,
        "first" => number % 32 * 4,
        "count" => 1 + number % 8,
        "frames" => number % 50,
        "objects" => number % 30,
        "rights" => [usize::MAX, number][number % 2],
        "without" => [0, number][number % 2],
        "priority" => number % 64,
        "thousandths" => 1 + number % 250,
        "entry" => ENTRY,
        "stack" => STACK,
        "register" => number % 20,
        "item" => number % 6,
        "index" => number % 9,
        "part" => number % 12,
        _ => number,
    }
}

/// One of the running process's handles that has these rights, if there is one.
pub fn pick_handle(world: &World, needs: Rights, raw: u32) -> u32 {
    let process = world.kernel.threads.at(world.kernel.current).unwrap().process;
    let handles = world.kernel.handles.of(&world.kernel.processes.at(process).unwrap().table);
    let fitting: Vec<u32> =
        handles.iter().filter(|(_, grant)| grant.rights.contains(needs)).map(|(value, _)| *value).collect();
    let (choice, any) = (raw / 16, raw.is_multiple_of(16));
    match (any, fitting.is_empty(), handles.is_empty()) {
        (false, false, _) => fitting[choice as usize % fitting.len()],
        (true, _, false) if choice.is_multiple_of(2) => handles[choice as usize / 2 % handles.len()].0,
        _ => raw,
    }
}

/// The number of some source's outstanding message.
fn sequence(world: &World, number: usize) -> usize {
    let outstanding: Vec<u32> =
        world.kernel.interrupts.iter().map(|(_, source)| source.outstanding()).filter(|number| *number != 0).collect();
    outstanding.get(number % outstanding.len().max(1)).map_or(number, |sequence| *sequence as usize)
}
