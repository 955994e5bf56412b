//! What a line means.

use alloc::string::{String, ToString};
use bellwire::protocol::EduRequest;

/// A command and its arguments.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Nothing was typed.
    Nothing,
    /// List the commands.
    Help,
    /// List the programs.
    Programs,
    /// List the interrupt sources.
    Interrupts,
    /// Show the use of memory.
    Memory,
    /// Show date and time.
    Time,
    /// End a program, which its supervisor starts again.
    Kill(String),
    /// Say it again.
    Echo(String),
    /// Show the kernel's log.
    Log,
    /// Read so many bytes, whatever they are, and write them back.
    Paste(usize),
    /// Let the real-time clock interrupt so often a second, or say how often it has.
    Clock(Option<u32>),
    /// Wait so many milliseconds.
    Sleep(u32),
    /// Count aloud, once every so many milliseconds.
    Tick {
        /// How far.
        count: u32,
        /// How fast.
        milliseconds: u32,
    },
    /// Show where the mouse is.
    Mouse,
    /// List what is on the PCI bus.
    Bus,
    /// Ask something of QEMU's teaching devices.
    Edu(EduRequest),
    /// Start the machine again.
    Reboot,
    /// Turn the machine off.
    Shutdown,
}

/// How a command is written, for `help`.
#[derive(Clone, Copy, Debug)]
pub struct CommandHelp {
    /// The word that it begins with.
    pub name: &'static str,
    /// What follows it.
    pub arguments: &'static str,
    /// What it does.
    pub purpose: &'static str,
}

const fn help(name: &'static str, arguments: &'static str, purpose: &'static str) -> CommandHelp {
    CommandHelp { name, arguments, purpose }
}

/// Every command.
pub const COMMANDS: &[CommandHelp] = &[
    help("help", "", "this list"),
    help("ps", "", "programs and what they use"),
    help("irq", "", "interrupt sources: counts, and latency from trap to driver"),
    help("mem", "", "memory in use and free"),
    help("time", "", "date, time of day and uptime"),
    help("kill", "NAME", "end a program; a driver is started again"),
    help("echo", "WORDS", "say the words again"),
    help("log", "", "the kernel's log"),
    help("paste", "BYTES", "read so many bytes and write them back unchanged"),
    help("rtc", "[RATE]", "interrupt RATE times a second (a power of two up to 1024, 0 to stop); show the count"),
    help("sleep", "MILLISECONDS", "wait, by the timer service"),
    help("tick", "COUNT MS", "count aloud, by the timer service's notifications"),
    help("mouse", "", "where the mouse is and what is pressed"),
    help("pci", "", "functions of PCI devices"),
    help("edu", "[COUNT|N!|hold]", "let QEMU's edu devices interrupt COUNT times, calculate N!, or be left unserved"),
    help("reboot", "", "start the machine again"),
    help("shutdown", "", "turn the machine off"),
];

/// Why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotACommand {
    /// No command begins with that word.
    Unknown(String),
    /// The command is written in this way.
    Usage(&'static str, &'static str),
}

impl Command {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, NotACommand> {
        let line = line.trim();
        let (name, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        if name.is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(help) = COMMANDS.iter().find(|help| help.name == name) else {
            return Err(NotACommand::Unknown(name.to_string()));
        };
        Self::with_arguments(name, rest.trim()).ok_or(NotACommand::Usage(help.name, help.arguments))
    }

    fn with_arguments(name: &str, rest: &str) -> Option<Self> {
        let without_arguments = match name {
            "echo" => return Some(Self::Echo(rest.to_string())),
            "kill" => return is_one_word(rest).then(|| Self::Kill(rest.to_string())),
            "paste" => return rest.parse().ok().map(Self::Paste),
            "rtc" if rest.is_empty() => return Some(Self::Clock(None)),
            "rtc" => return rest.parse().ok().map(|rate| Self::Clock(Some(rate))),
            "sleep" => return rest.parse().ok().map(Self::Sleep),
            "edu" => return edu(rest).map(Self::Edu),
            "tick" => return two_numbers(rest).map(|(count, milliseconds)| Self::Tick { count, milliseconds }),
            "help" => Self::Help,
            "ps" => Self::Programs,
            "irq" => Self::Interrupts,
            "mem" => Self::Memory,
            "time" => Self::Time,
            "log" => Self::Log,
            "mouse" => Self::Mouse,
            "pci" => Self::Bus,
            "reboot" => Self::Reboot,
            "shutdown" => Self::Shutdown,
            _ => return None,
        };
        rest.is_empty().then_some(without_arguments)
    }
}

fn edu(rest: &str) -> Option<EduRequest> {
    match rest {
        "" => Some(EduRequest::Counts),
        "hold" => Some(EduRequest::Hold),
        _ => match rest.strip_suffix('!') {
            Some(number) => number.parse().ok().map(EduRequest::Factorial),
            None => rest.parse().ok().map(EduRequest::Raise),
        },
    }
}

fn two_numbers(text: &str) -> Option<(u32, u32)> {
    let (first, second) = text.split_once(char::is_whitespace)?;
    Some((first.parse().ok()?, second.trim_start().parse().ok()?))
}

fn is_one_word(text: &str) -> bool {
    !text.is_empty() && !text.contains(char::is_whitespace)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_in_the_help_is_understood() {
        for help in COMMANDS {
            let line = match help.arguments {
                "" => help.name.to_string(),
                "COUNT MS" => alloc::format!("{} 3  10", help.name),
                _ => alloc::format!("{} 64", help.name),
            };
            assert!(Command::parse(&line).is_ok(), "{line}");
        }
    }

    #[test]
    fn spaces_around_words_do_not_matter() {
        assert_eq!(Command::parse("edu 5!"), Ok(Command::Edu(EduRequest::Factorial(5))));
        assert_eq!(Command::parse("  kill   serial "), Ok(Command::Kill("serial".into())));
        assert_eq!(Command::parse(" \t "), Ok(Command::Nothing));
        assert_eq!(Command::parse("echo  a  b "), Ok(Command::Echo("a  b".into())));
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(Command::parse("frobnicate x"), Err(NotACommand::Unknown("frobnicate".into())));
        assert_eq!(Command::parse("kill"), Err(NotACommand::Usage("kill", "NAME")));
        assert_eq!(Command::parse("paste many"), Err(NotACommand::Usage("paste", "BYTES")));
        assert_eq!(Command::parse("ps x"), Err(NotACommand::Usage("ps", "")));
    }
}
