//! `start`, `stop` and `kill`: a person's control over programs.

use crate::{Command, Failure, Shell, ask};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{Control, ProgramName, ProgramState, ProgramsRequest};
use core::fmt::Write;

/// The program through which the person types and reads.
const CONSOLE: &str = "console";

/// The programs from which the console gets what is typed. The shell doesn't know which of them the person uses.
const TYPED_BY: [&str; 2] = ["serial", "keyboard"];
/// The word that stops one of [`TYPED_BY`].
const ANYWAY: &str = "anyway";

/// `start`, with the program's name.
pub struct Start(String);
/// `stop`.
pub struct Stop {
    name: String,
    anyway: bool,
}
/// `kill`, with the program's name.
pub struct Kill(String);

impl Command for Start {
    const NAME: &str = "start";
    const ARGUMENTS: &str = "NAME";
    const PURPOSE: &str = "start a program that doesn't run";
    const HELP: &str = "\
Starts the program NAME: one that was stopped, one that found no device, or one that waits to be started again. ps \
lists the names.";

    fn parse(words: &[&str]) -> Option<Self> {
        one(words).map(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let Self(name) = self;
        control(shell, &name, ProgramsRequest::Start)?;
        match state_of(shell, &name)? {
            Some(ProgramState::Running) => Ok(writeln!(shell, "{name} runs")?),
            Some(state) => Err(Failure::Because(format!("{name} is {}: the log says why", state.name()))),
            None => Ok(()),
        }
    }

    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        names(shell, before)
    }
}

impl Command for Stop {
    const NAME: &str = "stop";
    const ARGUMENTS: &str = "NAME [anyway]";
    const PURPOSE: &str = "end a program until it is started";
    const HELP: &str = "\
Ends the program NAME, which stays stopped until somebody starts it. Those who call its services meanwhile get an \
error at once. What is typed comes by serial or by keyboard, so these are stopped only if anyway is added: who types \
there can't start them again.";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [name] => Some(Self { name: name.to_string(), anyway: false }),
            [name, word] => (*word == ANYWAY).then(|| Self { name: name.to_string(), anyway: true }),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        if let Some(reason) = self.cuts_off() {
            return Err(Failure::Because(reason));
        }
        let Self { name, .. } = self;
        control(shell, &name, ProgramsRequest::Stop)?;
        Ok(writeln!(shell, "{name} is stopped")?)
    }

    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        match before {
            [name] if TYPED_BY.contains(name) => Vec::from([ANYWAY.into()]),
            _ => names(shell, before),
        }
    }
}

impl Stop {
    /// Returns why stopping the program could leave the person without a way to type, if it could.
    fn cuts_off(&self) -> Option<String> {
        let Self { name, anyway } = self;
        if name == CONSOLE {
            return Some("You type by the console: nobody could start it again. kill ends it once.".into());
        }
        let may_type_there = TYPED_BY.contains(&name.as_str()) && !anyway;
        may_type_there.then(|| format!("You may be typing by {name}: `stop {name} {ANYWAY}` stops it."))
    }
}

impl Command for Kill {
    const NAME: &str = "kill";
    const ARGUMENTS: &str = "NAME";
    const PURPOSE: &str = "end a program; init starts it again";
    const HELP: &str = "\
Ends the program NAME as a fault would. init starts it again, and those who use its service go on: try it with a \
driver while you type. ps lists the names.";

    fn parse(words: &[&str]) -> Option<Self> {
        one(words).map(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let Self(name) = self;
        control(shell, &name, ProgramsRequest::Kill)?;
        Ok(writeln!(shell, "{name} has ended")?)
    }

    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        names(shell, before)
    }
}

/// Asks `init` to do something with a program.
fn control(shell: &Shell, name: &str, request: fn(ProgramName) -> ProgramsRequest) -> Result<(), Failure> {
    let outcome = match ProgramName::new(name) {
        Some(program) => Control::from_words(ask(&shell.programs, request(program))?)?,
        None => Control::Unknown,
    };
    let state = if outcome == Control::Already { state_of(shell, name)? } else { None };
    match problem(outcome, name, state) {
        Some(problem) => Err(Failure::Because(problem)),
        None => Ok(()),
    }
}

/// Returns a program's state, or `None` if there is no program of that name.
fn state_of(shell: &Shell, name: &str) -> Result<Option<ProgramState>, Failure> {
    Ok(shell.programs()?.iter().find(|program| program.name.as_str() == name).map(|program| program.state))
}

/// Returns why `init` refused, if it did. The state says what the program does already.
fn problem(outcome: Control, name: &str, state: Option<ProgramState>) -> Option<String> {
    Some(match outcome {
        Control::Done => return None,
        Control::Unknown => format!("There is no program {name}: ps lists all."),
        Control::Forbidden => "This shell may not do that: its manifest lacks the right supervise.".into(),
        Control::Supervisor => "init supervises all other programs, and can't be started, stopped or killed.".into(),
        Control::Already => match state {
            Some(ProgramState::Running) => format!("{name} runs already."),
            state => format!("{name} is {} already.", state.unwrap_or(ProgramState::Stopped).name()),
        },
        Control::Itself => "This shell can't stop itself: nobody could start it again. kill ends it once.".into(),
        Control::NotRunning => format!("{name} doesn't run."),
    })
}

fn one(words: &[&str]) -> Option<String> {
    let [name] = words else { return None };
    Some(name.to_string())
}

fn names(shell: &Shell, before: &[&str]) -> Vec<String> {
    if before.is_empty() { shell.program_names() } else { Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_has_a_reason() {
        assert_eq!(problem(Control::Done, "rtc", None), None);
        for outcome in [
            Control::Unknown,
            Control::Forbidden,
            Control::Supervisor,
            Control::Already,
            Control::Itself,
            Control::NotRunning,
        ] {
            assert!(problem(outcome, "rtc", None).is_some_and(|text| text.len() <= 80 && text.ends_with('.')));
        }
    }

    #[test]
    fn what_is_so_already_is_named() {
        let already = |state| problem(Control::Already, "serial", Some(state)).unwrap();
        assert_eq!(already(ProgramState::Running), "serial runs already.");
        assert_eq!(already(ProgramState::Stopped), "serial is stopped already.");
        assert_eq!(already(ProgramState::Absent), "serial is absent already.");
    }

    #[test]
    fn who_types_is_not_cut_off_unasked() {
        let reason = |words: &[&str]| Stop::parse(words).expect("a program").cuts_off();
        assert_eq!(reason(&["serial"]).unwrap(), "You may be typing by serial: `stop serial anyway` stops it.");
        assert!(reason(&["keyboard"]).is_some());
        assert!(reason(&["console"]).is_some() && reason(&["console", "anyway"]).is_some());
        assert_eq!((reason(&["keyboard", "anyway"]), reason(&["rtc"]), reason(&["rtc", "anyway"])), (None, None, None));
        assert!(Stop::parse(&["serial", "now"]).is_none() && Stop::parse(&[]).is_none());
    }
}
