//! What the oracle knows of processes, threads, objects and calls. Numbers are never used again, so that a stale one is
//! noticed.

use abi::{Message, NotifyMask, ObjectKind, Rights};
use kernel::fake::{Registers, Space};
use kernel::frames::Frame;
use kernel::machine::{Page, PortRange};
use std::collections::{BTreeMap, BTreeSet};

/// A process, by the order of its making. 0 is `init`.
pub type ProcessNumber = usize;
/// A thread, by the order of its making. 0 is `init`'s.
pub type ThreadNumber = usize;
/// An object, by the order of its making.
pub type ObjectNumber = usize;
/// A call or a fault, by the order in which they were made.
pub type LetterNumber = usize;

/// What a handle says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The object; none if the oracle can't know which memory it is.
    pub object: Option<ObjectNumber>,
    pub rights: Rights,
    pub badge: u16,
    /// The bits of an endpoint's notify word that it may set.
    pub mask: NotifyMask,
}

impl Grant {
    /// What the first handle to an object says.
    pub fn new(object: Option<ObjectNumber>, rights: Rights) -> Self {
        Self { object, rights, badge: 0, mask: NotifyMask::ALL }
    }

    /// What a copy of it may say at most: the rights to receive and to bind need the right to destroy.
    pub fn passed_on(self) -> Self {
        let is_owners = self.rights.contains(Rights::DESTROY);
        let lost = if is_owners { Rights::empty() } else { Rights::RECEIVE | Rights::BIND };
        Self { rights: self.rights - lost, ..self }
    }
}

/// How far a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    Alive,
    /// Its end has begun; threads of it may still run until they are stopped.
    Ending,
    /// Its supervisor was told. None of its threads may run any more.
    Dead,
    /// Nothing is left of it.
    Reaped,
}

/// A page of a process.
#[derive(Clone, Copy, Debug)]
pub struct MappedPage {
    pub object: ObjectNumber,
    pub index: u32,
    pub is_writable: bool,
}

/// A process.
#[derive(Debug)]
pub struct Process {
    pub parent: Option<ProcessNumber>,
    pub object: ObjectNumber,
    pub space: Space,
    pub life: Life,
    /// Whether `process_reap` was called for it.
    pub is_reaped: bool,
    pub supervisor: Option<ObjectNumber>,
    pub badge: u16,
    /// The frames that its maker gave it.
    pub frames: usize,
    pub makes: Rights,
    pub handles: BTreeMap<u32, Grant>,
    /// Values that were handles once.
    pub stale: Vec<u32>,
    pub pages: BTreeMap<Page, MappedPage>,
    pub ports: Vec<PortRange>,
    /// Ports that are being taken from it.
    pub loose_ports: Vec<PortRange>,
    /// What it saw of its own quota last, while nobody was entitled to change that.
    pub quota: Option<[usize; 4]>,
    /// The share of the CPU that its maker gave it; none if it runs on its maker's.
    pub share: Option<Given>,
    /// Whether it ever had a thread.
    pub had_threads: bool,
    /// When it was made, in cycles.
    pub made_at: u64,
    /// The time that its threads had, in cycles.
    pub used_cycles: u64,
    /// How often its supervisor was told that its share is used up.
    pub overruns: u64,
}

/// A share of the CPU.
#[derive(Clone, Copy, Debug)]
pub struct Given {
    /// What is left of it; less than 0 while more may have come back than the oracle knows.
    pub thousandths: i64,
    /// The process whose share it came from.
    pub giver: ProcessNumber,
    /// The most by which more was used than it pays for, in thousandths of a cycle, at the time `since`.
    pub debt: u64,
    pub since: u64,
}

impl Given {
    /// A share from now on.
    pub fn new(thousandths: i64, giver: ProcessNumber, now: u64) -> Self {
        Self { thousandths, giver, debt: 0, since: now }
    }

    /// Lets the share pay for what was used, up to now.
    pub fn pay(&mut self, now: u64) {
        let paid = (now - self.since) * self.thousandths.max(0) as u64;
        (self.debt, self.since) = (self.debt.saturating_sub(paid), now);
    }
}

/// How far an object is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Being {
    Alive,
    /// Its end has begun, by `destroy`.
    Ending,
    /// Its owner is being reaped, so that it is alive or gone.
    Fading,
    Gone,
}

/// An object.
#[derive(Debug)]
pub struct Object {
    pub owner: ProcessNumber,
    pub being: Being,
    pub detail: Detail,
}

/// What an object is.
#[derive(Debug)]
pub enum Detail {
    Root,
    Process(ProcessNumber),
    Thread(ThreadNumber),
    Endpoint { noted: [u32; 32] },
    Timer { endpoint: ObjectNumber, badge: u16, was_set: bool },
    Source { line: u8, bound: Option<(ObjectNumber, u16)>, holder: ProcessNumber },
    Memory(Memory),
    Ports(PortRange),
    Reply(LetterNumber),
}

impl Detail {
    pub fn kind(&self) -> ObjectKind {
        match self {
            Self::Root => ObjectKind::Root,
            Self::Process(_) => ObjectKind::Process,
            Self::Thread(_) => ObjectKind::Thread,
            Self::Endpoint { .. } => ObjectKind::Endpoint,
            Self::Timer { .. } => ObjectKind::Timer,
            Self::Source { .. } => ObjectKind::Interrupt,
            Self::Memory(_) => ObjectKind::Memory,
            Self::Ports(_) => ObjectKind::Ports,
            Self::Reply(_) => ObjectKind::Reply,
        }
    }
}

/// A memory object.
#[derive(Debug, Default)]
pub struct Memory {
    pub frames: u32,
    /// Its first frame, once something has shown it.
    pub base: Option<Frame>,
    pub is_device: bool,
    pub is_sealed: bool,
    /// Whether its address was read, so that it may outlive its process in quarantine.
    pub is_known: bool,
    /// The stamps that programs wrote, by frame and part; others are zeros.
    pub contents: BTreeMap<(u32, usize), u64>,
}

/// What a thread does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Stopped,
    /// It could run, or does.
    Ready,
    Calling(LetterNumber),
    /// It receives at an endpoint; none if its call names no endpoint and has to fail.
    Receiving(Option<ObjectNumber>),
    Faulted(LetterNumber),
}

/// A thread.
#[derive(Debug)]
pub struct Thread {
    pub process: ProcessNumber,
    pub object: Option<ObjectNumber>,
    pub state: State,
    pub fault_endpoint: Option<ObjectNumber>,
    pub fault_badge: u16,
    /// The endpoint that it received at last: it can't answer its own faults.
    pub serves: Option<ObjectNumber>,
    /// The endpoint before that.
    pub served: Option<ObjectNumber>,
    /// The call or fault that it received and hasn't answered.
    pub owes: Option<LetterNumber>,
    /// The number of the interrupt message that it received last.
    pub sequence: usize,
    /// Whether its next call has a deadline.
    pub has_deadline: bool,
    /// Whether the present receive has to be over at once, or at a deadline.
    pub may_time_out: bool,
    /// Its registers after the last trap.
    pub registers: Registers,
}

/// Where a call or a fault is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    Queued,
    Owed(ThreadNumber),
    Held(ObjectNumber),
    Over,
}

/// A call or a fault.
#[derive(Debug)]
pub struct Letter {
    pub from: ThreadNumber,
    /// The endpoint; none if the call has to fail.
    pub to: Option<ObjectNumber>,
    pub is_fault: bool,
    pub badge: u16,
    pub label: u8,
    pub words: [usize; 4],
    pub carries: Option<Grant>,
    pub carries_something: bool,
    pub has_deadline: bool,
    pub place: Place,
    /// The answer under way: its label and words, and the handle that it carries.
    pub answer: Option<(u8, [usize; 4], Option<Option<Grant>>)>,
}

/// A system call, as the running thread makes it.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub message: Message,
    pub handle: u32,
}

/// What made the core run.
#[derive(Clone, Copy, Debug)]
pub enum Cause {
    Call(ThreadNumber, Call),
    Fault(ThreadNumber, u8, usize),
    Interrupt(u8),
    Timer,
}

/// Numbers of processes.
pub type Family = BTreeSet<ProcessNumber>;
