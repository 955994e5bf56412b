//! The loop: a line is typed, a command is carried out.

use crate::commands::{OLD_PM1A_CONTROL, PM1A_CONTROL};
use crate::typed::Mode;
use crate::waiter::Waiter;
use crate::{Editor, Failure, Line, Outcome, Service, Table, Terminal, Typed, ask};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ProgramStatus, ProgramsRequest};
use bellwire::{Error, Instant, PortRange, Result, Root, Startup};
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
    pub(crate) waiter: Rc<Waiter>,
    startup: Startup,
    editor: Editor,
}

impl Shell {
    /// Takes what the shell was granted.
    pub fn new(startup: Startup) -> Result<Self> {
        let counters = startup.info()?;
        let priority = own_priority(&startup, &counters)?;
        let waiter = Rc::new(Waiter::new(startup.serves("shell")?, startup.uses("console")?, priority)?);
        let service = |name| startup.uses(name).map(|endpoint| Service::new(endpoint, waiter.clone()));
        Ok(Self {
            terminal: Terminal::new(waiter.clone()),
            programs: service("programs")?,
            clock: service("rtc")?,
            timer: service("timer")?,
            keyboard: service("keyboard")?,
            counters,
            log: startup.log()?,
            bus: service("pci")?,
            edu: service("edu")?,
            power: [startup.ports(PM1A_CONTROL)?, startup.ports(OLD_PM1A_CONTROL)?],
            waiter: waiter.clone(),
            startup,
            editor: Editor::default(),
        })
    }

    /// A service by its name, of those that the manifest lets the shell use.
    pub fn service(&self, name: &str) -> Result<Service> {
        Ok(Service::new(self.startup.uses(name)?, self.waiter.clone()))
    }

    /// Reads lines and carries them out, for good.
    pub fn run(&mut self) -> Result<(), Failure> {
        self.terminal.send(b"\r\nBellwire. Type help for a list of commands.\r\n")?;
        loop {
            self.terminal.send(PROMPT.as_bytes())?;
            let Outcome::Line(line) = self.type_line()? else { continue };
            self.carry_out(&line)?;
        }
    }

    /// One byte at a time: what follows the line's end is for whatever the line starts.
    fn type_line(&mut self) -> Result<Outcome, Failure> {
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

    /// Carries a line out, and says why it couldn't be. Fails only if there is no console to say that on.
    fn carry_out(&mut self, line: &str) -> Result<(), Failure> {
        let outcome = match Line::parse(line) {
            Ok(Line::Empty) => Ok(()),
            Ok(Line::Of { command, words }) => {
                self.waiter.set_mode(match command.typed {
                    Typed::Ahead => Mode::Watched,
                    Typed::ByTheCommand => Mode::Read,
                });
                let outcome = command.run(self, &words).and_then(|()| self.terminal.flush());
                // A failure to write may be due to it, and a command may have gone on without what it asked for.
                if self.waiter.check() == Err(Failure::Interrupted) { Err(Failure::Interrupted) } else { outcome }
            }
            Err(problem) => Err(problem.into()),
        };
        self.waiter.set_mode(Mode::Read);
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Interrupted) => self.terminal.send(b"^C\r\n"),
            Err(failure) => Ok(writeln!(self, "{failure}")?),
        }
    }

    /// Waits for a time; Ctrl-C ends the wait, which then fails.
    pub fn wait_until(&mut self, end: Instant) -> Result<(), Failure> {
        self.terminal.flush()?;
        self.waiter.wait_until(end)
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

/// The priority of this program, which is that of its only thread.
fn own_priority(startup: &Startup, counters: &Root) -> Result<u8> {
    let mut entries = startup.entries();
    let own = entries.find(|entry| entry.name().starts_with("program ")).ok_or(Error::BadHandle)?;
    for index in 0.. {
        if let Some(process) = counters.process(index)?
            && u64::from(process.badge) == own.extra[0]
            && !process.ended
        {
            return Ok(process.priority);
        }
    }
    Err(Error::BadHandle)
}
