//! Other processes, for the program that starts and supervises them.

use crate::handle::handle_type;
use crate::raw::SafeOperation;
use crate::{Endpoint, Handle, Memory, Result, Thread, raw, thread};
use abi::{Options, Rights, Share};

handle_type! {
    @exclusive
    /// Another process: its address space, handle table and quota. What is mapped or run there can't break this
    /// program's memory.
    #[must_use = "the handle is closed when this is dropped"]
    Process
}

/// A process's quota, which is taken out of its maker's, and its ceiling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Frames of memory, page tables included.
    pub frames: usize,
    /// Kernel objects.
    pub objects: usize,
    /// The highest priority of its threads and of those of its children.
    pub priority: u8,
    /// Whether it may make devices write to its memory.
    pub trust: Trust,
}

/// How far a process is trusted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trust {
    /// The process reaches nothing but what it is granted.
    #[default]
    Contained,
    /// The process may know physical addresses, to tell devices that read and write memory themselves. Without an IOMMU
    /// such a device reaches everything, and so does the process.
    Dma,
}

impl Process {
    /// Makes an empty process. How it ended arrives at the supervisor's endpoint as [`crate::Event::Exit`] with the
    /// badge, which also names the process in the kernel's counters.
    pub fn new(limits: Limits, supervisor: &Endpoint, badge: u16) -> Result<Self> {
        let words = [limits.frames, limits.objects, supervisor.raw() as usize, badge as usize];
        let operation = SafeOperation::ProcessCreate;
        let options = match limits.trust {
            Trust::Contained => Options::empty(),
            Trust::Dma => Options::DMA,
        };
        let message = raw::repeated(|| raw::invoke(operation, abi::NO_HANDLE, limits.priority, options, words))?;
        Ok(Self::installed(message.words[0]))
    }

    /// Gives the process a share of the CPU of its own, which is taken out of that on which this process runs. Call
    /// this before it has a thread; without it the process runs on its maker's share.
    pub fn give_share(&self, share: Share) -> Result<()> {
        raw::process_share(self.raw(), [share.thousandths().into(), 0, 0, 0]).map(drop)
    }

    /// Takes over a handle's number.
    ///
    /// # Safety
    /// 1. No other code owns the handle.
    /// 2. The process isn't the caller's own.
    pub const unsafe fn from_raw(number: u32) -> Self {
        Self::installed(number as usize)
    }

    /// Makes a thread in it that will begin at `entry` with its stack pointer at `stack`. Its faults go to the endpoint
    /// with a badge; without one they end the process.
    pub fn thread(&self, entry: usize, stack: usize, priority: u8, faults: Option<(&Endpoint, u8)>) -> Result<Thread> {
        // SAFETY: it is another process than this one.
        unsafe { thread::create(self.raw(), entry, stack, priority, faults) }
    }

    /// Gives the process a copy of a handle with fewer rights, and returns the handle's number there.
    pub fn grant(&self, handle: &(impl Handle + ?Sized), rights: Rights) -> Result<u32> {
        self.grant_badged(handle, rights, 0)
    }

    /// Gives it a copy of an endpoint's handle, whose messages arrive with a badge.
    pub fn grant_badged(&self, handle: &(impl Handle + ?Sized), rights: Rights, badge: u16) -> Result<u32> {
        self.grant_without(handle, rights, badge, 0)
    }

    /// Gives it a copy of an endpoint's handle that may only notify, and set no other bits than these.
    pub fn grant_notifier(&self, endpoint: &Endpoint, bits: u32) -> Result<u32> {
        self.grant_without(endpoint, Rights::NOTIFY, 0, !bits)
    }

    fn grant_without(&self, handle: &(impl Handle + ?Sized), rights: Rights, badge: u16, without: u32) -> Result<u32> {
        let words = [handle.raw() as usize, rights.bits() as usize, badge as usize, without as usize];
        // SAFETY: who has the handle may copy it.
        let message = unsafe { raw::process_grant(self.raw(), words) }?;
        Ok(message.words[0] as u32)
    }

    /// Ends the process.
    pub fn kill(&self, reason: usize) -> Result<()> {
        raw::process_kill(self.raw(), [reason, 0, 0, 0]).map(drop)
    }

    /// Tears down what is left of the process after its end, slice by slice, and gives its quota back.
    ///
    /// Memory of which it knew the physical address may still be written by a device: it is handed over, and is to be
    /// destroyed only once the device is quiet. After an error, reaping goes on where it was when this is called again.
    pub fn reap(&self, mut quarantine: impl FnMut(Memory)) -> Result<()> {
        loop {
            let [left, memory, ..] = raw::process_reap(self.raw(), [0; 4])?.words;
            if memory != 0 {
                quarantine(Memory::installed(memory));
            }
            if left == 0 {
                return Ok(());
            }
        }
    }
}
