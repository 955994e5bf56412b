//! Where the owner of a [`super::CallThread`] and its thread put down calls and answers, and what the thread does.

/// Defines the function by which the thread makes its call: by a width's instructions, for which the parts of the desk
/// have names, and by further names that these use.
macro_rules! desk_call {
    ($($instruction:literal,)* $($name:ident = $value:expr)*) => {
        /// Makes the call that is on the desk, and puts the answer there.
        ///
        /// While the state is [`super::CALLING`], the message registers hold the call or its answer. So they tell what
        /// the answer has brought if the thread is ended there: see [`super::Desk::is_answered_by`].
        ///
        /// # Safety
        /// The desk is there, and has a call.
        #[unsafe(naked)]
        pub unsafe extern "C" fn call(desk: *const super::Desk) {
            core::arch::naked_asm!(
                $($instruction,)*
                service = const super::SERVICE,
                tag = const super::TAG,
                word0 = const super::WORDS,
                word1 = const super::WORDS + super::WORD,
                word2 = const super::WORDS + 2 * super::WORD,
                word3 = const super::WORDS + 3 * super::WORD,
                state = const super::STATE,
                calling = const super::CALLING,
                answered = const super::ANSWERED,
                $($name = const $value,)*
            )
        }
    };
}

#[cfg_attr(target_arch = "x86", path = "desk/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "desk/x86_64.rs")]
mod width;

use crate::raw;
use crate::thread::thread_exit;
use crate::{Endpoint, Handle};
use abi::{Kind, Message, Operation, Options, Tag};
use core::mem::offset_of;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// No call is there.
const IDLE: u32 = 0;
/// The owner has put a call on the desk.
pub const ASKED: u32 = 1;
/// The thread makes the call: its message registers hold the call, then the answer.
pub const CALLING: u32 = 2;
/// The thread has put the answer on the desk.
pub const ANSWERED: u32 = 3;

/// What the owner and the thread put down for each other.
#[derive(Debug)]
pub struct Desk {
    pub state: AtomicU32,
    service: AtomicU32,
    /// The tag of the call, then that of the answer.
    pub tag: AtomicU32,
    /// The words of the call, then those of the answer.
    pub words: [AtomicUsize; 4],
    /// The number of the endpoint that says that there is a call.
    begin: u32,
    /// The number of the endpoint that hears of answers, and the bit.
    tell: [u32; 2],
}

impl Desk {
    /// A desk without a call.
    pub fn new(begin: &Endpoint, tell: &Endpoint, bit: u32) -> Self {
        Self {
            state: AtomicU32::new(IDLE),
            service: AtomicU32::new(abi::NO_HANDLE),
            tag: AtomicU32::new(0),
            words: [const { AtomicUsize::new(0) }; 4],
            begin: begin.raw(),
            tell: [tell.raw(), bit],
        }
    }

    /// Whether there is a call without an answer.
    pub fn is_under_way(&self) -> bool {
        matches!(self.state.load(Ordering::Acquire), ASKED | CALLING)
    }

    /// Puts a call on the desk, on which nothing is.
    pub fn ask(&self, service: &Endpoint, label: u8, options: Options, words: [usize; 4]) {
        self.service.store(service.raw(), Ordering::Relaxed);
        self.tag.store(Tag::incoming(Operation::Call, label, options).0, Ordering::Relaxed);
        self.words.iter().zip(words).for_each(|(place, word)| place.store(word, Ordering::Relaxed));
        self.state.store(ASKED, Ordering::Release);
    }

    /// Takes a call back of which the thread wasn't told.
    pub fn take_back(&self) {
        self.state.store(IDLE, Ordering::Relaxed);
    }

    /// Takes the answer off the desk.
    pub fn take_answer(&self) -> Option<Message> {
        let taken = self.state.compare_exchange(ANSWERED, IDLE, Ordering::Acquire, Ordering::Relaxed);
        taken.ok()?;
        let words = self.words.each_ref().map(|word| word.load(Ordering::Relaxed));
        Some(Message::new(Tag(self.tag.load(Ordering::Relaxed)), words))
    }

    /// Whether a thread that has ended with this tag in its message registers had the answer there, with a handle, and
    /// hadn't put it on the desk.
    pub fn is_answered_by(&self, tag: Tag) -> bool {
        // A call's tag has the number of its operation where that of an answer has its kind, which tells them apart.
        self.state.load(Ordering::Acquire) == CALLING && tag.kind() == Kind::Reply && tag.has_handle()
    }
}

const _: () = assert!(
    Tag::incoming(Operation::Call, 0xFF, Options::all()).0 & Tag::HANDLE == 0,
    "a call in the registers doesn't look like an answer with a handle"
);

/// The thread's first instructions: the address of the [`Desk`] arrives in the message registers.
#[unsafe(naked)]
pub unsafe extern "C" fn first() -> ! {
    crate::naked_start!(work)
}

/// Makes the calls. The thread may be ended at any instruction: it owns nothing, takes no lock, and doesn't touch the
/// heap.
///
/// # Safety
/// The desk is there as long as the thread lives.
unsafe extern "C" fn work(desk: *const Desk, _: usize) -> ! {
    // SAFETY: the caller keeps the desk.
    let place = unsafe { &*desk };
    let [tell, bit] = place.tell;
    // SAFETY: the endpoint is the desk's, and gets notifications alone.
    while unsafe { raw::receive(place.begin, [0; 4]) }.is_ok() {
        if place.state.load(Ordering::Acquire) != ASKED {
            continue;
        }
        // SAFETY: the desk is there, with a call whose handles `CallThread::begin` keeps.
        unsafe { width::call(desk) };
        let _ = raw::notify(tell, [bit as usize, 0, 0, 0]);
    }
    thread_exit()
}

const STATE: usize = offset_of!(Desk, state);
const SERVICE: usize = offset_of!(Desk, service);
const TAG: usize = offset_of!(Desk, tag);
const WORDS: usize = offset_of!(Desk, words);
const WORD: usize = size_of::<usize>();
