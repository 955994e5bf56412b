//! The suite of user-mode test programs: booted once, each of its tests reported as a case.
//!
//! On the serial line a test prints `test NAME ... ok`, `test NAME ... FAILED: why` or `test NAME ... ignored: why`.
//! The last line is `suite: N passed, M failed, L ignored`. Then the suite switches the machine off in the emulator's
//! way. A suite that ends otherwise, or whose count isn't the number of its lines, fails a case of its own.

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::exit::Exit;

/// The result of one test of the suite.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Outcome {
    name: String,
    verdict: Verdict,
}

/// How the test ended.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Verdict {
    Passed,
    /// Why.
    Failed(String),
    /// The machine lacks this for the test.
    Ignored(String),
}

/// Whether the tests of this kind are to run. Their names are known only after they have run, so the filter decides: a
/// filter without `name`, and a mere listing, leave them out.
pub fn wants(arguments: &Arguments, name: &str) -> bool {
    !arguments.list && arguments.filter.as_ref().is_none_or(|filter| filter.contains(name))
}

/// Makes cases of the output and the end of a machine with the suite. Their names begin with the prefix. A machine that
/// didn't end has printed why.
pub fn trials(prefix: &str, booted: Option<(String, Exit)>) -> Vec<Trial> {
    let trial = |name: &str, verdict: Verdict| {
        Trial::ignorable_test(format!("{prefix}::suite::{name}"), move || match verdict {
            Verdict::Passed => Ok(Completion::Completed),
            Verdict::Failed(why) => Err(Failed::from(why)),
            Verdict::Ignored(why) => Ok(Completion::ignored_with(why)),
        })
    };
    let Some((text, exit)) = booted else {
        return vec![trial("runs_to_its_end", Verdict::Failed("the suite didn't end; its log is above".to_owned()))];
    };
    let outcomes = parse(&text);
    let end = check_end(&text, &exit, &outcomes).map_or_else(Verdict::Failed, |()| Verdict::Passed);
    let cases = outcomes.into_iter().map(|outcome| trial(&outcome.name, outcome.verdict));
    cases.chain([trial("runs_to_its_end", end)]).collect()
}

fn parse(text: &str) -> Vec<Outcome> {
    text.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Outcome> {
    let (name, result) = line.trim().strip_prefix("test ")?.split_once(" ... ")?;
    let after = |word: &str| Some(result.strip_prefix(word)?.trim_start_matches([':', ' ']).to_owned());
    let verdict = match result {
        "ok" => Verdict::Passed,
        _ => after("FAILED").map(Verdict::Failed).or_else(|| after("ignored").map(Verdict::Ignored))?,
    };
    Some(Outcome { name: name.to_owned(), verdict })
}

/// The suite's own count must agree with its lines, and so must the way it ended.
fn check_end(text: &str, exit: &Exit, outcomes: &[Outcome]) -> Result<(), String> {
    let count = |test: fn(&Verdict) -> bool| outcomes.iter().filter(|outcome| test(&outcome.verdict)).count();
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let ignored = count(|verdict| matches!(verdict, Verdict::Ignored(_)));
    let passed = outcomes.len() - failed - ignored;
    let expected = format!("suite: {passed} passed, {failed} failed, {ignored} ignored");
    if !text.lines().any(|line| line.trim() == expected) {
        let tail: Vec<_> = text.lines().rev().take(30).collect();
        let tail: Vec<_> = tail.into_iter().rev().collect();
        return Err(format!("no line {expected:?}; the log ends ({exit:?}):\n{}", tail.join("\n")));
    }
    match exit {
        Exit::Debug(_) | Exit::PowerOff if passed != 0 => Ok(()),
        _ => Err(format!("{} tests ran, and the machine ended by {exit:?}", outcomes.len())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "Bellwire\r\ntest ipc::call ... ok\r\ntest ipc::late ... FAILED: 3 is not 4\r\n\
                       test faults::odd ... ignored: it has none\r\nsuite: 1 passed, 1 failed, 1 ignored\r\n";

    #[test]
    fn each_line_is_a_test() {
        let outcomes = parse(LOG);
        let expected = [
            ("ipc::call", Verdict::Passed),
            ("ipc::late", Verdict::Failed("3 is not 4".to_owned())),
            ("faults::odd", Verdict::Ignored("it has none".to_owned())),
        ];
        assert_eq!(outcomes, expected.map(|(name, verdict)| Outcome { name: name.to_owned(), verdict }));
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
        assert!(check_end("suite: 0 passed, 0 failed, 0 ignored", &Exit::Debug(0x10), &[]).is_err());
    }
}
