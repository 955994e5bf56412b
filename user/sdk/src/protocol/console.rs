//! The console, beside its stream: how large it is, and whether it shows colours.

use super::{Request, narrow};
use crate::{ClientRight, Result};

/// Where colours are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ColourPolicy {
    /// On the screen, and on the serial line once its terminal has shown that it understands escape sequences.
    #[default]
    Auto = 0,
    /// On the screen and on the serial line.
    On = 1,
    /// Nowhere.
    Off = 2,
}

impl ColourPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Auto, Self::On, Self::Off];

    /// The policy's name, as people type it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::On => "on",
            Self::Off => "off",
        }
    }

    /// The policy with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|policy| policy.name() == name)
    }
}

/// What the console's stream is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ConsoleMode {
    /// Text and keys: colours go where the [`ColourPolicy`] says, and keys that scroll the screen do that.
    #[default]
    Text = 0,
    /// Bytes: all of them pass unchanged, both ways.
    Bytes = 1,
}

impl ConsoleMode {
    const ALL: [Self; 2] = [Self::Text, Self::Bytes];
}

/// How much room there is for text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConsoleSize {
    /// Columns: what screen and terminal both have.
    pub columns: u16,
    /// Rows, likewise.
    pub rows: u16,
}

impl ConsoleSize {
    /// The size as four words.
    pub fn to_words(self) -> [usize; 4] {
        [self.columns.into(), self.rows.into(), 0, 0]
    }

    /// The size that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [columns, rows, ..] = words;
        Ok(Self { columns: narrow(columns)?, rows: narrow(rows)? })
    }
}

/// What a client asks of the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConsoleRequest {
    /// The present [`ConsoleSize`].
    Size,
    /// Show colours there from now on, and ask the terminal at the serial line once more how large it is. For clients
    /// with the right `control`.
    SetColours(ColourPolicy),
    /// Treat the stream as that from now on. For clients with the right `control`.
    SetMode(ConsoleMode),
}

impl Request for ConsoleRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Size => (128, [0; 4]),
            Self::SetColours(policy) => (129, [policy as usize, 0, 0, 0]),
            Self::SetMode(mode) => (130, [mode as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, [word, ..]: [usize; 4]) -> Option<Self> {
        match label {
            128 => Some(Self::Size),
            129 => ColourPolicy::ALL.into_iter().find(|policy| *policy as usize == word).map(Self::SetColours),
            130 => ConsoleMode::ALL.into_iter().find(|mode| *mode as usize == word).map(Self::SetMode),
            _ => None,
        }
    }

    fn takes(&self) -> Option<ClientRight> {
        matches!(self, Self::SetColours(_) | Self::SetMode(_)).then_some(ClientRight::Control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_and_sizes_survive_the_words() {
        let policies = ColourPolicy::ALL.map(ConsoleRequest::SetColours).into_iter();
        let modes = ConsoleMode::ALL.map(ConsoleRequest::SetMode);
        for request in policies.chain(modes).chain([ConsoleRequest::Size]) {
            let (label, words) = request.encode();
            assert_eq!(ConsoleRequest::decode(label, words), Some(request));
        }
        assert_eq!(ConsoleRequest::decode(129, [3, 0, 0, 0]), None);
        assert_eq!(ConsoleRequest::decode(130, [2, 0, 0, 0]), None);
        let size = ConsoleSize { columns: 128, rows: 48 };
        assert_eq!(ConsoleSize::from_words(size.to_words()), Ok(size));
        assert_eq!(ConsoleSize::from_words([0x1_0080, 48, 0, 0]), Err(crate::Error::BadArgument));
    }

    #[test]
    fn policies_have_names() {
        for policy in ColourPolicy::ALL {
            assert_eq!(ColourPolicy::from_name(policy.name()), Some(policy));
        }
        assert_eq!(ColourPolicy::from_name("colour"), None);
    }
}
