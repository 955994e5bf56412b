//! The suite of user-mode test programs: booted once, each of its tests reported as a case.
//!
//! On the serial line a test says `test NAME ... ok` or `test NAME ... FAILED: why`, and the whole ends with
//! `suite: N passed, M failed`, after which the suite switches the machine off through isa-debug-exit. A suite that
//! ends otherwise, or whose count isn't the number of its lines, fails a case of its own.

use libtest_mimic::{Failed, Trial};
use xtask::Width;
use xtask::build::Set;

use runner::exit::Exit;
use runner::machine::{Direct, Machine};

/// What one test of the suite said.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Outcome {
    name: String,
    /// Why it failed.
    result: Result<(), String>,
}

/// Boots the suite and makes its tests cases. Without a suite there are none.
pub fn trials(width: Width) -> Vec<Trial> {
    if !Set::Suite.exists() {
        return Vec::new();
    }
    let booted = std::panic::catch_unwind(|| Machine::boot(width, Direct::suite()).output());
    let trial = |name: &str, result: Result<(), String>| {
        Trial::test(format!("{}::suite::{name}", width.name()), move || result.map_err(Failed::from))
    };
    let Ok((text, exit)) = booted else {
        return vec![trial("runs_to_its_end", Err("the suite didn't end; its log is above".to_owned()))];
    };
    let outcomes = parse(&text);
    let end = check_end(&text, &exit, &outcomes);
    let cases = outcomes.into_iter().map(|outcome| trial(&outcome.name, outcome.result));
    cases.chain([trial("runs_to_its_end", end)]).collect()
}

fn parse(text: &str) -> Vec<Outcome> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Outcome> {
    let (name, result) = line.trim().strip_prefix("test ")?.split_once(" ... ")?;
    let result = match result {
        "ok" => Ok(()),
        _ => Err(result.strip_prefix("FAILED")?.trim_start_matches([':', ' ']).to_owned()),
    };
    Some(Outcome { name: name.to_owned(), result })
}

/// The suite's own count must agree with its lines, and so must the way it ended.
fn check_end(text: &str, exit: &Exit, outcomes: &[Outcome]) -> Result<(), String> {
    let failed = outcomes.iter().filter(|outcome| outcome.result.is_err()).count();
    let expected = format!("suite: {} passed, {failed} failed", outcomes.len() - failed);
    if !text.lines().any(|line| line.trim() == expected) {
        let tail: Vec<_> = text.lines().rev().take(30).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        return Err(format!("no line {expected:?}; the log ends ({exit:?}):\n{}", tail.join("\n")));
    }
    match exit {
        Exit::Debug(_) if !outcomes.is_empty() => Ok(()),
        _ => Err(format!("{} tests ran, and the machine ended by {exit:?}", outcomes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "Bellwire\r\ntest ipc::call ... ok\r\ntest ipc::late ... FAILED: 3 is not 4\r\n\
                       suite: 1 passed, 1 failed\r\n";

    #[test]
    fn each_line_is_a_test() {
        let outcomes = parse(LOG);
        let late = Outcome { name: "ipc::late".to_owned(), result: Err("3 is not 4".to_owned()) };
        assert_eq!(outcomes, [Outcome { name: "ipc::call".to_owned(), result: Ok(()) }, late]);
        assert_eq!(check_end(LOG, &Exit::Debug(0x11), &outcomes), Ok(()));
    }

    #[test]
    fn a_suite_that_loses_a_test_fails() {
        let outcomes = parse(LOG);
        assert!(check_end(LOG, &Exit::Debug(0x10), &outcomes[..1]).is_err());
        assert!(check_end(LOG, &Exit::Reset, &outcomes).is_err());
    }

    #[test]
    fn an_empty_suite_fails() {
        assert!(check_end("suite: 0 passed, 0 failed", &Exit::Debug(0x10), &[]).is_err());
    }
}
