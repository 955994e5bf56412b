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
        /// Endpoint: receive on it. Only a handle that may also destroy the endpoint passes this right on: a server
        /// can't give its service to a process that outlives it.
        const RECEIVE = 1 << 1;
        /// Endpoint: set bits in its notify word, those of the handle's [`NotifyMask`].
        const NOTIFY = 1 << 2;
        /// Endpoint: bind events to it and make copies of the handle with another badge. Passed on as `RECEIVE` is.
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
        /// Root: write to the kernel's log.
        const ROOT_LOG_WRITE = 1 << 19;
        /// Root: read the counters of the whole machine.
        const ROOT_INFO = 1 << 20;
        /// Root: read the kernel's log, which has the lines of all programs.
        const ROOT_LOG_READ = 1 << 21;
        /// Root: take the serial line over from the kernel's log.
        const ROOT_LOG_LINE = 1 << 22;
        /// Any: copy the handle, and send it in a message.
        const COPY = 1 << 30;
        /// Any: destroy the object, for all who have handles to it.
        const DESTROY = 1 << 31;
    }
}

/// The bits of an endpoint's notify word that a handle may set. Bits 0 to 6 are allowed one by one, those from 7 on
/// only together: services use few bits, and a handle has no more room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(transparent)]
pub struct NotifyMask(i8);

impl NotifyMask {
    /// No bit.
    pub const NONE: Self = Self(0);

    /// All bits.
    pub const ALL: Self = Self(-1);

    /// How many bits are allowed one by one, from bit 0 on.
    pub const SINGLE_BITS: u32 = 7;

    /// The largest mask of these bits.
    pub const fn within(bits: u32) -> Self {
        let single = bits & ((1 << Self::SINGLE_BITS) - 1);
        let others =
            if bits >> Self::SINGLE_BITS == u32::MAX >> Self::SINGLE_BITS { 1 << Self::SINGLE_BITS } else { 0 };
        Self((single | others) as u8 as i8)
    }

    /// The bits: the topmost of the eight that are kept stands for all others.
    #[inline(always)]
    pub const fn bits(self) -> u32 {
        self.0 as i32 as u32
    }

    /// The mask without these bits.
    pub const fn without(self, bits: u32) -> Self {
        Self::within(self.bits() & !bits)
    }
}

impl Rights {
    /// The rights to an endpoint that a handle passes on only if it may destroy the endpoint, as its maker's may.
    pub const OF_OWNER: Self = Self::RECEIVE.union(Self::BIND);

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
            ObjectKind::Root => 0x007F_0000,
        };
        Self::from_bits_truncate(own | Self::COPY.bits() | Self::DESTROY.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mask_has_no_more_bits_than_it_was_given() {
        for bit in 0..NotifyMask::SINGLE_BITS {
            assert_eq!(NotifyMask::within(1 << bit).bits(), 1 << bit);
        }
        for bits in [0, 1 << 7, 1 << 31, u32::MAX << 8, 0x7FFF_FF80] {
            assert_eq!(NotifyMask::within(bits).bits(), 0, "{bits:#x}");
        }
        assert_eq!(NotifyMask::within(u32::MAX), NotifyMask::ALL);
        assert_eq!(NotifyMask::within(u32::MAX << 7 | 5).bits(), u32::MAX << 7 | 5);
        assert_eq!(NotifyMask::ALL.without(1 << 2).bits(), !(1 << 2));
        assert_eq!(NotifyMask::ALL.without(1 << 20).bits(), 0x7F);
        assert_eq!(NotifyMask::ALL.without(!3).without(1).bits(), 2);
    }

    #[test]
    fn every_right_belongs_to_a_kind() {
        let kinds = [
            ObjectKind::Endpoint,
            ObjectKind::Interrupt,
            ObjectKind::Timer,
            ObjectKind::Memory,
            ObjectKind::Ports,
            ObjectKind::Process,
            ObjectKind::Thread,
            ObjectKind::Reply,
            ObjectKind::Root,
        ];
        let all = kinds.into_iter().fold(Rights::empty(), |all, kind| all | Rights::all_of(kind));
        assert_eq!(all, Rights::all());
        let own = kinds.map(|kind| (Rights::all_of(kind) - Rights::COPY - Rights::DESTROY).bits().count_ones());
        assert_eq!(own.into_iter().sum::<u32>(), (all - Rights::COPY - Rights::DESTROY).bits().count_ones());
    }
}
