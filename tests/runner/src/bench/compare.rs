//! Compares fresh figures with those of the tree, and reports each operation that became dearer.
//!
//! With the compiler and the emulator of the file, figures repeat exactly, and an operation may cost one percent more.
//! Another compiler makes other code: then only a difference that is beyond noise is an error.

use std::fmt;

use xtask::build::ENTRY_BENCH_PROFILES;

use super::rows::{COUNTS, ENTRY_ROWS, LARGE_BOOT, LINES, ROWS};
use super::{Measurement, WIDTHS};

/// How much worse a figure may be, in percent.
const MARGIN: u64 = 1;
/// The margin with another compiler or emulator than the file's, in percent.
const OTHER_TOOLS_MARGIN: u64 = 10;
/// Cache lines depend on where the compiler puts what is on the stack: a line or two is no regression.
const LINES_MARGIN: u64 = 10;
/// How much longer booting with much memory may take than with little.
const LARGE_BOOT_MARGIN: u64 = 10;

/// The result of the comparison.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Comparison {
    /// Whether the file's figures are another compiler's or emulator's.
    pub other_tools: bool,
    /// The figures that became worse or are missing.
    pub worse: Vec<Difference>,
    /// The figures that became better.
    pub better: Vec<Difference>,
}

/// A figure that differs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Difference {
    /// Width, row, and what of it.
    pub name: String,
    /// The figure of the file.
    pub before: Option<u64>,
    /// The fresh one.
    pub now: Option<u64>,
}

impl Comparison {
    /// Compares every row's instructions, and its counts.
    pub fn of(before: &Measurement, now: &Measurement) -> Comparison {
        let other_tools = before.compiler != now.compiler || before.emulator != now.emulator;
        let margin = |usual: u64| if other_tools { usual.max(OTHER_TOOLS_MARGIN) } else { usual };
        let mut found = Comparison { other_tools, ..Comparison::default() };
        for (index, width) in WIDTHS.iter().enumerate() {
            let (before, now) = (&before.both[index], &now.both[index]);
            for row in ROWS {
                let name = format!("{} {}", width.name(), row.key);
                found.judge(name.clone(), before.number(row.key), now.number(row.key), margin(MARGIN));
                // The kernel's instructions are in the row's.
                for (count, _) in COUNTS.iter().filter(|(count, _)| *count != "kernel") {
                    let usual = if LINES.contains(count) { LINES_MARGIN } else { MARGIN };
                    let (before, now) = (before.count(row.key, count), now.count(row.key, count));
                    found.judge(format!("{name}, {count}"), before, now, margin(usual));
                }
            }
            for profile in ENTRY_BENCH_PROFILES {
                for row in ENTRY_ROWS {
                    let name = format!("{} entry {profile} {}", width.name(), row.key);
                    found.judge(name, before.entry(profile, row.key), now.entry(profile, row.key), margin(MARGIN));
                }
            }
            let (boot, large) = (now.number("boot"), now.number(LARGE_BOOT));
            if exceeds(large.unwrap_or(u64::MAX), boot.unwrap_or(0), LARGE_BOOT_MARGIN) {
                let name = format!("{} {LARGE_BOOT}, beside boot", width.name());
                found.worse.push(Difference { name, before: boot, now: large });
            }
        }
        found
    }

    fn judge(&mut self, name: String, before: Option<u64>, now: Option<u64>, margin: u64) {
        let list = match (before, now) {
            (Some(before), Some(now)) if exceeds(now, before, margin) => &mut self.worse,
            (Some(before), Some(now)) if falls_short(now, before, margin) => &mut self.better,
            (Some(_), None) => &mut self.worse,
            (None, Some(_)) => &mut self.better,
            _ => return,
        };
        list.push(Difference { name, before, now });
    }
}

/// Whether a figure is more than `percent` above another.
fn exceeds(figure: u64, other: u64, percent: u64) -> bool {
    u128::from(figure) * 100 > u128::from(other) * u128::from(100 + percent)
}

/// Whether a figure is more than `percent` below another.
fn falls_short(figure: u64, other: u64, percent: u64) -> bool {
    u128::from(figure) * 100 < u128::from(other) * u128::from(100 - percent)
}

impl fmt::Display for Difference {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |figure: Option<u64>| figure.map_or("nothing".to_owned(), |figure| figure.to_string());
        let Difference { name, before, now } = self;
        write!(formatter, "{name}: {} instead of {}", text(*now), text(*before))?;
        if let (Some(before @ 1..), Some(now)) = (*before, *now) {
            let tenths = (now as i128 - before as i128) * 1000 / before as i128;
            write!(
                formatter,
                " ({}{}.{} %)",
                if tenths < 0 { '-' } else { '+' },
                tenths.abs() / 10,
                tenths.abs() % 10
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::Figures;
    use serde_json::json;

    fn measurement(null_call: u64, cr3: u64, lines: u64) -> Measurement {
        let mut figures = Figures::default();
        figures.set("null_call", null_call);
        figures.set("counts", json!({ "null_call": { "cr3": cr3, "lines": lines, "kernel": null_call } }));
        let mut other = Figures::default();
        for figures in [&mut figures, &mut other] {
            figures.set("boot", 1000);
            figures.set("boot_8gib", 1100);
        }
        Measurement { compiler: "a".to_owned(), emulator: "b".to_owned(), both: [figures, other] }
    }

    fn names(differences: &[Difference]) -> Vec<String> {
        differences.iter().map(Difference::to_string).collect()
    }

    #[test]
    fn a_percent_is_allowed() {
        let before = measurement(200, 2, 20);
        assert_eq!(Comparison::of(&before, &measurement(202, 2, 22)), Comparison::default());
        assert_eq!(Comparison::of(&before, &measurement(198, 2, 19)), Comparison::default());
    }

    #[test]
    fn what_is_worse_is_named() {
        let found = Comparison::of(&measurement(200, 2, 20), &measurement(203, 3, 23));
        let expected = [
            "x86_64 null_call: 203 instead of 200 (+1.5 %)",
            "x86_64 null_call, cr3: 3 instead of 2 (+50.0 %)",
            "x86_64 null_call, lines: 23 instead of 20 (+15.0 %)",
        ];
        assert_eq!(names(&found.worse), expected);
        assert!(found.better.is_empty());
    }

    #[test]
    fn the_interrupt_entry_is_compared_in_each_build() {
        let with_entry = |cost: u64| {
            let mut measurement = measurement(200, 2, 20);
            measurement.both[1].set("entry", json!({ "no-lto": { "interrupt_ring_3": cost } }));
            measurement
        };
        let found = Comparison::of(&with_entry(34), &with_entry(35));
        assert_eq!(names(&found.worse), ["i686 entry no-lto interrupt_ring_3: 35 instead of 34 (+2.9 %)"]);
        assert_eq!(Comparison::of(&with_entry(34), &measurement(200, 2, 20)).worse.len(), 1);
    }

    #[test]
    fn what_is_better_is_named_too() {
        let found = Comparison::of(&measurement(200, 2, 20), &measurement(190, 0, 20));
        let expected =
            ["x86_64 null_call: 190 instead of 200 (-5.0 %)", "x86_64 null_call, cr3: 0 instead of 2 (-100.0 %)"];
        assert_eq!(names(&found.better), expected);
        assert!(found.worse.is_empty());
    }

    #[test]
    fn another_compiler_has_a_wider_margin() {
        let other = |null_call| Measurement { compiler: "c".to_owned(), ..measurement(null_call, 2, 20) };
        let found = Comparison::of(&measurement(200, 2, 20), &other(219));
        assert!(found.other_tools && found.worse.is_empty(), "{found:?}");
        assert_eq!(Comparison::of(&measurement(200, 2, 20), &other(223)).worse.len(), 1);
    }

    #[test]
    fn a_missing_row_is_worse_and_so_is_a_slow_boot() {
        let mut now = measurement(200, 2, 20);
        now.both[0].0.remove("null_call");
        now.both[1].set("boot_8gib", 1101);
        let found = Comparison::of(&measurement(200, 2, 20), &now);
        let expected =
            ["x86_64 null_call: nothing instead of 200", "i686 boot_8gib, beside boot: 1101 instead of 1000 (+10.1 %)"];
        assert_eq!(names(&found.worse), expected);
    }
}
