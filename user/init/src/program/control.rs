//! The start and the end of a program as clients ask for them.

use super::{Life, Program, Purpose, Surroundings};
use crate::backoff::Backoff;
use bellwire::protocol::Control;
use bellwire::{Call, CallerGone, Error, Result};

impl Program {
    /// Ends the program. Its exit message comes later, as always.
    pub fn kill(&self, reason: usize) -> Result<()> {
        match &self.life {
            Life::Running { process, .. } => process.kill(reason),
            _ => Err(Error::Gone),
        }
    }

    /// Ends the program until it is started. Its exit message comes later, as always.
    pub fn stop(&mut self, reason: usize) -> Control {
        match &mut self.life {
            Life::Running { process, ends, .. } => {
                // One that has ended meanwhile isn't started again, either: its exit message is on its way.
                let _ = process.kill(reason);
                *ends = Purpose::Stop;
                Control::Done
            }
            Life::Waiting { .. } | Life::Starting => {
                bellwire::println!("{} was stopped while it waited to be started again", self.facts.name);
                self.life = Life::Stopped;
                Control::Done
            }
            Life::Stopped | Life::Ended | Life::Absent => Control::Already,
        }
    }

    /// Starts the program at once, as a client asks. If it dies then, the first wait is the shortest.
    pub fn start_for(&mut self, client: Call<'_>, surroundings: Surroundings<'_>) {
        match &mut self.life {
            Life::Running { ends: Purpose::Restart, .. } => return client.answer(Control::Already.to_words()),
            Life::Running { ends, .. } => {
                *ends = Purpose::Start;
                self.backoff = Backoff::NEW;
            }
            Life::Starting => {}
            _ => {
                self.backoff = Backoff::NEW;
                self.start(surroundings);
            }
        }
        self.starters.put_off(client, ());
    }

    /// Answers the clients that have asked for the start, unless what comes of it still isn't known. A client that
    /// looks at the program's state then sees what the start has led to.
    pub fn answer_starters(&mut self) {
        if matches!(self.life, Life::Starting | Life::Running { ends: Purpose::Start, .. }) {
            return;
        }
        while let Some(client) = self.starters.take_first() {
            // A client that has gone needs no answer.
            let _ = client.reply.answer(Control::Done.to_words());
        }
    }

    /// Forgets a client that has asked for the start, if it is one.
    pub fn forget_starter(&mut self, gone: CallerGone) {
        let _ = self.starters.forget(gone);
    }
}
