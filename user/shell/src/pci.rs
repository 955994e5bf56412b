//! What is on the PCI bus, and QEMU's teaching devices there.

use crate::shell::{Failure, Shell};
use crate::terminal::ask;
use alloc::string::ToString;
use bellwire::protocol::{
    EduCounts, EduRequest, PciFunction, PciRequest, ProgramState, ProgramStatus, ProgramsRequest,
};
use core::fmt::Write;

/// `pci`: a row for each function.
pub fn list(shell: &mut Shell) -> Result<(), Failure> {
    writeln!(shell.terminal, "ADDRESS  VENDOR:DEVICE  CLASS   INTERRUPTS")?;
    for index in 0.. {
        let Ok(words) = ask(&shell.bus, PciRequest::Get(index)) else { break };
        let PciFunction { address, id, class, line, has_messages } = PciFunction::from_words(words);
        let line = line.map_or("-".to_string(), |line| alloc::format!("line {line}"));
        let messages = if has_messages { ", msi" } else { "" };
        writeln!(shell.terminal, "{address:<9}{id:<15}{class:06x}  {line}{messages}")?;
    }
    Ok(())
}

/// `edu`: asks the devices' driver, if there are devices.
pub fn edu(shell: &mut Shell, request: EduRequest) -> Result<(), Failure> {
    // A service that nobody serves would never answer.
    let mut programs = (0..).map_while(|index| ask(&shell.programs, ProgramsRequest::Get(index)).ok());
    let driver = programs.find_map(|words| {
        let status = ProgramStatus::from_words(words);
        (status.name.as_str() == "edu").then_some(status.state)
    });
    match driver {
        Some(ProgramState::Running | ProgramState::Waiting) => {}
        _ => return Err(Failure("no edu device is driven".to_string())),
    }
    let words = ask(&shell.edu, request)?;
    if let EduRequest::Factorial(number) = request {
        return Ok(writeln!(shell.terminal, "{number}! = {}", words[0])?);
    }
    let EduCounts { messages, interrupts, served, devices } = EduCounts::from_words(words);
    Ok(writeln!(
        shell.terminal,
        "{devices} devices, served {served} times, by {messages} messages for {interrupts} interrupts"
    )?)
}
