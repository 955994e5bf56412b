//! What the SDK leaves to `unsafe` code: calls that could break what Rust promises, and owners of bare numbers.
//!
//! The suite tests these calls themselves, so its cases make them at many places. They keep to what makes that sound: a
//! case names only what it has made itself, and what nobody else in its program owns.

use abi::{Access, Message, Operation, Options};
use bellwire::{Memory, OwnedHandle, Process, Result, Thread, raw};

/// Makes any call.
pub fn invoke(operation: Operation, handle: u32, label: u8, options: Options, words: [usize; 4]) -> Message {
    // SAFETY: see the head of this file.
    unsafe { raw::invoke_any(operation, handle, label, options, words) }
}

macro_rules! calls {
    ($($name:ident)*) => { $(
        #[doc = concat!("Makes the call `", stringify!($name), "`.")]
        pub fn $name(handle: u32, words: [usize; 4]) -> Result<Message> {
            // SAFETY: see the head of this file.
            unsafe { raw::$name(handle, words) }
        }
    )* };
}

calls!(
    call receive reply reply_receive memory_unmap thread_create thread_start thread_write thread_pointer handle_copy
    handle_close process_grant destroy
);

/// Maps memory into this process, at an address that the case has for itself.
pub fn map_at(memory: &Memory, address: usize, offset: usize, bytes: usize, access: Access) -> Result<()> {
    // SAFETY: see the head of this file.
    unsafe { memory.map_at(address, offset, bytes, access) }
}

macro_rules! owners {
    ($($name:ident $type:ident)*) => { $(
        #[doc = concat!("Owns a handle by its number, as a `", stringify!($type), "`.")]
        pub fn $name(handle: usize) -> $type {
            // SAFETY: see the head of this file.
            unsafe { $type::from_raw(handle as u32) }
        }
    )* };
}

owners!(owned OwnedHandle memory Memory process Process thread Thread);
