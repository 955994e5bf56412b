//! What `info` can tell. A question is an item, an index and a part; an answer is four words.

macro_rules! numbered {
    ($(#[$doc:meta])* $name:ident { $($(#[$item:meta])* $variant:ident = $number:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum $name { $($(#[$item])* $variant = $number,)* }

        impl $name {
            /// The variant of a number.
            pub const fn from_number(number: usize) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }
        }
    };
}

numbered! {
    /// What `info`'s word 0 asks for.
    InfoItem {
        /// Clock: frequency in hertz (low, high), 1 if the counter is invariant, the width in bits.
        Clock = 0,
        /// The present time in clock cycles (low, high).
        Now = 1,
        /// Memory: frames in the machine's pool, free frames, frames held by processes, 0. The asking process's
        /// own quota with index 1: quota in frames, used frames, quota in objects, used objects.
        Memory = 2,
        /// A source of interrupts; index from 0 to the number of sources. Parts: [`InterruptPart`].
        Interrupt = 3,
        /// A process; index from 0 to the number of slots. Parts: [`ProcessPart`].
        Process = 4,
        /// The kernel as a whole. Part 0: system calls (low, high), context switches (low, high); they are counted in a
        /// machine word, so that they wrap on i686 after 2^32. Part 1: processes, threads, endpoints, handles in use. Part 2: table sizes of the same. Part 3: spurious vectors of the PIC,
        /// of the APIC, unowned interrupts, NMIs. Part 4: faults, exits, timer expiries, replies to callers that
        /// had gone.
        Kernel = 5,
    }
}

numbered! {
    /// Parts of [`InfoItem::Interrupt`].
    InterruptPart {
        /// 1 if the slot is in use; the line; flags: bit 0 level, bit 1 masked, bit 2 bound, bit 3 message (MSI); the owner's process badge.
        Source = 0,
        /// Taken, delivered, coalesced, spurious; 32 bits each, wrapping.
        Counts = 1,
        /// Dropped, latency maximum in cycles, last sequence, completions.
        More = 2,
        /// Buckets 0 to 3 of the latency histogram (trap to driver, bucket n counts 2^n to 2^(n+1)-1 cycles); parts
        /// 4 to 10 hold the further ones, 32 buckets in all.
        Histogram0 = 3,
        /// Buckets 4 to 7.
        Histogram1 = 4,
        /// Buckets 8 to 11.
        Histogram2 = 5,
        /// Buckets 12 to 15.
        Histogram3 = 6,
        /// Buckets 16 to 19.
        Histogram4 = 7,
        /// Buckets 20 to 23.
        Histogram5 = 8,
        /// Buckets 24 to 27.
        Histogram6 = 9,
        /// Buckets 28 to 31.
        Histogram7 = 10,
    }
}

numbered! {
    /// Parts of [`InfoItem::Process`].
    ProcessPart {
        /// State (0 free slot, 1 alive, 2 dead and not yet reaped), the supervisor's badge, threads, highest priority.
        State = 0,
        /// Frames used, frame quota, objects used, object quota.
        Quota = 1,
        /// System calls (low, high; wrapping as the kernel's do), processor time in cycles (low, high).
        Usage = 2,
    }
}
