//! Why the kernel can't start.

use alloc::string::String;
use core::fmt;

use arch::clock::time::ClockError;
use arch::layout;
use executable::Unloadable;

use crate::information;

/// Why the kernel can't start; its text continues "Bellwire can't start: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The loader's information can't be used.
    Information(information::Error),
    /// The loader loaded nothing but the kernel.
    NoModules,
    /// A module, by its number, lies where no module can lie, and why not.
    MisplacedModule(usize, &'static str),
    /// Less memory is free than the kernel needs: this many KiB.
    TooLittleMemory(u64),
    /// Less memory is free than the kernel needs in the part that the direct map always shows: this many KiB.
    TooLittleLowMemory(u64),
    /// The first module isn't a program of this width: its name, and why.
    Unloadable(String, Unloadable),
    /// There is no clock.
    Clock(ClockError),
    /// No memory, or no room in a table, for the first process.
    NoRoom,
    /// The core refused a part of the first process.
    Core(abi::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Information(error) => error.fmt(to),
            Self::NoModules => write!(to, "the boot loader gave no modules; the first must be init"),
            Self::MisplacedModule(number, problem) => write!(to, "module {number} {problem}"),
            Self::TooLittleMemory(free) => write!(to, "too little memory: {free} KiB are free"),
            Self::TooLittleLowMemory(free) => {
                let end = layout::EARLY_MAP_END >> 20;
                write!(to, "too little memory below {end} MiB, where the kernel needs it: {free} KiB are free there")
            }
            Self::Unloadable(name, why) => write!(to, "module 0, {name}, {why}"),
            Self::Clock(ClockError::NoRuler) => {
                write!(to, "no clock to measure time by: no 8254, ACPI timer, HPET or real-time clock counts")
            }
            Self::Clock(ClockError::NoAlarm) => {
                write!(to, "no timer can interrupt: neither a local APIC's nor an 8254")
            }
            Self::NoRoom => write!(to, "too little memory for the first process"),
            Self::Core(error) => write!(to, "no room for the first process: {error}"),
        }
    }
}

impl From<information::Error> for Failure {
    fn from(error: information::Error) -> Self {
        Self::Information(error)
    }
}

impl From<abi::Error> for Failure {
    fn from(error: abi::Error) -> Self {
        Self::Core(error)
    }
}
