//! The loop: a line is typed, a command is carried out.

use crate::commands::{OLD_PM1A_CONTROL, PM1A_CONTROL};
use crate::{Editor, Failure, Line, Outcome, Service, Table, Terminal, ask};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ProgramStatus, ProgramsRequest};
use bellwire::{PortRange, Result, Root, Startup};
use core::fmt::{self, Write};

const PROMPT: &str = "bellwire> ";

/// The shell, and all that it was granted. Commands write to it as to the terminal.
pub struct Shell {
    pub(crate) terminal: Terminal,
    pub(crate) programs: Service,
    pub(crate) clock: Service,
    pub(crate) timer: Service,
    pub(crate) keyboard: Service,
    pub(crate) counters: Root,
    pub(crate) log: Root,
    pub(crate) bus: Service,
    pub(crate) edu: Service,
    pub(crate) power: [PortRange; 2],
    editor: Editor,
}

impl Shell {
    /// Takes what the shell was granted.
    pub fn new(startup: Startup) -> Result<Self> {
        let service = |name| startup.uses(name).map(Service::new);
        Ok(Self {
            terminal: Terminal::new(startup.uses("console")?),
            programs: service("programs")?,
            clock: service("rtc")?,
            timer: service("timer")?,
            keyboard: service("keyboard")?,
            counters: startup.info()?,
            log: startup.log()?,
            bus: service("pci")?,
            edu: service("edu")?,
            power: [startup.ports(PM1A_CONTROL)?, startup.ports(OLD_PM1A_CONTROL)?],
            editor: Editor::default(),
        })
    }

    /// Reads lines and carries them out, for good.
    pub fn run(&mut self) -> Result<()> {
        self.terminal.send(b"\r\nBellwire. Type help for a list of commands.\r\n")?;
        loop {
            self.terminal.send(PROMPT.as_bytes())?;
            let Outcome::Line(line) = self.type_line()? else { continue };
            if let Err(failure) = self.carry_out(&line) {
                let _ = writeln!(self, "{failure}");
            }
        }
    }

    /// One byte at a time: what follows the line's end is for whatever the line starts.
    fn type_line(&mut self) -> Result<Outcome> {
        loop {
            let mut echo = Vec::new();
            let outcome = match self.terminal.read(1)?.bytes() {
                [byte] => self.editor.feed(*byte, &mut echo),
                _ => None,
            };
            self.terminal.send(&echo)?;
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    fn carry_out(&mut self, line: &str) -> Result<(), Failure> {
        match Line::parse(line)? {
            Line::Empty => Ok(()),
            Line::Of { command, words } => command.run(self, &words),
        }
    }

    /// How many columns the terminal has.
    pub fn width(&self) -> usize {
        80
    }

    /// Writes a table that fits the terminal.
    pub fn show<const N: usize>(&mut self, table: &Table<N>) -> Result<(), Failure> {
        let width = self.width();
        Ok(table.write(self, width)?)
    }

    /// All programs, in the manifest's order.
    pub fn programs(&self) -> Result<Vec<ProgramStatus>, Failure> {
        let mut programs = Vec::new();
        for index in 0.. {
            match ask(&self.programs, ProgramsRequest::Get(index)) {
                Ok(words) => programs.push(ProgramStatus::from_words(words)),
                Err(Failure::Refused(_)) => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(programs)
    }

    /// The programs' names, for completion.
    pub fn program_names(&self) -> Vec<String> {
        let programs = self.programs().unwrap_or_default();
        programs.iter().map(|program| program.name.to_string()).collect()
    }
}

impl fmt::Write for Shell {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.terminal.write_str(text)
    }
}
