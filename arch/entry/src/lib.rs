//! Interrupt entry for i686 and x86_64, on stable Rust.
//!
//! A kernel implements [`KernelEntry`] and fills an [`InterruptDescriptorTable`]. The entries then give it every
//! interrupt, exception and system call as a [`TrapFrame`], which holds the registers of the interrupted code and may
//! be changed. The kernel returns the frame to resume: this one or another thread's.
//!
//! ```no_run
//! use core::ptr::NonNull;
//! use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, TrapStack, WithSmap, WithoutSmap, resume};
//!
//! struct Bell;
//!
//! // SAFETY: the crate's GDT is loaded, and `set_up` sets the CPU's data up before ring 3 runs. `trap` and
//! // `paranoid_trap` end the run.
//! unsafe impl KernelEntry for Bell {
//!     // A trap is saved straight into the current thread's frame, then Rust runs on the CPU's kernel stack.
//!     const TRAP_STACK: TrapStack = TrapStack::PerCpu;
//!
//!     extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
//!         // Dispatch on the vector; a kernel that switches threads returns the next one's frame. A frame that is
//!         // returned as it is after a fault would repeat the fault for ever.
//!         // SAFETY: the entry has just saved it there.
//!         panic!("nobody handles this: {:?}", unsafe { frame.as_ref() })
//!     }
//!
//!     extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
//!         // An NMI, #DB, #MC or #DF interrupted ring 0: touch nothing that may be changed halfway.
//!         panic!("in ring 0: {frame:?}")
//!     }
//! }
//!
//! fn set_up(table: &'static mut InterruptDescriptorTable, cpu_has_smap: bool, first: NonNull<TrapFrame>) -> ! {
//!     // The entries for this CPU are chosen here; code is never patched.
//!     if cpu_has_smap {
//!         table.fill::<Bell, WithSmap>().trap_every_vector().system_call_vector::<0x80>();
//!     } else {
//!         table.fill::<Bell, WithoutSmap>().trap_every_vector().system_call_vector::<0x80>();
//!     }
//!     // SAFETY: the GDT is loaded.
//!     unsafe { table.load() };
//!     let mut cpu = x86_entry::entry_data::<Bell>().expect("a static place");
//!     // SAFETY: nothing else refers to the data now.
//!     let cpu = unsafe { cpu.as_mut() };
//!     cpu.set_cpu_stack::<Bell>(0xFFFF_FFFF_8010_0000_u64 as usize);
//!     cpu.set_current_frame::<Bell>(first); // at each thread switch
//!     // SAFETY: the frame was built for ring 3.
//!     unsafe { resume::<Bell>(first) }
//! }
//! ```
//!
//! A vector can have a typed handler of its own. A handler of the wrong signature doesn't compile:
//!
//! ```no_run
//! # use core::ptr::NonNull;
//! # use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithoutSmap};
//! # fn fill<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
//! use x86_entry::PageFault;
//! use x86_entry::vector::{BREAKPOINT, PAGE_FAULT, VectorRange};
//!
//! fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
//!     panic!("{fault:?}: {frame:?}")
//! }
//!
//! table
//!     .fill::<K, WithoutSmap>()
//!     .exception(PAGE_FAULT, page_fault)
//!     .exception(BREAKPOINT, |frame: &mut TrapFrame| {})
//!     .interrupts(VectorRange::<32, 255>, |frame: &mut TrapFrame, vector: u8| {});
//! # }
//! ```
//!
//! With [`TrapStack::PerCpu`] a frame lies in a thread's own structure. The kernel must leave the
//! [`TrapFrame::BYTES_BELOW`] bytes below the frame unused, and on x86_64 the frame must be 16-byte aligned (its type
//! is).
//!
//! Read the crate in this order:
//!
//! 1. [`vector`] and [`error_code`]: the vectors, and the error codes of ten of them.
//! 2. [`i686`] and [`x86_64`]: frames, gates and segments as plain data. Both modules compile on either width.
//! 3. [`KernelEntry`]: the kernel's choices and functions.
//! 4. [`InterruptDescriptorTable`], [`TableFiller`] and [`Handler`]: the gates, and the handlers behind them.
//! 5. [`EntryData`] and [`CpuSegments`]: the memory that the CPU and the stubs read. [`TakeOnce`] and [`Stack`] keep it
//!    in statics.
//! 6. [`resume`], [`enable_fast_calls`] and [`enable_message_calls`]: the way out, and the system calls.
//!
//! The README compares this crate with others, and leads to example kernels. `docs/first-kernel.md` builds a kernel
//! from an empty crate, and `examples/port/README.md` leads over from `extern "x86-interrupt"`.
//!
//! SDM is Intel's Software Developer's Manual, with the sections of its edition 080 of June 2023; editions in which
//! chapter 4 of volume 3 is "Linear-Address Pre-Processing" count that volume's chapters one higher from there on. APM
//! is AMD's Architecture Programmer's Manual.
#![no_std]
#![deny(missing_docs)]

pub mod error_code;
mod gate;
pub mod i686;
mod segments;
pub mod vector;
pub mod x86_64;

pub use gate::{InterruptStackIndex, NoSuchPrivilege, PrivilegeLevel};
pub use segments::Selectors;

#[cfg(target_arch = "x86")]
pub use crate::i686::{Gate, GlobalDescriptorTable, TrapFrame};
#[cfg(target_arch = "x86_64")]
pub use crate::x86_64::{Gate, GlobalDescriptorTable, TrapFrame};

mod kernel_entry;
pub use kernel_entry::{
    CallerStackPointer, DirectInterrupts, EntryDataLocation, FloatingPointUse, KernelEntry, MessageCalls, Smap,
    TrapStack, UserGs, WithSmap, WithoutSmap,
};

mod conversions;
mod handler;
mod idt;
mod memory;
mod page_fault;
mod required;
mod target;
pub use handler::{Handler, Never};
pub use idt::{InterruptDescriptorTable, TableFiller};
pub use memory::{Stack, TakeOnce};
pub use page_fault::PageFault;

#[macro_use]
mod stub;
#[cfg(target_arch = "x86_64")]
pub use stub::SYSCALL_FLAG_MASK;
pub use stub::{enable_fast_calls, enable_message_calls, resume, resume_with_message};

mod entry_data;
pub use entry_data::{EntryData, IO_BITMAP_BYTES, entry_data};

mod cpu_segments;
pub use cpu_segments::{CpuSegments, ParanoidStacks};

mod fixup;

mod floating_point;
pub use floating_point::{FloatingPointArea, FloatingPointFormat, with_floating_point};

/// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// The port guide's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../examples/port/README.md")]
struct PortGuide;

#[cfg(target_arch = "x86")]
mod task_gate;
#[cfg(target_arch = "x86")]
pub use task_gate::paranoid_tss;
