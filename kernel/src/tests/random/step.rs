//! One step of a random walk.

use super::words::{pick_handle, shape};
use crate::machine::Line;
use crate::objects::thread::Fault;
use crate::tests::world::{BELL, World};
use abi::{DESCRIPTIONS, Message, Operation, Options, Tag};
use proptest::prelude::*;
use std::vec::Vec;

/// A trap, or something that a device does.
#[derive(Clone, Debug)]
pub enum Step {
    /// The running thread makes a call; the numbers are shaped into what the call takes.
    Call { operation: Operation, label: u8, options: u16, handle: u32, words: [u32; 4] },
    /// The running thread calls with whatever stands in its registers.
    Noise { tag: u32, handle: u32, words: [usize; 4] },
    /// An edge.
    Raise(u8),
    /// A line fired so often unread that a few more times make a storm.
    Age(u8),
    /// A source has used its budget up: it is switched off at its next review, if its process has used up its share.
    Exhaust(u8),
    /// A source is switched off at once.
    SwitchOff(u8),
    /// A level line is held.
    Assert(u8),
    /// A level line is released.
    Release(u8),
    /// Time passes.
    Advance(u32),
    /// The running thread raises an exception.
    Fault(u8),
    /// The machine signals something that can't be masked.
    NonMaskable(u8),
    /// An interrupt is taken back.
    Spurious(u8),
    /// The running thread uses floating point for the first time.
    FloatingPoint,
}

/// The calls of which a walk is mostly made.
const COMMON: [Operation; 20] = [
    Operation::Call,
    Operation::ReplyReceive,
    Operation::Receive,
    Operation::Reply,
    Operation::ReplyTake,
    Operation::Notify,
    Operation::Yield,
    Operation::Deadline,
    Operation::InterruptCreate,
    Operation::InterruptBind,
    Operation::TimerSet,
    Operation::TimerCreate,
    Operation::MemoryCreate,
    Operation::MemoryPrepare,
    Operation::MemoryPrepare,
    Operation::MemoryMap,
    Operation::Destroy,
    Operation::Destroy,
    Operation::ThreadCreate,
    Operation::ThreadStart,
];

fn operation() -> impl Strategy<Value = Operation> {
    let any = (0..DESCRIPTIONS.len()).prop_map(|number| Operation::from_number(number as u8).unwrap());
    prop_oneof![1 => any, 1 => prop::sample::select(&COMMON[..])]
}

/// Any step.
pub fn step() -> impl Strategy<Value = Step> {
    let call = (operation(), any::<u8>(), any::<u16>(), any::<u32>(), any::<[u32; 4]>())
        .prop_map(|(operation, label, options, handle, words)| Step::Call { operation, label, options, handle, words });
    let noise = any::<(u32, u32, [usize; 4])>().prop_map(|(tag, handle, words)| Step::Noise { tag, handle, words });
    prop_oneof![
        60 => call,
        2 => noise,
        8 => any::<u8>().prop_map(Step::Raise),
        1 => any::<u8>().prop_map(Step::Age),
        1 => any::<u8>().prop_map(Step::Exhaust),
        2 => any::<u8>().prop_map(Step::SwitchOff),
        3 => any::<u8>().prop_map(Step::Assert),
        3 => any::<u8>().prop_map(Step::Release),
        6 => (0u32..20_000_000).prop_map(Step::Advance),
        2 => any::<u8>().prop_map(Step::Fault),
        1 => (0u8..4).prop_map(Step::NonMaskable),
        1 => any::<u8>().prop_map(Step::Spurious),
        1 => Just(Step::FloatingPoint),
    ]
}

impl Step {
    /// Takes the step. Returns a call that was made and what its caller's registers hold afterwards.
    pub fn take(&self, world: &mut World) -> Option<(Operation, Message)> {
        let idle = world.is_idle();
        match *self {
            Self::Call { .. } | Self::Noise { .. } | Self::Fault(_) | Self::FloatingPoint if idle => world.raise(BELL),
            Self::Call { operation, label, options, handle, words } => {
                return self.call(world, operation, (label, options), handle, words);
            }
            Self::Noise { tag, handle, words } => {
                if !ends_init(world, Operation::from_number(tag as u8)) {
                    world.call_with(Tag(tag), handle as usize, words);
                }
            }
            Self::Raise(choice) => {
                let line = pick_line(world, choice);
                world.raise(line);
            }
            Self::Age(choice) => age(world, choice),
            Self::Exhaust(choice) => exhaust(world, choice),
            Self::SwitchOff(choice) => switch_off(world, choice),
            Self::Assert(choice) => {
                let line = pick_line(world, choice);
                world.machine.assert(line);
                // A level that nobody serves is there again at once; drivers get to run in between.
                if let Some(line) = world.machine.take_interrupt() {
                    world.interrupt(line);
                }
            }
            Self::Release(choice) => {
                let line = pick_line(world, choice);
                world.machine.release(line);
            }
            Self::Advance(cycles) => world.advance(cycles as u64),
            Self::Fault(vector) => {
                if !world.is_running(world.init_thread) {
                    let fault = Fault { vector, error: 1, address: 2, instruction: 3 };
                    world.raise_fault(fault);
                }
            }
            Self::NonMaskable(count) => world.trap(|kernel, machine| kernel.non_maskable(machine, count as u32)),
            Self::Spurious(choice) => {
                let line = (!choice.is_multiple_of(4)).then(|| pick_line(world, choice));
                world.trap(|kernel, _| kernel.spurious(line));
            }
            Self::FloatingPoint => {
                let thread = world.kernel.threads.at(world.kernel.current).unwrap();
                if thread.floating_point.0 == 0 {
                    world.trap(|kernel, _| kernel.attach_floating_point());
                }
            }
        }
        None
    }

    fn call(
        &self,
        world: &mut World,
        operation: Operation,
        (label, options): (u8, u16),
        handle: u32,
        raw: [u32; 4],
    ) -> Option<(Operation, Message)> {
        if ends_init(world, Some(operation)) && !raw[0].is_multiple_of(64) {
            return None;
        }
        let row = &DESCRIPTIONS[operation as usize];
        let mut words = [0; 4];
        for (position, word) in words.iter_mut().enumerate() {
            *word = shape(world, row.input.get(position).copied().unwrap_or("_"), raw[position]);
        }
        let mut flags = Options::empty();
        match operation {
            Operation::Call | Operation::Reply | Operation::ReplyReceive if options.is_multiple_of(4) => {
                flags = Options::HANDLE;
                words[3] = pick_handle(world, abi::Rights::COPY, raw[3]) as usize;
            }
            Operation::ProcessCreate => flags = Options::from_bits_truncate(options) & Options::DMA,
            Operation::ReplyReceive if options.is_multiple_of(3) => flags = Options::TAKE_HANDLE,
            Operation::Receive => flags = Options::from_bits_truncate(options & 0b10_1110),
            Operation::MemoryMap => flags = Options::from_bits_truncate(options & 0x700),
            _ => {}
        }
        if operation == Operation::Receive && flags.contains(Options::DEADLINE) {
            words = [shape(world, "deadline_low", raw[0]), 0, 0, 0];
        }
        let label = if operation == Operation::ProcessCreate { label % 64 } else { label };
        let handle = match operation {
            Operation::Reply if handle.is_multiple_of(2) => 0,
            Operation::Reply => pick_handle(world, abi::Rights::REPLY, handle),
            Operation::ThreadCreate if !handle.is_multiple_of(4) => 0,
            Operation::ThreadCreate => pick_handle(world, abi::Rights::PROCESS, handle),
            Operation::MemoryPrepare => pick_handle(world, abi::Rights::WRITE, handle),
            Operation::MemoryMap => pick_handle(world, abi::Rights::READ, handle),
            Operation::MemoryInfo => pick_handle(world, abi::Rights::SEAL, handle),
            Operation::HandleCopy => pick_handle(world, abi::Rights::COPY, handle),
            Operation::Info => pick_handle(world, abi::Rights::ROOT_INFO, handle),
            _ => pick_handle(world, operation.needs(), handle),
        };
        let caller = world.kernel.current;
        let answer = world.call_with(Tag::incoming(operation, label, flags), handle as usize, words);
        // A caller that waits has no answer yet.
        let goes_on = world.is_running(caller) || world.kernel.threads.live(caller).is_none();
        let said = answer.tag.kind() != abi::Kind::Done || !goes_on || answer.tag != Tag(0);
        (said || goes_on).then_some((operation, answer))
    }
}

/// Whether a call would end init or make it wait where nobody reaches it: the walk would be over too soon.
fn ends_init(world: &World, operation: Option<Operation>) -> bool {
    let ends = matches!(
        operation,
        Some(Operation::Exit | Operation::ThreadExit | Operation::Call | Operation::ProcessKill | Operation::Destroy)
    );
    ends && world.is_running(world.init_thread)
}

/// Mostly a line that somebody has claimed.
fn pick_line(world: &World, choice: u8) -> Line {
    let claimed: Vec<Line> =
        world.kernel.interrupts.iter().map(|(_, source)| source.line()).filter(|line| *line != Line::NMI).collect();
    match claimed.get(choice as usize / 4 % claimed.len().max(1)) {
        Some(line) if !choice.is_multiple_of(4) => *line,
        _ => Line(choice % 24),
    }
}

/// Uses a source's budget up.
fn exhaust(world: &mut World, choice: u8) {
    let line = pick_line(world, choice);
    if let Some(pace) = world.kernel.paces.at_mut(world.kernel.lines.source(line)) {
        pace.exhaust();
    }
}

/// Does to a source what a review does after a storm.
fn switch_off(world: &mut World, choice: u8) {
    let line = pick_line(world, choice);
    let link = world.kernel.lines.source(line);
    if world.kernel.interrupts.at(link).is_some_and(|source| !source.endpoint().is_none()) && !world.kernel.is_off(link)
    {
        world.trap(|kernel, machine| {
            let next = kernel.switch_off(machine, link);
            kernel.carry_out(machine, next);
        });
    }
}

/// Does to a source what thousands of interrupts would, up to just before the storm and the end of its numbers.
fn age(world: &mut World, choice: u8) {
    let line = pick_line(world, choice);
    let link = world.kernel.lines.source(line);
    let Some(source) = world.kernel.interrupts.at_mut(link) else { return };
    source.come_to_the_edge();
}
