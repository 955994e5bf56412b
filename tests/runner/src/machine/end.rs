//! How a machine ends, and its time.

use std::io::{Error, Result};
use std::time::Duration;

use serde_json::json;

use super::{Machine, PAUSE};
use crate::console::DEADLINE;
use crate::counter::{self, Counts};
use crate::exit::Exit;

impl Machine {
    /// Waits until the machine has ended by itself.
    #[track_caller]
    pub fn wait_exit(&mut self) -> Exit {
        match self.qemu.wait_exit() {
            Ok(exit) => exit,
            Err(error) => self.fail(&format!("the machine didn't end: {error}")),
        }
    }

    /// Waits until the machine has ended by itself, and returns all that it printed. The machine may take any time, as
    /// long as it prints something before each [`DEADLINE`].
    #[track_caller]
    pub fn output(&mut self) -> (String, Exit) {
        match self.qemu.console.read_to_end(DEADLINE) {
            Ok(text) => (text, self.wait_exit()),
            Err(missing) => self.fail(&format!("the machine neither ends nor says anything more: {missing:?}")),
        }
    }

    /// Waits like [`Machine::output`] for a machine that [can be timed](super::Hardware::timed) and may hang. A machine
    /// that prints nothing for the time of `silence`, by its own clock, has no exit.
    #[track_caller]
    pub fn output_unless_silent(&mut self, silence: Duration) -> (String, Option<Exit>) {
        let mut heard = None;
        loop {
            let count = self.qemu.console.count();
            // An emulator that has ended answers nothing.
            let Ok(now) = self.time() else {
                let (text, exit) = self.output();
                return (text, Some(exit));
            };
            match heard {
                Some((before, since)) if before == count => {
                    if now > since + silence {
                        return (self.qemu.console.text(), None);
                    }
                }
                _ => heard = Some((count, now)),
            }
            self.qemu.console.pause(PAUSE);
        }
    }

    /// The time of a machine that [can be timed](super::Hardware::timed), by its real-time clock.
    pub fn time(&mut self) -> Result<Duration> {
        let time = self.qemu.qmp.execute("qom-get", json!({ "path": "/machine", "property": "rtc-time" }))?;
        let units = [("tm_mday", 86_400), ("tm_hour", 3_600), ("tm_min", 60), ("tm_sec", 1)];
        let seconds = units.iter().map(|(unit, seconds)| time[unit].as_u64().map(|count| count * seconds));
        seconds.sum::<Option<u64>>().map(Duration::from_secs).ok_or_else(|| Error::other(format!("no time: {time}")))
    }

    /// Ends the machine if it hasn't ended, and returns what was counted while it ran.
    #[track_caller]
    pub fn counts(&mut self) -> Counts {
        // The command fails where the machine has ended already.
        let _ = self.qemu.qmp.execute("quit", json!({}));
        self.wait_exit();
        let report = std::fs::read_to_string(self.qemu.folder.file(counter::FILE)).map_err(|error| error.to_string());
        match report.and_then(|text| Counts::parse(&text)) {
            Ok(counts) => counts,
            Err(error) => self.fail(&format!("nothing was counted: {error}")),
        }
    }

    /// Waits for the end of the emulator, and returns how it ended and what it complained about.
    #[track_caller]
    pub fn last_words(&mut self) -> String {
        let exit = self.wait_exit();
        format!("{exit:?}: {}", self.qemu.complaints())
    }
}
