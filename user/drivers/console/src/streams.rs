//! The streams of the serial line and the keyboard. Their drivers may be stuck, so the console waits for none of them:
//! threads of its own do, one for each call that may be under way.

use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::{Chunk, ConsoleMode, DONE, Request, StreamRequest};
use bellwire::stream::{INPUT, Source};
use bellwire::{Answer, CallThread, Endpoint, Error, Instant, Result};
use core::time::Duration;
use driver_console::{Inlet, Motion, Outlet, Probe, Question, Size, Verdict, Watch, Written};

/// The bit of the console's notify word that says that a driver has answered.
const ANSWER: u32 = 1 << 1;

/// The priority of the threads that call drivers: the console's own.
const PRIORITY: u8 = 30;

/// How long the console waits for the keyboard's first answer. The driver answers once its devices are set up: keys and
/// clicks from before are lost, so a prompt shouldn't be there sooner.
const SETUP: Duration = Duration::from_secs(2);

/// A label that no stream serves: a driver that works refuses it at once.
const PRESENCE: u8 = 0;

/// A driver that is asked for input.
struct Asked {
    service: Arc<Endpoint>,
    asker: CallThread,
    inlet: Inlet,
}

impl Asked {
    fn new(service: Endpoint, console: &Endpoint) -> Result<Self> {
        let asker = CallThread::new(PRIORITY, console.notifier(ANSWER)?, ANSWER)?;
        Ok(Self { service: Arc::new(service), asker, inlet: Inlet::default() })
    }

    /// Takes the driver's answer, if one has come, and asks for more, if there may be more. Returns whether the driver
    /// has answered.
    fn go_on(&mut self) -> bool {
        let answer = self.asker.take_answer();
        let has_answered = matches!(answer, Some(Ok(_)));
        if let Some(answer) = answer {
            // A driver that is dead has no input; its successor notifies the console when it has some.
            let answer = answer.ok().filter(|answer| answer.label == DONE);
            let chunk = answer.and_then(|answer| Chunk::from_words(answer.words).ok()).unwrap_or_default();
            self.inlet.answered(chunk);
        }
        let question = self.inlet.ask(Instant::now());
        self.put(question);
        has_answered
    }

    /// Takes input, by a function of the inlet, and asks for more where that makes room.
    fn take(&mut self, take: impl FnOnce(&mut Inlet, Instant) -> (Chunk, Option<Question>)) -> Chunk {
        let (chunk, question) = take(&mut self.inlet, Instant::now());
        self.put(question);
        chunk
    }

    fn put(&mut self, question: Option<Question>) {
        let (label, words) = match question {
            None => return,
            Some(Question::Input) => StreamRequest::Poll.encode(),
            Some(Question::Presence) => (PRESENCE, [0; 4]),
        };
        if self.asker.begin(self.service.clone(), label, words, None).is_err() {
            self.inlet.answered(Chunk::default());
        }
    }
}

/// The streams, the input that was fetched from them and not read yet, and the output that wasn't sent yet.
pub struct Streams {
    serial: Asked,
    keyboard: Asked,
    /// Writes to the serial line, which takes as long as the line is slow.
    writer: CallThread,
    outlet: Outlet,
    /// The silence of the serial line's driver.
    watch: Watch,
    /// Whether the console's clients read lines of text or bytes as they come.
    pub mode: ConsoleMode,
    fetched: Chunk,
    /// The effects of keys since these were last taken.
    pub motions: Vec<Motion>,
    /// The question to the terminal at the serial line.
    pub probe: Probe,
    /// The size of that terminal, if it answered.
    pub terminal: Option<Size>,
}

impl Streams {
    /// Makes the streams once the keyboard has answered, or was too slow. `console` is the endpoint that is notified of
    /// input.
    pub fn new(serial: Endpoint, keyboard: Endpoint, console: &Endpoint) -> Result<Self> {
        let first = keyboard.request_before(Instant::now() + SETUP, StreamRequest::Poll).and_then(Chunk::from_words);
        let mut keyboard = Asked::new(keyboard, console)?;
        keyboard.inlet.push(first.unwrap_or_default());
        Ok(Self {
            serial: Asked::new(serial, console)?,
            keyboard,
            writer: CallThread::new(PRIORITY, console.notifier(ANSWER)?, ANSWER)?,
            outlet: Outlet::default(),
            watch: Watch::new(Instant::now()),
            mode: ConsoleMode::Text,
            fetched: Chunk::default(),
            motions: Vec::new(),
            probe: Probe::default(),
            terminal: None,
        })
    }

    /// Notes that a driver has input. Call this when the console is notified.
    pub fn announce(&mut self, bits: u32) {
        if bits & INPUT != 0 {
            self.serial.inlet.announce();
            self.keyboard.inlet.announce();
        }
    }

    /// Returns whether output is taken. If not, its writer has to wait.
    pub fn has_room(&self) -> bool {
        self.outlet.has_room()
    }

    /// Sends bytes to the serial line. If the driver dies meanwhile, its successor gets the rest.
    pub fn send(&mut self, bytes: &[u8]) {
        self.outlet.push(bytes);
        self.go_on();
    }

    /// Takes the drivers' answers, and goes on with what waited for them. Call this when the console is notified.
    pub fn go_on(&mut self) {
        self.keyboard.go_on();
        let written = self.writer.take_answer();
        let has_written = matches!(written, Some(Ok(_)));
        let mut lost = written.and_then(|answer| self.outlet.written(outcome(answer)));
        if self.serial.go_on() || has_written {
            self.watch.heard(Instant::now());
            lost = lost.or(self.outlet.driver_answers());
        }
        if let Some(lost) = lost {
            bellwire::println!("the serial line's driver answers again; {lost} bytes weren't sent");
        }
        if let Some(chunk) = self.outlet.give() {
            let (label, words) = StreamRequest::Write(chunk).encode();
            if self.writer.begin(self.serial.service.clone(), label, words, None).is_err() {
                self.outlet.written(Written::Refused);
            }
        }
    }

    /// Returns when to call [`Streams::look`], if nothing else happens: where a driver's answer is awaited that may not
    /// come.
    pub fn next_look(&self) -> Option<Instant> {
        let line = (!self.outlet.has_room()).then(|| self.watch.next_look(self.serial.inlet.silent_since()));
        self.keyboard.inlet.withholds_until(Instant::now()).into_iter().chain(line).min()
    }

    /// Gives the driver of the serial line up if it has been silent for too long while output waits for it.
    pub fn look(&mut self) {
        self.go_on();
        if self.outlet.has_room() {
            return;
        }
        let now = Instant::now();
        match self.watch.look(self.serial.inlet.silent_since(), now) {
            Verdict::Wait => {}
            Verdict::Ask => {
                let question = self.serial.inlet.ask_for_presence(now);
                self.serial.put(question);
            }
            Verdict::GiveUp => {
                bellwire::println!("the serial line's driver doesn't answer: nobody waits for it any more");
                self.outlet.give_up();
            }
        }
    }

    /// Takes input of the serial line.
    fn take_serial(&mut self) -> Chunk {
        let chunk = self.serial.take(Inlet::take);
        if self.mode == ConsoleMode::Text {
            let answer = chunk.bytes().iter().filter_map(|byte| self.probe.look(*byte)).last();
            self.terminal = answer.or(self.terminal);
        }
        chunk
    }

    /// Takes input of the keyboard: without the keys that scroll, unless all bytes are to pass.
    fn take_keys(&mut self) -> Chunk {
        match self.mode {
            ConsoleMode::Bytes => self.keyboard.take(Inlet::take),
            ConsoleMode::Text => self.keyboard.take(|inlet, now| inlet.take_keys(now, &mut self.motions)),
        }
    }
}

/// What a driver's answer says of a write.
fn outcome(answer: Result<Answer>) -> Written {
    match answer {
        Ok(answer) if answer.label == DONE => Written::Taken(answer.words[0]),
        Err(Error::Gone) => Written::DriverGone,
        Ok(_) | Err(_) => Written::Refused,
    }
}

impl Source for Streams {
    fn peek(&mut self) -> Chunk {
        self.go_on();
        if self.fetched.is_empty() {
            self.fetched = self.take_serial();
        }
        if self.fetched.is_empty() {
            self.fetched = self.take_keys();
        }
        self.fetched
    }

    fn consume(&mut self, bytes: usize) {
        self.fetched = Chunk::new(&self.fetched.bytes()[bytes..]);
    }
}
