//! Lives: objects of each kind are made and destroyed again and again, far more often than a generation of 16 bits
//! counts. No table may be used up, and a stale handle never comes to mean a later object.

use abi::{Error, Message, ObjectKind, Operation, Options, PAGE_BYTES, Tag};
use kernel::Kernel;
use kernel::boot::FirstProcess;
use kernel::fake::Fake;
use kernel::frames::Frame;

/// The kinds, and how many lives of a thousand are theirs.
const KINDS: &[(ObjectKind, u64)] = &[
    (ObjectKind::Endpoint, 380),
    (ObjectKind::Timer, 200),
    (ObjectKind::Memory, 150),
    (ObjectKind::Interrupt, 90),
    (ObjectKind::Ports, 90),
    (ObjectKind::Thread, 80),
    (ObjectKind::Process, 10),
];

/// A machine on which one program makes and destroys.
struct Ground {
    kernel: Box<Kernel<Fake>>,
    machine: Fake,
    init: FirstProcess,
    /// What timers are bound to.
    endpoint: usize,
}

/// Lives `count` lives.
pub fn run(count: u64) -> Result<(), String> {
    let mut ground = Ground::new();
    let stale: Vec<usize> = KINDS.iter().map(|(kind, _)| ground.stale(*kind)).collect();
    let mut lived = 0;
    while lived < count {
        for ((kind, share), stale) in KINDS.iter().zip(&stale) {
            for _ in 0..*share {
                let object = ground.make(*kind).map_err(|error| format!("life {lived}: {kind:?}: {error:?}"))?;
                let found = ground.use_stale(*kind, *stale);
                if found != Err(Error::BadHandle) {
                    return Err(format!("life {lived}: a stale handle to {kind:?} gives {found:?}"));
                }
                ground.end(*kind, object).map_err(|error| format!("life {lived}: {kind:?} ends: {error:?}"))?;
                lived += 1;
            }
        }
        if let Some(violation) = ground.machine.violations.first() {
            return Err(format!("life {lived}: {violation}"));
        }
        ground.machine.ended.clear();
    }
    Ok(())
}

impl Ground {
    fn new() -> Self {
        const FRAMES: u32 = 64;
        let mut machine = Fake::default();
        let mut kernel = Box::new(Kernel::EMPTY);
        kernel.initialise(&mut machine, Fake::setup(FRAMES, Frame(u32::MAX))).expect("the kernel begins");
        let init = kernel.boot_process(&mut machine).expect("the first process");
        kernel.boot_thread(&mut machine, init.process, 0x40_0000, 0x80_0000, [0; 4]).expect("its thread");
        kernel.start(&mut machine);
        let mut ground = Self { kernel, machine, init, endpoint: 0 };
        ground.endpoint = ground.make(ObjectKind::Endpoint).expect("an endpoint");
        ground
    }

    fn call(&mut self, operation: Operation, handle: usize, words: [usize; 4]) -> Result<usize, Error> {
        let registers = self.kernel.current_context().expect("the program runs");
        registers.message = Message::new(Tag::incoming(operation, 0, Options::empty()), words);
        registers.handle = handle as u32;
        self.kernel.call(&mut self.machine);
        let answer = self.kernel.running().expect("the program runs").message;
        answer.result().map(|[first, ..]| first)
    }

    fn make(&mut self, kind: ObjectKind) -> Result<usize, Error> {
        let (root, endpoint) = (self.init.root as usize, self.endpoint);
        match kind {
            ObjectKind::Endpoint => self.call(Operation::EndpointCreate, 0, [0; 4]),
            ObjectKind::Timer => self.call(Operation::TimerCreate, 0, [endpoint, 1, 0, 0]),
            ObjectKind::Memory => self.call(Operation::MemoryCreate, 0, [PAGE_BYTES, 0, 0, 0]),
            ObjectKind::Interrupt => self.call(Operation::InterruptCreate, root, [3, 0, 0, 0]),
            ObjectKind::Ports => self.call(Operation::PortsCreate, root, [0x300, 8, 0, 0]),
            ObjectKind::Thread => self.call(Operation::ThreadCreate, 0, [0x40_0000, 0x80_0000, 1, 0]),
            _ => loop {
                match self.call(Operation::ProcessCreate, 0, [4, 4, 0, 9])? {
                    0 => {}
                    process => break Ok(process),
                }
            },
        }
    }

    /// A handle to an object that is gone.
    fn stale(&mut self, kind: ObjectKind) -> usize {
        let object = self.make(kind).expect("the first life");
        let copy = self.call(Operation::HandleCopy, object, [usize::MAX, 0, 0, 0]).expect("a copy");
        self.end(kind, object).expect("its end");
        copy
    }

    /// Uses a handle whose object is gone.
    fn use_stale(&mut self, kind: ObjectKind, handle: usize) -> Result<usize, Error> {
        match kind {
            ObjectKind::Endpoint => self.call(Operation::Notify, handle, [1, 0, 0, 0]),
            ObjectKind::Timer => self.call(Operation::TimerCancel, handle, [0; 4]),
            ObjectKind::Memory => self.call(Operation::MemoryInfo, handle, [0; 4]),
            ObjectKind::Interrupt => self.call(Operation::InterruptUnbind, handle, [0; 4]),
            ObjectKind::Ports => self.call(Operation::PortsAttach, handle, [0; 4]),
            ObjectKind::Thread => self.call(Operation::ThreadRead, handle, [0; 4]),
            _ => self.call(Operation::ProcessKill, handle, [0; 4]),
        }
    }

    fn end(&mut self, kind: ObjectKind, handle: usize) -> Result<(), Error> {
        if kind == ObjectKind::Process {
            self.call(Operation::ProcessKill, handle, [0; 4])?;
            while self.call(Operation::ProcessReap, handle, [0; 4])? != 0 {}
        } else {
            while self.call(Operation::Destroy, handle, [0; 4])? > 0 && Self::ends_in_slices(kind) {}
        }
        self.call(Operation::HandleClose, handle, [0; 4]).map(drop)
    }

    /// A call that returns nothing leaves the words as they were.
    const fn ends_in_slices(kind: ObjectKind) -> bool {
        matches!(kind, ObjectKind::Endpoint | ObjectKind::Memory | ObjectKind::Ports)
    }
}
