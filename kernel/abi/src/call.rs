//! The one table of system calls. Call numbers, the decoder, the rights each call needs, the SDK's stubs and the
//! reference page all come from it. Numbers are never reused. The first three are the most frequent calls, which the
//! kernel's entry tells apart by one comparison.

use crate::Rights;

/// Hands the table of calls to a macro, row by row: number, variant, name, right, safety, input and output words, doc.
///
/// In the row's word lists `_` is unused. The right is that of the handle in the handle register; `empty` means that
/// the call takes no handle, or a handle of any kind. The safety is that of the caller's own code, see [`Safety`].
#[macro_export]
macro_rules! for_each_call {
    ($callback:path) => {
        $callback! {
            0 ReplyReceive reply_receive RECEIVE unsafe [word0 word1 word2 word3] [word0 word1 word2 word3] "Answers the call received last, completes the interrupt received last, and waits for the next message: the one call of a driver's loop. Does not answer if there is nothing to answer.";
            1 Call call CALL unsafe [word0 word1 word2 word3] [word0 word1 word2 word3] "Sends a message to an endpoint and waits for the reply. With `Options::HANDLE`, word 3 is a handle of which the receiver gets a copy; `HandleUnwanted` if that takes none. Fails with `Gone` if the server dies before it replies, and with `TimedOut` if a `deadline` was set and passes.";
            2 Null null empty safe [] [] "Does nothing in the kernel: what a call costs.";
            3 Receive receive RECEIVE unsafe [deadline_low deadline_high] [word0 word1 word2 word3] "Completes the interrupt received last and waits for a message without answering; with `Options::DEADLINE` until the deadline, with `Options::NO_WAIT` not at all. Handles that come along are taken with `Options::TAKE_HANDLE` alone. `NoHandleSlot`, here and in `reply_receive`, says that some callers got `ReceiverFull` or `HandleUnwanted` because of their handles: receive again.";
            4 Reply reply empty unsafe [word0 word1 word2 word3] [] "Answers the call received last without receiving, or, with a Reply handle, the call that it stands for. `Stale` if the caller has gone.";
            5 Notify notify NOTIFY safe [bits] [] "Sets bits in the endpoint's notify word, which arrive together as one message. Bits that the handle doesn't allow are left out; `MissingRight` if it allows none of them. Never waits.";
            6 Deadline deadline empty safe [deadline_low deadline_high] [] "Sets the absolute deadline, in clock cycles, of this thread's next `call`; 0 clears it.";
            7 Yield yield_now empty safe [] [] "Lets other ready threads of the same priority run first.";
            8 Exit exit empty safe [code] [] "Ends the process.";
            9 ReplyTake reply_take empty safe [] [reply] "Turns the right to answer the call received last into a Reply handle, so that it can be answered later, by any thread of the process. If the caller goes before that, the endpoint that the call came from gets a message of `Kind::CallerGone`, which closes the handle if the receiver is of this process. `Stale` if the caller has gone already.";
            10 EndpointCreate endpoint_create empty safe [] [endpoint] "Makes an endpoint, owned by the calling process.";
            11 InterruptCreate interrupt_create ROOT_LINES safe [line] [interrupt] "Claims an interrupt line (`LINE_NMI` for the non-maskable interrupt). `Conflict` names the owner.";
            12 InterruptBind interrupt_bind INTERRUPT safe [endpoint badge trigger] [pending sequence] "Binds a line to an endpoint and unmasks it, in one step: returns how often it had fired unseen before. Trigger: 0 as the firmware says, 1 edge, 2 level. The line belongs to the calling process until that ends.";
            13 InterruptComplete interrupt_complete INTERRUPT safe [sequence] [] "Completes the interrupt message of that sequence, which was kept by `Options::KEEP`: a level line is unmasked. `Stale` for any other sequence.";
            14 InterruptUnbind interrupt_unbind INTERRUPT safe [] [] "Masks a line and takes it off its endpoint.";
            15 TimerCreate timer_create empty safe [endpoint badge] [timer] "Makes a timer that posts to an endpoint.";
            16 TimerSet timer_set TIMER safe [deadline_low deadline_high period_low period_high] [] "Sets the timer to an absolute deadline in clock cycles, then again every period, if that isn't 0. A period under 10 microseconds is `BadArgument`.";
            17 TimerCancel timer_cancel TIMER safe [] [was_set] "Stops a timer; an expiry that is already pending is still delivered.";
            18 MemoryCreate memory_create empty safe [bytes] [memory] "Takes frames for a memory object, charged to the process. It can be mapped once it is prepared.";
            19 MemoryPrepare memory_prepare empty safe [] [bytes_left] "Zeroes the next slice of a new memory object; call it until nothing is left.";
            20 MemoryDevice memory_device ROOT_MEMORY safe [address_low address_high bytes] [memory] "Makes a memory object of device registers. `Conflict` names the owner; ordinary RAM is `BadArgument`.";
            21 MemoryMap memory_map empty unsafe [address offset bytes process] [bytes_done] "Maps a part of a memory object, as the options' access bits say, into a process (0: the caller's). Maps one slice a call and returns how much it did: go on with the rest. 0 is progress too: a page table is being made.";
            22 MemoryUnmap memory_unmap empty unsafe [address bytes _ process] [bytes_done] "Unmaps pages, a slice a call, and returns how much it did.";
            23 MemorySeal memory_seal SEAL safe [] [] "Forbids writing for good, so that the memory may be mapped executable. `Sealed` while a writable mapping exists.";
            24 MemoryInfo memory_info empty safe [] [bytes flags address_low address_high] "The size of a memory object; flags: bit 0 sealed, bit 1 device, bit 2 prepared. The physical address only with the right `DMA`.";
            25 PortsCreate ports_create ROOT_PORTS safe [first count] [ports] "Claims a range of I/O ports. `Conflict` names the owner.";
            26 PortsAttach ports_attach PORTS safe [_ _ _ process] [] "Lets a process (0: the caller's) use the ports by plain `in` and `out`. A range of more than 256 is `BadArgument`.";
            27 ProcessCreate process_create empty safe [frames objects endpoint badge] [process] "Makes an empty process with a quota taken from the caller's, in which the process itself counts as two objects. Its exit message goes to the endpoint with the badge, which also names the process in counters. The tag's label is its ceiling: the highest priority of its threads and of those it makes, no higher than the caller's own. Only with `Options::DMA` has memory that it makes the right of that name. A handle of 0 is progress: the frame for its root is being zeroed, call again.";
            28 ProcessGrant process_grant PROCESS unsafe [handle rights badge without] [handle_there] "Copies one of the caller's handles into a process's table, as `handle_copy` does.";
            29 ProcessKill process_kill PROCESS safe [reason] [] "Ends a process: its threads stop, its sources are masked, callers that wait for it get `Gone`.";
            30 ProcessReap process_reap PROCESS safe [] [work_left quarantined] "Tears down a slice of an ended process; call it until nothing is left. Word 1 is 0 or a handle to memory whose physical address the process had read: destroy it once no device writes to it any more. At the end the handle is stale and the quota is back with the process's maker, which is charged for that memory until then.";
            31 ThreadCreate thread_create empty unsafe [entry stack priority fault_endpoint] [thread] "Makes a thread, in the process whose handle is given (0: the caller's), with a priority within both processes' ceilings. Faults go to the endpoint with the badge in the tag's label; without one a fault ends the process.";
            32 ThreadStart thread_start THREAD unsafe [word0 word1 word2 word3] [] "Starts a thread with these words in its message registers.";
            33 ThreadRead thread_read THREAD safe [register] [value] "Reads a register of a thread that isn't running.";
            34 ThreadWrite thread_write THREAD unsafe [register value] [] "Changes a register of a thread that isn't running.";
            35 ThreadPriority thread_priority THREAD safe [priority] [] "Changes a thread's priority, within both processes' ceilings.";
            36 HandleCopy handle_copy empty unsafe [rights badge without] [handle] "Copies a handle with fewer rights. The badge replaces that of an endpoint if the handle has `BIND`. The copy may not set the notify bits `without`: those from 7 on are allowed only together. It has `RECEIVE` and `BIND` only if the handle has `DESTROY`; so has a copy that travels in a message.";
            37 HandleClose handle_close empty unsafe [] [] "Forgets a handle. A Reply that is closed unanswered gives its caller `Gone`.";
            38 Destroy destroy DESTROY unsafe [] [work_left tag word3] "Destroys an object for all who have handles to it, some in slices: call until nothing is left. Of a thread, with the right `THREAD` too, words 1 and 2 are the tag and word 3 that its message registers held, or 0 if it waited for a message: an answer that it never saw may have brought a handle.";
            39 Info info empty safe [item index part] [word0 word1 word2 word3] "Reads counters: see `InfoItem`. What isn't about the caller itself, the clock or the memory needs a Root handle with `ROOT_INFO`.";
            40 LogWrite log_write ROOT_LOG_WRITE safe [word0 word1 word2 word3] [waiting] "Writes up to 16 bytes (the tag's label says how many, four to a word) to the kernel's log. Never waits for the serial line: the reply says how many bytes of the log that hasn't taken yet, 0 once a driver has it.";
            41 LogRead log_read ROOT_LOG_READ safe [position] [next word0 word1 word2] "Reads up to 12 bytes of the log from a position on (positions count bytes since the start, modulo 2^32); the reply's label says how many. A position that was overwritten moves on to the oldest byte.";
            42 LogRelease log_release ROOT_LOG_LINE safe [] [] "Makes the kernel's log leave the serial port, which the caller drives from now on.";
            43 ThreadExit thread_exit empty safe [] [] "Ends the calling thread; the process's last thread ends the process.";
            44 ThreadPointer thread_pointer empty unsafe [address] [] "Sets the calling thread's FS base.";
            45 MessageInterruptCreate message_interrupt_create ROOT_LINES safe [] [interrupt address_low address_high data] "Claims a message interrupt (MSI, MSI-X): one that its device raises by writing the returned data to the returned physical address. It is bound and completed as a line's is, and always edge-triggered. `Unsupported` on a machine without local APIC.";
            46 ProcessShare process_share PROCESS safe [thousandths] [] "Gives a process that the caller has made, and that never had a thread, a share of the CPU of its own, taken from the share that the caller runs on; `NoShare` unless something is left of that. Without this call a process runs on its maker's share. A process that has used up its share runs below all that haven't, until its share pays for it again; its supervisor is told if that goes on.";
        }
    };
}

/// Whether a call can break what Rust promises to the code of the process that makes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Safety {
    /// The call can't, whatever its arguments are.
    Safe,
    /// The call can: it changes which memory is mapped where, has a thread run any code with any registers, or ends or
    /// copies a handle or an object by a number that may be somebody else's. So do receiving and answering, which close
    /// the handles of Replies. A call to a service may do what the number's owner alone may ask for, as that a device
    /// writes to memory. The SDK's stub is `unsafe`.
    Unsafe,
}

/// A row of the table, for reference pages and traces.
#[derive(Clone, Copy, Debug)]
pub struct CallDescription {
    /// The number in the tag's low byte.
    pub number: u8,
    /// The name of the SDK's stub.
    pub name: &'static str,
    /// The right that the handle needs; empty if the call takes no handle or one of any kind.
    pub needs: Rights,
    /// Whether the SDK's stub is `unsafe`.
    pub safety: Safety,
    /// The names of the words that go in.
    pub input: &'static [&'static str],
    /// The names of the words that come out.
    pub output: &'static [&'static str],
    /// What it does.
    pub documentation: &'static str,
}

macro_rules! right {
    (empty) => {
        Rights::empty()
    };
    ($name:ident) => {
        Rights::$name
    };
}

macro_rules! safety {
    (safe) => {
        Safety::Safe
    };
    (unsafe) => {
        Safety::Unsafe
    };
}

macro_rules! table {
    ($($number:literal $variant:ident $name:ident $right:ident $safety:ident [$($input:tt)*] [$($output:tt)*] $documentation:literal;)*) => {
        /// A system call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u8)]
        pub enum Operation { $(#[doc = $documentation] $variant = $number,)* }

        impl Operation {
            /// The operation of a number, if this kernel has one.
            #[inline(always)]
            pub const fn from_number(number: u8) -> Option<Self> {
                match number { $($number => Some(Self::$variant),)* _ => None }
            }

            /// The right that the handle of this call needs.
            pub const fn needs(self) -> Rights {
                match self { $(Self::$variant => right!($right),)* }
            }
        }

        /// The table itself, in the order of the numbers.
        pub const DESCRIPTIONS: &[CallDescription] = &[$(CallDescription {
            number: $number,
            name: stringify!($name),
            needs: right!($right),
            safety: safety!($safety),
            input: &[$(stringify!($input)),*],
            output: &[$(stringify!($output)),*],
            documentation: $documentation,
        }),*];
    };
}

for_each_call!(table);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_decode_to_themselves_and_are_dense() {
        for (position, row) in DESCRIPTIONS.iter().enumerate() {
            assert_eq!(row.number as usize, position);
            assert_eq!(Operation::from_number(row.number).map(|operation| operation as u8), Some(row.number));
        }
        for number in DESCRIPTIONS.len()..256 {
            assert_eq!(Operation::from_number(number as u8), None);
        }
    }

    #[test]
    fn no_call_has_more_than_four_words() {
        for row in DESCRIPTIONS {
            assert!(row.input.len() <= 4 && row.output.len() <= 4, "{}", row.name);
        }
    }
}
