//! The programs of the system, as `init` knows them.

use super::{Request, narrow};
use crate::{Error, Result};
use core::fmt;

/// A program's name: 1 to 12 bytes.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct ProgramName([u8; ProgramName::BYTES]);

impl ProgramName {
    /// The longest name.
    pub const BYTES: usize = 12;

    /// A name, if it is one by its length.
    pub fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; Self::BYTES];
        bytes.get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        (!text.is_empty()).then_some(Self(bytes))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|byte| *byte == 0).unwrap_or(Self::BYTES);
        core::str::from_utf8(&self.0[..length]).unwrap_or("?")
    }

    fn to_words(self) -> [usize; 3] {
        let (fours, _) = self.0.as_chunks();
        [0, 1, 2].map(|word| u32::from_le_bytes(fours[word]) as usize)
    }

    fn from_words(words: [usize; 3]) -> Result<Self> {
        let mut name = Self::default();
        let (fours, _) = name.0.as_chunks_mut();
        for (four, word) in fours.iter_mut().zip(words) {
            *four = narrow::<u32>(word)?.to_le_bytes();
        }
        Ok(name)
    }
}

impl fmt::Debug for ProgramName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_str().fmt(formatter)
    }
}

impl fmt::Display for ProgramName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.as_str())
    }
}

/// What a program is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum ProgramState {
    /// It isn't started yet, or couldn't be.
    #[default]
    Stopped = 0,
    /// It runs.
    Running = 1,
    /// It died, and is started again in a while.
    Waiting = 2,
    /// It ended, and isn't to be started again.
    Ended = 3,
    /// The device that it drives isn't there.
    Absent = 4,
}

impl ProgramState {
    /// A word for tables.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Stopped => "stopped",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Ended => "ended",
            Self::Absent => "absent",
        }
    }
}

/// A program and how it is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProgramStatus {
    /// Its name.
    pub name: ProgramName,
    /// What it is doing.
    pub state: ProgramState,
    /// How often it was started again; stops counting at 255.
    pub restarts: u8,
    /// Its badge, by which the kernel's counters name it.
    pub badge: u16,
}

impl ProgramStatus {
    /// The status as four words.
    pub fn to_words(self) -> [usize; 4] {
        let [word0, word1, word2] = self.name.to_words();
        let rest = u32::from(self.state as u8) | u32::from(self.restarts) << 8 | u32::from(self.badge) << 16;
        [word0, word1, word2, rest as usize]
    }

    /// The status that four words carry.
    pub fn from_words(words: [usize; 4]) -> Result<Self> {
        let [word0, word1, word2, rest] = words;
        let [state, restarts, badge_low, badge_high] = narrow::<u32>(rest)?.to_le_bytes();
        let state = match state {
            0 => ProgramState::Stopped,
            1 => ProgramState::Running,
            2 => ProgramState::Waiting,
            3 => ProgramState::Ended,
            4 => ProgramState::Absent,
            _ => return Err(Error::BadArgument),
        };
        let name = ProgramName::from_words([word0, word1, word2])?;
        Ok(Self { name, state, restarts, badge: u16::from_le_bytes([badge_low, badge_high]) })
    }
}

/// What a client asks of `init`'s service `programs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProgramsRequest {
    /// The [`ProgramStatus`] of the program with that index, from 0 on; refused after the last one.
    Get(u32),
    /// The [`ProgramStatus`] of the program with that badge; refused if there is none.
    Find {
        /// The badge.
        badge: u16,
    },
    /// End a program, which is then started again if it is one that is. The answer is a [`Control`], as those of
    /// `Start` and `Stop` are.
    Kill(ProgramName),
    /// Start a program that doesn't run, or that waits to be started again. The answer comes once it is known whether
    /// it runs, so its status says what has come of the start.
    Start(ProgramName),
    /// End a program, which stays stopped until somebody starts it. Calls to its services fail at once meanwhile.
    Stop(ProgramName),
    /// In how many milliseconds the program with that badge is started again; refused if it isn't to be.
    Wait {
        /// The badge.
        badge: u16,
    },
    /// The [`ProgramStatus`] of the program that a line, or a message interrupt by its number among the lines, is
    /// granted to; refused if there is none.
    OfLine {
        /// The line.
        line: u8,
    },
}

/// What came of a request to start, stop or end a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Control {
    /// It was done.
    Done = 0,
    /// There is no program of that name.
    Unknown = 1,
    /// The caller hasn't the right `supervise`.
    Forbidden = 2,
    /// It is `init`, which supervises all others and can't be ended.
    Supervisor = 3,
    /// It is in that state already.
    Already = 4,
    /// It is the caller itself, and nobody would be there to start it.
    Itself = 5,
    /// It doesn't run.
    NotRunning = 6,
}

impl Control {
    /// The outcome as four words.
    pub const fn to_words(self) -> [usize; 4] {
        [self as usize, 0, 0, 0]
    }

    /// The outcome that four words carry.
    pub const fn from_words(words: [usize; 4]) -> Result<Self> {
        Ok(match words[0] {
            0 => Self::Done,
            1 => Self::Unknown,
            2 => Self::Forbidden,
            3 => Self::Supervisor,
            4 => Self::Already,
            5 => Self::Itself,
            6 => Self::NotRunning,
            _ => return Err(Error::BadArgument),
        })
    }
}

impl Request for ProgramsRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Get(index) => (80, [index as usize, 0, 0, 0]),
            Self::Find { badge } => (81, [badge as usize, 0, 0, 0]),
            Self::Kill(name) => (82, named(name)),
            Self::Start(name) => (83, named(name)),
            Self::Stop(name) => (84, named(name)),
            Self::Wait { badge } => (85, [badge as usize, 0, 0, 0]),
            Self::OfLine { line } => (86, [line as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        let [word0, word1, word2, _] = words;
        let name = || ProgramName::from_words([word0, word1, word2]).ok();
        match label {
            80 => narrow(word0).ok().map(Self::Get),
            81 => Some(Self::Find { badge: narrow(word0).ok()? }),
            82 => name().map(Self::Kill),
            83 => name().map(Self::Start),
            84 => name().map(Self::Stop),
            85 => Some(Self::Wait { badge: narrow(word0).ok()? }),
            86 => Some(Self::OfLine { line: narrow(word0).ok()? }),
            _ => None,
        }
    }
}

fn named(name: ProgramName) -> [usize; 4] {
    let [word0, word1, word2] = name.to_words();
    [word0, word1, word2, 0]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_status_survives_the_words() {
        let name = ProgramName::new("keyboard-ps2").unwrap();
        let status = ProgramStatus { name, state: ProgramState::Waiting, restarts: 200, badge: 0xABCD };
        assert_eq!(ProgramStatus::from_words(status.to_words()), Ok(status));
        assert_eq!(ProgramStatus::from_words([0, 0, 0, 5]), Err(Error::BadArgument), "a state that is none");
        assert_eq!(status.name.as_str(), "keyboard-ps2");
    }

    #[test]
    fn names_that_are_none_are_refused() {
        assert_eq!(ProgramName::new(""), None);
        assert_eq!(ProgramName::new("thirteenbytes"), None);
    }

    #[test]
    fn requests_survive_the_words() {
        let name = ProgramName::new("rtc").unwrap();
        for request in [
            ProgramsRequest::Get(3),
            ProgramsRequest::Find { badge: 7 },
            ProgramsRequest::Kill(name),
            ProgramsRequest::Start(name),
            ProgramsRequest::Stop(name),
            ProgramsRequest::Wait { badge: 7 },
            ProgramsRequest::OfLine { line: 11 },
        ] {
            let (label, words) = request.encode();
            assert_eq!(ProgramsRequest::decode(label, words), Some(request));
        }
    }

    #[test]
    fn outcomes_survive_the_words() {
        for outcome in [
            Control::Done,
            Control::Unknown,
            Control::Forbidden,
            Control::Supervisor,
            Control::Already,
            Control::Itself,
            Control::NotRunning,
        ] {
            assert_eq!(Control::from_words(outcome.to_words()), Ok(outcome));
        }
    }
}
