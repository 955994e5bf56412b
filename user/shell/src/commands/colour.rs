//! `colour`: chooses whether there are colours.

use crate::waiter::ask_console;
use crate::{Command, Failure, Shell};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ColourPolicy, ConsoleRequest};

/// The command, with the choice.
pub struct Colour {
    policy: ColourPolicy,
}

impl Command for Colour {
    const NAME: &str = "colour";
    const ARGUMENTS: &str = "auto | on | off";
    const PURPOSE: &str = "choose whether there are colours";
    const HELP: &str = "\
Chooses where colours are shown.

  colour auto  on the screen, and on the serial line if its terminal knows colours, which it is asked now
  colour on    on both
  colour off   nowhere

At the start it is auto, or what the kernel's command line says: console.colour=off.";

    fn parse(words: &[&str]) -> Option<Self> {
        let [word] = words else { return None };
        Some(Self { policy: ColourPolicy::from_name(word)? })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        ask_console(shell.waiter.console(), ConsoleRequest::SetColours(self.policy))?;
        Ok(())
    }

    fn complete(_: &Shell, before: &[&str]) -> Vec<String> {
        let names = ColourPolicy::ALL.map(|policy| policy.name().to_string());
        if before.is_empty() { names.to_vec() } else { Vec::new() }
    }
}
