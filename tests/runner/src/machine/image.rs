//! The image that a machine boots.

use std::io::{Error, Result};
use std::path::PathBuf;

use xtask::Width;
use xtask::build::Set;

/// The image that a machine boots.
pub enum Image {
    /// The ISO, by way of the BIOS and GRUB.
    Iso,
    /// The kernel by QEMU's own loader, which is quicker.
    Direct(Direct),
    /// The system that the machine's own firmware finds.
    Firmware,
}

/// The files and options that QEMU's loader gets.
pub struct Direct {
    /// Another kernel than Bellwire's.
    pub(super) kernel: Option<PathBuf>,
    pub(super) modules: Modules,
    command_line: String,
}

pub(super) enum Modules {
    Of(Set),
    Files(Vec<(String, PathBuf)>),
}

/// Has `init` give no program a share of the CPU.
const NO_BUDGETS: &str = "init.budgets=off";

impl Direct {
    fn of(modules: Modules) -> Direct {
        Direct { kernel: None, modules, command_line: String::new() }
    }

    /// The kernel's command line. A program of the tests that speaks by the log is read line by line, without times.
    pub(super) fn kernel_options(&self) -> String {
        let plain = match &self.modules {
            Modules::Of(Set::Shipped | Set::Messages | Set::Clumsy) | Modules::Files(_) => None,
            Modules::Of(_) => Some("log=plain"),
        };
        let words = plain.into_iter().chain([self.command_line.as_str()]).filter(|words| !words.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    /// The modules of the shipped image.
    pub fn shipped() -> Direct {
        Direct::of(Modules::Of(Set::Shipped))
    }

    /// The modules of the test suite.
    pub fn suite() -> Direct {
        Direct::of(Modules::Of(Set::Suite))
    }

    /// The modules of the shipped image and the benches. They run without budgets: what they measure wants more than
    /// any share, and a program that is lowered doesn't preempt another.
    pub fn bench() -> Direct {
        Direct::of(Modules::Of(Set::Bench)).command_line(NO_BUDGETS)
    }

    /// The modules of the shipped image, with a device's interrupts as messages.
    pub fn messages() -> Direct {
        Direct::of(Modules::Of(Set::Messages))
    }

    /// The benches of interrupts, with the device's as messages.
    pub fn bench_messages() -> Direct {
        Direct::of(Modules::Of(Set::BenchMessages)).command_line(NO_BUDGETS)
    }

    /// The fuzzer.
    pub fn fuzz() -> Direct {
        Direct::of(Modules::Of(Set::Fuzz))
    }

    /// The bench of large systems.
    pub fn scale() -> Direct {
        Direct::of(Modules::Of(Set::Scale))
    }

    /// The modules of the shipped image, with a driver that gets stuck.
    pub fn clumsy() -> Direct {
        Direct::of(Modules::Of(Set::Clumsy))
    }

    /// The modules of the shipped image, with a PCI bus and a keyboard that are stuck.
    pub fn stuck() -> Direct {
        Direct::of(Modules::Of(Set::Stuck))
    }

    /// The modules of the shipped image, with a driver of the serial line that gets stuck.
    pub fn stuck_serial() -> Direct {
        Direct::of(Modules::Of(Set::StuckSerial))
    }

    /// The modules of the shipped image, with a hostile client of all servers.
    pub fn vandal() -> Direct {
        Direct::of(Modules::Of(Set::Vandal))
    }

    /// Files under the names that the kernel shall see.
    pub fn files(modules: Vec<(String, PathBuf)>) -> Direct {
        Direct::of(Modules::Files(modules))
    }

    /// Another kernel than Bellwire's, without modules.
    pub fn kernel(file: PathBuf) -> Direct {
        Direct { kernel: Some(file), ..Direct::files(Vec::new()) }
    }

    /// Linux, with an archive of its first file system.
    pub fn linux(kernel: PathBuf, archive: PathBuf) -> Direct {
        Direct { kernel: Some(kernel), ..Direct::files(vec![("initramfs".to_owned(), archive)]) }
    }

    /// The kernel's options.
    pub fn command_line(self, command_line: &str) -> Direct {
        Direct { command_line: command_line.to_owned(), ..self }
    }
}

impl From<Direct> for Image {
    fn from(direct: Direct) -> Image {
        Image::Direct(direct)
    }
}

/// The modules' names, and their files.
pub(super) fn files(width: Width, modules: Modules) -> Result<Vec<(String, PathBuf)>> {
    match modules {
        Modules::Files(files) => Ok(files),
        Modules::Of(set) => {
            let names = set.modules().map_err(Error::other)?;
            Ok(names.into_iter().map(|name| (name.clone(), set.folder(width).join(name))).collect())
        }
    }
}
