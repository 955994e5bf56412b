//! Fuzzes the kernel's entries: `fuzz-runner [i686|x86_64|all] [seed=N] [first=STEP] [steps=COUNT] [cpu=MODEL]`.
//!
//! Both widths run at the same time, each on its own machine.

use std::process::ExitCode;
use std::thread;
use std::time::Instant;

use runner::fuzz::Fuzz;
use xtask::Width;

/// So many steps a width unless said otherwise.
const STEPS: u64 = 10_000_000;

fn main() -> ExitCode {
    let runs = match parse(std::env::args().skip(1)) {
        Ok(runs) => runs,
        Err(why) => {
            eprintln!("{why}\nusage: fuzz-runner [i686|x86_64|all] [seed=N] [first=STEP] [steps=COUNT] [cpu=MODEL]");
            return ExitCode::from(2);
        }
    };
    let threads: Vec<_> = runs.into_iter().map(|run| thread::spawn(move || report(&run))).collect();
    let passed = threads.into_iter().map(|thread| thread.join().unwrap_or(false)).fold(true, |all, one| all & one);
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs a width, with its name before each line, and says whether it passed.
fn report(run: &Fuzz) -> bool {
    let name = run.width.name();
    let start = Instant::now();
    let outcome = run.run(|line| println!("{name}: {line} ({} s)", start.elapsed().as_secs()));
    if let Err(why) = &outcome {
        eprintln!("{name}: {why}");
    }
    outcome.is_ok()
}

fn parse(words: impl Iterator<Item = String>) -> Result<Vec<Fuzz>, String> {
    let mut widths = Width::ALL.to_vec();
    let mut run = Fuzz { width: Width::I686, cpu: "max".to_owned(), seed: 1, first: 0, steps: STEPS };
    for word in words {
        if let Some(chosen) = Width::parse(&word) {
            widths = chosen;
            continue;
        }
        let (name, value) = word.split_once('=').ok_or_else(|| format!("{word} is no argument"))?;
        let number = value.replace('_', "").parse().map_err(|_| format!("{value} is no number"));
        match name {
            "seed" => run.seed = number?,
            "first" => run.first = number?,
            "steps" => run.steps = number?,
            "cpu" => run.cpu = value.to_owned(),
            _ => return Err(format!("{name} is no argument")),
        }
    }
    Ok(widths.into_iter().map(|width| Fuzz { width, ..run.clone() }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_read() {
        let words = |text: &str| parse(text.split_whitespace().map(str::to_owned)).expect("these are arguments");
        assert_eq!(words("").len(), 2);
        let runs = words("i686 seed=3 steps=1_000 cpu=max,-smap");
        let expected = Fuzz { width: Width::I686, cpu: "max,-smap".to_owned(), seed: 3, first: 0, steps: 1000 };
        assert_eq!(runs, [expected]);
        assert!(parse(["speed=3".to_owned()].into_iter()).is_err());
    }
}
