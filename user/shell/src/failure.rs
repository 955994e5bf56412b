//! The failures of commands.

use alloc::string::String;
use bellwire::Error;
use core::fmt;

/// The reason why a command failed. A command passes each failure on at once, by `?`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The person typed Ctrl-C.
    Interrupted,
    /// The kernel or a service refused.
    Refused(Error),
    /// Another reason, as a sentence.
    Because(String),
}

impl Failure {
    /// Makes a failure from a sentence.
    pub fn because(reason: impl Into<String>) -> Self {
        Self::Because(reason.into())
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Refused(error)
    }
}

impl From<fmt::Error> for Failure {
    fn from(_: fmt::Error) -> Self {
        Self::because("the console is gone")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Interrupted => formatter.write_str("interrupted"),
            Self::Refused(Error::BadArgument) => formatter.write_str("the service refuses that"),
            Self::Refused(Error::Gone) => formatter.write_str("the service has ended"),
            Self::Refused(Error::Unsupported) => {
                formatter.write_str("nobody serves that: its program is stopped, or its device isn't there (see ps)")
            }
            Self::Refused(Error::OverLimit) => {
                formatter.write_str("the service grants one program no more of that at a time")
            }
            Self::Refused(Error::MissingRight) => formatter.write_str("the shell hasn't the right to that"),
            Self::Refused(Error::TimedOut) => formatter.write_str("no answer came in time"),
            Self::Refused(Error::NoMemory) => formatter.write_str("there is no memory left for that"),
            Self::Refused(error) => write!(formatter, "that failed: {error}"),
            Self::Because(reason) => formatter.write_str(reason),
        }
    }
}
