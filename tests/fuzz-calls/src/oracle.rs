//! The oracle: what each program may see and change, worked out from the calls that programs make and from what a
//! person with a probe at the machine would see. It knows nothing of the core's own state.
//!
//! After each trap it is told the cause, what was done to the machine, and the registers of all threads. All of that
//! has to follow from what the caller's handles allow. The rest of the world must stay as it was.

mod calls;
pub mod contest;
mod done;
mod ended;
mod events;
mod letters;
mod made;
mod memory;
mod objects;
mod quiet;
mod shares;
pub mod storms;
pub mod things;

use abi::{Message, ObjectKind, Rights, Share};
use contest::Contest;
use kernel::fake::{LINE_COUNT, Registers, Space};
use kernel::frames::Frame;
use std::collections::BTreeMap;
use things::{
    Being, Cause, Detail, Family, Given, Grant, Letter, Life, Object, ObjectNumber, Process, ProcessNumber, State,
    Thread, ThreadNumber,
};

use crate::board::Effect;

/// Where the threads' stacks begin: a stack's address says which thread it is.
pub const STACKS: usize = 0x1000_0000;
/// How far they lie apart.
pub const STACK_STEP: usize = 16;

/// What stands in saved message registers while the message is in the CPU's.
pub const STALE: Message = Message::new(abi::Tag(0xDEAD_DEAD), [0xDEAD_0000; 4]);

/// Whose frame it is.
#[derive(Clone, Copy, Debug)]
pub enum Owner {
    Memory(ObjectNumber),
    Table(Space),
}

/// The oracle.
#[derive(Default)]
pub struct Oracle {
    pub processes: Vec<Process>,
    pub objects: Vec<Object>,
    pub threads: BTreeMap<ThreadNumber, Thread>,
    pub letters: Vec<Letter>,
    spaces: BTreeMap<Space, ProcessNumber>,
    frames: BTreeMap<Frame, Owner>,
    /// Calls by the number in their first word.
    nonces: BTreeMap<usize, usize>,
    next_thread: ThreadNumber,
    /// The time.
    pub now: u64,
    /// The contest for shares that goes on.
    contest: Option<Contest>,
    /// How often an endpoint told a process of a caller that several others may have lost.
    others_told: BTreeMap<ObjectNumber, usize>,
    /// The messages that the last trap delivered.
    pub delivered: Vec<(ThreadNumber, Message)>,
    /// What broke the rules.
    pub breaches: Vec<String>,
}

/// Notes a breach unless the condition holds.
macro_rules! rule {
    ($oracle:expr, $condition:expr, $($text:tt)+) => {
        if !$condition {
            $oracle.breaches.push(format!($($text)+));
        }
    };
}
use rule;

impl Oracle {
    /// `init` with its one thread, and the handles that it is born with.
    pub fn begin(&mut self, space: Space, own: u32, root: u32, registers: Registers) {
        let everything = |kind| Rights::all_of(kind);
        self.objects.push(Object { owner: 0, being: Being::Alive, detail: Detail::Root });
        self.objects.push(Object { owner: 0, being: Being::Alive, detail: Detail::Process(0) });
        let root_rights = everything(ObjectKind::Root) - Rights::DESTROY;
        let handles =
            [(root, Grant::new(Some(0), root_rights)), (own, Grant::new(Some(1), everything(ObjectKind::Process)))];
        self.processes.push(Process {
            parent: None,
            object: 1,
            space,
            life: Life::Alive,
            is_reaped: false,
            supervisor: None,
            badge: 0,
            frames: usize::MAX,
            makes: Rights::all(),
            handles: handles.into(),
            stale: Vec::new(),
            pages: BTreeMap::new(),
            ports: Vec::new(),
            loose_ports: Vec::new(),
            quota: None,
            share: Some(Given::new(Share::WHOLE.thousandths().into(), 0, 0)),
            had_threads: true,
            made_at: 0,
            used_cycles: 0,
            overruns: 0,
        });
        self.spaces.insert(space, 0);
        self.frames.insert(space.0, Owner::Table(space));
        self.add_thread(0, 0, None, (None, 0), registers, State::Ready);
    }

    /// The number that the next thread gets.
    pub fn next_thread(&self) -> ThreadNumber {
        self.next_thread
    }

    /// The thread with these registers.
    pub fn thread_of(registers: &Registers) -> ThreadNumber {
        registers.general[abi::Register::Sp as usize].wrapping_sub(STACKS) / STACK_STEP
    }

    /// Looks at everything after a trap. `running` is the thread that goes on, if one does, and the address space and
    /// ports that the machine has loaded for it.
    pub fn look(
        &mut self,
        cause: Cause,
        placed: Option<Registers>,
        effects: &[Effect],
        registers: &BTreeMap<ThreadNumber, Registers>,
        running: Option<(ThreadNumber, Space, &[kernel::machine::PortRange])>,
    ) {
        if let (Cause::Call(thread, _) | Cause::Fault(thread, ..), Some(placed)) = (cause, placed)
            && let Some(thread) = self.threads.get_mut(&thread)
        {
            thread.registers = placed;
        }
        match cause {
            Cause::Call(thread, call) => self.call(thread, call, effects, registers),
            Cause::Fault(thread, vector, nonce) => self.fault(thread, vector, nonce),
            Cause::Interrupt(line) => {
                rule!(self, usize::from(line) < LINE_COUNT, "line {line} has interrupted, and doesn't exist");
                self.check_effects(None, effects);
            }
            Cause::Timer => self.check_effects(None, effects),
        }
        let gone: Vec<_> = self.threads.keys().filter(|thread| !registers.contains_key(*thread)).copied().collect();
        for thread in gone {
            self.thread_is_gone(thread);
        }
        self.deliver(registers);
        if let Some((thread, space, ports)) = running {
            self.check_running(thread, space, ports);
        }
    }

    /// The thread that runs may run, in its own process's memory and with its ports.
    fn check_running(&mut self, number: ThreadNumber, space: Space, ports: &[kernel::machine::PortRange]) {
        let Some(thread) = self.threads.get_mut(&number) else {
            return self.breaches.push(format!("thread {number} runs, and nobody has made it"));
        };
        let process = thread.process;
        // A fault whose endpoint is gone is retried.
        if let State::Faulted(letter) = thread.state
            && self.letters[letter].to.is_none_or(|to| self.objects[to].being != Being::Alive)
        {
            thread.state = State::Ready;
            self.letters[letter].place = things::Place::Over;
        }
        let state = thread.state;
        let place = match state {
            State::Calling(letter) | State::Faulted(letter) => Some(self.letters[letter].place),
            _ => None,
        };
        rule!(self, state == State::Ready, "thread {number} runs, and is {state:?}, {place:?}");
        let owner = &self.processes[process];
        let (life, own, allowed, loose) = (owner.life, owner.space, &owner.ports, &owner.loose_ports);
        let extra = ports.iter().find(|range| !allowed.contains(range) && !loose.contains(range)).copied();
        let missing = allowed.iter().find(|range| !ports.contains(range)).copied();
        rule!(self, !matches!(life, Life::Dead | Life::Reaped), "thread {number} of dead process {process} runs");
        rule!(self, own == space, "thread {number} runs in the memory of another process");
        rule!(self, extra.is_none(), "process {process} may use the ports {extra:?}, and nobody gave it those");
        rule!(self, missing.is_none(), "process {process} has lost its ports {missing:?}");
    }

    /// What a process's handle says.
    pub fn grant(&self, process: ProcessNumber, handle: usize) -> Option<Grant> {
        self.processes[process].handles.get(&(handle as u32)).copied()
    }

    /// Why a call with that handle must fail; nothing if it may be done.
    fn barred(&self, process: ProcessNumber, handle: usize, needs: Rights) -> Option<&'static str> {
        let Some(grant) = self.grant(process, handle) else { return Some("it has no such handle") };
        if !grant.rights.contains(needs) {
            return Some("its handle lacks the right");
        }
        let object = &self.objects[grant.object?];
        // An endpoint works until the last of those that wait there has been told.
        let works = needs.intersects(Rights::CALL | Rights::RECEIVE | Rights::NOTIFY);
        match object.being {
            Being::Gone => Some("that object is gone"),
            // A copy is good for going on with the end.
            Being::Ending if needs == Rights::COPY => None,
            Being::Ending if works && object.detail.kind() == ObjectKind::Endpoint => None,
            Being::Ending => Some("that object's end has begun"),
            Being::Alive | Being::Fading => None,
        }
    }

    /// The object of a handle, if it is known.
    fn object(&self, process: ProcessNumber, handle: usize) -> Option<ObjectNumber> {
        self.grant(process, handle)?.object
    }

    /// A process and all that it made, and those made.
    pub fn family(&self, process: ProcessNumber) -> Family {
        let mut family = Family::from([process]);
        // A child is always younger than its parent.
        for (number, other) in self.processes.iter().enumerate() {
            if other.parent.is_some_and(|parent| family.contains(&parent)) {
                family.insert(number);
            }
        }
        family
    }

    /// How many objects of a kind there may be.
    pub fn count(&self, kind: ObjectKind) -> usize {
        let there = |object: &&Object| object.being != Being::Gone && object.detail.kind() == kind;
        self.objects.iter().filter(there).count()
    }

    fn add_thread(
        &mut self,
        number: ThreadNumber,
        process: ProcessNumber,
        object: Option<ObjectNumber>,
        (fault_endpoint, fault_badge): (Option<ObjectNumber>, u16),
        registers: Registers,
        state: State,
    ) {
        self.next_thread = self.next_thread.max(number + 1);
        let thread = Thread {
            process,
            object,
            state,
            fault_endpoint,
            fault_badge,
            serves: None,
            served: None,
            owes: None,
            sequence: 0,
            has_deadline: false,
            may_time_out: false,
            registers,
        };
        self.processes[thread.process].had_threads = true;
        self.threads.insert(number, thread);
    }

    fn add_letter(&mut self, letter: Letter) -> usize {
        self.nonces.insert(letter.words[0], self.letters.len());
        self.letters.push(letter);
        self.letters.len() - 1
    }
}
