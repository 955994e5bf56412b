//! The system calls as they are: one function for each row of the kernel's table, and [`invoke`] for labels and
//! options. Nothing here is needed to write a driver.
//!
//! A call can't harm the memory of the caller unless it maps or unmaps it, which is why the functions that do are the
//! only ones to be careful with: use [`crate::Memory`] and [`crate::Mapping`].

use abi::{Error, Kind, Message, Operation, Options, Tag};

#[cfg(all(target_os = "none", target_arch = "x86"))]
mod i686;
#[cfg(all(target_os = "none", target_arch = "x86"))]
use i686::enter;

#[cfg(all(target_os = "none", target_arch = "x86_64"))]
mod x86_64;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
use x86_64::enter;

/// There is no Bellwire kernel on the host.
#[cfg(not(target_os = "none"))]
fn enter(_: u32, _: Message) -> Message {
    Message::new(Tag::outgoing(Kind::Error, Error::UnknownCall as u8, 0), [0; 4])
}

/// Does a call and returns the message that came back, errors included (see [`Message::tag`]).
#[inline(always)]
pub fn invoke(operation: Operation, handle: u32, label: u8, options: Options, words: [usize; 4]) -> Message {
    enter(handle, Message::new(Tag::incoming(operation, label, options), words))
}

/// A message of kind [`Kind::Error`] as an error.
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

macro_rules! stubs {
    ($(
        $number:literal $variant:ident $name:ident $right:ident [$($input:tt)*] [$($output:tt)*] $documentation:literal;
    )*) => {
        $(
            #[doc = $documentation]
            ///
            #[doc = concat!(
                "Words in:", $(" `", stringify!($input), "`",)* "; out:", $(" `", stringify!($output), "`",)* ".",
            )]
            #[inline(always)]
            pub fn $name(handle: u32, words: [usize; 4]) -> Result<Message, Error> {
                checked(invoke(Operation::$variant, handle, 0, Options::empty(), words))
            }
        )*
    };
}

abi::for_each_call!(stubs);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn on_the_host_every_call_is_unknown() {
        assert_eq!(null(0, [0; 4]), Err(Error::UnknownCall));
        assert_eq!(reply_receive(7, [1, 2, 3, 4]), Err(Error::UnknownCall));
    }
}
