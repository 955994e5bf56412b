//! Boots the machines that measure.
//!
//! The clock counts instructions (`-icount shift=0,sleep=off`), so figures repeat exactly. The clock leaves out caches,
//! TLBs, and the cost of serialising instructions. A plugin counts these, on machines that run the same code again and
//! print the same figures.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};
use xtask::{Width, build};

use super::rows::{COUNTS, LARGE_BOOT};
use super::{Figures, interrupts_off};
use crate::figures::{self, Row, median_of};
use crate::machine::{Direct, Hardware, Machine};

/// Measures everything on a width.
pub fn measure(width: Width) -> Figures {
    let mut figures = Figures::default();
    let mut counts = Map::new();
    let plain = take(width, Direct::bench, |_| true, &mut figures, &mut counts);
    take(width, Direct::bench_messages, |row| row.starts_with("irq_"), &mut figures, &mut counts);
    figures.set("counts", counts);
    figures.set("boot", plain.boot);
    let mut large = Hardware::counting(width).speaking().with(&["-m", "8G"]).boot(Direct::shipped());
    figures.set(LARGE_BOOT, boot_cycles(&mut large));
    drop(large);
    figures.set("kernel_bytes", build::kernel_bytes(width).expect("the kernel was built"));
    interrupts_off::measure(width, &mut figures);
    figures.set("entry", entry(width));
    figures
}

/// Measures the interrupt entry by itself, in each of its builds.
fn entry(width: Width) -> Map<String, Value> {
    let measured = build::ENTRY_BENCH_PROFILES.map(|profile| {
        let mut machine = Hardware::counting(width).boot(Direct::kernel(build::entry_bench(width, profile)));
        let rows: Map<_, _> = figures::rows(&mut machine)
            .into_iter()
            .map(|row| {
                assert_eq!(row.minimum, row.median, "{} {profile}: {row:?} isn't the same in each round", width.name());
                (row.name, json!(row.minimum))
            })
            .collect();
        (profile.to_owned(), rows.into())
    });
    measured.into_iter().collect()
}

/// Measures an image's rows without the plugin and with it, and takes over those that are wanted.
fn take(
    width: Width,
    image: fn() -> Direct,
    wanted: impl Fn(&str) -> bool,
    figures: &mut Figures,
    counts: &mut Map<String, Value>,
) -> Told {
    let hardware = || Hardware::counting(width).speaking().with(&["-device", "edu"]);
    let plain = Told::by(&mut hardware().boot(image()));
    let mut machine = hardware().counted().boot(image());
    let counted = Told::by(&mut machine);
    assert_eq!(counted, plain, "{}: the machine measures otherwise while it is counted", width.name());
    let counted = machine.counts().rows;
    assert_eq!(plain.rows.len(), counted.len(), "{}: the bench has marked other rows than it says", width.name());
    for (row, counted) in plain.rows.iter().zip(&counted).filter(|(row, _)| wanted(&row.name)) {
        figures.set(&row.name, row.minimum);
        figures.set(&median_of(&row.name), row.median);
        counts.insert(row.name.clone(), costs(row, counted));
    }
    plain
}

/// The figures that a machine with the bench prints.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Told {
    boot: u64,
    rows: Vec<Row>,
}

impl Told {
    fn by(machine: &mut Machine) -> Told {
        Told { boot: boot_cycles(machine), rows: figures::rows(machine) }
    }
}

/// Selects the counts of a row for the table, after a check that the marks and the clock mean the same stretch.
fn costs(row: &Row, counted: &BTreeMap<String, u64>) -> Value {
    let count = |name: &str| counted.get(name).copied().unwrap_or_else(|| panic!("{row:?} has no marks"));
    // Both counts are between two readings of the clock. The clock's difference includes the later reading, and the
    // plugin's count doesn't. The two instructions that read the clock and keep the value are no part of a row.
    assert_eq!(count("kernel") + count("user") + 1 - 2, row.minimum + besides(&row.name), "{row:?}: {counted:?}");
    COUNTS.iter().map(|(name, _)| ((*name).to_owned(), json!(count(name)))).collect::<Map<_, _>>().into()
}

/// The instructions that the plugin sees in a round and the row doesn't have.
fn besides(row: &str) -> u64 {
    match row {
        // An instruction that faults is begun, and not completed.
        "fault_to_handler" => 1,
        // The port's number is loaded.
        "port_access" => 1,
        _ => 0,
    }
}

/// Reads the kernel's own measurement of the time to its first user instruction.
fn boot_cycles(machine: &mut Machine) -> u64 {
    machine.expect("started in ");
    let started = machine.expect(" cycles");
    started.trim_end_matches(" cycles").trim().parse().expect("the kernel says how long it took")
}
