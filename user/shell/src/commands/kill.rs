//! `kill`: ends a program.

use crate::{Command, Failure, Shell, ask};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ProgramName, ProgramsRequest};
use core::fmt::Write;

/// Which program to end.
pub struct Kill {
    name: String,
}

impl Command for Kill {
    const NAME: &str = "kill";
    const ARGUMENTS: &str = "NAME";
    const PURPOSE: &str = "end a program; init starts it again";
    const HELP: &str = "\
Ends the program NAME as a fault would. init starts it again, and those who use its service go on: try it with a driver \
while you type. ps lists the names.";

    fn parse(words: &[&str]) -> Option<Self> {
        let [name] = words else { return None };
        Some(Self { name: name.to_string() })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let Self { name } = self;
        let unknown = || Failure::Because(alloc::format!("no program {name} is running"));
        let program = ProgramName::new(&name).ok_or_else(unknown)?;
        ask(&shell.programs, ProgramsRequest::Kill(program)).map_err(|failure| match failure {
            Failure::Refused(_) => unknown(),
            other => other,
        })?;
        Ok(writeln!(shell, "{name} has ended")?)
    }

    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        if before.is_empty() { shell.program_names() } else { Vec::new() }
    }
}
