//! What the core asks of the machine it runs on: the whole boundary between `kernel` and `arch`.
//!
//! The trait is thin so that a complete fake of it fits in a test: the core decides, the machine carries out. All
//! methods run with interrupts off and none of them waits. `arch` implements it as `Cpu` and calls the core on
//! every trap; the core never calls back into anything else.

use crate::frames::Frame;
use abi::{Access, LineState};
use core::ops::Range;

mod context;

pub use context::{Context, Resume};

/// The time stamp counter, in cycles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Time(pub u64);

/// An interrupt line as user programs number it. 0 to 15 are the ISA lines, higher numbers the IOAPICs' further inputs.
/// The numbers in [`Machine::MESSAGE_LINES`] aren't lines: they stand for the messages that devices write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Line(pub u8);

impl Line {
    /// The non-maskable interrupt, which the machine can't mask.
    pub const NMI: Self = Self(abi::LINE_NMI as u8);
}

/// How a line signals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Trigger {
    /// A change of the line is the event.
    #[default]
    Edge,
    /// The line stays asserted until the device is served.
    Level,
}

/// The write by which a device raises an interrupt without a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptWrite {
    /// The physical address.
    pub address: u64,
    /// The data.
    pub data: u32,
}

/// A page-aligned user address.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct Page(usize);

impl Page {
    /// The page at a user address; nothing if the address isn't page-aligned or not in user space.
    pub const fn new(address: usize) -> Option<Self> {
        if address.is_multiple_of(abi::PAGE_BYTES) && address >= abi::PAGE_BYTES && address < abi::USER_END {
            Some(Self(address))
        } else {
            None
        }
    }

    /// Its first address.
    pub const fn address(self) -> usize {
        self.0
    }

    /// The page that is `pages` pages further on, if it is in user space.
    pub const fn offset(self, pages: usize) -> Option<Self> {
        match pages.checked_mul(abi::PAGE_BYTES) {
            Some(bytes) => match self.0.checked_add(bytes) {
                Some(address) => Self::new(address),
                None => None,
            },
            None => None,
        }
    }
}

/// A range of I/O ports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PortRange {
    /// The first port.
    pub first: u16,
    /// The number of ports; 0 for an unused entry.
    pub count: u16,
}

/// The ranges that one process may hold at most.
pub const PORT_RANGES: usize = abi::PORT_RANGES_PER_PROCESS;

/// Whether a source's line is masked, and how it is unmasked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Masked {
    /// The controller lets it through.
    #[default]
    No = 0,
    /// A level line, masked until its message is completed. [`Machine::unmask_directly`] unmasks it.
    Directly = 1,
    /// Masked for another reason, or at a controller that the fast path doesn't use. [`Machine::unmask`] unmasks it.
    Otherwise = 2,
}

/// The part of a process that the machine needs when it switches to one of the process's threads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Home<S> {
    /// The address space.
    pub space: S,
    /// The ports that its threads may use.
    pub ports: [PortRange; PORT_RANGES],
    /// The process's slot, which no other living process has. The kernel's own process, the idle thread's, has 0.
    pub process: u16,
    /// How many entries of `ports` are in use.
    pub port_ranges: u8,
    /// Changes whenever `ports` does or another process gets the slot, so that the machine knows whether the ports
    /// that it has loaded are out of date.
    pub ports_version: u32,
}

impl<S> Home<S> {
    /// Adds a range of ports; nothing if the process holds as many as it may.
    pub(crate) fn add_ports(&mut self, range: PortRange, version: u32) -> Option<()> {
        *self.ports.get_mut(self.port_ranges as usize)? = range;
        self.port_ranges += 1;
        self.ports_version = version;
        Some(())
    }

    /// Takes out a range of ports that the process holds. The last range takes its place.
    pub(crate) fn remove_ports(&mut self, range: PortRange, version: u32) {
        let last = (self.port_ranges as usize).wrapping_sub(1);
        let Some(moved) = self.ports.get_mut(last).map(core::mem::take) else { return };
        if let Some(place) = self.ports.iter_mut().find(|other| **other == range) {
            *place = moved;
        }
        self.port_ranges = last as u8;
        self.ports_version = version;
    }
}

/// Whether memory is RAM or a device's registers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum MemoryType {
    /// Cached.
    #[default]
    Ram,
    /// Uncached: every access reaches the device.
    Device,
}

/// How one page is to be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mapping {
    /// Where it appears.
    pub page: Page,
    /// What appears there.
    pub frame: Frame,
    /// What user mode may do with it; never both `WRITE` and `EXECUTE`.
    pub access: Access,
    /// How it is cached.
    pub memory_type: MemoryType,
}

/// A part of a frame. One trap zeroes one part at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(transparent)]
pub struct FramePart(u8);

impl FramePart {
    /// The number of parts in a frame.
    pub const COUNT: u8 = (abi::PAGE_BYTES / abi::BYTES_ZEROED_PER_CALL) as u8;

    /// The part with that number, if a frame has one.
    pub const fn new(number: u8) -> Option<Self> {
        if number < Self::COUNT { Some(Self(number)) } else { None }
    }

    /// All parts of a frame.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..Self::COUNT).map(Self)
    }

    /// Where it lies in its frame.
    pub const fn bytes(self) -> Range<usize> {
        let start = self.0 as usize * abi::BYTES_ZEROED_PER_CALL;
        start..start + abi::BYTES_ZEROED_PER_CALL
    }
}

/// Why a page could not be mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// No frame for a page table.
    NoFrame,
    /// Something is mapped there.
    Occupied,
}

/// The machine.
pub trait Machine {
    /// A thread's saved registers.
    type Context: Context;
    /// An address space, named by its root; copied freely.
    type Space: Copy + PartialEq + core::fmt::Debug;
    /// The address space of no process: the kernel's half alone. All zeros will do until `initialise`.
    const EMPTY_SPACE: Self::Space;
    /// The numbers of the interrupts that devices raise by a write. They are edges that can't be masked.
    const MESSAGE_LINES: Range<u8>;

    /// The present time.
    fn now(&mut self) -> Time;
    /// The counter's frequency in hertz, and whether it never stops or changes.
    fn clock(&self) -> (u64, bool);
    /// The time at which the kernel began to run: the counter may have run long before.
    fn began(&self) -> Time;
    /// Sets the one-shot timer, or stops it. A deadline in the past fires at once.
    fn arm(&mut self, deadline: Option<Time>);

    /// Whether the machine has such a line for user programs.
    fn has_line(&self, line: Line) -> bool;
    /// Sets how a line signals (nothing: as the firmware says) and returns what it is now.
    fn configure(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger;
    /// What raises the interrupt of one of [`Self::MESSAGE_LINES`]; nothing if the machine takes no such writes.
    fn message(&self, line: Line) -> Option<InterruptWrite>;
    /// Stops a line from interrupting. Returns how the line has to be unmasked.
    fn mask(&mut self, line: Line) -> Masked;
    /// Lets a line interrupt again.
    fn unmask(&mut self, line: Line);
    /// Tells the controller that the interrupt was taken.
    fn end_of_interrupt(&mut self, line: Line);
    /// Returns how a line, or one of [`Self::MESSAGE_LINES`], gets to the CPU, and what the controllers' registers say
    /// about it. This is for diagnosis: it may take long, and changes nothing.
    fn line_state(&mut self, line: Line) -> LineState;

    /// [`Self::mask`], for a line that comes by [`crate::Kernel::fast_interrupt`], which is masked
    /// [`Masked::Directly`]. Lines of an 8259A never come by that path, since the controller has to be asked whether
    /// the interrupt was spurious.
    fn mask_directly(&mut self, line: Line);
    /// [`Self::unmask`], for a line that is [`Masked::Directly`].
    fn unmask_directly(&mut self, line: Line);
    /// [`Self::end_of_interrupt`], for a line that comes by [`crate::Kernel::fast_interrupt`].
    fn end_directly(&mut self, line: Line);

    /// Caches the process's address space and ports in `context`. Called before the first switch to the context, and
    /// whenever the process's ports, the thread pointer or the floating-point area have changed.
    fn settle(&self, context: &mut Self::Context, home: &Home<Self::Space>);
    /// Makes `to` the registers that the next exit from the kernel resumes. `home` returns the process's home, for a
    /// machine that loads it now; a machine that loads it at the exit uses [`crate::Kernel::running_home`].
    fn switch<'a>(&mut self, to: &mut Self::Context, home: impl FnOnce() -> Option<&'a Home<Self::Space>>)
    where
        Self::Space: 'a;
    /// Drops every reference to registers that are about to be thrown away.
    fn forget(&mut self, context: &mut Self::Context);

    /// Fills one of a frame's parts with zeros.
    fn zero(&mut self, frame: Frame, part: FramePart);
    /// Makes an address space with an empty user half, whose root is this zeroed frame of low memory.
    fn create_space(&mut self, root: Frame) -> Self::Space;
    /// Maps up to `pages` consecutive pages to consecutive frames, from the mapping's page and frame on. `tables`
    /// returns zeroed frames for page tables. Returns the number of pages mapped: one at least, one page table's at
    /// most.
    fn map(
        &mut self,
        space: Self::Space,
        mapping: Mapping,
        pages: usize,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError>;
    /// Unmaps `pages` consecutive pages; those that aren't mapped stay so.
    fn unmap(&mut self, space: Self::Space, first: Page, pages: usize);
    /// Gives back page tables of a space without mappings, a bounded number a call. Returns the address to go on from,
    /// or nothing when all of them and the root are given back.
    fn release_tables(&mut self, space: Self::Space, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize>;

    /// Writes to the kernel's log. Returns the number of bytes that the serial line hasn't taken yet.
    fn log(&mut self, bytes: &[u8]) -> usize;
    /// Reads the log from a position on. Returns the position after the last byte read, and the number of bytes.
    fn read_log(&mut self, position: u32, to: &mut [u8]) -> (u32, usize);
    /// Leaves the serial port to the driver that claims it: from now on the log doesn't write to it.
    fn release_log(&mut self);
    /// Whether a program may map a physical range as device memory: no RAM, and no controller that the kernel drives.
    fn is_device_memory(&self, first: Frame, frames: usize) -> bool;
    /// Whether a program may claim these ports: none of a controller that the kernel drives.
    fn are_free_ports(&self, range: PortRange) -> bool;
}
