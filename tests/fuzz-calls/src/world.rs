//! A machine with the core on it, and the traps that programs and devices cause.

use crate::board::Board;
use crate::oracle::things::{Call, Cause, ThreadNumber};
use crate::oracle::{Oracle, STACKS, STALE};
use abi::{Message, Operation, Options, Tag};
use kernel::Kernel;
use kernel::boot::FirstProcess;
use kernel::fake::{Fake, Mode, Registers};
use kernel::fast::{FastCall, Origin};
use kernel::frames::Frame;
use kernel::machine::{Line, Resume};
use kernel::objects::thread::Fault;
use std::collections::{BTreeMap, VecDeque};

/// Where threads begin.
pub const ENTRY: usize = 0x40_0000;
/// How many frames the machine has.
const FRAMES: u32 = 768;
/// How many steps a failure shows.
const SHOWN: usize = 400;

/// How often what happened.
#[derive(Default)]
pub struct Tally {
    pub slow: u64,
    pub fast: u64,
    /// Calls that were done, by their numbers.
    pub done: BTreeMap<u8, u64>,
    /// Calls that failed, by their errors' codes.
    pub errors: BTreeMap<u8, u64>,
    /// Messages that arrived, by their kinds.
    pub delivered: BTreeMap<u8, u64>,
    /// How often a process wanted its share for a whole contest.
    pub contests: u64,
    /// How often a device interrupted without end.
    pub storms: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Self) {
        self.slow += other.slow;
        self.fast += other.fast;
        self.contests += other.contests;
        self.storms += other.storms;
        let both =
            [(&mut self.done, &other.done), (&mut self.errors, &other.errors), (&mut self.delivered, &other.delivered)];
        for (sum, counts) in both {
            counts.iter().for_each(|(number, count)| *sum.entry(*number).or_default() += count);
        }
    }
}

/// A step, for a person.
struct Step {
    cause: Cause,
    answer: Option<Message>,
    delivered: Vec<(ThreadNumber, Message)>,
}

/// The machine, the core, and the oracle that watches.
pub struct World {
    pub kernel: Box<Kernel<Board>>,
    pub board: Board,
    pub oracle: Oracle,
    pub init: FirstProcess,
    /// Counts of what the run has done so far: a run that gets nowhere proves nothing.
    pub tally: Tally,
    /// Numbers that stand for messages, contents and registers; each is used once.
    next_number: usize,
    trail: VecDeque<Step>,
}

impl World {
    /// `init` runs, and has done nothing yet.
    pub fn new() -> Self {
        let mut board = Board::default();
        let mut kernel = Box::new(Kernel::EMPTY);
        kernel.initialise(&mut board, Fake::setup(FRAMES, Frame(u32::MAX))).expect("the kernel begins");
        let init = kernel.boot_process(&mut board).expect("the first process");
        kernel.boot_thread(&mut board, init.process, ENTRY, STACKS, [0; 4]).expect("its thread");
        kernel.start(&mut board);
        board.effects.clear();
        let mut oracle = Oracle::default();
        let space = kernel.running_home().expect("init runs").space;
        oracle.now = board.fake.time;
        oracle.begin(space, init.own, init.root, *kernel.running().expect("init runs"));
        Self { kernel, board, oracle, init, tally: Tally::default(), next_number: 1, trail: VecDeque::new() }
    }

    /// A number that was never used.
    pub fn fresh(&mut self) -> usize {
        self.next_number += 1;
        self.next_number
    }

    /// The thread that runs; none if the machine is idle.
    pub fn running(&self) -> Option<ThreadNumber> {
        self.kernel.running().filter(|registers| registers.mode == Mode::User).map(Oracle::thread_of)
    }

    /// The running thread makes a system call. Returns what stands in its message registers afterwards.
    pub fn call(&mut self, call: Call) -> Message {
        let Some(number) = self.running() else { return Message::default() };
        let label = call.message.tag.label();
        // Machines differ in where they have the words.
        let origin = match label % 2 {
            0 => Origin::Registers(call.message.words),
            _ => Origin::Saved,
        };
        let (mark, other) = (self.fresh(), self.fresh());
        let Some(registers) = self.kernel.current_context() else { return Message::default() };
        registers.general[0] = mark;
        registers.general[5] = other;
        registers.handle = call.handle;
        registers.message = if origin == Origin::Saved { call.message } else { STALE };
        let mut placed = *registers;
        let tag = call.message.tag;
        let resume =
            FastCall::of(tag).and_then(|fast| self.kernel.fast_call(&mut self.board, fast, tag, call.handle, origin));
        match resume {
            Some(resume) => self.resume(resume),
            None => {
                self.tally.slow += 1;
                if let Some(registers) = self.kernel.current_context() {
                    registers.message = call.message;
                }
                placed.message = call.message;
                self.kernel.call(&mut self.board);
            }
        }
        self.look(Cause::Call(number, call), Some(placed));
        self.oracle.threads.get(&number).map_or(Message::default(), |thread| thread.registers.message)
    }

    /// The running thread calls an operation.
    pub fn ask(&mut self, operation: Operation, handle: u32, words: [usize; 4]) -> Message {
        self.ask_with(operation, 0, Options::empty(), handle, words)
    }

    /// The running thread calls an operation with label and options.
    pub fn ask_with(
        &mut self,
        operation: Operation,
        label: u8,
        options: Options,
        handle: u32,
        words: [usize; 4],
    ) -> Message {
        let message = Message::new(Tag::incoming(operation, label, options), words);
        self.call(Call { message, handle })
    }

    /// The running thread raises an exception.
    pub fn fault(&mut self, vector: u8) {
        let Some(number) = self.running() else { return };
        let nonce = self.fresh();
        let fault = Fault { vector, error: nonce, address: 0, instruction: 0 };
        match self.kernel.fast_fault(&mut self.board, fault) {
            Some(resume) => self.resume(resume),
            None => {
                self.tally.slow += 1;
                self.kernel.fault(&mut self.board, fault);
            }
        }
        self.look(Cause::Fault(number, vector, nonce), None);
    }

    /// The CPU takes the interrupts that come through, a few at most: a level that nobody serves is there again.
    pub fn take_interrupts(&mut self) {
        const MOST: usize = 4;
        for _ in 0..MOST {
            let Some(Line(line)) = self.board.fake.take_interrupt() else { return };
            match self.kernel.fast_interrupt(&mut self.board, Line(line)) {
                Some(resume) => self.resume(resume),
                None => {
                    self.tally.slow += 1;
                    self.kernel.interrupt(&mut self.board, Line(line));
                }
            }
            self.look(Cause::Interrupt(line), None);
        }
    }

    /// Time passes, and the timer fires as often as it is due, a few times at most.
    pub fn advance(&mut self, cycles: u64) {
        const MOST: usize = 8;
        self.spend(cycles);
        for _ in 0..MOST {
            if !self.fire() {
                return;
            }
        }
    }

    /// Time passes until the timer fires, for that many cycles at most.
    pub fn advance_to_timer(&mut self, cycles: u64) {
        let now = self.board.fake.time;
        let armed = self.board.fake.armed.map_or(cycles, |armed| armed.0.saturating_sub(now));
        self.spend(cycles.min(armed));
        self.fire();
    }

    /// The running thread computes.
    fn spend(&mut self, cycles: u64) {
        let running = self.running();
        self.board.fake.advance(cycles);
        self.oracle.time_passed(self.board.fake.time, running);
    }

    /// Time passes in the kernel.
    pub fn lose(&mut self, cycles: u64) {
        self.board.fake.advance(cycles);
        self.oracle.time_passed(self.board.fake.time, None);
    }

    /// Takes the timer's interrupt, if there is one.
    fn fire(&mut self) -> bool {
        let fires = self.board.fake.take_timer();
        if fires {
            self.kernel.timer(&mut self.board);
            self.look(Cause::Timer, None);
        }
        fires
    }

    fn resume(&mut self, resume: Resume) {
        self.tally.fast += 1;
        self.kernel.save(resume);
    }

    /// Shows the oracle what a trap has done.
    fn look(&mut self, cause: Cause, placed: Option<Registers>) {
        let effects = core::mem::take(&mut self.board.effects);
        let registers: BTreeMap<ThreadNumber, Registers> = self
            .kernel
            .contexts()
            .filter(|registers| registers.mode == Mode::User)
            .map(|registers| (Oracle::thread_of(registers), *registers))
            .collect();
        let home = self.board.fake.resumes.map(|(_, home)| home);
        let running = self.running().zip(home.as_ref());
        let running = running.map(|(thread, home)| (thread, home.space, &home.ports[..home.port_ranges as usize]));
        self.oracle.look(cause, placed, &effects, &registers, running);
        let violations = core::mem::take(&mut self.board.fake.violations);
        self.oracle.breaches.extend(violations);
        // What nobody asks for would grow for ever.
        self.board.fake.log.clear();
        self.board.fake.ended.clear();
        let answer = match cause {
            Cause::Call(thread, _) => registers.get(&thread).map(|registers| registers.message),
            _ => None,
        };
        let delivered = core::mem::take(&mut self.oracle.delivered);
        for (_, message) in &delivered {
            *self.tally.delivered.entry(message.tag.kind() as u8).or_default() += 1;
        }
        if let (Cause::Call(_, call), Some(answer)) = (cause, answer) {
            match answer.result() {
                Ok(_) => *self.tally.done.entry(call.message.tag.operation_number()).or_default() += 1,
                Err(error) => *self.tally.errors.entry(error as u8).or_default() += 1,
            }
        }
        self.trail.push_back(Step { cause, answer, delivered });
        if self.trail.len() > SHOWN {
            self.trail.pop_front();
        }
    }

    /// The last steps, for a person.
    pub fn trail(&self) -> String {
        let line = |Step { cause, answer, delivered }: &Step| match cause {
            Cause::Call(thread, Call { message, handle }) => {
                let name = abi::DESCRIPTIONS.get(message.tag.operation_number() as usize).map_or("?", |row| row.name);
                let process = self.oracle.threads.get(thread).map(|thread| thread.process);
                let answer = answer.map(|answer| (answer.tag.kind(), answer.result()));
                let delivered = Self::shown(delivered);
                let (words, options) = (message.words, message.tag.options());
                let call = format!("{name} {handle:#x} {words:x?} {options:?}");
                format!("  thread {thread} of {process:?}: {call}: {answer:x?}{delivered}\n")
            }
            other => format!("  {other:?}{}\n", Self::shown(delivered)),
        };
        self.trail.iter().map(line).collect()
    }

    fn shown(delivered: &[(ThreadNumber, Message)]) -> String {
        let one = |(number, message): &(ThreadNumber, Message)| {
            format!("\n    thread {number} gets {:?} {:x?}", message.tag.kind(), message.words)
        };
        delivered.iter().map(one).collect()
    }
}
