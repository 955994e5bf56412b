//! `layout`: shows or changes the keyboard's layout.

use crate::{Command, Failure, Shell, ask};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{KeyLayout, KeyboardRequest};
use core::fmt::Write;

/// The command, with the layout to change to, if that exists.
pub struct Layout {
    name: Option<String>,
}

impl Command for Layout {
    const NAME: &str = "layout";
    const ARGUMENTS: &str = "[NAME]";
    const PURPOSE: &str = "the keyboard's layout: us, uk, de, fr, ...";
    const HELP: &str = "\
Says which layout the keyboard has, or changes it to NAME: us, uk, de, fr, fi (Swedish too), no, jp, dvorak, dvp \
(Dvorak for programmers) or colemak. It stays when the driver is started again. The word keyboard.layout=NAME on the \
kernel's command line chooses the one that the system starts with.";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self { name: None }),
            [name] => Some(Self { name: Some(name.to_string()) }),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let request = match self.name {
            None => KeyboardRequest::Layout,
            Some(name) => KeyboardRequest::SetLayout(KeyLayout::from_name(&name).ok_or_else(|| unknown(&name))?),
        };
        let [number, ..] = ask(&shell.keyboard, request)?;
        let name = KeyLayout::from_number(number).map_or("?", KeyLayout::name);
        Ok(writeln!(shell, "the keyboard's layout is {name}")?)
    }

    fn complete(_: &Shell, before: &[&str]) -> Vec<String> {
        if before.is_empty() { names().map(String::from).collect() } else { Vec::new() }
    }
}

fn names() -> impl Iterator<Item = &'static str> {
    KeyLayout::ALL.iter().map(|layout| layout.name())
}

fn unknown(name: &str) -> Failure {
    let names: Vec<&str> = names().collect();
    Failure::because(alloc::format!("no layout is called {name}: there are {}", names.join(", ")))
}
