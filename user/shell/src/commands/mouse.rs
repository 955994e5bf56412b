//! `mouse`: shows where the mouse is and which buttons are held.

use super::counted;
use crate::{Command, Failure, Shell, ask};
use alloc::vec::Vec;
use bellwire::protocol::{Buttons, MouseRequest, MouseState};
use core::fmt::Write;

/// The command.
pub struct Mouse;

impl Command for Mouse {
    const NAME: &str = "mouse";
    const PURPOSE: &str = "where the mouse is and what is pressed";
    const HELP: &str = "\
Says how many packets the mouse has sent, where it is (in its steps to the right and away from you, counted since the \
system started), which buttons are pressed, and how often the driver had to find anew where a packet begins.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let MouseState { packets, x, y, buttons, resyncs } =
            MouseState::from_words(ask(&shell.keyboard, MouseRequest::State)?)?;
        let packets = counted(packets, "packet", "packets");
        let resyncs = counted(resyncs, "resync", "resyncs");
        Ok(writeln!(shell, "{packets}, at {x}, {y}, pressed: {}, {resyncs}", names(buttons))?)
    }
}

fn names(buttons: Buttons) -> alloc::string::String {
    let names: Vec<_> = [(Buttons::LEFT, "left"), (Buttons::MIDDLE, "middle"), (Buttons::RIGHT, "right")]
        .into_iter()
        .filter_map(|(button, name)| buttons.contains(button).then_some(name))
        .collect();
    if names.is_empty() { "none".into() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buttons_have_names() {
        assert_eq!(names(Buttons::empty()), "none");
        assert_eq!(names(Buttons::LEFT | Buttons::RIGHT), "left, right");
    }
}
