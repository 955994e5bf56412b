//! Boots the shipped image with the benches beside it on both widths, prints what they measured next to seL4's
//! figures, and writes `target/bench.json`.
//!
//! The clock counts instructions (`-icount shift=0,sleep=off`), so figures repeat exactly. What it leaves out (caches,
//! TLBs, what serialising instructions cost) has to be counted apart.

use std::process::ExitCode;

use runner::figures;
use runner::machine::{Direct, Hardware, Machine};
use serde_json::{Map, Value, json};
use xtask::{Width, build, root};

/// A row of the table: its key, what it is, and seL4's figure for x86_64 and ia32 where there is one (commit 1326364,
/// pc99, unmodified, fast path on, measured in the same emulator with the same flags).
struct Row {
    key: &'static str,
    work: &'static str,
    sel4: [Option<u64>; 2],
}

const fn row(key: &'static str, work: &'static str, x86_64: u64, ia32: u64) -> Row {
    Row { key, work, sel4: [Some(x86_64), Some(ia32)] }
}

const ROWS: &[Row] = &[
    row("null_call", "a call that does nothing in the kernel", 250, 304),
    row("ipc_round_trip_0w", "call and reply_receive, cross space, no words", 432, 478),
    row("ipc_round_trip_4w", "the same, 4 words", 474, 2030),
    row("ipc_call", "one way: call", 204, 227),
    row("ipc_reply", "one way: reply", 229, 252),
    row("ipc_round_trip_float", "round trip, floating-point state on both sides", 462, 519),
    row("notify_to_waiter", "notify to a waiting higher-priority thread, cross space", 537, 651),
    Row { key: "fault_to_handler", work: "a page fault to the waiting handler running, cross space", sel4: [None; 2] },
    row("irq_latency_intx", "interrupt to driver, edu by its line, cross space", 372, 449),
    row("irq_latency_msi", "the same by a message", 338, 407),
    row("irq_cycle_intx", "interrupt to low thread resumed, by its line", 1293, 1513),
    row("irq_cycle_msi", "the same by a message", 1224, 1427),
    row("port_access", "one port read by a driver", 460, 460),
    row("boot", "kernel start to the first user instruction", 1_450_000, 1_520_000),
    Row { key: "boot_8gib", work: "the same with 8 GiB instead of 256 MiB", sel4: [None, None] },
    row("kernel_bytes", "kernel text and read-only data, bytes", 78_442, 58_670),
];

fn main() -> ExitCode {
    let mut results = Map::new();
    let columns: Vec<_> = [Width::X86_64, Width::I686].into_iter().map(|width| (width, measure(width))).collect();
    for (width, figures) in &columns {
        results.insert(width.name().to_owned(), Value::Object(figures.clone()));
    }
    print(&columns);
    let file = root().join("target/bench.json");
    let text = format!("{:#}\n", Value::Object(results));
    if let Err(error) = std::fs::write(&file, text) {
        eprintln!("can't write {}: {error}", file.display());
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What all machines of a width measure.
fn measure(width: Width) -> Map<String, Value> {
    let mut figures = rows(width, Direct::bench());
    let messages = rows(width, Direct::bench_messages());
    figures.extend(messages.into_iter().filter(|(key, _)| key.starts_with("irq_")));
    let mut large = Hardware::counting(width).with(&["-m", "8G"]).boot(Direct::shipped());
    figures.insert("boot_8gib".to_owned(), json!(boot_cycles(&mut large)));
    figures.insert("kernel_bytes".to_owned(), json!(build::kernel_bytes(width).expect("the kernel was built")));
    figures
}

/// Boots a machine and reads what it measures.
fn rows(width: Width, image: Direct) -> Map<String, Value> {
    let mut machine = Hardware::counting(width).with(&["-device", "edu"]).boot(image);
    let boot = boot_cycles(&mut machine);
    let mut figures = figures::read(&mut machine);
    figures.insert("boot".to_owned(), json!(boot));
    figures
}

/// How long the kernel took to its first user instruction, as it says.
fn boot_cycles(machine: &mut Machine) -> u64 {
    machine.expect("started in ");
    let started = machine.expect(" cycles");
    started.trim_end_matches(" cycles").trim().parse().expect("the kernel says how long it took")
}

fn print(columns: &[(Width, Map<String, Value>)]) {
    println!("Instructions, the cheapest of 2000 rounds (and the median where it differs); seL4's beside them.\n");
    print!("{:<58}", "work");
    for (width, _) in columns {
        print!("{:>16}{:>8}", width.name(), "seL4");
    }
    println!();
    for Row { key, work, sel4 } in ROWS {
        print!("{work:<58}");
        for ((_, figures), sel4) in columns.iter().zip(sel4) {
            let ours = figures::show(figures, key);
            print!("{ours:>16}{:>8}", sel4.map_or("-".to_owned(), |figure| figure.to_string()));
        }
        println!();
    }
}
