//! One QEMU process and the two sockets to it.
//!
//! The runner listens and QEMU connects, so neither has to try again until the other is there. If QEMU ends before it
//! connects, the thread that reads its complaints connects in its place: the wait ends, and the empty connection says
//! why.

use std::io::{Error, Read, Result};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{ChildStdout, Command, Stdio};
use std::thread::{self, JoinHandle};

use crate::console::Console;
use crate::exit::Exit;
use crate::folder::Folder;
use crate::process::{self, Process};
use crate::qmp::Qmp;
use crate::watchdog;

/// A running emulator; it ends with this value.
pub struct Qemu {
    process: Process,
    /// QEMU's messages on stderr, up to its end.
    complaints: Complaints,
    /// The serial line.
    pub console: Console,
    /// The monitor.
    pub qmp: Qmp,
    /// QEMU's working folder; dropped last.
    pub folder: Folder,
}

/// QEMU's messages on stderr.
enum Complaints {
    /// A thread still reads.
    Open(JoinHandle<String>),
    /// QEMU has ended.
    Whole(String),
}

/// The first number of an emulator's version. Tests look it up where versions differ.
pub fn major_version(program: &str) -> Result<u64> {
    let output = Command::new(program).arg("--version").output();
    let output = output.map_err(|error| Error::other(format!("can't run {program}: {error}")))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    parse_version(&said).ok_or_else(|| Error::other(format!("{program} says of its version {said:?}")))
}

/// Reads `QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)` and what else may stand around it.
pub(crate) fn parse_version(said: &str) -> Option<u64> {
    said.split_once("version ")?.1.split('.').next()?.parse().ok()
}

/// The other end of the machine's serial line.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Serial {
    /// A socket, in both directions.
    #[default]
    Socket,
    /// A pipe on which the machine only speaks. A pipe holds 64 KiB, and a socket some hundred bytes if each is sent by
    /// itself. So a machine that is counted doesn't wait for a runner that the host keeps waiting.
    Pipe,
    /// Nothing: the machine has no serial line. The console still connects, and stays silent.
    Absent,
}

impl Qemu {
    /// Starts an emulator in the folder, with the machine's own arguments, and connects to it.
    pub fn start(program: &str, arguments: &[String], serial: Serial, folder: Folder) -> Result<Qemu> {
        let paths = [folder.file("serial.socket"), folder.file("qmp.socket")];
        let listeners = [UnixListener::bind(&paths[0])?, UnixListener::bind(&paths[1])?];
        let mut command = process::command(program)?;
        command
            .args(["-display", "none", "-no-reboot", "-nodefaults", "-vga", "std"])
            .args(["-chardev", serial.device(), "-serial", serial.line()])
            .args(["-chardev", "socket,id=qmp,path=qmp.socket", "-mon", "chardev=qmp,mode=control"])
            .args(["-device", "isa-debug-exit,iobase=0xf4,iosize=0x4"])
            .args(arguments)
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(serial.stdout())
            .stderr(Stdio::piped());
        let (process, (stderr, pipe)) = Process::start(command, |child| (child.stderr.take(), child.stdout.take()))?;
        let stderr = stderr.ok_or_else(|| Error::other("QEMU's stderr isn't piped"))?;
        let complaints = thread::spawn(move || read_complaints(stderr, paths));
        match connect(&listeners, pipe) {
            Ok((console, qmp)) => {
                watchdog::add(&process, console.printed());
                Ok(Qemu { process, complaints: Complaints::Open(complaints), console, qmp, folder })
            }
            Err(error) => {
                process.end();
                let complaints = complaints.join().unwrap_or_default();
                Err(Error::other(format!("{program} {arguments:?} didn't start: {error}\n{complaints}")))
            }
        }
    }

    /// Waits until the emulator has ended.
    pub fn wait_exit(&mut self) -> Result<Exit> {
        let shutdown = self.qmp.read_to_end()?;
        // Its stderr ends with it: only then is waiting short.
        self.complaints.read();
        let status = self.process.wait()?;
        Ok(Exit::new(status, shutdown.as_deref()))
    }

    /// The number of the emulator's process, for signals.
    pub fn process(&self) -> u32 {
        self.process.id()
    }

    /// Returns QEMU's messages, once it has ended.
    pub fn complaints(&mut self) -> String {
        self.process.end();
        self.complaints.read().to_owned()
    }
}

impl Complaints {
    /// Waits until QEMU has ended, and returns all.
    fn read(&mut self) -> &str {
        let before = std::mem::replace(self, Complaints::Whole(String::new()));
        *self = Complaints::Whole(match before {
            Complaints::Open(thread) => thread.join().unwrap_or_default(),
            Complaints::Whole(text) => text,
        });
        match self {
            Complaints::Whole(text) => text,
            Complaints::Open(_) => "",
        }
    }
}

impl Drop for Qemu {
    fn drop(&mut self) {
        self.process.end();
    }
}

impl Serial {
    fn device(self) -> &'static str {
        match self {
            Serial::Socket | Serial::Absent => "socket,id=serial,path=serial.socket",
            Serial::Pipe => "stdio,id=serial,signal=off",
        }
    }

    fn line(self) -> &'static str {
        match self {
            Serial::Socket | Serial::Pipe => "chardev:serial",
            Serial::Absent => "none",
        }
    }

    fn stdout(self) -> Stdio {
        match self {
            Serial::Socket | Serial::Absent => Stdio::null(),
            Serial::Pipe => Stdio::piped(),
        }
    }
}

fn connect(listeners: &[UnixListener; 2], pipe: Option<ChildStdout>) -> Result<(Console, Qmp)> {
    let console = match pipe {
        Some(pipe) => Console::listening(pipe),
        None => Console::new(listeners[0].accept()?.0)?,
    };
    let (qmp, _) = listeners[1].accept()?;
    Ok((console, Qmp::new(qmp)?))
}

/// Reads to the end of QEMU's stderr, which is the end of QEMU, then ends any wait for a connection.
fn read_complaints(mut stderr: impl Read, paths: [PathBuf; 2]) -> String {
    let mut text = Vec::new();
    let _ = stderr.read_to_end(&mut text);
    for path in paths {
        let _ = UnixStream::connect(path);
    }
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read() {
        assert_eq!(parse_version("QEMU emulator version 10.0.13 (Debian 1:10.0.13)\nCopyright (c)"), Some(10));
        assert_eq!(parse_version("QEMU emulator version 7.2.22"), Some(7));
        assert_eq!(parse_version("something else"), None);
    }

    #[test]
    fn an_emulator_that_ends_at_once_is_an_error() {
        let error = Qemu::start("false", &[], Serial::Socket, Folder::new().unwrap()).err().unwrap();
        assert!(error.to_string().starts_with("false [] didn't start"), "{error}");
    }

    #[test]
    fn a_missing_emulator_is_named() {
        let error = Qemu::start("no-such-emulator", &[], Serial::Socket, Folder::new().unwrap()).err().unwrap();
        assert!(error.to_string().starts_with("can't run no-such-emulator"), "{error}");
    }
}
