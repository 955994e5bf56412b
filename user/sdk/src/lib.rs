//! What a Bellwire program imports: a driver's interrupts, its clients' calls and its timers as one stream of events.
//!
//! A driver is a loop around [`Server::next`]. Each turn answers the call that came last, completes the interrupt
//! that came last and waits for the next event, all in one system call. This is a driver for the receiving half of a
//! serial port, whole:
//!
//! ```no_run
//! use bellwire::{Event, Result, Startup, protocol::StreamRequest};
//!
//! bellwire::main!(run);
//!
//! fn run(startup: Startup) -> Result<()> {
//!     let mut server = startup.server("serial")?;
//!     let uart = startup.ports(0x3F8)?;
//!     let (data, enable) = (uart.port::<u8>(0), uart.port::<u8>(1));
//!     let line = startup.line(4)?;
//!     server.bind(&line, 0)?;
//!     enable.write(1);
//!     let mut received = 0;
//!     loop {
//!         match server.next()? {
//!             Event::Interrupt(_) => {
//!                 data.read();
//!                 received += 1;
//!             }
//!             Event::Call(call) => match call.request() {
//!                 Some(StreamRequest::Poll) => call.answer([received, 0, 0, 0]),
//!                 _ => call.refuse(),
//!             },
//!             _ => {}
//!         }
//!     }
//! }
//! # fn _unused() { main() }
//! ```
//!
//! The manifest `system.toml` says what a program may touch; the program finds it in its [`Startup`]. Handles are
//! owned: they are closed when they are dropped. Every failure is an [`Error`], and nothing waits unless its name says
//! so: [`Server::next`] waits for good, [`Server::next_before`] until a deadline, [`Server::poll`] not at all. [`task`]
//! has the `async` form.
//!
//! All `unsafe` of a driver is in here: the call stubs ([`raw`]), port access ([`Port`]) and mapped memory
//! ([`Mapping`]). What a program reaches through them is bounded by its grants, which the kernel enforces. Within these
//! bounds, code without `unsafe` keeps what Rust promises: it breaks no memory of the program's own.
//!
//! On a host (where there is no Bellwire kernel) everything compiles and every call fails with
//! [`Error::UnknownCall`], so that a driver's own logic can be tested there.
#![cfg_attr(not(test), no_std)]

extern crate alloc;

mod bound;
mod client;
mod client_right;
mod endpoint;
pub mod entry;
mod event;
mod handle;
mod heap;
mod info;
mod interrupt;
pub mod layout;
mod lock;
pub mod log;
mod mapping;
mod memory;
pub mod pci;
mod ports;
mod process;
pub mod protocol;
pub mod raw;
pub mod registers;
mod reply;
mod root;
mod server;
mod startup;
pub mod stream;
pub mod task;
mod thread;
pub mod time;
mod timer;

pub use abi::{
    Access, Error, Exception, ExitKind, FIRST_VECTOR, InterruptFlags, InterruptMessage, Kind, LINE_NMI, LineFlags,
    LineState, Message, NotifyMask, Options, PAGE_BYTES, Register, Rights, RouteKind, Share, StartupBlock,
    StartupEntry, StartupKind, Tag, ThreadState, join, split,
};
pub use bound::Bound;
pub use client::{Caller, CallerGone, Callers, ClientError, Delivery, Sent};
pub use client_right::ClientRight;
pub use endpoint::{Answer, Endpoint};
pub use entry::absent;
pub use event::{Call, Event, Exit, Fault, HowEnded, Overrun, Storm, StormOf, TimerMessage};
pub use handle::{Borrowed, Handle, OwnedHandle, Scoped};
pub use info::{KernelCounters, MemoryUse, ProcessUse, Source, ThreadFault, ThreadUse};
pub use interrupt::{Interrupt, InterruptWrite, Pending, Trigger};
pub use lock::{Mutex, MutexGuard};
pub use mapping::{MappedRegister, Mapping, Plain};
pub use memory::Memory;
pub use pci::{DrivenFunction, PciDevice, PciInterrupt};
pub use ports::{Port, PortRange, PortValue, Ports};
pub use process::{Limits, Process, Trust};
pub use reply::Reply;
pub use root::Root;
pub use server::{ReceiveRight, Server};
pub use startup::{Grants, Screen, Startup};
pub use thread::{CallThread, SpawnedThread, Thread, thread_exit};
pub use time::Instant;
pub use timer::Timer;

/// Has the examples of the page on writing drivers tested.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/driver.md")]
struct DriverPage;

/// Has the example of the README tested.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;

/// What a call returns: a value, or why there is none.
pub type Result<T, E = Error> = core::result::Result<T, E>;
