//! A plot of what operations cost over the size of the system, as SVG: a panel for each width, a line for each row.

use std::fmt::Write as _;

use xtask::Width;

use super::scale::{KINDS, Step};

/// Where a panel's axes are inside it, and the room for its labels.
const LEFT: f64 = 60.0;
const TOP: f64 = 40.0;
const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 300.0;
const LABELS: f64 = 150.0;
const BELOW: f64 = 130.0;
const PANEL: f64 = LEFT + WIDTH + LABELS;

/// The least distance of two labels.
const LINE: f64 = 14.0;
/// The least distance of two steps' numbers.
const STEP: f64 = 48.0;
/// Instructions between two lines of the grid.
const GRID: u64 = 100;

const COLOURS: [&str; 9] =
    ["#1b6ca8", "#c8553d", "#3a7d44", "#8e5ea2", "#b8860b", "#008b8b", "#a0522d", "#556b2f", "#c71585"];

/// Draws the panels.
pub fn svg(panels: &[(Width, Vec<Step>)]) -> String {
    let (width, height) = (PANEL * panels.len() as f64, TOP + HEIGHT + BELOW);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} \
         {height}\" font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, (width, steps)) in panels.iter().enumerate() {
        // Writing to a string can't fail.
        let _ = writeln!(text, "<g transform=\"translate({}, {TOP})\">", PANEL * index as f64 + LEFT);
        panel(*width, steps, &mut text);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

fn panel(width: Width, steps: &[Step], text: &mut String) {
    let highest = steps.iter().flat_map(|step| &step.rows).map(|(_, minimum, _)| *minimum).max().unwrap_or(1);
    let top = highest.div_ceil(GRID) * GRID;
    let y = |instructions: u64| HEIGHT - HEIGHT * instructions as f64 / top as f64;
    let x = |step: &Step| WIDTH * step.percent as f64 / 100.0;
    label(text, (WIDTH / 2.0, -16.0), "middle", &format!("{}: instructions a round", width.name()));
    for instructions in (0..=top).step_by(GRID as usize) {
        line(text, &[(0.0, y(instructions)), (WIDTH, y(instructions))], "#dddddd");
        label(text, (-8.0, y(instructions) + 4.0), "end", &instructions.to_string());
    }
    below(steps, x, text);
    let last = steps.last().map(|step| step.rows.as_slice()).unwrap_or_default();
    let mut places: Vec<_> = last.iter().map(|(_, minimum, _)| y(*minimum)).enumerate().collect();
    places.sort_by(|one, other| other.1.total_cmp(&one.1));
    let mut lowest = f64::INFINITY;
    for (index, place) in places {
        let colour = COLOURS[index % COLOURS.len()];
        let points: Vec<_> = steps.iter().filter_map(|step| Some((x(step), y(step.rows.get(index)?.1)))).collect();
        line(text, &points, colour);
        for (x, y) in points {
            let _ = writeln!(text, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"2.5\" fill=\"{colour}\"/>");
        }
        lowest = (place + 4.0).min(lowest - LINE);
        let (name, minimum, _) = &last[index];
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{lowest:.1}\" fill=\"{colour}\">{minimum} {name}</text>",
            WIDTH + 8.0
        );
    }
}

/// What there is at each step, below the axis.
fn below(steps: &[Step], x: impl Fn(&Step) -> f64, text: &mut String) {
    for (row, kind) in ["of the whole"].iter().chain(&KINDS).enumerate() {
        let at = HEIGHT + 20.0 + LINE * row as f64;
        label(text, (WIDTH + 8.0 + STEP / 2.0, at), "start", kind);
        let mut free = f64::NEG_INFINITY;
        for step in steps {
            let number = if row == 0 { format!("{} %", step.percent) } else { step.population[row - 1].to_string() };
            free = x(step).max(free + STEP);
            label(text, (free, at), "middle", &number);
        }
    }
}

fn line(text: &mut String, points: &[(f64, f64)], colour: &str) {
    let points: Vec<_> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let _ = writeln!(text, "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\"/>", points.join(" "));
}

fn label(text: &mut String, (x, y): (f64, f64), anchor: &str, words: &str) {
    let _ = writeln!(text, "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" fill=\"#333333\">{words}</text>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_row_is_a_line_with_a_label() {
        let step =
            |percent, cost| Step { percent, population: [1; 5], rows: vec![("null_call".to_owned(), cost, cost)] };
        let text = svg(&[(Width::X86_64, vec![step(0, 50), step(100, 100)])]);
        assert!(text.contains("<polyline points=\"0.0,150.0 420.0,0.0\""), "{text}");
        assert!(text.contains(">100 null_call</text>"), "{text}");
    }
}
