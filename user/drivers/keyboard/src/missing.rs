//! Why there is nothing to drive.

use crate::chip::{COMMAND, DATA, FIRST_PORT, Stuck};
use core::fmt;

/// The reason why there is no usable controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// Nothing answers at the controller's ports.
    Ports,
    /// The controller accepts no commands.
    Input,
    /// The controller has more bytes than its devices can have sent.
    Output,
}

impl fmt::Display for Missing {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ports => {
                let [data, command] = [DATA, COMMAND].map(|register| FIRST_PORT + register);
                write!(formatter, "no PS/2 controller at ports {data:#x} and {command:#x}")
            }
            Self::Input => formatter.write_str("the PS/2 controller accepts no commands"),
            Self::Output => formatter.write_str("the PS/2 controller's output never ends"),
        }
    }
}

impl From<Stuck> for Missing {
    fn from(Stuck: Stuck) -> Self {
        Self::Input
    }
}
