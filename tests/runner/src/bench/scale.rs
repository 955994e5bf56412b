//! The cost of operations while the system is small and large.

use serde_json::{Value, json};
use xtask::Width;

use crate::machine::{Direct, Hardware, Machine};

/// How far a figure may be from that of the empty system, in percent.
pub const MARGIN: u64 = 2;

/// The kinds of objects at a step, in the order of the machine's report.
pub const KINDS: [&str; 5] = ["processes", "threads", "sources", "handles", "timers"];

/// The population at the last step. The sources are all that the machine has: 110 messages, the IOAPIC's 24 lines
/// without that of the 8259As' cascade, the non-maskable interrupt.
pub const WHOLE: [u64; KINDS.len()] = [1000, 2000, 134, 10_000, 1024];

/// The figures of one population.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Step {
    /// How much of the whole it is, in percent.
    pub percent: u64,
    /// How many of each of [`KINDS`] the machine has.
    pub population: [u64; KINDS.len()],
    /// The rows: name, cheapest round, middle one.
    pub rows: Vec<(String, u64, u64)>,
}

/// Boots a machine, which makes one population after the other and measures with each.
pub fn measure(width: Width) -> Vec<Step> {
    read(&mut Hardware::counting(width).speaking().with(&["-device", "edu"]).boot(Direct::scale()))
}

fn read(machine: &mut Machine) -> Vec<Step> {
    let mut steps = Vec::new();
    loop {
        machine.expect("scale: ");
        let line = machine.expect("\n");
        if line.trim() == "done" {
            return steps;
        }
        if add(&mut steps, &line).is_none() {
            panic!("scale: {line}");
        }
    }
}

/// Takes in a line; nothing if it is none.
fn add(steps: &mut Vec<Step>, line: &str) -> Option<()> {
    match line.split_whitespace().collect::<Vec<_>>().as_slice() {
        ["population", percent, population @ ..] => {
            let numbers: Option<Vec<u64>> = population.iter().map(|word| word.parse().ok()).collect();
            let population = numbers?.try_into().ok()?;
            steps.push(Step { percent: percent.parse().ok()?, population, rows: Vec::new() });
        }
        ["row", _, name, minimum, median] => {
            let row = ((*name).to_owned(), minimum.parse().ok()?, median.parse().ok()?);
            steps.last_mut()?.rows.push(row);
        }
        _ => return None,
    }
    Some(())
}

/// Describes in sentences each figure that is beyond the margin or missing.
pub fn deviations(width: Width, steps: &[Step]) -> Vec<String> {
    let Some((empty, others)) = steps.split_first() else { return vec!["nothing was measured".to_owned()] };
    let mut found = Vec::new();
    let whole = others.last().map_or([0; KINDS.len()], |step| step.population);
    for ((kind, there), wanted) in KINDS.iter().zip(whole).zip(WHOLE).filter(|((_, there), wanted)| there < wanted) {
        found.push(format!("{}: {there} {kind} instead of {wanted}", width.name()));
    }
    for step in others {
        for (row, before) in step.rows.iter().zip(&empty.rows) {
            for (what, now, before) in [("cheapest", row.1, before.1), ("middle", row.2, before.2)] {
                if now.abs_diff(before) * 100 > before * MARGIN {
                    let Step { percent, .. } = step;
                    let (width, name) = (width.name(), &row.0);
                    found.push(format!("{width} {name}: the {what} round takes {now} at {percent} %, {before} at 0 %"));
                }
            }
        }
        if step.rows.len() != empty.rows.len() {
            found.push(format!("{}: rows are missing at {} %", width.name(), step.percent));
        }
    }
    found
}

/// Prints a width's figures.
pub fn print(width: Width, steps: &[Step]) {
    println!("\n{}: instructions, the cheapest of 2000 rounds (and the median where it differs)\n", width.name());
    let cells = |name: &str, cell: &dyn Fn(&Step) -> String| {
        print!("{name:<20}");
        steps.iter().for_each(|step| print!("{:>16}", cell(step)));
        println!();
    };
    cells("population", &|step| format!("{} %", step.percent));
    for (index, kind) in KINDS.iter().enumerate() {
        cells(kind, &|step| step.population[index].to_string());
    }
    println!();
    for (index, (name, ..)) in steps.first().map(|step| &step.rows).into_iter().flatten().enumerate() {
        cells(name, &|step| match step.rows.get(index) {
            Some((_, minimum, median)) if minimum != median => format!("{minimum} ({median})"),
            Some((_, minimum, _)) => minimum.to_string(),
            None => "-".to_owned(),
        });
    }
}

/// A width's figures as they stand in the file.
pub fn to_json(steps: &[Step]) -> Value {
    let step = |step: &Step| {
        let population = KINDS.iter().zip(step.population).map(|(kind, count)| ((*kind).to_owned(), json!(count)));
        let rows = step.rows.iter().flat_map(|(name, minimum, median)| {
            [(name.clone(), json!(minimum)), (format!("{name}_median"), json!(median))]
        });
        let map: serde_json::Map<_, _> =
            population.chain(rows).chain([("percent".to_owned(), json!(step.percent))]).collect();
        Value::from(map)
    };
    steps.iter().map(step).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(at_full: u64) -> Vec<Step> {
        let text = format!(
            "population 0 4 7 2 21 0\nrow 0 null_call 200 201\npopulation 100 1004 2007 134 10021 1024\n\
             row 100 null_call {at_full} 201\n"
        );
        let mut steps = Vec::new();
        assert!(text.lines().all(|line| add(&mut steps, line).is_some()));
        steps
    }

    #[test]
    fn lines_are_read() {
        let steps = steps(204);
        assert_eq!(steps[1].population, [1004, 2007, 134, 10021, 1024]);
        assert_eq!(steps[1].rows, [("null_call".to_owned(), 204, 201)]);
        assert!(add(&mut Vec::new(), "failed: no memory").is_none());
    }

    #[test]
    fn more_than_the_margin_is_found_in_both_directions() {
        assert!(deviations(Width::I686, &steps(204)).is_empty());
        let found = deviations(Width::I686, &steps(205));
        assert_eq!(found, ["i686 null_call: the cheapest round takes 205 at 100 %, 200 at 0 %"]);
        assert_eq!(deviations(Width::I686, &steps(195)).len(), 1);
        let mut missing = steps(200);
        missing[1].rows.clear();
        missing[1].population[3] = 9999;
        let found = deviations(Width::I686, &missing);
        assert_eq!(found, ["i686: 9999 handles instead of 10000", "i686: rows are missing at 100 %"]);
    }
}
