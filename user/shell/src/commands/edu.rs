//! `edu`: QEMU's teaching device.

use super::counted;
use crate::{Command, Failure, Shell, ask};
use bellwire::protocol::{EduCounts, EduRequest, ProgramState};
use core::fmt::Write;

/// What to ask of the devices.
pub struct Edu {
    request: EduRequest,
}

impl Command for Edu {
    const NAME: &str = "edu";
    const ARGUMENTS: &str = "[COUNT | N! | hold]";
    const PURPOSE: &str = "let QEMU's edu devices interrupt";
    const HELP: &str = "\
Asks something of QEMU's teaching devices (-device edu), and says how often they have interrupted.

  edu        only says it
  edu COUNT  lets each device interrupt COUNT times
  edu N!     has the first device calculate a factorial
  edu hold   lets each device interrupt, and leaves it unserved";

    fn parse(words: &[&str]) -> Option<Self> {
        let request = match words {
            [] => EduRequest::Counts,
            ["hold"] => EduRequest::Hold,
            [word] => match word.strip_suffix('!') {
                Some(number) => EduRequest::Factorial(number.parse().ok()?),
                None => EduRequest::Raise(word.parse().ok()?),
            },
            _ => return None,
        };
        Some(Self { request })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        // A service that nobody serves would never answer.
        let programs = shell.programs()?;
        let driver = programs.iter().find(|program| program.name.as_str() == "edu").map(|program| program.state);
        match driver {
            Some(ProgramState::Running | ProgramState::Waiting) => {}
            _ => return Err(Failure::because("There is no edu device.")),
        }
        let words = ask(&shell.edu, self.request)?;
        if let EduRequest::Factorial(number) = self.request {
            return Ok(writeln!(shell, "{number}! = {}", words[0])?);
        }
        let EduCounts { messages, interrupts, served, devices } = EduCounts::from_words(words);
        Ok(writeln!(
            shell,
            "{}, served {}, by {} for {}",
            counted(devices, "device", "devices"),
            counted(served, "time", "times"),
            counted(messages, "message", "messages"),
            counted(interrupts, "interrupt", "interrupts"),
        )?)
    }
}
