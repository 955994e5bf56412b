//! `pci`: what is on the PCI bus.

use crate::{Cell, Column, Command, Failure, Shell, Table, ask};
use alloc::format;
use alloc::string::ToString;
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
        for index in 0.. {
            let words = match ask(&shell.bus, PciRequest::Get(index)) {
                Ok(words) => words,
                Err(Failure::Interrupted) => return Err(Failure::Interrupted),
                Err(_) => break,
            };
            let PciFunction { address, id, class, line, has_messages } = PciFunction::from_words(words);
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
