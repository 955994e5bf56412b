//! `help`: lists the commands, and explains one.

use crate::wrap::wrap;
use crate::{COMMANDS, Cell, Column, Command, Entry, Failure, NotACommand, Shell, Style, Table};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::{self, Write};

/// The least width at which the list is a table.
const TABLE_WIDTH: usize = 80;

/// The command, with the name of the one to explain; without a name it lists all.
pub struct Help {
    name: Option<String>,
}

impl Command for Help {
    const NAME: &str = "help";
    const ARGUMENTS: &str = "[COMMAND]";
    const PURPOSE: &str = "this list, or what COMMAND does";
    const HELP: &str = "Lists the commands, or says what one of them does and how its arguments are written.";

    fn parse(words: &[&str]) -> Option<Self> {
        match words {
            [] => Some(Self { name: None }),
            [name] => Some(Self { name: Some(name.to_string()) }),
            _ => None,
        }
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let width = shell.width();
        match self.name {
            None => list(shell, width)?,
            Some(name) => match Entry::find(&name) {
                Some(entry) => explain(shell, entry, width)?,
                None => return Err(NotACommand::Unknown(name).into()),
            },
        }
        Ok(())
    }

    fn complete(_: &Shell, before: &[&str]) -> Vec<String> {
        let names = COMMANDS.iter().map(|entry| entry.name.to_string());
        if before.is_empty() { names.collect() } else { Vec::new() }
    }
}

fn list(out: &mut impl Write, width: usize) -> fmt::Result {
    if width < TABLE_WIDTH {
        for entry in COMMANDS {
            writeln!(out, "{} {}", Style::Name.of(entry.name), entry.arguments)?;
            wrap(out, &format!("  {}", entry.purpose), width)?;
        }
        return Ok(());
    }
    let mut table =
        Table::new(&[Column::words("COMMAND", 0), Column::words("ARGUMENTS", 0), Column::words("WHAT IT DOES", 0)]);
    for entry in COMMANDS {
        let name = Cell::from(entry.name).styled(Style::Name);
        table.row([name, entry.arguments.into(), entry.purpose.into()]);
    }
    table.write(out, width)
}

fn explain(out: &mut impl Write, entry: &Entry, width: usize) -> fmt::Result {
    writeln!(out, "{} {}", Style::Name.of(entry.name), entry.arguments)?;
    for line in entry.help.lines() {
        wrap(out, line, width)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some((before, sequence)) = rest.split_once("\x1b[") {
            plain += before;
            rest = sequence.split_once('m').map_or("", |(_, after)| after);
        }
        plain + rest
    }

    #[test]
    fn lines_with_blanks_before_them_are_shown_as_they_are() {
        for entry in COMMANDS {
            let mut text = String::new();
            explain(&mut text, entry, 120).unwrap();
            for line in entry.help.lines().filter(|line| line.starts_with(' ')) {
                assert!(text.lines().any(|shown| shown == line), "{line}");
            }
        }
    }

    #[test]
    fn every_text_fits() {
        for width in [40, 80] {
            let mut text = String::new();
            list(&mut text, width).unwrap();
            COMMANDS.iter().for_each(|entry| explain(&mut text, entry, width).unwrap());
            for line in plain(&text).lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}
