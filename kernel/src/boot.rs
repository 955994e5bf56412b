//! What the boot code builds the first process with: the only part of the core that is used before there are threads.

use crate::dispatch::{Next, Priority, Watch};
use crate::frames::{Frame, FrameRun, Records, Zone};
use crate::kernel::{Kernel, NEVER};
use crate::machine::{Context, FramePart, Machine};
use crate::objects::handle::{Grant, HandleRun, Table, TableSize};
use crate::objects::memory::{Memory, MemoryKind, Stretch};
use crate::objects::process::{Origin, Process, Quota};
use crate::objects::thread::Thread;
use crate::tables::{Link, Name};
use abi::{Access, Error, ObjectKind, PAGE_BYTES, Rights, Share};

/// The machine's memory, as the boot code found it.
pub struct Setup<R> {
    /// Records, one for each frame up to the last that is handed over.
    pub records: Records,
    /// Where memory ends that the kernel reaches at all times: a multiple of 256 MiB, or beyond all memory.
    pub low_end: Frame,
    /// The free runs.
    pub runs: R,
}

impl<M: Machine> Kernel<M> {
    /// Makes an all-zero kernel ready: takes the memory over, makes the idle thread and the root object.
    pub fn initialise<R: Iterator<Item = FrameRun>>(&mut self, machine: &mut M, setup: Setup<R>) -> Result<(), Error> {
        self.frames.initialise(setup.records, setup.low_end, setup.runs);
        let root = self.boot_root(machine)?;
        // The kernel's own process has a badge that no supervisor gives. (0 is the first process's.)
        let mut quota = Quota::new(1, 0);
        quota.charge(1, 0).ok_or(Error::NoMemory)?;
        let origin = Origin { badge: u16::MAX, ..Origin::NONE };
        let process = Process::new(origin, machine.create_space(root), Table::NONE, quota);
        let process = self.processes.insert(process).ok_or(Error::TableFull)?;
        let idle = Thread::new(process.link(), HandleRun::NONE, Priority::IDLE);
        self.idle = self.threads.insert(idle).ok_or(Error::TableFull)?.link();
        if let (Some(idle), Some(process)) = (self.threads.at_mut(self.idle), self.processes.at(process.link())) {
            idle.context.start_idle();
            machine.settle(&mut idle.context, &process.home);
        }
        self.schedule.set_idle(&self.threads, self.idle);
        self.current = self.idle;
        self.root = process.link();
        self.set_slice_end(NEVER);
        self.forget_alarm();
        self.watch = Watch::NONE;
        self.slice_cycles = machine.clock().0 / crate::ready::SLICES_PER_SECOND;
        Ok(())
    }

    /// Makes the first process, with all memory as its quota, the whole CPU as its share, a handle to itself and one to
    /// the root.
    pub fn boot_process(&mut self, machine: &mut M) -> Result<FirstProcess, Error> {
        let frames = self.frames.free() as u32;
        let mut quota = Quota::new(frames, u32::MAX / 2);
        quota.charge(1, 0).ok_or(Error::NoMemory)?;
        let root = self.boot_root(machine)?;
        let origin = Origin { ceiling: Priority::HIGHEST, grantable: Rights::all(), ..Origin::NONE };
        let name = self.make_process(machine, root, origin, quota, TableSize::Large)?;
        let process = name.link();
        if let Some(first) = self.processes.at_mut(process) {
            first.standing.own(process, Share::WHOLE, machine.now());
        }
        let grant = |object, kind| Grant::new(object, kind, Rights::all_of(kind));
        let root = grant(self.processes.name(self.root), ObjectKind::Root);
        let root = Grant { rights: root.rights - Rights::DESTROY, ..root };
        let own = grant(name, ObjectKind::Process);
        Ok(FirstProcess { process, own: self.install(process, own)?, root: self.install(process, root)? })
    }

    /// A zeroed frame for the root of an address space.
    fn boot_root(&mut self, machine: &mut M) -> Result<Frame, Error> {
        let root = self.frames.take(1, Zone::Low).ok_or(Error::NoMemory)?;
        FramePart::all().for_each(|part| machine.zero(root, part));
        Ok(root)
    }

    /// Makes a memory object of fresh, zeroed frames for the first process; the boot code fills it.
    pub fn boot_memory(&mut self, machine: &mut M, process: Link, bytes: usize) -> Result<BootMemory, Error> {
        let count = bytes.div_ceil(PAGE_BYTES).max(1) as u32;
        if let Some(process) = self.processes.at_mut(process) {
            process.quota.charge(count, 1).ok_or(Error::NoMemory)?;
        }
        let run = FrameRun { first: self.frames.take(count, Zone::Low).ok_or(Error::NoMemory)?, count };
        let memory = Memory::new(MemoryKind::Pool, run, process);
        let name = self.memories.insert(memory).ok_or(Error::TableFull)?;
        while self.prepare(machine, name.link()) > 0 {}
        Ok(BootMemory { name, run })
    }

    /// Makes a memory object of the frames in which the boot loader left a module.
    pub fn boot_module(&mut self, process: Link, run: FrameRun) -> Result<BootMemory, Error> {
        let memory = Memory::new(MemoryKind::Module, run, process);
        let name = self.memories.insert(memory).ok_or(Error::TableFull)?;
        if let Some(process) = self.processes.at_mut(process) {
            process.quota.charge(0, 1).ok_or(Error::NoMemory)?;
        }
        Ok(BootMemory { name, run })
    }

    /// Maps a whole memory object into the first process. Executable memory is sealed by this.
    pub fn boot_map(
        &mut self,
        machine: &mut M,
        process: Link,
        memory: BootMemory,
        address: usize,
        access: Access,
    ) -> Result<(), Error> {
        let link = memory.name.link();
        if access.contains(Access::EXECUTE)
            && let Some(memory) = self.memories.at_mut(link)
        {
            memory.seal()?;
        }
        let bytes = memory.run.count as usize * PAGE_BYTES;
        let mut done = 0;
        while done < bytes {
            let stretch = Stretch { address: address + done, offset: done, bytes: bytes - done };
            let pages = self.map(machine, link, process, stretch, access).map_err(|refusal| refusal.error)?;
            done += pages * PAGE_BYTES;
        }
        Ok(())
    }

    /// Gives the first process a handle to a memory object.
    pub fn boot_grant(&mut self, process: Link, memory: BootMemory) -> Result<u32, Error> {
        let kind = ObjectKind::Memory;
        self.install(process, Grant::new(memory.name, kind, Rights::all_of(kind)))
    }

    /// Makes the first process's thread ready, with the highest priority and these words in its message registers.
    pub fn boot_thread(
        &mut self,
        machine: &mut M,
        process: Link,
        entry: usize,
        stack: usize,
        words: [usize; 4],
    ) -> Result<(), Error> {
        let name = self.make_thread(machine, process, entry, stack, Priority::HIGHEST)?;
        self.set_message(name.link(), abi::Message::new(Default::default(), words));
        self.enqueue(name.link());
        Ok(())
    }

    /// Decides for the first time which thread runs: the highest that is ready. Afterwards the machine resumes the
    /// registers that it was switched to.
    pub fn start(&mut self, machine: &mut M) {
        self.read_clock(machine);
        if let Some(idle) = self.threads.at_mut(self.idle) {
            idle.become_ready();
            idle.begin_time(self.now);
        }
        self.carry_out(machine, Next::Scheduled);
    }
}

/// The first process and its first handles.
#[derive(Clone, Copy, Debug)]
pub struct FirstProcess {
    /// What the other `boot_` functions take.
    pub process: Link,
    /// Its handle to itself.
    pub own: u32,
    /// Its handle to the root.
    pub root: u32,
}

/// A memory object of the first process.
#[derive(Clone, Copy, Debug)]
pub struct BootMemory {
    name: Name,
    /// The frames, to be filled.
    pub run: FrameRun,
}
