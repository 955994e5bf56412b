//! The manifest: which programs a system has, and what each of them may touch.
//!
//! People write it as TOML:
//!
//! ```toml
//! [[program]]
//! name = "serial"             # unique; also the name of its module
//! package = "driver-serial"   # the cargo package; "driver-NAME" unless said
//! binary = "driver-serial"    # the package's binary; the package's name unless said
//! priority = 50               # 0 to 63, higher runs first
//! memory = "256 KiB"          # what it may take of RAM, beside its image and stack
//! keeps = "4 KiB"             # memory that it finds again when it is started again; none unless said
//! objects = 64                # how many kernel objects it may own
//! budget = "5 %"              # its share of the CPU's time while others want it
//! on_overrun = "log"          # or "restart", if it wants more than that for two seconds
//! restart = "always"          # or "never", after it died
//! arguments = ["115200"]      # words for its startup block
//! lines = [4]                 # interrupt lines
//! ports = ["0x3f8-0x3ff"]     # I/O ports, both ends included
//! device_memory = []          # physical addresses, both ends included
//! pci = ["1234:11e8"]         # PCI devices by vendor and device: all that there are, or it isn't started
//! interrupt = "line"          # how these interrupt; or "msi", which needs the right "dma"
//! serves = ["serial"]         # endpoints that it receives on
//! uses = ["timer"]            # endpoints of others that it calls
//! notifies = ["console"]      # endpoints of others that it notifies with bit 0; "console:3" with bit 3
//! rights = ["log"]            # further rights, see `Right`
//! ```
//!
//! The host checks it when the image is built ([`Manifest::check`]), so that `init` boots only what is consistent.
//! `init` gets it in a form that is simple to read ([`Manifest::encode`], [`Manifest::decode`]). Both sides are in this
//! crate, so that they can't drift apart.
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]

extern crate alloc;

mod blob;
mod check;
mod notify;
mod pci;
mod quota;
mod range;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

pub use blob::BlobError;
pub use check::{INIT_BUDGET, INIT_OBJECTS, INIT_PRIORITY, INIT_SERVICE, MOST_PORT_RANGES, MOST_PORTS, PCI_SERVICE};
pub use notify::Notify;
pub use pci::{PciId, Signal};
pub use quota::{Budget, Objects, Quota};
pub use range::Range;

/// The whole manifest.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub struct Manifest {
    /// The programs, in the order in which `init` starts them.
    #[cfg_attr(feature = "serde", serde(rename = "program", default))]
    pub programs: Vec<Program>,
}

/// One program and its grants.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(deny_unknown_fields))]
pub struct Program {
    /// The name of the program and of its module.
    pub name: String,
    /// The cargo package, if it isn't `driver-NAME`. Only the host knows it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub package: Option<String>,
    /// The package's binary, if its name isn't the package's. Only the host knows it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub binary: Option<String>,
    /// The priority of its threads.
    pub priority: u8,
    /// The RAM that the program may take.
    #[cfg_attr(feature = "serde", serde(default))]
    pub memory: Quota,
    /// Memory that outlives the program: an instance finds it as the one before has left it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub keeps: Option<Quota>,
    /// How many kernel objects the program may own.
    #[cfg_attr(feature = "serde", serde(default))]
    pub objects: Objects,
    /// The program's share of the CPU's time while others want it.
    #[cfg_attr(feature = "serde", serde(default))]
    pub budget: Budget,
    /// What `init` does when the program has used up its share for a while.
    #[cfg_attr(feature = "serde", serde(default))]
    pub on_overrun: OnOverrun,
    /// What `init` does when the program has ended.
    #[cfg_attr(feature = "serde", serde(default))]
    pub restart: Restart,
    /// Words for the program's startup block.
    #[cfg_attr(feature = "serde", serde(default))]
    pub arguments: Vec<String>,
    /// Interrupt lines.
    #[cfg_attr(feature = "serde", serde(default))]
    pub lines: Vec<u8>,
    /// I/O ports.
    #[cfg_attr(feature = "serde", serde(default))]
    pub ports: Vec<Range>,
    /// Physical addresses of device registers.
    #[cfg_attr(feature = "serde", serde(default))]
    pub device_memory: Vec<Range>,
    /// PCI devices, every function that has one of these numbers. Without any of them the program isn't started.
    #[cfg_attr(feature = "serde", serde(default))]
    pub pci: Vec<PciId>,
    /// How the PCI devices interrupt.
    #[cfg_attr(feature = "serde", serde(default))]
    pub interrupt: Signal,
    /// Endpoints that the program receives on.
    #[cfg_attr(feature = "serde", serde(default))]
    pub serves: Vec<String>,
    /// Endpoints of other programs that the program calls.
    #[cfg_attr(feature = "serde", serde(default))]
    pub uses: Vec<String>,
    /// Endpoints of other programs that the program notifies. Those programs may have a lower priority.
    #[cfg_attr(feature = "serde", serde(default))]
    pub notifies: Vec<Notify>,
    /// Further rights.
    #[cfg_attr(feature = "serde", serde(default))]
    pub rights: Vec<Right>,
}

/// What `init` does when a program has ended.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum Restart {
    /// Starts the program again, with back-off.
    #[default]
    Always,
    /// Leaves the program ended.
    Never,
}

/// What `init` does when a program has used up its share of the CPU for a while.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "lowercase"))]
pub enum OnOverrun {
    /// Says so in the log.
    #[default]
    Log,
    /// Says so, and ends the program, which then is started again if [`Restart`] says so.
    Restart,
}

/// A right that no line, port or endpoint stands for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum Right {
    /// Reads physical addresses, for devices that master the bus. Without an IOMMU this is full trust.
    Dma,
    /// Ends other programs, through `init`.
    Supervise,
    /// Writes to the kernel's log.
    Log,
    /// Reads the kernel's log, in which all programs write.
    LogRead,
    /// Takes the serial line over from the kernel's log.
    LogLine,
    /// Reads the counters of the whole machine.
    Info,
    /// Draws on the screen, whatever kind of screen it is.
    Screen,
    /// Resets the machine, through a service that can.
    Reset,
    /// Changes what all clients of a service share, of each service that the program uses.
    Control,
    /// Hands the registers of its PCI devices on to its clients, which keep them when the program has ended.
    Share,
}

impl Right {
    /// All rights.
    pub const ALL: [Self; 10] = [
        Self::Dma,
        Self::Supervise,
        Self::Log,
        Self::LogRead,
        Self::LogLine,
        Self::Info,
        Self::Screen,
        Self::Reset,
        Self::Control,
        Self::Share,
    ];

    /// Returns the right's name in the manifest and in the blob.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Dma => "dma",
            Self::Supervise => "supervise",
            Self::Log => "log",
            Self::LogRead => "log-read",
            Self::LogLine => "log-line",
            Self::Info => "info",
            Self::Screen => "screen",
            Self::Reset => "reset",
            Self::Control => "control",
            Self::Share => "share",
        }
    }
}

impl Program {
    /// Returns the cargo package that the program is built from.
    pub fn package(&self) -> String {
        self.package.clone().unwrap_or_else(|| format!("driver-{}", self.name))
    }

    /// Returns the binary of the package.
    pub fn binary(&self) -> String {
        self.binary.clone().unwrap_or_else(|| self.package())
    }
}
