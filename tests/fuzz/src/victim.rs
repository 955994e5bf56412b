//! The victim: a process with handles of every kind to objects that are its alone, in which steps run.

use crate::launch;
use crate::memory::{Shared, sealed};
use abi::{Access, ObjectKind, PAGE_BYTES, Rights};
use bellwire::{Endpoint, Error, Handle, Limits, Memory, OwnedHandle, Process, Result, Root, Thread, Timer, Trust};
use fuzz::layout::{CODE, CODE_BYTES, DATA, DATA_BYTES, DESK, EDGE, LAUNCH};
use fuzz::registers::{Desk, Registers, SLOTS, Slot};

/// The priority of everything in it: below the conductor's, above the witness's.
pub const PRIORITY: u8 = 20;

/// The badge of its exit, and of its steps' faults.
pub const BADGE: u16 = 1;
/// The badge of the empty process's exit.
pub const WARD_BADGE: u16 = 2;

/// The victim's limits.
const LIMITS: Limits = Limits { frames: 96, objects: 48, priority: PRIORITY, trust: Trust::Contained };
/// The limits of the empty process.
const WARD_LIMITS: Limits = Limits { frames: 16, objects: 16, priority: PRIORITY, trust: Trust::Contained };

/// Ports that no device has.
const PORTS: (u16, u16) = (0x300, 16);
/// A line that no device has.
const LINE: u8 = 5;

/// The words of the memory that every step begins with.
pub type Data = [usize; DATA_BYTES / size_of::<usize>()];

/// The resources that all victims share.
pub struct Surroundings {
    /// All authority.
    pub root: &'static Root,
    /// Where faults and ends arrive.
    pub events: Endpoint,
    /// The victims' first instructions.
    launch: Memory,
    /// The code at the end of what they may have.
    edge: Memory,
    /// The page from which they load registers.
    pub desk: Shared<Desk>,
    /// The page that they may write to.
    pub data: Shared<Data>,
}

/// A living victim, or what is left of it.
pub struct Victim {
    process: Process,
    ward: Process,
    /// Handles of the fuzzer's own to what the victim has.
    objects: [OwnedHandle; 8],
    handles: [u32; SLOTS],
}

impl Surroundings {
    /// Makes what victims share.
    pub fn new(root: &'static Root) -> Result<Self> {
        let mut edge = [0xCC; PAGE_BYTES];
        // System calls whose return, and whose instruction itself, ends with the address space.
        let calls: [u8; 8] = [0x0F, 0x05, 0xCD, 0x80, 0x0F, 0x34, 0xCD, 0x80];
        edge[PAGE_BYTES - calls.len()..].copy_from_slice(&calls);
        if cfg!(target_arch = "x86_64") {
            edge[PAGE_BYTES - 2..].copy_from_slice(&[0x0F, 0x05]);
        }
        // SAFETY: all fields are integers, for which zero is a value.
        let desk = unsafe { core::mem::zeroed() };
        Ok(Self {
            root,
            events: Endpoint::new()?,
            launch: sealed(&launch::code())?,
            edge: sealed(&edge)?,
            desk: Shared::new(desk)?,
            data: Shared::new([0; DATA_BYTES / size_of::<usize>()])?,
        })
    }
}

impl Victim {
    /// Makes a victim that runs a batch's code.
    pub fn new(surroundings: &Surroundings, code: &Memory) -> Result<Self> {
        let Surroundings { root, events, launch, edge, desk, data } = surroundings;
        let process = Process::new(LIMITS, events, BADGE)?;
        let ward = Process::new(WARD_LIMITS, events, WARD_BADGE)?;
        let (execute, write) = (Access::READ | Access::EXECUTE, Access::READ | Access::WRITE);
        code.map_into(&process, CODE, 0, CODE_BYTES, execute)?;
        launch.map_into(&process, LAUNCH, 0, PAGE_BYTES, execute)?;
        edge.map_into(&process, EDGE, 0, PAGE_BYTES, execute)?;
        desk.memory.map_into(&process, DESK, 0, PAGE_BYTES, write)?;
        data.memory.map_into(&process, DATA, 0, DATA_BYTES, write)?;

        let endpoint = Endpoint::new()?;
        let called = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 1)?;
        let memory = Memory::new(2 * PAGE_BYTES)?;
        let sealed = sealed(&[0xCC; PAGE_BYTES])?;
        let ports = root.ports(PORTS.0, PORTS.1)?;
        let line = root.line(LINE)?;
        let non_maskable = root.line(abi::LINE_NMI as u8)?;
        let thread = thread(&process, launch::CALLER, 0)?;

        let all = Rights::all();
        let plain = Rights::CALL | Rights::NOTIFY;
        // The physical address is worth nothing to it, and would keep the memory in quarantine. Nor shall it run what
        // it wrote itself.
        let memory_rights = Rights::all_of(ObjectKind::Memory).difference(Rights::DMA | Rights::EXECUTE);
        let sealed_rights = memory_rights | Rights::EXECUTE;
        let mut handles = [0; SLOTS];
        let mut grant = |slot: Slot, handle: &dyn Handle, rights: Rights| -> Result<()> {
            handles[slot as usize] = process.grant(handle, rights)?;
            Ok(())
        };
        grant(Slot::Endpoint, &endpoint, all)?;
        grant(Slot::CalledEndpoint, &called, all)?;
        grant(Slot::PlainEndpoint, &endpoint, plain)?;
        grant(Slot::Timer, &timer, all)?;
        grant(Slot::Memory, &memory, memory_rights)?;
        grant(Slot::SealedMemory, &sealed, sealed_rights)?;
        grant(Slot::Ports, &ports, all)?;
        grant(Slot::Interrupt, &line, all)?;
        grant(Slot::NonMaskable, &non_maskable, all)?;
        grant(Slot::Process, &process, all)?;
        grant(Slot::Ward, &ward, all)?;
        grant(Slot::Thread, &thread, all)?;
        grant(Slot::Root, *root, Rights::ROOT_INFO | Rights::ROOT_LINES)?;

        let objects = [
            endpoint.into(),
            called.into(),
            timer.into(),
            memory.into(),
            sealed.into(),
            ports.into(),
            line.into(),
            non_maskable.into(),
        ];
        // SAFETY: all fields are integers, for which zero is a value.
        let registers = unsafe { core::mem::zeroed() };
        desk.write(&Desk { registers, handles });
        thread.start([0; 4])?;
        Ok(Self { process, ward, objects, handles })
    }

    /// Prepares memory and registers for a step.
    pub fn put(&self, surroundings: &Surroundings, registers: &Registers, data: &Data) {
        surroundings.data.write(data);
        surroundings.desk.write(&Desk { registers: registers.clone(), handles: self.handles });
    }

    /// A thread of it for a step, whose faults arrive with the victim's badge.
    pub fn thread(&self, surroundings: &Surroundings, entry: usize) -> Result<Thread> {
        thread(&self.process, entry, surroundings.events.raw())
    }

    /// Ends it and takes back what it had. What it destroyed itself is gone already.
    pub fn bury(self) -> Result<()> {
        for process in [self.ward, self.process] {
            let _ = process.kill(0);
            match process.reap(drop) {
                // The victim may have reaped the empty process, or been told to reap itself.
                Ok(()) | Err(Error::BadHandle) => {}
                Err(error) => return Err(error),
            }
        }
        for object in self.objects {
            match object.destroy() {
                Ok(()) | Err(Error::BadHandle) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

fn thread(process: &Process, entry: usize, faults: u32) -> Result<Thread> {
    // SAFETY: the surroundings have the handle, and are there as long as there are victims.
    let faults = unsafe { Endpoint::borrowed(faults) };
    process.thread(entry, DATA + DATA_BYTES, PRIORITY, Some((&faults, BADGE as u8)))
}
