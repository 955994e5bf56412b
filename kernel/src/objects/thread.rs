//! A thread: saved registers, a priority, and what it waits for.

use crate::dispatch::{Priority, QUEUE, Schedulable, Slice};
use crate::frames::Frame;
use crate::machine::Context;
use crate::objects::handle::HandleRun;
use crate::tables::sizes::THREADS;
use crate::tables::{Arena, Entry, Link, Links, Name, linked};

mod delivery;
mod rank;
mod state;
mod usage;

pub use state::{Fault, Luggage, Sent, State, StateKind, Token};

/// All threads.
pub type Threads<C> = Arena<Thread<C>, THREADS>;

/// A thread. Its registers come first, so that the address of the slot is the address that the CPU's stack pointer for
/// traps is derived from.
#[repr(C)]
pub struct Thread<C> {
    /// The saved registers.
    pub context: C,
    /// What it does or waits for.
    state: State,
    /// The thread that it owes a reply. It owes none if that thread's state isn't [`State::awaiting`] this one.
    reply_to: Link,
    /// The interrupt message that it completes by receiving again.
    completes: Token,
    /// The time of the interrupt whose message it has, but hasn't run with yet; 0 for none.
    raised: u64,
    /// The endpoint that it received on last.
    serves: Name,
    /// Its process.
    pub process: Link,
    /// The process's part of the handle table.
    pub handles: HandleRun,
    calls: usize,
    /// Processor time that it used, in cycles; while it runs, less the time when it began to.
    cycles: u64,
    /// The priority that it runs with: the one that was asked for, or [`Priority::LOWERED`] while its process has used
    /// up its share of the CPU.
    priority: Priority,
    /// Its priority, or [`Priority::IDLE`] while it has a deadline or waits for the answer to a fault. So one
    /// comparison tells the fast path whether it may run the thread: the slow path clears deadlines and faults.
    rank: Priority,
    /// What it sent, while it waits for a reply.
    sent: Sent,
    /// The priority that was asked for.
    asked: Priority,
    /// The fault that it sent, while it waits for the handler's reply.
    fault: Fault,
    /// The badge that its queued message carries.
    badge: u16,
    /// The handle that goes along with its queued message; 0 for none.
    carries: u32,
    /// The deadline of its next call, in cycles; 0 for none.
    call_deadline: u64,
    /// While it is preempted: what was left of its slice.
    slice_left: u64,
    /// Where its faults go; none ends the process.
    fault_endpoint: Name,
    /// The badge of its fault messages.
    fault_badge: u16,
    /// Its floating-point state's frame; 0 before first use.
    pub floating_point: Frame,
    /// Its neighbours in the queue it waits in.
    queue: Links,
    /// Its neighbours among its process's threads.
    siblings: Links,
}

impl<C: Context> Entry for Thread<C> {
    const EMPTY: Self = Self {
        context: C::EMPTY,
        state: State::STOPPED,
        reply_to: Link::NONE,
        completes: Token::NONE,
        raised: 0,
        serves: Name::NONE,
        process: Link::NONE,
        handles: HandleRun::NONE,
        calls: 0,
        cycles: 0,
        priority: Priority::IDLE,
        rank: Priority::IDLE,
        sent: Sent::Call,
        asked: Priority::IDLE,
        fault: Fault { vector: 0, error: 0, address: 0, instruction: 0 },
        badge: 0,
        carries: 0,
        call_deadline: 0,
        slice_left: 0,
        fault_endpoint: Name::NONE,
        fault_badge: 0,
        floating_point: Frame(0),
        queue: Links::NONE,
        siblings: Links::NONE,
    };

    /// Clears all fields but the registers, which are most of the entry: clearing them would double the cost of a
    /// thread's end.
    fn clear(&mut self) {
        // The pattern names every field, so that none can be forgotten.
        macro_rules! clear {
            ($($field:ident)*) => {{
                let Self { context: _, $($field),* } = self;
                $(*$field = Self::EMPTY.$field;)*
            }};
        }
        clear! {
            state reply_to completes raised serves process handles calls cycles priority rank sent asked fault badge
            carries call_deadline slice_left fault_endpoint fault_badge floating_point queue siblings
        }
    }
}

impl<C: Context> Thread<C> {
    /// A thread that was never started.
    #[inline(always)]
    pub fn new(process: Link, handles: HandleRun, priority: Priority) -> Self {
        Self { process, handles, priority, rank: priority, asked: priority, ..Self::EMPTY }
    }
}

/// What a thread does or waits for changes by these transitions alone. Their callers have taken the thread out of the
/// queue that it was in, and put it into the one that the new state names.
impl<C> Thread<C> {
    /// What it does or waits for.
    #[inline(always)]
    pub const fn state(&self) -> State {
        self.state
    }

    /// It waits for the processor.
    #[inline(always)]
    pub const fn become_ready(&mut self) {
        self.state = State::READY;
    }

    /// It has the processor.
    #[inline(always)]
    pub const fn run(&mut self) {
        self.state = State::RUNNING;
    }

    /// It loses the processor to a thread of higher priority, and keeps its turn.
    #[inline(always)]
    pub const fn preempt(&mut self, slice: Slice) {
        self.state = match slice {
            Slice::Open => State::PREEMPTED,
            Slice::Measured => State::PREEMPTED_IN_SLICE,
        };
    }

    /// It was preempted in a slice, of which this is left, in cycles.
    pub const fn keep_slice(&mut self, left: u64) {
        self.slice_left = left;
    }

    /// What is left of the slice in which it was preempted, in cycles.
    pub const fn slice_left(&self) -> u64 {
        self.slice_left
    }

    /// It ends, or waits to be started.
    pub const fn stop(&mut self) {
        self.state = State::STOPPED;
    }

    /// It waits for a message without a handle at an endpoint.
    #[inline(always)]
    pub const fn begin_receiving(&mut self, endpoint: Link) {
        self.state = State::receiving(endpoint);
    }

    /// It waits for a message at an endpoint, and takes a handle with it or doesn't.
    pub const fn begin_waiting(&mut self, endpoint: Link, luggage: Luggage) {
        self.state = match luggage {
            Luggage::Refused => State::receiving(endpoint),
            Luggage::Taken => State::receiving_handles(endpoint),
        };
    }

    /// Its call or fault waits at an endpoint.
    pub const fn begin_sending(&mut self, endpoint: Link) {
        self.state = State::sending(endpoint);
    }

    /// A thread has taken its call or fault, and owes the answer.
    #[inline(always)]
    pub const fn begin_awaiting(&mut self, server: Link) {
        self.state = State::awaiting(server);
    }

    /// A Reply object stands for its call.
    pub const fn begin_awaiting_reply(&mut self, reply: Link) {
        self.state = State::awaiting_reply(reply);
    }

    /// The thread that it owes an answer, as long as that one's state agrees; none if it owes none.
    #[inline(always)]
    pub const fn owes(&self) -> Link {
        self.reply_to
    }

    /// It has taken a thread's call or fault.
    #[inline(always)]
    pub const fn owe(&mut self, client: Link) {
        self.reply_to = client;
    }

    /// It owes no answer any more.
    #[inline(always)]
    pub const fn forget_debt(&mut self) {
        self.reply_to = Link::NONE;
    }

    /// It owes no answer any more to the thread that this returns.
    pub const fn take_debt(&mut self) -> Link {
        core::mem::replace(&mut self.reply_to, Link::NONE)
    }

    /// The endpoint that it received on last.
    #[inline(always)]
    pub const fn serves(&self) -> Name {
        self.serves
    }

    /// It receives on an endpoint.
    #[inline(always)]
    pub const fn serve(&mut self, endpoint: Name) {
        self.serves = endpoint;
    }

    /// Its next call has a deadline, in cycles; 0 for none.
    pub const fn set_call_deadline(&mut self, deadline: u64) {
        self.call_deadline = deadline;
    }

    /// The deadline of its next call, in cycles; 0 for none.
    #[inline(always)]
    pub const fn call_deadline(&self) -> u64 {
        self.call_deadline
    }

    /// The deadline of the call that begins; the next one has none.
    pub const fn take_call_deadline(&mut self) -> u64 {
        core::mem::replace(&mut self.call_deadline, 0)
    }

    /// Its call begins, with the badge of the handle that it was made by, and a handle that goes along; 0 for none.
    pub const fn begin_call(&mut self, badge: u16, carries: u32) {
        self.badge = badge;
        self.carries = carries;
    }

    /// The badge that its call carries, and the handle that goes along; 0 for none.
    pub const fn call(&self) -> (u16, u32) {
        (self.badge, self.carries)
    }

    /// Its faults go to an endpoint with a badge from now on; without an endpoint they end the process.
    pub const fn set_fault_handler(&mut self, endpoint: Name, badge: u16) {
        self.fault_endpoint = endpoint;
        self.fault_badge = badge;
    }

    /// Where its faults go.
    #[inline(always)]
    pub const fn fault_endpoint(&self) -> Name {
        self.fault_endpoint
    }

    /// The badge of its fault messages.
    #[inline(always)]
    pub const fn fault_badge(&self) -> u16 {
        self.fault_badge
    }

    /// The names that it keeps of objects which may end before it, for the sweep of stale names.
    pub const fn names_mut(&mut self) -> [&mut Name; 2] {
        [&mut self.serves, &mut self.fault_endpoint]
    }
}

/// The kind of list that a process's threads stand in.
pub const SIBLINGS: usize = 1;

linked!(Thread<C>, QUEUE, queue);
linked!(Thread<C>, SIBLINGS, siblings);

impl<C> Schedulable for Thread<C> {
    fn priority(&self) -> Priority {
        self.priority
    }
    fn is_in_slice(&self) -> bool {
        self.state == State::PREEMPTED_IN_SLICE
    }
}
