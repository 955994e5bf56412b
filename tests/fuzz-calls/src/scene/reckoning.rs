//! The end of a round: `init` takes everything back, and counts what there is.

use super::{SLICES, Scene};
use abi::{InfoItem, Message, Operation, ProcessPart};
use kernel::tables::sizes;

impl Scene {
    /// Lets time pass until `init` runs. After a storm of the bell its source is off for a while.
    fn wake(&mut self) {
        for _ in 0..SLICES {
            if self.world.running() == Some(0) {
                break;
            }
            self.ring();
            self.world.advance(10_000);
        }
    }

    /// Ends all programs, and compares what there is with what there was.
    pub(super) fn take_back(&mut self) {
        for (process, _) in self.programs.clone() {
            // Others may run before `init` goes on, if it has used up its share.
            self.wake();
            self.world.ask(Operation::ProcessKill, process, [2, 0, 0, 0]);
        }
        self.wake();
        for _ in 0..200 {
            self.world.advance(50_000);
        }
        self.receive_all();
        self.world.oracle.check_ends(self.supervisor_object);
        for (process, _) in core::mem::take(&mut self.programs) {
            self.reap(process);
        }
        for thread in core::mem::take(&mut self.threads) {
            self.world.ask(Operation::HandleClose, thread, [0; 4]);
        }
        // Bits may be left at endpoints that `init` owns; they are no object.
        if self.baseline != [0; 5] {
            let found = self.count();
            if found != self.baseline {
                let text = format!("frames, objects and handles: {found:?}, and there were {:?}", self.baseline);
                self.world.oracle.breaches.push(text);
            }
        }
        self.count_shares();
    }

    /// Free frames; processes, threads, endpoints and handles in use.
    pub(super) fn count(&mut self) -> [usize; 5] {
        let [_, free, ..] = self.info(InfoItem::Memory, 0).words;
        let [processes, threads, endpoints, handles] = self.info(InfoItem::Kernel, 1).words;
        [free, processes, threads, endpoints, handles]
    }

    /// Counts all shares of the CPU, which are the whole at any time.
    pub(super) fn count_shares(&mut self) {
        let [processes, ..] = self.info(InfoItem::Kernel, 1).words;
        let (mut seen, mut shares) = (0, Vec::new());
        for index in 0..sizes::PROCESSES {
            if seen == processes || self.world.running() != Some(0) {
                break;
            }
            let [state, badge, ..] = self.info_of(index, ProcessPart::State).words;
            seen += (state != 0) as usize;
            let [share, ..] = self.info_of(index, ProcessPart::Share).words;
            if share != 0 {
                shares.push((badge as u16, share as i64));
            }
        }
        self.world.oracle.check_shares(shares);
    }

    fn info_of(&mut self, index: usize, part: ProcessPart) -> Message {
        let words = [InfoItem::Process as usize, index, part as usize, 0];
        self.world.ask(Operation::Info, self.world.init.root, words)
    }

    fn info(&mut self, item: InfoItem, part: usize) -> Message {
        self.world.ask(Operation::Info, self.world.init.root, [item as usize, 0, part, 0])
    }
}
