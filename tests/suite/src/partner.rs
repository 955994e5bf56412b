//! Partner processes: made from one ELF module, each with its own role, grants and quota.

use crate::system::receive_before;
use abi::{Access, Options, PAGE_BYTES, Rights, StartupBlock, StartupEntry, StartupKind};
use alloc::vec;
use alloc::vec::Vec;
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Exit, Handle, Memory, Process, Result, Thread, layout, raw};
use suite::bare;
use suite::image::filled;
use suite::role::Role;

const STACK_BYTES: usize = 32 << 10;

/// The image that partners are made from.
pub struct Image(suite::image::Image);

/// A handle that a partner gets.
pub struct Grant<'a> {
    /// The name in its startup block.
    pub name: &'a str,
    /// The handle.
    pub handle: u32,
    /// The rights of the handle.
    pub rights: Rights,
    /// The badge of the handle.
    pub badge: u16,
}

/// A partner process. Dropping the value tears the process down.
pub struct Partner {
    /// The process.
    pub process: Process,
    /// Its first thread.
    pub thread: Thread,
    /// Hears of its end.
    pub exits: Endpoint,
    memories: Vec<Memory>,
    reaped: bool,
}

/// The quota of a partner.
pub const FRAMES: usize = 96;
/// The quota of a partner.
pub const OBJECTS: usize = 96;

impl Image {
    /// Reads the module.
    pub fn read(module: u32, bytes: usize) -> Result<Self> {
        suite::image::Image::read(module, bytes).map(Self)
    }

    /// Starts a partner with the usual quota.
    pub fn start(&self, role: Role, badge: u16, priority: u8, grants: &[Grant<'_>]) -> Result<Partner> {
        let partner = Partner::new(badge, priority, [FRAMES, OBJECTS])?;
        self.load(partner, role, priority, grants, [0; 2])
    }

    /// Starts a partner that is told a pair of numbers.
    pub fn start_with(&self, role: Role, badge: u16, priority: u8, numbers: [u64; 2]) -> Result<Partner> {
        let partner = Partner::new(badge, priority, [FRAMES, OBJECTS])?;
        self.load(partner, role, priority, &[], numbers)
    }

    /// Fills a process that has nothing yet, and starts it.
    pub fn load(
        &self,
        mut partner: Partner,
        role: Role,
        priority: u8,
        grants: &[Grant<'_>],
        numbers: [u64; 2],
    ) -> Result<Partner> {
        let access = Access::READ | Access::WRITE;
        self.0.map_shared(&partner.process)?;
        for own in self.0.own() {
            let (memory, address) = own?;
            partner.give(memory, address, access)?;
        }
        partner.give(Memory::new(STACK_BYTES)?, layout::STACK_TOP - STACK_BYTES, access)?;
        let mut entries = vec![
            StartupEntry::new(role.name(), StartupKind::Argument, 0, [0; 2]),
            StartupEntry::new("numbers", StartupKind::Number, 0, numbers),
            StartupEntry::new("clock", StartupKind::Number, 0, [bellwire::time::frequency(), 0]),
        ];
        for grant in grants {
            let words = [grant.handle as usize, grant.rights.bits() as usize, grant.badge as usize, 0];
            let handle = bare::process_grant(partner.process.raw(), words)?.words[0] as u32;
            entries.push(StartupEntry::new(grant.name, StartupKind::Handle, handle, [0; 2]));
        }
        let mut block = [0; PAGE_BYTES];
        let length = StartupBlock::write(&entries, &mut block).ok_or(Error::NoMemory)?;
        partner.give(filled(PAGE_BYTES, &block)?, layout::STARTUP, Access::READ)?;
        let words = [self.0.entry(), layout::STACK_TOP, priority as usize, 0];
        partner.thread = bare::thread(bare::thread_create(partner.process.raw(), words)?.words[0]);
        partner.thread.start([layout::STARTUP, length, 0, 0])?;
        Ok(partner)
    }
}

impl Partner {
    /// An empty process without a thread.
    pub fn new(badge: u16, ceiling: u8, quota: [usize; 2]) -> Result<Self> {
        Self::with_options(badge, ceiling, quota, Options::empty())
    }

    /// Makes a process like `new`, which may also know where its memory is.
    pub fn trusted(badge: u16, ceiling: u8, quota: [usize; 2]) -> Result<Self> {
        Self::with_options(badge, ceiling, quota, Options::DMA)
    }

    fn with_options(badge: u16, ceiling: u8, quota: [usize; 2], options: Options) -> Result<Self> {
        let exits = Endpoint::new()?;
        let [frames, objects] = quota;
        let words = [frames, objects, exits.raw() as usize, badge as usize];
        let create = || raw::invoke(SafeOperation::ProcessCreate, abi::NO_HANDLE, ceiling, options, words);
        let process = match raw::repeated(create) {
            Ok(message) => bare::process(message.words[0]),
            Err(error) => {
                let _ = bare::destroy(exits.raw(), [0; 4]);
                return Err(error);
            }
        };
        Ok(Self { process, thread: bare::thread(abi::NO_HANDLE as usize), exits, memories: Vec::new(), reaped: false })
    }

    /// Maps memory into it that ends with it.
    pub fn give(&mut self, memory: Memory, address: usize, access: Access) -> Result<()> {
        let bytes = memory.bytes()?;
        let result = memory.map_into(&self.process, address, 0, bytes, access);
        self.memories.push(memory);
        result
    }

    /// Waits until it has ended, for some seconds at the most.
    pub fn wait(&mut self) -> Result<Exit> {
        let deadline = bellwire::Instant::now() + core::time::Duration::from_secs(10);
        Exit::from_message(&receive_before(&self.exits, deadline)?).ok_or(Error::BadArgument)
    }

    /// Ends it.
    pub fn kill(&self, reason: usize) -> Result<()> {
        self.process.kill(reason)
    }

    /// Notes that another process has torn this one down. It is an error if none has.
    pub fn reaped(&mut self) -> Result<()> {
        self.reaped = true;
        match raw::process_reap(self.process.raw(), [0; 4]) {
            Err(Error::BadHandle) => Ok(()),
            result => result.and(Err(Error::Busy)),
        }
    }

    /// Tears it down, and counts the slices.
    pub fn reap(&mut self) -> Result<usize> {
        let mut slices = 1;
        while raw::process_reap(self.process.raw(), [0; 4])?.words[0] != 0 {
            slices += 1;
        }
        self.reaped = true;
        Ok(slices)
    }
}

impl Drop for Partner {
    fn drop(&mut self) {
        if !self.reaped {
            let _ = self.process.kill(0);
            let _ = self.reap();
        }
        for memory in self.memories.drain(..) {
            let _ = memory.destroy();
        }
        let endpoint = self.exits.raw();
        while bare::destroy(endpoint, [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}
