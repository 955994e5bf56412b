//! The system calls as they are: one function for each row of the kernel's table, and [`invoke`] for labels and
//! options. Nothing here is needed to write a driver.
//!
//! A call that can break what Rust promises to this program's code is `unsafe`; the kernel's table says which are
//! ([`abi::Safety`]). The other calls act on objects by number: one with a wrong number fails, or does to an object
//! what its owner might have done.

use crate::Handle;
use abi::{Error, Kind, Message, Operation, Options, Tag};

#[cfg(all(target_os = "none", target_arch = "x86"))]
mod i686;
#[cfg(all(target_os = "none", target_arch = "x86"))]
use i686::enter;

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod x86_64;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
use x86_64::enter;

/// Without a kernel, each call is unknown.
///
/// # Safety
/// None.
#[cfg(not(any(target_os = "none", test)))]
unsafe fn enter(_: u32, _: Message) -> Message {
    unknown()
}

#[cfg(test)]
pub(crate) mod fake;
#[cfg(test)]
use fake::enter;

#[cfg(not(target_os = "none"))]
fn unknown() -> Message {
    Message::new(Tag::outgoing(Kind::Error, Error::UnknownCall as u8, 0), [0; 4])
}

/// Makes any call and returns the message that came back, errors included (see [`Message::tag`]).
///
/// # Safety
/// Those of the stub that has the operation's name.
#[inline(always)]
pub unsafe fn invoke_any(operation: Operation, handle: u32, label: u8, options: Options, words: [usize; 4]) -> Message {
    // SAFETY: the caller answers for the operation.
    unsafe { enter(handle, Message::new(Tag::incoming(operation, label, options), words)) }
}

/// Makes a call and returns the message that came back, errors included (see [`Message::tag`]).
#[inline(always)]
pub fn invoke(operation: SafeOperation, handle: u32, label: u8, options: Options, words: [usize; 4]) -> Message {
    // SAFETY: the table says of these operations that they can't harm the caller, whatever their arguments are.
    unsafe { invoke_any(operation.0, handle, label, options, words) }
}

/// Makes a call that sends a copy of a handle along, in place of the fourth word.
///
/// # Safety
/// Those of the stub that has the operation's name.
pub(crate) unsafe fn invoke_with_handle(
    operation: Operation,
    handle: u32,
    label: u8,
    words: [usize; 3],
    sent: &(impl Handle + ?Sized),
) -> Message {
    let [word0, word1, word2] = words;
    let words = [word0, word1, word2, sent.raw() as usize];
    // SAFETY: who has the handle may copy it; the caller answers for the rest.
    unsafe { invoke_any(operation, handle, label, Options::HANDLE, words) }
}

/// Returns a message of kind [`Kind::Error`] as an error.
#[inline(always)]
pub fn checked(message: Message) -> Result<Message, Error> {
    match message.tag.kind() {
        Kind::Error => Err(Error::from_code(message.tag.label())),
        _ => Ok(message),
    }
}

/// Repeats a call that prepares what it needs slice by slice, and whose first word is 0 until it has it.
pub fn repeated(mut call: impl FnMut() -> Message) -> Result<Message, Error> {
    loop {
        let message = checked(call())?;
        let [first, ..] = message.words;
        if first != 0 {
            return Ok(message);
        }
    }
}

/// An operation whose stub is safe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SafeOperation(Operation);

macro_rules! safe_operation {
    (safe $variant:ident $documentation:literal) => {
        #[doc = $documentation]
        pub const $variant: SafeOperation = SafeOperation(Operation::$variant);
    };
    (unsafe $variant:ident $documentation:literal) => {};
}

macro_rules! stub {
    (safe $variant:ident $name:ident $(#[$documentation:meta])*) => {
        $(#[$documentation])*
        #[inline(always)]
        pub fn $name(handle: u32, words: [usize; 4]) -> Result<Message, Error> {
            checked(invoke(SafeOperation::$variant, handle, 0, Options::empty(), words))
        }
    };
    (unsafe $variant:ident $name:ident $(#[$documentation:meta])*) => {
        $(#[$documentation])*
        ///
        /// # Safety
        /// The memory, thread, handle or object that the call is about must be the caller's to map, run, copy, call,
        /// answer or end: no other code of this program relies on its staying as it is, or on having it alone.
        #[inline(always)]
        pub unsafe fn $name(handle: u32, words: [usize; 4]) -> Result<Message, Error> {
            // SAFETY: the caller answers for what the call does.
            checked(unsafe { invoke_any(Operation::$variant, handle, 0, Options::empty(), words) })
        }
    };
}

macro_rules! stubs {
    ($(
        $number:literal $variant:ident $name:ident $right:ident $safety:ident [$($input:tt)*] [$($output:tt)*]
        $documentation:literal;
    )*) => {
        #[allow(non_upper_case_globals, reason = "each is named as the operation is")]
        impl SafeOperation {
            $(safe_operation!($safety $variant $documentation);)*
        }

        $(
            stub!(
                $safety $variant $name
                #[doc = $documentation]
                #[doc = ""]
                #[doc = concat!(
                    "Words in:", $(" `", stringify!($input), "`",)* "; out:", $(" `", stringify!($output), "`",)* ".",
                )]
            );
        )*
    };
}

abi::for_each_call!(stubs);

/// A call that maps memory can't be made by safe code, and neither can one that closes or copies a handle by its
/// number. (With a copy of what belongs to a stack, or to memory that somebody sees as a slice, safe code could change
/// that.) Receiving and answering close handles of Replies.
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::call(7, [0; 4]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::receive(7, [0; 4]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::reply(7, [0; 4]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::reply_receive(7, [0; 4]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::memory_unmap(0, [0x2000_0000, 0x1000, 0, 0]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::handle_close(7, [0; 4]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::handle_copy(7, [usize::MAX, 0, 0, 0]);
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::raw::process_grant(8, [7, usize::MAX, 0, 0]);
/// ```
///
/// ```compile_fail,E0599
/// use bellwire::raw::{SafeOperation, invoke};
/// invoke(SafeOperation::ThreadCreate, 0, 0, Default::default(), [0; 4]);
/// ```
#[cfg(doctest)]
struct UnsafeCalls;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_host_every_call_is_unknown() {
        assert_eq!(null(0, [0; 4]), Err(Error::UnknownCall));
        assert_eq!(notify(7, [1, 2, 3, 4]), Err(Error::UnknownCall));
    }
}
