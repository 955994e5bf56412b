//! One Bochs process: a machine that boots a disc, prints its results on the serial line, and ends.
//!
//! Bochs interprets one instruction after the other and checks what QEMU's translation leaves out: alignment, segment
//! limits, reserved bits, the state of tasks. Its clock counts instructions and skips what the CPU sleeps through, so a
//! run is the same on a slow host and on a fast one.

use std::fs;
use std::io::{Error, Result, pipe};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use crate::console::{Console, Missing, tail};
use crate::exit::Exit;
use crate::folder::Folder;
use crate::process::{self, Process};
use crate::watchdog;

/// Instructions in a second of the machine's time. The serial line takes its time of the same clock, 87 microseconds a
/// byte, so a faster CPU waits for it longer.
const INSTRUCTIONS_PER_SECOND: u32 = 200_000_000;

/// How long a machine may be silent. A case of the suite gives up by itself after 20 seconds of the machine's time.
/// They take a minute of a core, and longer on a core that is shared.
const PATIENCE: Duration = Duration::from_secs(900);

/// The name of a processor in Bochs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Model(pub &'static str);

/// A running emulator; it ends with this value.
pub struct Bochs {
    process: Process,
    console: Console,
    log: PathBuf,
    /// Its working folder; dropped last.
    _folder: Folder,
}

impl Bochs {
    /// Switches a machine on that boots the disc.
    pub fn start(model: Model, disc: &Path) -> Result<Bochs> {
        let folder = Folder::new()?;
        fs::write(folder.file("bochsrc"), configuration(model, disc))?;
        // Debian's Bochs has its debugger built in, which waits for this word before the first instruction.
        fs::write(folder.file("commands"), "continue\n")?;
        // The serial line is stderr, which Bochs opens once more by its name.
        let (line, speaker) = pipe()?;
        let mut command = process::command("bochs")?;
        command
            .args(["-q", "-f", "bochsrc", "-rc", "commands"])
            .current_dir(folder.path())
            .env("SDL_VIDEODRIVER", "dummy")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(speaker);
        let (process, ()) = Process::start(command, |_| ())?;
        let console = Console::listening(line);
        watchdog::add(&process, console.printed());
        let log = folder.file("bochs.log");
        Ok(Bochs { process, console, log, _folder: folder })
    }

    /// Waits until the machine has ended by itself, and returns all that it printed. An error has the end of what it
    /// printed and of what Bochs noted.
    pub fn output(mut self) -> Result<(String, Exit)> {
        match self.console.read_to_end(PATIENCE) {
            Ok(text) => {
                self.process.wait()?;
                Ok((text, self.exit()?))
            }
            Err(Missing::Late | Missing::Ended) => {
                let (printed, noted) = (self.console.text(), fs::read_to_string(&self.log)?);
                Err(Error::other(format!("the machine doesn't end\n{}\n{}", tail(&printed), tail(&noted))))
            }
        }
    }

    /// Its status is the same however it ends, so that its log must tell.
    fn exit(&self) -> Result<Exit> {
        Ok(exit(&String::from_utf8_lossy(&fs::read(&self.log)?)))
    }
}

impl Drop for Bochs {
    fn drop(&mut self) {
        self.process.end();
    }
}

/// The machine's description. Where Bochs would ask a person it ends instead, as at a triple fault.
fn configuration(Model(model): Model, disc: &Path) -> String {
    format!(
        "config_interface: textconfig
display_library: sdl2
log: bochs.log
panic: action=fatal
romimage: file=/usr/share/bochs/BIOS-bochs-latest
vgaromimage: file=/usr/share/bochs/VGABIOS-lgpl-latest
memory: guest=128, host=128
cpu: model={model}, ips={INSTRUCTIONS_PER_SECOND}, reset_on_triple_fault=0
clock: sync=none, time0=946681200
ata0: enabled=1
ata0-master: type=cdrom, path={}, status=inserted
boot: cdrom
com1: enabled=1, mode=file, dev=/proc/self/fd/2
",
        disc.display()
    )
}

/// Reads how the machine ended from the lines that Bochs calls panics.
fn exit(log: &str) -> Exit {
    let panics: Vec<_> = log.lines().filter_map(|line| line.split_once(">>PANIC<< ").map(|(_, what)| what)).collect();
    match panics.as_slice() {
        [what, ..] if what.contains("shutdown requested") => Exit::PowerOff,
        [what, ..] if what.contains("3rd") || what.contains("triple fault") => Exit::Reset,
        [what, ..] => Exit::Emulator((*what).to_owned()),
        [] => Exit::Emulator(tail(log)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shutdown_is_no_triple_fault() {
        let shutdown = "00001i[CPU0  ] something\n00002p[UNMAP ] >>PANIC<< Shutdown port: shutdown requested\n";
        assert_eq!(exit(shutdown), Exit::PowerOff);
        let fault = "00003p[CPU0  ] >>PANIC<< exception(): 3rd (13) exception with no resolution\n";
        assert_eq!(exit(fault), Exit::Reset);
        assert!(matches!(exit("00004i[SIM   ] quit_sim called with exit code 1\n"), Exit::Emulator(_)));
    }
}
