//! Events that the kernel tells by itself: a caller that has gone, and a share that was used up.

use super::contest::WINDOW;
use super::things::{Being, Detail, LetterNumber, Life, ObjectNumber, State, ThreadNumber};
use super::{Oracle, rule};
use abi::{Kind, Message, Tag, join};

/// For how many windows a process is over its share before its supervisor is told.
const TOLERATED_WINDOWS: u64 = 200;

/// The part of its share that a process which is over the share has used at least: one in this number. It may keep to
/// the share for four windows, in which it saves one.
const LEAST_USE: u64 = 8;

impl Oracle {
    /// A process is told that the caller of a call which it has put off is gone.
    pub(super) fn told_of_lost_caller(&mut self, number: ThreadNumber, endpoint: ObjectNumber, message: Message) {
        self.end_unanswered();
        let process = self.threads[&number].process;
        let [handle, rest @ ..] = message.words;
        let plain = message.tag.0 == Tag::outgoing(Kind::CallerGone, 0, 0).0 && rest == [0; 3];
        rule!(self, plain, "thread {number} was told of a lost caller by {message:x?}");
        if handle == 0 {
            return self.told_of_others_caller(process, endpoint);
        }
        let object = self.grant(process, handle).and_then(|grant| grant.object);
        let Some((object, letter)) = object.and_then(|object| Some((object, self.letter_of(object)?))) else {
            return self.breaches.push(format!("process {process} lost the caller of {handle:#x}, which is no Reply"));
        };
        let (from, to, is_lost) = (self.letters[letter].from, self.letters[letter].to, self.is_lost(letter));
        let being = self.objects[object].being;
        rule!(self, to == Some(endpoint), "{endpoint} told of the end of a caller that had called {to:?}");
        rule!(self, is_lost, "process {process} was told that thread {from} is gone, which waits for its answer");
        rule!(self, being != Being::Gone, "process {process} was told twice that thread {from} is gone");
        self.close_reply(process, handle as u32);
    }

    /// A process that isn't the one which has put a call off learns that there is a caller less. It isn't told which
    /// one, and the Reply stays its owner's.
    fn told_of_others_caller(&mut self, process: usize, endpoint: ObjectNumber) {
        let lost = self.lost_at(endpoint);
        let of_others = lost.iter().any(|object| self.objects[*object].owner != process);
        rule!(self, of_others, "{endpoint} told of a lost caller of others, and there is none");
        *self.others_told.entry(endpoint).or_default() += 1;
    }

    /// The Replies to calls at an endpoint whose caller is gone.
    fn lost_at(&self, endpoint: ObjectNumber) -> Vec<ObjectNumber> {
        let is_lost = |object: &ObjectNumber| {
            let letter = self.letter_of(*object);
            let here = |letter: &LetterNumber| self.letters[*letter].to == Some(endpoint) && self.is_lost(*letter);
            self.objects[*object].being != Being::Gone && letter.filter(here).is_some()
        };
        (0..self.objects.len()).filter(is_lost).collect()
    }

    fn letter_of(&self, object: ObjectNumber) -> Option<LetterNumber> {
        match self.objects[object].detail {
            Detail::Reply(letter) => Some(letter),
            _ => None,
        }
    }

    /// Whether the thread that sent a call or a fault no longer waits for the answer.
    fn is_lost(&self, letter: LetterNumber) -> bool {
        self.threads.get(&self.letters[letter].from).is_none_or(|thread| {
            let waits = matches!(thread.state, State::Calling(own) | State::Faulted(own) if own == letter);
            !waits || self.processes[thread.process].life != Life::Alive
        })
    }

    /// No thread can run: who waits at an endpoint has been told of each caller that is gone.
    pub(super) fn check_told(&mut self) {
        let waiting: std::collections::BTreeSet<_> = self
            .threads
            .values()
            .filter(|thread| self.processes[thread.process].life == Life::Alive)
            .filter_map(|thread| match thread.state {
                State::Receiving(endpoint) => endpoint,
                _ => None,
            })
            .collect();
        for endpoint in waiting.into_iter().filter(|endpoint| self.objects[*endpoint].being == Being::Alive) {
            let holds = |object: &ObjectNumber| {
                let object = &self.objects[*object];
                object.being == Being::Alive && self.processes[object.owner].life == Life::Alive
            };
            let lost: Vec<_> = self.lost_at(endpoint).into_iter().filter(holds).collect();
            let told = self.others_told.get(&endpoint).copied().unwrap_or(0);
            rule!(self, lost.len() <= told, "nobody at {endpoint} was told of lost callers of the Replies {lost:?}");
        }
    }

    /// A supervisor is told that a process has used up its share.
    pub(super) fn told_of_overrun(&mut self, endpoint: ObjectNumber, message: Message) {
        let tag = message.tag;
        let [thousandths, low, high, zero] = message.words;
        let plain = tag.0 == Tag::outgoing(Kind::Overrun, 0, tag.badge()).0 && zero == 0;
        rule!(self, plain, "{endpoint} was told of an overrun by {message:x?}");
        let hears = |number: &usize| {
            let process = &self.processes[*number];
            process.supervisor == Some(endpoint) && process.badge == tag.badge() && process.life != Life::Reaped
        };
        let candidates: Vec<_> = (0..self.processes.len()).filter(hears).collect();
        let &[number] = candidates.as_slice() else {
            let none = candidates.is_empty();
            return rule!(self, !none, "{endpoint} was told that {} has used up its share", tag.badge());
        };
        self.processes[number].overruns += 1;
        let payer = self.payer(number);
        let share = self.processes[payer].share.map_or(0, |share| share.thousandths);
        let is_known = self.shares_coming_back() == 0;
        rule!(self, !is_known || thousandths as i64 == share, "{thousandths} thousandths used up of {share}");
        // One message an episode, and an episode takes that long.
        let process = &self.processes[number];
        let (age, told) = (self.now - process.made_at, process.overruns);
        let over = join(low, high);
        rule!(self, over <= age, "process {number} has used up its share for {over} of the {age} that it is there");
        let least = told * TOLERATED_WINDOWS * WINDOW;
        rule!(self, least <= age, "process {number} has used up its share {told} times in {age}");
        let family = self.family(payer);
        let charged_otherwise = family.iter().any(|member| self.is_charged_otherwise(*member));
        let used: u64 = family.iter().map(|member| self.processes[*member].used_cycles).sum();
        let must_have_used = least / 1_000 * share.max(0) as u64 / LEAST_USE;
        rule!(
            self,
            charged_otherwise || !is_known || used >= must_have_used,
            "process {number} has used up its {share} thousandths {told} times, and used {used}"
        );
    }
}
