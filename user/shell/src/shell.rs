//! The loop: reads a line, carries out its command.

use crate::commands::{OLD_PM1A_CONTROL, PM1A_CONTROL};
use crate::complete::complete;
use crate::editor::{Editor, LONGEST, Outcome};
use crate::service::Endpoints;
use crate::typed::Mode;
use crate::waiter::{Waiter, ask_console};
use crate::{Failure, Line, Service, Style, Table, Terminal, Typed, ask};
use alloc::rc::Rc;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ConsoleMode, ConsoleRequest, ConsoleSize, ProgramStatus, ProgramsRequest};
use bellwire::{Error, Instant, PortRange, Result, Root, Startup};
use core::fmt::{self, Write};

const PROMPT: &str = "bellwire> ";

/// Empties the screen and puts the cursor at its start (ECMA-48: CUP, ED).
pub const CLEAR: &str = "\x1b[H\x1b[2J";

/// The shell, and everything that it was granted. Commands write to it as to the terminal.
pub struct Shell {
    pub(crate) terminal: Terminal,
    pub(crate) programs: Service,
    pub(crate) clock: Service,
    pub(crate) timer: Service,
    pub(crate) keyboard: Service,
    pub(crate) counters: Root,
    pub(crate) log: &'static Root,
    pub(crate) bus: Service,
    pub(crate) edu: Service,
    pub(crate) power: [PortRange; 2],
    pub(crate) waiter: Rc<Waiter>,
    endpoints: Endpoints,
    pub(crate) editor: Editor,
    /// The mode that the console was told.
    stream: ConsoleMode,
}

impl Shell {
    /// Makes a shell of what it was granted.
    pub fn new(startup: Startup) -> Result<Self> {
        let counters = startup.info()?;
        let priority = own_priority(&startup, &counters)?;
        let mut endpoints = Endpoints::new(startup.grants());
        let waiter = Rc::new(Waiter::new(startup.server("shell")?, endpoints.of("console")?, priority)?);
        let mut service = |name| endpoints.of(name).map(|endpoint| Service::new(endpoint, waiter.clone()));
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
            endpoints,
            editor: Editor::default(),
            // An earlier shell may have left another mode; `run` sets it.
            stream: ConsoleMode::Bytes,
        })
    }

    /// A service by its name, of those that the manifest lets the shell use.
    pub fn service(&mut self, name: &str) -> Result<Service> {
        Ok(Service::new(self.endpoints.of(name)?, self.waiter.clone()))
    }

    /// Reads lines and carries them out, for ever.
    pub fn run(&mut self) -> Result<(), Failure> {
        self.set_stream(ConsoleMode::Text)?;
        let (name, help) = (Style::Heading.of("Bellwire."), Style::Name.of("help"));
        writeln!(self, "\n{name} Type {help} for a list of commands.")?;
        loop {
            if let Some(line) = self.type_line()? {
                self.carry_out(&line)?;
            }
        }
    }

    /// Reads a line. Returns `None` if the line isn't to be carried out.
    fn type_line(&mut self) -> Result<Option<String>, Failure> {
        let width = self.width();
        let mut echo = Vec::new();
        self.editor.begin(PROMPT, width, &mut echo);
        loop {
            self.terminal.write(&echo);
            echo.clear();
            // Bytes behind the line's end are for the command that the line starts, so bytes are read one by one.
            let typed = self.terminal.read(1)?;
            let outcome = typed.bytes().first().and_then(|byte| self.editor.feed(*byte, &mut echo));
            match outcome {
                None => {}
                Some(Outcome::Complete { before }) => match complete(self, &before) {
                    Ok((typed, candidates)) => self.editor.complete(typed, &candidates, &mut echo),
                    Err(Failure::Interrupted) => {
                        self.editor.interrupt(&mut echo);
                        self.terminal.send(&echo)?;
                        return Ok(None);
                    }
                    Err(failure) => return Err(failure),
                },
                Some(Outcome::Clear) => {
                    echo.extend_from_slice(CLEAR.as_bytes());
                    self.editor.redraw(&mut echo);
                }
                Some(Outcome::Line(line)) => {
                    self.terminal.send(&echo)?;
                    return Ok(Some(line));
                }
                Some(Outcome::Interrupted) => {
                    self.terminal.send(&echo)?;
                    return Ok(None);
                }
                Some(Outcome::TooLong) => {
                    self.terminal.send(&echo)?;
                    writeln!(self, "The line was longer than {LONGEST} characters. Nothing was carried out.")?;
                    return Ok(None);
                }
            }
        }
    }

    /// Carries a line out, and prints why it failed. Fails only if there is no console to print to.
    fn carry_out(&mut self, line: &str) -> Result<(), Failure> {
        let outcome = match Line::parse(line) {
            Ok(Line::Empty) => Ok(()),
            Ok(Line::Of { command, words }) => {
                self.begin(command.typed)?;
                let outcome = command.run(self, &words).and_then(|()| self.terminal.flush());
                // Ctrl-C may be why a write failed, and a command may have gone on without an answer that it asked for.
                if self.waiter.check() == Err(Failure::Interrupted) { Err(Failure::Interrupted) } else { outcome }
            }
            Err(problem) => Err(problem.into()),
        };
        self.waiter.set_mode(Mode::Read);
        self.set_stream(ConsoleMode::Text)?;
        match outcome {
            Ok(()) => Ok(()),
            Err(Failure::Interrupted) => self.terminal.send(b"^C\r\n"),
            Err(failure) => Ok(writeln!(self, "{}", Style::Warning.of(failure))?),
        }
    }

    /// Prepares for a command's treatment of bytes that are typed.
    fn begin(&mut self, typed: Typed) -> Result<(), Failure> {
        let (mode, stream) = match typed {
            Typed::Ahead => (Mode::Watched, ConsoleMode::Text),
            Typed::ByTheCommand => (Mode::Read, ConsoleMode::Bytes),
        };
        self.waiter.set_mode(mode);
        self.set_stream(stream)
    }

    fn set_stream(&mut self, stream: ConsoleMode) -> Result<(), Failure> {
        if self.stream != stream {
            match ask_console(self.waiter.console(), ConsoleRequest::SetMode(stream)) {
                // The console's mode stays as it is, for a shell without the right `control`.
                Ok(_) | Err(Error::MissingRight) => self.stream = stream,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Waits until `end`. Fails if Ctrl-C is typed before.
    pub fn wait_until(&mut self, end: Instant) -> Result<(), Failure> {
        self.terminal.flush()?;
        self.waiter.wait_until(end)
    }

    /// Returns how many columns the terminal has.
    pub fn width(&self) -> usize {
        let size = ask_console(self.waiter.console(), ConsoleRequest::Size).and_then(ConsoleSize::from_words);
        size.map_or(80, |size| size.columns.into())
    }

    /// Writes a table that fits the terminal.
    pub fn show<const N: usize>(&mut self, table: &Table<N>) -> Result<(), Failure> {
        let width = self.width();
        Ok(table.write(self, width)?)
    }

    /// Returns all programs, in the manifest's order.
    pub fn programs(&self) -> Result<Vec<ProgramStatus>, Failure> {
        let mut programs = Vec::new();
        for index in 0.. {
            match ask(&self.programs, ProgramsRequest::Get(index)) {
                Ok(words) => programs.push(ProgramStatus::from_words(words)?),
                Err(Failure::Refused(Error::BadArgument)) => break,
                Err(failure) => return Err(failure),
            }
        }
        Ok(programs)
    }

    /// Returns the programs' names, for completion.
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

/// Returns the priority of this program, which is that of its only thread.
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
