//! Sets of programs that boot together.
//!
//! The shipped image comes from `user/system.toml`; each further set (the test suite) has a manifest of its own, alone
//! or beside that one, and a folder inside the shipped image's.

use std::path::PathBuf;

use crate::manifest;
use crate::{Result, Width, root};

/// The module of the first process.
const INIT: &str = "init";

/// A set of programs that boots together.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Set {
    /// The image that users get.
    Shipped,
    /// The user-mode test programs.
    Suite,
    /// The shipped programs and the benches beside them.
    Bench,
    /// The shipped programs, where a device interrupts by messages.
    Messages,
    /// The benches of interrupts, where the device interrupts by messages.
    BenchMessages,
    /// The fuzzer of the kernel's entries.
    Fuzz,
    /// The bench of large systems.
    Scale,
    /// The shipped programs, with a driver that gets stuck, and one that dies over and over.
    Clumsy,
    /// The shipped programs, with a PCI bus and a keyboard that are stuck.
    Stuck,
    /// The shipped programs, with a driver of the serial line that gets stuck.
    StuckSerial,
    /// The shipped programs, with a hostile client of all of them.
    Vandal,
}

impl Set {
    /// All sets.
    pub const ALL: [Set; 11] = [
        Set::Shipped,
        Set::Suite,
        Set::Bench,
        Set::Messages,
        Set::BenchMessages,
        Set::Fuzz,
        Set::Scale,
        Set::Clumsy,
        Set::Stuck,
        Set::StuckSerial,
        Set::Vandal,
    ];

    /// Returns the manifests of the set, which are read as one.
    pub fn manifests(self) -> Vec<PathBuf> {
        let files: &[&str] = match self {
            Set::Shipped => &["user/system.toml"],
            Set::Suite => &["tests/suite/system.toml"],
            Set::Bench => &["user/system.toml", "tests/bench/system.toml"],
            Set::Messages => &["user/system.toml", "tests/runner/messages.toml"],
            Set::BenchMessages => &["user/system.toml", "tests/bench/system.toml", "tests/bench/msi.toml"],
            Set::Fuzz => &["tests/fuzz/system.toml"],
            Set::Scale => &["tests/bench/scale.toml"],
            Set::Clumsy => &["user/system.toml", "tests/clumsy/system.toml", "tests/restarts/system.toml"],
            Set::Stuck => &["user/system.toml", "tests/clumsy/stuck.toml"],
            Set::StuckSerial => &["user/system.toml", "tests/clumsy/serial.toml"],
            Set::Vandal => &["user/system.toml", "tests/vandal/system.toml"],
        };
        files.iter().map(|file| root().join(file)).collect()
    }

    /// Returns the package of the first process and its binary. The suite's conductor, the fuzzer and the bench of
    /// large systems take `init`'s place, since they do what only the first process may.
    fn first(self) -> (&'static str, &'static str) {
        match self {
            Set::Shipped | Set::Bench | Set::Messages | Set::BenchMessages => (INIT, INIT),
            Set::Clumsy | Set::Stuck | Set::StuckSerial | Set::Vandal => (INIT, INIT),
            Set::Suite => ("suite", "suite"),
            Set::Fuzz => ("fuzz", "fuzz"),
            Set::Scale => ("bench", "bench-scale"),
        }
    }

    /// Returns whether the tree has all manifests of the set, and so can build it.
    pub fn exists(self) -> bool {
        self.manifests().iter().all(|manifest| manifest.exists())
    }

    /// Reads the set's manifests.
    pub(super) fn programs(self) -> Result<Programs> {
        let manifest = manifest::read(&self.manifests())?;
        let (package, binary) = self.first();
        let first = Program { package: package.to_owned(), binary: binary.to_owned(), module: INIT.to_owned() };
        let others = manifest.programs.iter().map(|program| Program {
            package: program.package(),
            binary: program.binary(),
            module: program.name.clone(),
        });
        let programs = [first].into_iter().chain(others).collect();
        Ok(Programs { set: self, programs, encoded: manifest.encode() })
    }

    /// Returns the folder with the set's modules.
    pub fn folder(self, width: Width) -> PathBuf {
        match self {
            Set::Shipped => width.image_folder(),
            Set::Suite => width.image_folder().join("suite"),
            Set::Bench => width.image_folder().join("bench"),
            Set::Messages => width.image_folder().join("msi"),
            Set::BenchMessages => width.image_folder().join("bench-msi"),
            Set::Fuzz => width.image_folder().join("fuzz"),
            Set::Scale => width.image_folder().join("scale"),
            Set::Clumsy => width.image_folder().join("clumsy"),
            Set::Stuck => width.image_folder().join("stuck"),
            Set::StuckSerial => width.image_folder().join("stuck-serial"),
            Set::Vandal => width.image_folder().join("vandal"),
        }
    }

    /// Returns the names of the set's modules in the order in which the kernel gets them. A set without a manifest has
    /// none. A set without programs has the first process alone, since a module can't be empty.
    pub fn modules(self) -> Result<Vec<String>> {
        if !self.exists() {
            return Ok(Vec::new());
        }
        let manifest = manifest::read(&self.manifests())?;
        if manifest.programs.is_empty() {
            return Ok(vec![INIT.to_owned()]);
        }
        let programs = manifest.programs.into_iter().map(|program| program.name);
        Ok([INIT.to_owned(), "system".to_owned()].into_iter().chain(programs).collect())
    }
}

/// A set's programs, as its manifests name them.
pub(super) struct Programs {
    pub set: Set,
    pub programs: Vec<Program>,
    /// The manifest as `init` reads it.
    pub encoded: String,
}

/// A program, and the name of its module.
pub(super) struct Program {
    pub package: String,
    pub binary: String,
    pub module: String,
}
