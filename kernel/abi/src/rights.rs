//! What a handle allows. Type and right are one bit, so that the kernel checks both at once.

use bitflags::bitflags;

/// The kinds of objects that handles name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ObjectKind {
    /// No object: a free slot.
    None = 0,
    /// Where messages arrive.
    Endpoint = 1,
    /// A device's line, or the NMI.
    Interrupt = 2,
    /// A deadline that posts to an endpoint.
    Timer = 3,
    /// A run of frames.
    Memory = 4,
    /// A range of I/O ports.
    Ports = 5,
    /// An address space, a handle table, a quota.
    Process = 6,
    /// Saved registers and a priority.
    Thread = 7,
    /// The one-shot right to answer one call.
    Reply = 8,
    /// The authority over the machine that `init` is born with.
    Root = 9,
}

bitflags! {
    /// What a handle allows; every bit belongs to one kind of object, except `COPY` and `DESTROY`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
    pub struct Rights: u32 {
        /// Endpoint: call it.
        const CALL = 1 << 0;
        /// Endpoint: receive on it.
        const RECEIVE = 1 << 1;
        /// Endpoint: set bits in its notify word.
        const NOTIFY = 1 << 2;
        /// Endpoint: bind events to it and make copies of the handle with another badge.
        const BIND = 1 << 3;
        /// Interrupt: bind, unbind and complete it.
        const INTERRUPT = 1 << 4;
        /// Timer: set and cancel it.
        const TIMER = 1 << 5;
        /// Memory: map it for loads.
        const READ = 1 << 6;
        /// Memory: map it for stores.
        const WRITE = 1 << 7;
        /// Memory: map it for execution, once sealed.
        const EXECUTE = 1 << 8;
        /// Memory: seal it against writing, for good.
        const SEAL = 1 << 9;
        /// Memory: read its physical address. Without an IOMMU, this is full trust.
        const DMA = 1 << 10;
        /// Ports: use them.
        const PORTS = 1 << 11;
        /// Process: map into it, grant to it, make threads in it, end and reap it.
        const PROCESS = 1 << 12;
        /// Thread: start it, read and change its registers and priority.
        const THREAD = 1 << 13;
        /// Reply: answer.
        const REPLY = 1 << 14;
        /// Root: claim interrupt lines.
        const ROOT_LINES = 1 << 16;
        /// Root: claim I/O ports.
        const ROOT_PORTS = 1 << 17;
        /// Root: claim device memory.
        const ROOT_MEMORY = 1 << 18;
        /// Root: write, read and release the kernel's log.
        const ROOT_LOG = 1 << 19;
        /// Root: read the counters of the whole machine.
        const ROOT_INFO = 1 << 20;
        /// Any: copy the handle, and send it in a message.
        const COPY = 1 << 30;
        /// Any: destroy the object, for all who have handles to it.
        const DESTROY = 1 << 31;
    }
}

impl Rights {
    /// Every right that an object of this kind can carry.
    pub const fn all_of(kind: ObjectKind) -> Self {
        let own = match kind {
            ObjectKind::None => return Self::empty(),
            ObjectKind::Endpoint => 0x000F,
            ObjectKind::Interrupt => Self::INTERRUPT.bits(),
            ObjectKind::Timer => Self::TIMER.bits(),
            ObjectKind::Memory => 0x07C0,
            ObjectKind::Ports => Self::PORTS.bits(),
            ObjectKind::Process => Self::PROCESS.bits(),
            ObjectKind::Thread => Self::THREAD.bits(),
            ObjectKind::Reply => return Self::REPLY,
            ObjectKind::Root => 0x001F_0000,
        };
        Self::from_bits_truncate(own | Self::COPY.bits() | Self::DESTROY.bits())
    }
}
