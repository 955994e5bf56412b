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
        /// The present time in clock cycles (low, high), and the time at which the kernel began (low, high): the
        /// counter may have run before, as it does over a reset.
        Now = 1,
        /// Memory: frames in the machine's pool, free frames, frames held by processes, 0. The asking process's
        /// own quota with index 1: quota in frames, used frames, quota in objects, used objects.
        Memory = 2,
        /// A source of interrupts; index from 0 to the number of sources. Parts: [`InterruptPart`].
        Interrupt = 3,
        /// A process; index from 0 to the number of slots. Parts: [`ProcessPart`].
        Process = 4,
        /// The kernel as a whole. Part 0: system calls (low, high), context switches (low, high); they are counted in a
        /// machine word, so that they wrap on i686 after 2^32. Part 1: processes, threads, endpoints, handles in use.
        /// Part 2: table sizes of the same. Part 3: spurious vectors of the PIC, of the APIC, unowned interrupts, NMIs.
        /// Part 4: faults, exits, timer expiries, replies to callers that had gone.
        Kernel = 5,
        /// An interrupt line, or a message interrupt, by its number from 0 to 255: two words of a [`crate::LineState`],
        /// and the index of its [`InfoItem::Interrupt`] plus 1, or 0 if nobody has claimed it. This asks the
        /// controllers, which takes long.
        Line = 6,
        /// A thread; index from 0 to the number of slots. Parts: [`ThreadPart`].
        Thread = 7,
    }
}

numbered! {
    /// Parts of [`InfoItem::Interrupt`].
    InterruptPart {
        /// 1 if the slot is in use; the line; flags: bit 0 level, bit 1 masked, bit 2 bound, bit 3 message (MSI); the
        /// owner's process badge.
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
        /// The pending message: bit 0 if there is one, bit 1 if more of its interrupts came than are allowed unread;
        /// how many interrupts it stands for. The sequence of the message that was received and isn't completed, or 0.
        /// Messages that said "poll your device" without an interrupt.
        Message = 11,
        /// The number of the endpoint that it is bound to plus 1, or 0 if it is bound to none; the holder's process
        /// badge; when the first interrupt of the pending message came, in clock cycles (low, high).
        Binding = 12,
        /// How often the source was switched off since it interrupted more often than its budget allows; 1 while it is
        /// off, and then when it comes back, in clock cycles (low, high). A level line that is off longer waits for the
        /// completion of its message.
        Storm = 13,
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
        /// The index of the process that its quota came from plus 1, or 0 if that has gone: that one's used frames and
        /// objects contain this one's quota.
        Parent = 3,
        /// The share of the CPU of its own, in thousandths, or 0 if it runs on its maker's; 1 while that is used up, so
        /// that it runs below all others; how often its supervisor was told of that; the index of the process whose
        /// share it runs on plus 1.
        Share = 4,
    }
}

numbered! {
    /// Parts of [`InfoItem::Thread`].
    ThreadPart {
        /// A [`ThreadState`]; its process's badge in bits 0 to 15 and its priority from bit 16 on; the number of the
        /// endpoint that it received on last plus 1, or 0; what it waits for, as its state says.
        State = 0,
        /// Of a thread that has faulted: vector, error code, address, instruction pointer.
        Fault = 1,
    }
}

numbered! {
    /// What a thread does or waits for.
    ThreadState {
        /// There is no thread in this slot.
        Free = 0,
        /// It was never started, or was stopped.
        Stopped = 1,
        /// It could run, and others do.
        Ready = 2,
        /// It runs.
        Running = 3,
        /// It waits for a message on the endpoint of that number, less 1.
        Receiving = 4,
        /// It waits until its call is received on the endpoint of that number, less 1.
        Calling = 5,
        /// Its call was received, and it waits for the answer of the process with that badge, less 1.
        Awaiting = 6,
        /// It raised an exception, and waits for what its handler says.
        Faulted = 7,
    }
}
