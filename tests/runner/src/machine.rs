//! A machine as a case sees it: boot it, await what it prints, type, press keys, see how it ends.
//!
//! Every wait ends in the awaited event or in a panic that shows the end of the log; no case needs a sleep.
//!
//! | file | what it holds |
//! |---|---|
//! | `machine/image.rs` | what a machine boots |
//! | `machine/hardware.rs` | the machine before it is switched on |
//! | this file | what a case says to a running machine and hears from it |
//! | `machine/state.rs` | what a case reads from outside: memory, screen, whether the CPU halts |
//! | `machine/end.rs` | how a machine ends, and its time |

mod end;
mod hardware;
mod image;
mod state;

pub use hardware::Hardware;
pub use image::{Direct, Image};

use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use xtask::Width;

use crate::console::{DEADLINE, Missing, Reader, tail};
use crate::keys::keys;
use crate::qemu::Qemu;

/// How long QEMU holds each key, and how long it waits before the next, in milliseconds of the machine's time. A PS/2
/// controller holds 16 bytes, so keys may not come faster than a busy machine reads them.
const KEY_MILLISECONDS: u32 = 20;

/// How long to wait before asking again for what the machine doesn't announce.
const PAUSE: Duration = Duration::from_millis(50);

/// A running machine; it is switched off when it goes out of scope.
pub struct Machine {
    qemu: Qemu,
}

impl Machine {
    /// Boots an image on the usual machine.
    #[track_caller]
    pub fn boot(width: Width, image: impl Into<Image>) -> Machine {
        Hardware::new(width).boot(image)
    }

    /// Waits until the machine prints the text, behind what was awaited before. Returns what it printed up to there.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        match self.qemu.console.expect(text) {
            Ok(read) => read,
            Err(Missing::Late) => self.fail(&format!("{text:?} didn't come within {DEADLINE:?}")),
            Err(Missing::Ended) => {
                let exit = self.qemu.wait_exit();
                self.fail(&format!("the machine ended ({exit:?}) before it printed {text:?}"))
            }
        }
    }

    /// Waits for a whole line, behind what was awaited before. Without one it is the caller's to say what failed.
    pub fn line(&mut self) -> std::result::Result<String, Missing> {
        self.qemu.console.expect("\n")
    }

    /// Sends a line by the serial line, as a terminal does.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        self.send(format!("{line}\r").as_bytes());
    }

    /// Sends bytes by the serial line; waits while the machine doesn't take them.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.qemu.console.send(bytes) {
            self.fail(&format!("the serial line took no bytes: {error}"));
        }
    }

    /// Waits for `count` bytes of any value, behind what was awaited before.
    #[track_caller]
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        match self.qemu.console.receive(count) {
            Ok(bytes) => bytes,
            Err(missing) => self.fail(&format!("{count} bytes didn't come: {missing:?}")),
        }
    }

    /// The text that was printed behind what was awaited.
    pub fn unread(&self) -> String {
        self.qemu.console.unread()
    }

    /// How many bytes were printed behind what was awaited.
    pub fn unread_count(&self) -> usize {
        self.qemu.console.unread_count()
    }

    /// Presses the keys for the text, one after the other.
    #[track_caller]
    pub fn keys(&mut self, text: &str) {
        for character in text.chars() {
            let Some(names) = keys(character) else { panic!("no key gives {character:?}") };
            let keys: Vec<_> = names.iter().map(|name| json!({ "type": "qcode", "data": name })).collect();
            self.command("send-key", json!({ "keys": keys, "hold-time": KEY_MILLISECONDS }));
        }
    }

    /// Raises a non-maskable interrupt on every CPU.
    #[track_caller]
    pub fn nmi(&mut self) {
        self.command("inject-nmi", json!({}));
    }

    /// Runs a command of QEMU's machine protocol.
    #[track_caller]
    pub fn command(&mut self, command: &str, arguments: serde_json::Value) -> serde_json::Value {
        match self.qemu.qmp.execute(command, arguments) {
            Ok(result) => result,
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Runs a command of QEMU's monitor for people, and returns what it prints.
    #[track_caller]
    pub fn monitor(&mut self, command: &str) -> String {
        let text = self.command("human-monitor-command", json!({ "command-line": command }));
        text.as_str().unwrap_or("").to_owned()
    }

    /// A file in the machine's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.qemu.folder.file(name)
    }

    /// The number of the emulator's process, for signals.
    pub fn process(&self) -> u32 {
        self.qemu.process()
    }

    /// Lets the runner read what the machine prints, or pause.
    pub fn set_reader(&self, reader: Reader) {
        self.qemu.console.set_reader(reader);
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        let shown = tail(&self.qemu.console.text());
        panic!("{what}\nend of the serial log:\n{shown}\nQEMU said: {}", self.qemu.complaints())
    }
}
