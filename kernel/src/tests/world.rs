//! A machine with a kernel on it, and what a test does with them.
//!
//! `init` is the first process; its one thread has the highest priority, so that it runs until it [`World::park`]s,
//! and again whenever the bell [`World::ring`]s.

use super::invariants;
use crate::Kernel;
use crate::boot::FirstProcess;
use crate::fake::Fake;
use crate::fast::{FastCall, Origin};
use crate::frames::Frame;
use crate::machine::{Line, Page, Resume};
use crate::objects::thread::State;
use crate::tables::Link;
use abi::{DESCRIPTIONS, Error, Kind, Message, ObjectKind, Operation, Options, Rights, Tag};
use std::boxed::Box;
use std::collections::BTreeMap;

mod actors;
mod events;

pub use actors::Actor;

/// What stands in saved message registers that nobody may read.
const STALE: Message = Message::new(Tag(0xDEAD_DEAD), [0xDEAD_0000; 4]);

/// The line whose interrupt wakes `init`.
pub const BELL: Line = Line(15);
/// Where threads begin.
pub const ENTRY: usize = 0x40_0000;
/// Where their stacks end.
pub const STACK: usize = 0x80_0000;

/// A machine with a kernel on it.
pub struct World {
    pub kernel: Box<Kernel<Fake>>,
    pub machine: Fake,
    pub init: FirstProcess,
    /// Init's thread.
    pub init_thread: Link,
    /// Init's endpoint: where the bell rings and children's ends are told.
    pub supervisor: usize,
    /// Which paths through the core traps may go.
    pub paths: Paths,
    /// How many took the fast one, by what they were.
    pub fast_paths: BTreeMap<&'static str, u32>,
    badges: usize,
    endpoints: usize,
}

/// Which paths traps take through the core.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Paths {
    /// The fast one where there is one, as on real machines.
    All,
    /// The slow one alone.
    SlowOnly,
}

impl World {
    /// A machine of 256 frames with `init` running.
    pub fn new() -> Self {
        Self::with_frames(256)
    }

    pub fn with_frames(frames: u32) -> Self {
        let mut machine = Fake::default();
        let mut kernel = Box::new(Kernel::EMPTY);
        kernel.initialise(&mut machine, Fake::setup(frames, Frame(u32::MAX))).unwrap();
        let init = kernel.boot_process(&mut machine).unwrap();
        kernel.boot_thread(&mut machine, init.process, ENTRY, STACK, [1, 2, 3, 4]).unwrap();
        kernel.start(&mut machine);
        let mut world = Self::of(kernel, machine, init);
        invariants::check(&world);
        world.supervisor = world.endpoint();
        let bell = world.make(Operation::InterruptCreate, world.init.root as usize, [BELL.0 as usize, 0, 0, 0]);
        world.done(Operation::InterruptBind, bell, [world.supervisor, 0xBE11, 0, 0]);
        // The bind says that the bell may have rung before.
        assert_eq!(world.call(Operation::Receive, world.supervisor, [0; 4]).tag.kind(), Kind::Interrupt);
        world
    }

    /// A world in which `init` runs and has done nothing yet.
    pub fn of(kernel: Box<Kernel<Fake>>, machine: Fake, init: FirstProcess) -> Self {
        let init_thread = kernel.current;
        Self {
            kernel,
            machine,
            init,
            init_thread,
            supervisor: 0,
            paths: Paths::All,
            fast_paths: BTreeMap::new(),
            badges: 100,
            endpoints: 0,
        }
    }

    /// Hands a trap to the kernel, and looks at everything afterwards.
    pub fn trap<R>(&mut self, trap: impl FnOnce(&mut Kernel<Fake>, &mut Fake) -> R) -> R {
        let result = trap(&mut self.kernel, &mut self.machine);
        invariants::check(self);
        self.machine.note_uses(invariants::memory::uses(self));
        assert_eq!(self.machine.violations, [""; 0], "the machine was misused");
        result
    }

    /// The running thread makes the system call that stands in its registers.
    fn system_call(&mut self) {
        let caller = self.kernel.current;
        let message = self.message(caller);
        let handle = self.kernel.threads.at(caller).unwrap().context.handle;
        // Machines differ in where they have the words: here it is left to chance.
        let origin =
            if message.tag.label().is_multiple_of(2) { Origin::Registers(message.words) } else { Origin::Saved };
        if origin != Origin::Saved {
            // Where a machine has the message in the CPU's registers, the saved ones hold something old.
            self.kernel.set_message(caller, STALE);
        }
        let what = DESCRIPTIONS.get(message.tag.operation_number() as usize).map_or("", |row| row.name);
        self.enter(
            what,
            |kernel, machine| {
                let call = FastCall::of(message.tag)?;
                kernel.fast_call(machine, call, message.tag, handle, origin)
            },
            |kernel, machine| {
                kernel.set_message(caller, message);
                kernel.call(machine);
            },
        );
    }

    /// A trap takes the fast path if that takes it, else the slow one.
    fn enter(
        &mut self,
        what: &'static str,
        fast: impl FnOnce(&mut Kernel<Fake>, &mut Fake) -> Option<Resume>,
        slow: impl FnOnce(&mut Kernel<Fake>, &mut Fake),
    ) {
        let paths = self.paths;
        let is_fast = self.trap(|kernel, machine| {
            let resume = if paths == Paths::All { fast(kernel, machine) } else { None };
            match resume {
                Some(resume) => kernel.save(resume),
                None => slow(kernel, machine),
            }
            resume.is_some()
        });
        *self.fast_paths.entry(what).or_default() += is_fast as u32;
    }

    /// The running thread makes a system call. Returns what stands in its message registers afterwards: its answer,
    /// or, if it waits now, whatever it gave.
    pub fn call_with(&mut self, tag: Tag, handle: usize, words: [usize; 4]) -> Message {
        let caller = self.kernel.current;
        let context = self.kernel.current_context().expect("the idle thread makes no calls");
        context.message = Message::new(tag, words);
        context.handle = handle as u32;
        self.system_call();
        self.message(caller)
    }

    /// The running thread makes a system call without label and options.
    pub fn call(&mut self, operation: Operation, handle: usize, words: [usize; 4]) -> Message {
        self.call_with(Tag::incoming(operation, 0, Options::empty()), handle, words)
    }

    /// A call that has to succeed at once; returns its words.
    #[track_caller]
    pub fn done(&mut self, operation: Operation, handle: usize, words: [usize; 4]) -> [usize; 4] {
        self.done_with(Tag::incoming(operation, 0, Options::empty()), handle, words)
    }

    #[track_caller]
    pub fn done_with(&mut self, tag: Tag, handle: usize, words: [usize; 4]) -> [usize; 4] {
        let answer = self.call_with(tag, handle, words);
        assert_eq!(answer.tag.kind(), Kind::Done, "{:?} of {:?}", answer.result(), tag);
        answer.words
    }

    /// A call that has to fail; returns why.
    #[track_caller]
    pub fn refused(&mut self, operation: Operation, handle: usize, words: [usize; 4]) -> Error {
        self.call(operation, handle, words).result().expect_err("the call should fail")
    }

    #[track_caller]
    pub fn refused_with(&mut self, tag: Tag, handle: usize, words: [usize; 4]) -> Error {
        self.call_with(tag, handle, words).result().expect_err("the call should fail")
    }

    /// A call that returns a handle.
    #[track_caller]
    pub fn make(&mut self, operation: Operation, handle: usize, words: [usize; 4]) -> usize {
        self.make_with(Tag::incoming(operation, 0, Options::empty()), handle, words)
    }

    /// A call that returns a handle, repeated until it does.
    #[track_caller]
    pub fn make_with(&mut self, tag: Tag, handle: usize, words: [usize; 4]) -> usize {
        self.repeated(tag, handle, words)
    }

    /// Maps pages; returns how many bytes the first call did that did any.
    #[track_caller]
    pub fn map(&mut self, tag: Tag, memory: usize, words: [usize; 4]) -> usize {
        self.repeated(tag, memory, words)
    }

    /// The first word of a call that prepares what it needs in slices and returns 0 until it has it.
    #[track_caller]
    fn repeated(&mut self, tag: Tag, handle: usize, words: [usize; 4]) -> usize {
        let most = 64 * u8::MAX as usize;
        let result = (0..most).map(|_| self.done_with(tag, handle, words)[0]).find(|word| *word != 0);
        result.expect("the call gets on")
    }

    /// The running thread destroys an object, to the end.
    #[track_caller]
    pub fn destroy(&mut self, handle: usize) {
        while self.done(Operation::Destroy, handle, [0; 4])[0] != 0 {}
    }

    /// The running process makes an endpoint.
    #[track_caller]
    pub fn endpoint(&mut self) -> usize {
        self.endpoints = self.make(Operation::EndpointCreate, 0, [0; 4]);
        self.endpoints
    }

    /// The endpoint made last, as its maker names it.
    pub fn last_endpoint(&self) -> usize {
        self.endpoints
    }

    /// The running thread waits on an endpoint.
    pub fn receive(&mut self, endpoint: usize) -> Message {
        self.call(Operation::Receive, endpoint, [0; 4])
    }

    /// The running thread waits on an endpoint, and takes handles that come along.
    pub fn receive_with_handles(&mut self, endpoint: usize) -> Message {
        self.call_with(Tag::incoming(Operation::Receive, 0, Options::TAKE_HANDLE), endpoint, [0; 4])
    }

    /// The running thread looks whether there is a message.
    pub fn poll(&mut self, endpoint: usize) -> Result<Message, Error> {
        self.poll_with(endpoint, Options::empty())
    }

    /// The running thread looks whether there is a message, with further options.
    pub fn poll_with(&mut self, endpoint: usize, options: Options) -> Result<Message, Error> {
        let answer = self.call_with(Tag::incoming(Operation::Receive, 0, Options::NO_WAIT | options), endpoint, [0; 4]);
        answer.result().map(|_| answer)
    }

    /// The slot of the object that one of the running process's handles names.
    pub fn object(&self, handle: usize) -> Link {
        let process = self.kernel.threads.at(self.kernel.current).unwrap().process;
        let process = self.kernel.processes.at(process).unwrap();
        self.kernel.handles.find(process.table.handle_run(), handle as u32, Rights::empty()).unwrap().link()
    }

    /// The source that claimed a line.
    pub fn object_of_line(&self, line: Line) -> Link {
        self.kernel.lines.source(line)
    }

    /// The handle by which the running process names an object.
    #[track_caller]
    pub fn handle_to(&self, kind: ObjectKind, object: Link) -> usize {
        let process = self.kernel.threads.at(self.kernel.current).unwrap().process;
        let handles = self.kernel.handles.of(&self.kernel.processes.at(process).unwrap().table);
        handles.iter().find(|(_, grant)| grant.kind == kind && grant.link() == object).unwrap().0 as usize
    }

    /// Whether that thread runs.
    pub fn is_running(&self, thread: Link) -> bool {
        self.kernel.current == thread
    }

    /// Whether nobody runs.
    pub fn is_idle(&self) -> bool {
        self.kernel.current == self.kernel.idle
    }

    /// What stands in a thread's message registers.
    pub fn message(&self, thread: Link) -> Message {
        self.kernel.threads.at(thread).map(|thread| thread.context.message).unwrap_or_default()
    }

    /// What a thread does or waits for.
    pub fn state(&self, thread: Link) -> State {
        self.kernel.threads.at(thread).map(|thread| thread.state()).unwrap_or_default()
    }

    /// What a process has mapped at an address.
    pub fn mapped(&self, process: Link, address: usize) -> Option<crate::machine::Mapping> {
        let space = self.kernel.processes.at(process)?.home.space;
        self.machine.spaces.get(&space)?.pages.get(&Page::new(address)?).copied()
    }
}
