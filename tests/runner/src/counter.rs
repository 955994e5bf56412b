//! Reads the report of the plugin `counter` on what a machine's CPU executed.
//!
//! A machine is counted if it was switched on by [`Hardware::counted`](crate::machine::Hardware::counted);
//! [`Machine::counts`](crate::machine::Machine::counts) ends it and reads the plugin's report.

use std::collections::BTreeMap;

use xtask::build;

/// The report's name in QEMU's folder.
pub(crate) const FILE: &str = "counts.report";

/// Everything that was counted.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    /// The longest stretches of kernel instructions between two of user mode, by falling length.
    pub stretches: Vec<Stretch>,
    /// The cheapest round of each row that a bench marked, in their order, by the names of the plugin's counts.
    pub rows: Vec<BTreeMap<String, u64>>,
}

/// A stretch of kernel instructions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Stretch {
    /// The count of instructions.
    pub instructions: u64,
    /// Where the first one is.
    pub began: u64,
    /// Where some of them are, in the order in which they ran.
    pub samples: Vec<u64>,
}

/// QEMU's arguments that load the plugin.
pub(crate) fn arguments() -> [String; 2] {
    ["-plugin".to_owned(), format!("{},out={FILE}", build::counter().display())]
}

impl Counts {
    /// Reads a report. One without its last line was cut off, or isn't one.
    pub(crate) fn parse(text: &str) -> Result<Counts, String> {
        let mut counts = Counts::default();
        for line in text.lines() {
            let wrong = || format!("the plugin reports {line:?}");
            match line.split(' ').collect::<Vec<_>>().as_slice() {
                ["stretch", instructions, began, samples @ ..] => {
                    let instructions = instructions.parse().map_err(|_| wrong())?;
                    let samples = samples.iter().map(|sample| address(sample)).collect::<Option<_>>();
                    let (Some(began), Some(samples)) = (address(began), samples) else { return Err(wrong()) };
                    counts.stretches.push(Stretch { instructions, began, samples });
                }
                ["row", _, named @ ..] => {
                    let count = |word: &&str| {
                        let (name, count) = word.split_once('=')?;
                        Some((name.to_owned(), count.parse().ok()?))
                    };
                    counts.rows.push(named.iter().map(count).collect::<Option<_>>().ok_or_else(wrong)?);
                }
                ["end"] => return Ok(counts),
                _ => return Err(wrong()),
            }
        }
        Err("the plugin's report has no end".to_owned())
    }
}

fn address(word: &str) -> Option<u64> {
    u64::from_str_radix(word.strip_prefix("0x")?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read() {
        let text = "stretch 40 0x7d0 0x7d0 0x7e0\nrow 0 kernel=31 cr3=1\nrow 1\nend\n";
        let counts = Counts::parse(text).unwrap();
        assert_eq!(counts.stretches, [Stretch { instructions: 40, began: 2000, samples: vec![2000, 2016] }]);
        assert_eq!(counts.rows[0].get("cr3"), Some(&1));
        assert!(counts.rows[1].is_empty());
        assert!(Counts::parse("row 0 kernel=31\n").is_err());
        assert!(Counts::parse("row 0 kernel\nend\n").is_err());
    }
}
