use super::*;

fn at(milliseconds: u64) -> Instant {
    Instant::from_cycles(1 << 40) + Duration::from_millis(milliseconds)
}

/// An inlet whose driver has answered with these bytes, was asked again, and says nothing more.
fn stuck_after(bytes: &[u8]) -> Inlet {
    let mut inlet = Inlet::default();
    for chunk in bytes.chunks(CHUNK_BYTES) {
        assert_eq!(inlet.ask(at(0)), Some(Question::Input));
        inlet.answered(Chunk::new(chunk));
    }
    inlet.ask(at(0));
    inlet
}

fn keys(inlet: &mut Inlet, now: Instant) -> (Vec<u8>, Vec<Motion>) {
    let (mut bytes, mut motions) = (Vec::new(), Vec::new());
    loop {
        let (chunk, _) = inlet.take_keys(now, &mut motions);
        if chunk.is_empty() {
            return (bytes, motions);
        }
        bytes.extend_from_slice(chunk.bytes());
    }
}

#[test]
fn a_driver_is_asked_until_it_has_nothing_more() {
    let mut inlet = Inlet::default();
    for bytes in [&b"abcdefghijkl"[..], b"mno"] {
        assert_eq!(inlet.ask(at(0)), Some(Question::Input));
        assert_eq!(inlet.ask(at(0)), None, "it was asked already");
        inlet.answered(Chunk::new(bytes));
    }
    assert_eq!(inlet.ask(at(0)), Some(Question::Input));
    inlet.answered(Chunk::default());
    assert_eq!(inlet.ask(at(0)), None);
    inlet.announce();
    assert_eq!(inlet.ask(at(0)), Some(Question::Input));
}

#[test]
fn what_is_announced_while_the_driver_was_asked_is_not_lost() {
    let mut inlet = Inlet::default();
    assert_eq!(inlet.ask(at(0)), Some(Question::Input));
    inlet.announce();
    assert_eq!(inlet.ask(at(0)), None);
    inlet.answered(Chunk::default());
    assert_eq!(inlet.ask(at(0)), Some(Question::Input));
}

#[test]
fn no_more_is_fetched_than_there_is_room_for() {
    let mut inlet = Inlet::default();
    while inlet.ask(at(0)).is_some() {
        inlet.answered(Chunk::new(&[b'x'; CHUNK_BYTES]));
    }
    assert!(inlet.bytes.len() < AHEAD + CHUNK_BYTES);
    assert_eq!(inlet.take(at(0)).1, Some(Question::Input), "the driver had more");
}

/// A keyboard's driver, which answers at once, and the console's inlet.
#[derive(Default)]
struct Keyboard {
    ring: VecDeque<u8>,
    /// The console was told of input, and hasn't asked for it since.
    has_told: bool,
    inlet: Inlet,
}

impl Keyboard {
    fn press(&mut self, key: &[u8], now: Instant) {
        self.ring.extend(key);
        if !core::mem::replace(&mut self.has_told, true) {
            self.inlet.announce();
            let question = self.inlet.ask(now);
            self.answer(question, now);
        }
    }

    fn answer(&mut self, mut question: Option<Question>, now: Instant) {
        while question.is_some() {
            let chunk: Chunk = self.ring.iter().copied().collect();
            self.ring.drain(..chunk.bytes().len());
            self.inlet.answered(chunk);
            self.has_told = !self.ring.is_empty();
            question = self.inlet.ask(now);
        }
    }

    /// A program polls until there is nothing. It comes back when an answer makes the console notify it.
    fn poll(&mut self, now: Instant) -> Vec<u8> {
        let mut typed = Vec::new();
        loop {
            let (chunk, question) = self.inlet.take_keys(now, &mut Vec::new());
            typed.extend_from_slice(chunk.bytes());
            if chunk.is_empty() && question.is_none() {
                return typed;
            }
            self.answer(question, now);
        }
    }
}

#[test]
fn keys_behind_the_limit_come_although_those_before_it_only_scroll() {
    let mut keyboard = Keyboard::default();
    keyboard.press(b"a", at(0));
    (0..20).for_each(|_| keyboard.press(b"\x1b[5~", at(0)));
    assert!(!keyboard.ring.is_empty(), "the limit was reached");
    assert_eq!(keyboard.poll(at(0)), b"a");
    for key in [b"l", b"s"] {
        keyboard.press(key, at(1000));
        assert_eq!(keyboard.poll(at(1000)), key);
    }
}

#[test]
fn a_driver_that_gets_stuck_withholds_nothing_that_was_fetched() {
    for count in 1..=AHEAD {
        let typed: Vec<u8> = (0..count).map(|at| b'a' + (at % 26) as u8).collect();
        let mut inlet = stuck_after(&typed);
        assert_eq!(keys(&mut inlet, at(0)).0, typed, "of {count} bytes");
    }
}

#[test]
fn the_begin_of_a_key_waits_for_its_rest_and_not_for_ever() {
    for begin in [&b"\x1b"[..], b"\x1b[", b"\x1b[5", b"\x1b[6;2"] {
        let mut inlet = stuck_after(&[b"ab", begin].concat());
        assert_eq!(keys(&mut inlet, at(0)).0, b"ab");
        assert_eq!(inlet.withholds_until(at(0)), Some(at(0) + HOLD));
        assert_eq!(inlet.withholds_until(at(0) + HOLD), None);
        assert_eq!(keys(&mut inlet, at(0) + HOLD).0, begin, "it is no key that scrolls");
    }
    let mut inlet = stuck_after(b"\x1b[5");
    assert_eq!(keys(&mut inlet, at(0)), (Vec::new(), Vec::new()));
    inlet.answered(Chunk::new(b"~"));
    assert_eq!(keys(&mut inlet, at(1)), (Vec::new(), Vec::from([Motion::Scroll(Scroll::Back)])));
}

/// The limit lies within a key. Its driver is asked for the rest only when there is room, a second later.
#[test]
fn a_key_that_the_limit_splits_is_whole() {
    let mut keyboard = Keyboard::default();
    keyboard.press(&[&b"a"[..], &b"\x1b[5~".repeat(20)].concat(), at(0));
    assert_eq!(keyboard.inlet.bytes.back(), Some(&b'5'), "a key is split");
    assert_eq!(keyboard.poll(at(1000)), b"a", "no key that scrolls is typed");
}

#[test]
fn the_begin_of_a_key_waits_from_when_its_rest_is_asked_for() {
    let mut inlet = Inlet::default();
    assert_eq!(inlet.ask(at(0)), Some(Question::Input));
    inlet.answered(Chunk::new(b"\x1b[5"));
    assert_eq!((inlet.withholds_until(at(500)), keys(&mut inlet, at(500)).0), (None, Vec::new()));
    assert_eq!(inlet.withholds_until(at(500)), Some(at(500) + HOLD), "it is asked by now");
    assert_eq!(keys(&mut inlet, at(500) + HOLD).0, b"\x1b[5");
}

#[test]
fn the_escape_key_is_typed_once_the_driver_has_nothing_more() {
    let mut inlet = stuck_after(b"\x1b");
    inlet.answered(Chunk::default());
    assert_eq!(keys(&mut inlet, at(0)).0, b"\x1b");
}

#[test]
fn a_question_about_presence_loses_no_input() {
    let mut inlet = Inlet::default();
    assert_eq!(inlet.ask_for_presence(at(5)), Some(Question::Presence));
    assert_eq!((inlet.ask(at(6)), inlet.ask_for_presence(at(6))), (None, None));
    assert_eq!(inlet.silent_since(), Some(at(5)));
    inlet.answered(Chunk::new(b"no input"));
    assert_eq!(
        (inlet.silent_since(), inlet.take(at(8))),
        (None, (Chunk::default(), Some(Question::Input))),
        "there may still be some"
    );
}
