//! The machine before it is switched on.

use std::io::Result;
use std::os::unix::fs::symlink;

use xtask::Width;
use xtask::build::kernel;

use super::image::files;
use super::{Direct, Image, Machine};
use crate::counter;
use crate::folder::Folder;
use crate::gdb::{self, Gdb};
use crate::qemu::{Qemu, Serial};

/// The machine before it is switched on.
pub struct Hardware {
    width: Width,
    emulator: &'static str,
    arguments: Vec<String>,
    serial: Serial,
}

impl Hardware {
    /// The usual machine: a PC with every feature that the emulator has.
    pub fn new(width: Width) -> Hardware {
        Hardware::of(width, &["-cpu", "max", "-m", "128M"])
    }

    /// The machine of the benches: its clock counts instructions, exactly and repeatably.
    pub fn counting(width: Width) -> Hardware {
        Hardware::of(width, &["-M", "pc", "-cpu", "max", "-m", "256", "-icount", "shift=0,sleep=off"])
    }

    fn of(width: Width, arguments: &[&str]) -> Hardware {
        let arguments = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        Hardware { width, emulator: width.qemu(), arguments, serial: Serial::default() }
    }

    /// Gives the machine a CPU with 64-bit mode, even if it boots an image for i686.
    pub fn with_long_mode(self) -> Hardware {
        Hardware { emulator: Width::X86_64.qemu(), ..self }
    }

    /// The usual machine, with instructions as its time and a real-time clock that goes by it. An instruction takes 16
    /// nanoseconds, so that a second of the machine is about one of a slow host.
    pub fn timed(width: Width) -> Hardware {
        Hardware::new(width).with(&["-icount", "shift=4,sleep=off", "-rtc", "base=2000-01-01,clock=vm"])
    }

    /// Adds arguments of QEMU; where an option may be given once, the last one counts.
    pub fn with(mut self, arguments: &[&str]) -> Hardware {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Makes the serial line one-way, so that the machine never waits for the host there: a kernel that waits executes
    /// instructions.
    pub fn speaking(self) -> Hardware {
        Hardware { serial: Serial::Pipe, ..self }
    }

    /// Removes the serial line: the machine's screen alone shows its output.
    pub fn without_serial(self) -> Hardware {
        Hardware { serial: Serial::Absent, ..self }
    }

    /// Has a plugin count what the CPU executes, for [`Machine::counts`].
    pub fn counted(mut self) -> Hardware {
        self.arguments.extend(counter::arguments());
        self
    }

    /// Switches the machine on, stopped before its first instruction, under a debugger.
    #[track_caller]
    pub fn debug(self, image: impl Into<Image>) -> (Machine, Gdb) {
        let machine = self.with(&gdb::ARGUMENTS).with(&["-S"]).boot(image);
        match Gdb::connect(&machine.qemu.folder.file(gdb::SOCKET)) {
            Ok(gdb) => (machine, gdb),
            Err(error) => panic!("QEMU's debugger stub: {error}"),
        }
    }

    /// Switches the machine on.
    #[track_caller]
    pub fn boot(self, image: impl Into<Image>) -> Machine {
        match self.try_boot(image.into()) {
            Ok(qemu) => Machine { qemu },
            Err(error) => panic!("the machine didn't start: {error}"),
        }
    }

    fn try_boot(mut self, image: Image) -> Result<Qemu> {
        let folder = Folder::new()?;
        if let Some(cpu) = counting_cpu(&self.arguments) {
            self.arguments.extend(["-cpu".to_owned(), cpu]);
        }
        match image {
            Image::Iso => {
                let iso = self.width.iso().display().to_string();
                self.arguments.extend(["-boot", "d", "-cdrom", &iso].map(str::to_owned));
            }
            Image::Firmware => {}
            Image::Direct(direct) => self.arguments.extend(place(direct, self.width, &folder)?),
        }
        Qemu::start(self.emulator, &self.arguments, self.serial, folder)
    }
}

/// The kernel's name in the machine's folder.
const KERNEL: &str = "kernel.elf";

/// Places a kernel and its modules in the machine's folder, and returns the arguments that boot them from there.
///
/// A kernel finds the name of its file in its command line, and reads all of that. So the name is the same wherever the
/// checkout lies: with the file's own path, booting would cost some 40 instructions more for each letter of it.
fn place(direct: Direct, width: Width, folder: &Folder) -> Result<Vec<String>> {
    let options = direct.kernel_options();
    symlink(direct.kernel.unwrap_or_else(|| kernel(width)), folder.file(KERNEL))?;
    let mut arguments = vec!["-kernel".to_owned(), KERNEL.to_owned()];
    if !options.is_empty() {
        arguments.extend(["-append".to_owned(), options]);
    }
    let mut names = Vec::new();
    for (name, file) in files(width, direct.modules)? {
        symlink(&file, folder.file(&name))?;
        names.push(name);
    }
    if !names.is_empty() {
        arguments.extend(["-initrd".to_owned(), names.join(",")]);
    }
    Ok(arguments)
}

/// The CPU of a machine whose time is instructions: the one that was asked for, without x2APIC.
///
/// QEMU knows how many instructions have run only where a translated block ends, and lets an instruction that may ask
/// for the time end its block: port access, `rdtsc`, memory of devices, but neither `rdmsr` nor `wrmsr`. Since 9.0
/// these reach the local APIC's timer, by x2APIC; then QEMU says "Bad icount read" and ends.
fn counting_cpu(arguments: &[String]) -> Option<String> {
    arguments.iter().find(|argument| *argument == "-icount")?;
    let cpu = arguments.iter().rposition(|argument| argument == "-cpu").and_then(|place| arguments.get(place + 1))?;
    Some(format!("{cpu},-x2apic"))
}

#[cfg(test)]
mod tests {
    use std::fs::read_link;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn only_machines_that_count_lack_x2apic() {
        assert_eq!(counting_cpu(&Hardware::new(Width::I686).arguments), None);
        let hardware = Hardware::counting(Width::I686).with(&["-cpu", "max,-smap"]);
        assert_eq!(counting_cpu(&hardware.arguments).as_deref(), Some("max,-smap,-x2apic"));
    }

    #[test]
    fn what_boots_has_the_same_name_in_every_checkout() {
        let far = |name: &str| PathBuf::from("/a/long/way/to/the/checkout").join(name);
        let folder = Folder::new().unwrap();
        let mut direct = Direct::files(vec![("init".to_owned(), far("init"))]).command_line("log=plain");
        direct.kernel = Some(far("kernel"));
        let arguments = place(direct, Width::I686, &folder).unwrap();
        assert_eq!(arguments, ["-kernel", KERNEL, "-append", "log=plain", "-initrd", "init"]);
        assert_eq!(read_link(folder.file(KERNEL)).unwrap(), far("kernel"));
        assert_eq!(read_link(folder.file("init")).unwrap(), far("init"));
    }
}
