//! `pci`: lists the functions of PCI devices.

use crate::{Cell, Column, Command, Failure, Shell, Table, ask};
use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use bellwire::Error;
use bellwire::protocol::{PciFunction, PciRequest};

/// The command.
pub struct Bus;

impl Command for Bus {
    const NAME: &str = "pci";
    const PURPOSE: &str = "functions of PCI devices";
    const HELP: &str = "\
Lists the functions of all PCI devices: bus, device and function; vendor and device; class, subclass and programming \
interface; and the line that firmware wired its pin to, or msi where it can interrupt by messages.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let mut table = Table::new(&[
            Column::words("ADDRESS", 0),
            Column::words("VENDOR:DEVICE", 0),
            Column::words("CLASS", 2),
            Column::words("INTERRUPTS", 1),
        ]);
        for function in functions(|index| ask(&shell.bus, PciRequest::Get(index)))? {
            let PciFunction { address, id, class, line, has_messages } = function;
            let line = line.map_or("-".to_string(), |line| format!("line {line}"));
            let messages = if has_messages { ", msi" } else { "" };
            table.row([
                Cell::from(address.to_string()),
                Cell::from(id.to_string()),
                Cell::from(format!("{class:06x}")),
                Cell::from(format!("{line}{messages}")),
            ]);
        }
        shell.show(&table)
    }
}

/// Returns all functions. The bus refuses the index after the last one, which ends the list; another failure is passed
/// on.
fn functions(get: impl Fn(u32) -> Result<[usize; 4], Failure>) -> Result<Vec<PciFunction>, Failure> {
    let mut functions = Vec::new();
    for index in 0.. {
        match get(index) {
            Ok(words) => functions.push(PciFunction::from_words(words)?),
            Err(Failure::Refused(Error::BadArgument)) => break,
            Err(failure) => return Err(failure),
        }
    }
    Ok(functions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_refusal_ends_the_list() {
        let after = |end: Failure| functions(move |index| if index < 3 { Ok([0; 4]) } else { Err(end.clone()) });
        assert_eq!(after(Failure::Refused(Error::BadArgument)).map(|functions| functions.len()), Ok(3));
        for failure in [Failure::Interrupted, Failure::Refused(Error::Unsupported), Failure::Refused(Error::Gone)] {
            assert_eq!(after(failure.clone()), Err(failure));
        }
    }
}
