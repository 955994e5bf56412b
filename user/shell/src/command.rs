//! The trait of a command, and the table of all commands.

use crate::words::{self, BadQuoting};
use crate::{Failure, Shell, commands, report};
use alloc::borrow::Cow;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// A command. A value of the type is the command with its arguments; each has a file of its own and a line in
/// [`COMMANDS`].
///
/// ```
/// use core::fmt::Write;
/// use shell::{Command, Failure, Shell};
///
/// /// `greet`: says hello.
/// struct Greet {
///     name: String,
/// }
///
/// impl Command for Greet {
///     const NAME: &str = "greet";
///     const ARGUMENTS: &str = "NAME";
///     const PURPOSE: &str = "say hello";
///     const HELP: &str = "Says hello to NAME.";
///
///     fn parse(words: &[&str]) -> Option<Self> {
///         let [name] = words else { return None };
///         Some(Self { name: name.to_string() })
///     }
///
///     fn run(self, shell: &mut Shell) -> Result<(), Failure> {
///         Ok(writeln!(shell, "Hello, {}!", self.name)?)
///     }
/// }
/// ```
pub trait Command: Sized {
    /// The command's first word.
    const NAME: &str;
    /// The arguments as `help` shows them; empty if there are none.
    const ARGUMENTS: &str = "";
    /// The purpose, for the list that `help` prints: 48 characters at most.
    const PURPOSE: &str;
    /// The text that `help NAME` prints below the purpose: sentences, in lines that `help` breaks where they are too
    /// long. An empty line begins a new paragraph. A line that begins with blanks is shown unchanged where it fits.
    const HELP: &str;
    /// The treatment of bytes that are typed while the command runs.
    const TYPED: Typed = Typed::Ahead;

    /// Returns the command with these arguments, or `None` if they aren't as [`Command::ARGUMENTS`] says.
    fn parse(words: &[&str]) -> Option<Self>;

    /// Carries the command out.
    fn run(self, shell: &mut Shell) -> Result<(), Failure>;

    /// Returns completions of the argument that is being typed; `before` are the arguments before it. The caller leaves
    /// out completions that don't begin with what is typed.
    fn complete(shell: &Shell, before: &[&str]) -> Vec<String> {
        let _ = (shell, before);
        Vec::new()
    }
}

/// The treatment of bytes that are typed while a command runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typed {
    /// The shell keeps them for the next line. Ctrl-C ends the command.
    Ahead,
    /// The command reads them all: Ctrl-C is a byte like others.
    ByTheCommand,
}

/// A command's facts and functions.
pub struct Entry {
    /// See [`Command::NAME`].
    pub name: &'static str,
    /// See [`Command::ARGUMENTS`].
    pub arguments: &'static str,
    /// See [`Command::PURPOSE`].
    pub purpose: &'static str,
    /// See [`Command::HELP`].
    pub help: &'static str,
    /// See [`Command::TYPED`].
    pub typed: Typed,
    /// See [`Command::complete`].
    pub complete: fn(&Shell, &[&str]) -> Vec<String>,
    accepts: fn(&[&str]) -> bool,
    run: fn(&mut Shell, &[&str]) -> Result<(), Failure>,
}

impl Entry {
    const fn of<C: Command>() -> Self {
        Self {
            name: C::NAME,
            arguments: C::ARGUMENTS,
            purpose: C::PURPOSE,
            help: C::HELP,
            typed: C::TYPED,
            complete: C::complete,
            accepts: |words| C::parse(words).is_some(),
            run: |shell, words| match C::parse(words) {
                Some(command) => command.run(shell),
                None => Err(NotACommand::Usage { name: C::NAME, arguments: C::ARGUMENTS }.into()),
            },
        }
    }

    /// Returns the command of a name.
    pub fn find(name: &str) -> Option<&'static Self> {
        COMMANDS.iter().find(|entry| entry.name == name)
    }
}

/// Every command, in the order in which `help` lists them.
pub const COMMANDS: &[Entry] = &[
    Entry::of::<commands::Help>(),
    Entry::of::<report::Programs>(),
    Entry::of::<report::Interrupts>(),
    Entry::of::<report::InterruptsTop>(),
    Entry::of::<report::Memory>(),
    Entry::of::<report::Time>(),
    Entry::of::<report::Log>(),
    Entry::of::<commands::Start>(),
    Entry::of::<commands::Stop>(),
    Entry::of::<commands::Date>(),
    Entry::of::<commands::Kill>(),
    Entry::of::<commands::Echo>(),
    Entry::of::<commands::History>(),
    Entry::of::<commands::Clear>(),
    Entry::of::<commands::Colour>(),
    Entry::of::<commands::Paste>(),
    Entry::of::<commands::Clock>(),
    Entry::of::<commands::Sleep>(),
    Entry::of::<commands::Tick>(),
    Entry::of::<commands::Mouse>(),
    Entry::of::<commands::Layout>(),
    Entry::of::<commands::Bus>(),
    Entry::of::<commands::Edu>(),
    Entry::of::<commands::Call>(),
    Entry::of::<commands::Reboot>(),
    Entry::of::<commands::Shutdown>(),
];

/// A line that was taken apart.
#[derive(Debug)]
pub enum Line {
    /// Nothing was typed.
    Empty,
    /// A command with arguments that it accepts.
    Of {
        /// The command.
        command: &'static Entry,
        /// The command's arguments.
        words: Vec<String>,
    },
}

/// The reason why a line is no command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NotACommand {
    /// No command begins with that word.
    Unknown(String),
    /// The arguments aren't those that the command takes.
    Usage {
        /// The command.
        name: &'static str,
        /// The command's arguments as `help` shows them.
        arguments: &'static str,
    },
    /// The line can't be taken apart.
    Quoting(BadQuoting),
}

impl Line {
    /// Reads a line.
    pub fn parse(line: &str) -> Result<Self, NotACommand> {
        let mut words = words::split(line).map_err(NotACommand::Quoting)?;
        if words.is_empty() {
            return Ok(Self::Empty);
        }
        let name = words.remove(0);
        let Some(command) = Entry::find(&name) else { return Err(NotACommand::Unknown(name)) };
        if !(command.accepts)(&borrowed(&words)) {
            return Err(NotACommand::Usage { name: command.name, arguments: command.arguments });
        }
        Ok(Self::Of { command, words })
    }
}

impl Entry {
    /// Carries the command out with these arguments.
    pub fn run(&self, shell: &mut Shell, words: &[String]) -> Result<(), Failure> {
        (self.run)(shell, &borrowed(words))
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

impl From<NotACommand> for Failure {
    fn from(problem: NotACommand) -> Self {
        Self::Because(match problem {
            NotACommand::Unknown(name) => {
                alloc::format!("There is no command {}. Type help for a list.", quoted(&name))
            }
            NotACommand::Usage { name, arguments: "" } => alloc::format!("{name} takes no arguments."),
            NotACommand::Usage { name, arguments } => alloc::format!("Usage: {name} {arguments}"),
            NotACommand::Quoting(problem) => alloc::format!("The line isn't complete: {problem}."),
        })
    }
}

/// Returns a name as a sentence shows it: in quotation marks, if without them a reader wouldn't see one word.
fn quoted(name: &str) -> Cow<'_, str> {
    if name.is_empty() || name.contains(char::is_whitespace) {
        Cow::Owned(alloc::format!("\"{name}\""))
    } else {
        Cow::Borrowed(name)
    }
}

fn borrowed(words: &[String]) -> Vec<&str> {
    words.iter().map(String::as_str).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(line: &str) -> NotACommand {
        Line::parse(line).unwrap_err()
    }

    #[test]
    fn names_are_unique_and_the_list_fits_a_screen() {
        for (at, entry) in COMMANDS.iter().enumerate() {
            assert!(COMMANDS[..at].iter().all(|other| other.name != entry.name), "{entry:?}");
            assert!(entry.purpose.chars().count() <= 48, "{entry:?}");
            assert!(!entry.help.is_empty(), "{entry:?}");
        }
    }

    #[test]
    fn a_command_without_arguments_takes_none() {
        for entry in COMMANDS.iter().filter(|entry| entry.arguments.is_empty()) {
            assert!((entry.accepts)(&[]), "{entry:?}");
            assert!(!(entry.accepts)(&["x"]), "{entry:?}");
        }
    }

    #[test]
    fn words_reach_the_command() {
        assert!(matches!(Line::parse(" \t "), Ok(Line::Empty)));
        let Ok(Line::Of { command, words }) = Line::parse("  kill   serial ") else { panic!() };
        assert_eq!((command.name, words), ("kill", alloc::vec!["serial".into()]));
        for line in ["tick 3  10", "edu 5!", "edu hold", "rtc", "rtc 64", "sleep 1", "paste 3", "echo", "'help'"] {
            assert!(Line::parse(line).is_ok(), "{line}");
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert_eq!(problem("frobnicate x"), NotACommand::Unknown("frobnicate".into()));
        assert_eq!(problem("kill"), NotACommand::Usage { name: "kill", arguments: "NAME" });
        assert_eq!(problem("paste many"), NotACommand::Usage { name: "paste", arguments: "BYTES" });
        assert_eq!(problem("ps x"), NotACommand::Usage { name: "ps", arguments: "" });
        assert_eq!(problem("echo 'a"), NotACommand::Quoting(BadQuoting::Open('\'')));
    }

    #[test]
    fn an_unknown_name_is_seen() {
        let text = |line: &str| alloc::format!("{}", Failure::from(problem(line)));
        assert_eq!(text("frobnicate x"), "There is no command frobnicate. Type help for a list.");
        assert_eq!(text("'' x"), "There is no command \"\". Type help for a list.");
        assert_eq!(text("'a b'"), "There is no command \"a b\". Type help for a list.");
    }
}
