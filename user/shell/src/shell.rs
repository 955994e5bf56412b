//! The loop: a line is typed, a command is carried out.

use crate::{COMMANDS, Command, Editor, NotACommand, Outcome, Terminal, pci, power, report};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ClockRequest, MouseRequest, MouseState, ProgramName, ProgramsRequest, Ticks, TimerRequest};
use bellwire::{Endpoint, Error, Instant, PortRange, Result, Rights, Root, Server, Startup, time};
use core::fmt::{self, Write};
use core::time::Duration;

use crate::terminal::ask;

const PROMPT: &str = "bellwire> ";

/// How much later than due a notification may come before the timer service counts as gone.
const PATIENCE: Duration = Duration::from_secs(5);

/// The shell, and all that it was granted.
pub struct Shell {
    pub(crate) terminal: Terminal,
    pub(crate) programs: Endpoint,
    pub(crate) clock: Endpoint,
    pub(crate) timer: Endpoint,
    pub(crate) keyboard: Endpoint,
    pub(crate) counters: Root,
    pub(crate) log: Root,
    pub(crate) bus: Endpoint,
    pub(crate) edu: Endpoint,
    pub(crate) power: [PortRange; 2],
    editor: Editor,
}

/// Why a command failed, in words.
#[derive(Debug)]
pub struct Failure(pub String);

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self(error.to_string())
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self("the console is gone".to_string())
    }
}

impl Shell {
    /// Takes what the shell was granted.
    pub fn new(startup: Startup) -> Result<Self> {
        Ok(Self {
            terminal: Terminal::new(startup.uses("console")?),
            programs: startup.uses("programs")?,
            clock: startup.uses("rtc")?,
            timer: startup.uses("timer")?,
            keyboard: startup.uses("keyboard")?,
            counters: startup.info()?,
            log: startup.log()?,
            bus: startup.uses("pci")?,
            edu: startup.uses("edu")?,
            power: [startup.ports(power::PM1A_CONTROL)?, startup.ports(power::OLD_PM1A_CONTROL)?],
            editor: Editor::default(),
        })
    }

    /// Reads lines and carries them out, for good.
    pub fn run(&mut self) -> Result<()> {
        self.terminal.send(b"\r\nBellwire. Type help for a list of commands.\r\n")?;
        loop {
            self.terminal.send(PROMPT.as_bytes())?;
            let Outcome::Line(line) = self.type_line()? else { continue };
            if let Err(Failure(reason)) = self.carry_out(&line) {
                let _ = writeln!(self.terminal, "{reason}");
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
        match Command::parse(line)? {
            Command::Nothing => {}
            Command::Help => {
                for help in COMMANDS {
                    writeln!(self.terminal, "  {:<9}{:<13}{}", help.name, help.arguments, help.purpose)?;
                }
            }
            Command::Programs => report::programs(self)?,
            Command::Interrupts => report::interrupts(self)?,
            Command::Memory => report::memory(self)?,
            Command::Time => report::time(self)?,
            Command::Log => report::log(self)?,
            Command::Kill(name) => self.kill(&name)?,
            Command::Echo(words) => writeln!(self.terminal, "{words}")?,
            Command::Paste(bytes) => self.paste(bytes)?,
            Command::Clock(rate) => self.clock(rate)?,
            Command::Sleep(milliseconds) => {
                let end = Instant::now() + Duration::from_millis(milliseconds.into());
                ask(&self.timer, TimerRequest::SleepUntil(end.cycles()))?;
            }
            Command::Tick { count, milliseconds } => self.tick(count, Duration::from_millis(milliseconds.into()))?,
            Command::Mouse => {
                let state = MouseState::from_words(ask(&self.keyboard, MouseRequest::State)?);
                let MouseState { packets, x, y, buttons } = state;
                writeln!(self.terminal, "{packets} packets, at {x}, {y}, pressed: {buttons:?}")?;
            }
            Command::Bus => pci::list(self)?,
            Command::Edu(request) => pci::edu(self, request)?,
            Command::Reboot => return Err(power::reboot(self)),
            Command::Shutdown => return Err(power::shut_down(self)),
        }
        Ok(())
    }

    fn kill(&mut self, name: &str) -> Result<(), Failure> {
        let unknown = || Failure(alloc::format!("no program {name} is running"));
        let program = ProgramName::new(name).ok_or_else(unknown)?;
        ask(&self.programs, ProgramsRequest::Kill(program)).map_err(|_| unknown())?;
        Ok(writeln!(self.terminal, "{name} has ended")?)
    }

    /// Whatever the bytes are: only their number ends it.
    fn paste(&mut self, bytes: usize) -> Result<(), Failure> {
        writeln!(self.terminal, "send {bytes} bytes")?;
        let mut left = bytes;
        while left != 0 {
            let chunk = self.terminal.read(left)?;
            self.terminal.send(chunk.bytes())?;
            left -= chunk.bytes().len();
        }
        Ok(writeln!(self.terminal, "\n{bytes} bytes came and went")?)
    }

    /// By notifications to an endpoint of this command's own.
    fn tick(&mut self, count: u32, period: Duration) -> Result<(), Failure> {
        let endpoint = Endpoint::new()?;
        let outcome = self.count_aloud(&endpoint, count, period);
        endpoint.destroy()?;
        outcome
    }

    fn count_aloud(&mut self, endpoint: &Endpoint, count: u32, period: Duration) -> Result<(), Failure> {
        let mut server = Server::new(endpoint.copy(Rights::RECEIVE)?);
        let every = TimerRequest::Every { period: time::cycles(period), bit: 0 };
        let [number, ..] = self.timer.request_with_handle(every, &endpoint.copy(Rights::NOTIFY | Rights::COPY)?)?;
        for tick in 1..=count {
            server.next_before(Instant::now() + period + PATIENCE)?;
            writeln!(self.terminal, "{tick}")?;
        }
        ask(&self.timer, TimerRequest::Stop(number as u32))?;
        Ok(())
    }

    fn clock(&mut self, rate: Option<u32>) -> Result<(), Failure> {
        let request = rate.map_or(ClockRequest::Ticks, ClockRequest::Rate);
        let words = ask(&self.clock, request).map_err(|error| match error {
            Error::BadArgument => Failure("the rate must be 0 or a power of two from 2 to 1024".to_string()),
            other => other.into(),
        })?;
        let Ticks { count, rate } = Ticks::from_words(words);
        Ok(writeln!(self.terminal, "{count} ticks, {rate} a second from now on")?)
    }
}

impl From<NotACommand> for Failure {
    fn from(problem: NotACommand) -> Self {
        Self(match problem {
            NotACommand::Unknown(name) => alloc::format!("{name} is no command: type help for a list"),
            NotACommand::Usage(name, "") => alloc::format!("{name} stands alone"),
            NotACommand::Usage(name, arguments) => alloc::format!("it is written: {name} {arguments}"),
        })
    }
}
