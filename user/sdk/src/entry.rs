//! A program's first and last instructions.

use crate::{Grants, ReceiveRight, Startup, log, raw, time};

/// Names the function with which a program starts. It takes the [`Startup`] and returns nothing or a
/// [`crate::Result`]; when it returns, the program ends.
///
/// ```
/// fn run(startup: bellwire::Startup) -> bellwire::Result<()> {
///     for word in startup.arguments() {
///         bellwire::println!("{word}");
///     }
///     Ok(())
/// }
///
/// bellwire::main!(run);
/// ```
///
/// A program is built without the standard library on Bellwire, and like any other on the host, for its tests:
/// `#![cfg_attr(target_os = "none", no_std, no_main)]`.
#[cfg(target_os = "none")]
#[macro_export]
macro_rules! main {
    ($run:path) => {
        /// The first instructions: the startup block's address and length arrive in the message registers.
        ///
        /// # Safety
        /// For the loader alone.
        #[unsafe(no_mangle)]
        #[unsafe(naked)]
        unsafe extern "C" fn _start() -> ! {
            /// # Safety
            /// As for `_start`.
            unsafe extern "C" fn begin(address: usize, length: usize) -> ! {
                let run = $run;
                // SAFETY: `_start` runs once, as the first thread's first code, with the startup block's place.
                unsafe { $crate::entry::begin(::core::env!("CARGO_PKG_NAME"), address, length, run) }
            }
            $crate::naked_start!(begin)
        }
    };
}

/// Names the function with which a program starts; on the host it isn't run.
#[cfg(not(target_os = "none"))]
#[macro_export]
macro_rules! main {
    ($run:path) => {
        fn main() {
            $crate::entry::on_host($run);
        }
    };
}

/// Aligns the stack as the calling convention wants it, whatever it was, and calls a function of two words.
#[cfg(target_arch = "x86_64")]
#[doc(hidden)]
#[macro_export]
macro_rules! naked_start {
    ($begin:path) => {
        ::core::arch::naked_asm!(
            "xor ebp, ebp",
            "and rsp, -16",
            "mov rdi, rsi",
            "mov rsi, rdx",
            "call {begin}",
            "ud2",
            begin = sym $begin,
        )
    };
}

/// Aligns the stack as the calling convention wants it, whatever it was, and calls a function of two words.
#[cfg(target_arch = "x86")]
#[doc(hidden)]
#[macro_export]
macro_rules! naked_start {
    ($begin:path) => {
        ::core::arch::naked_asm!(
            "xor ebp, ebp",
            "and esp, -16",
            // Together with the two arguments these make 16 bytes.
            "push 0",
            "push 0",
            "push esi",
            "push ebx",
            "call {begin}",
            "ud2",
            begin = sym $begin,
        )
    };
}

/// What a program's function returns.
pub trait Outcome {
    /// Returns the exit code. Logs an error.
    fn code(self) -> usize;
}

impl Outcome for () {
    fn code(self) -> usize {
        0
    }
}

impl Outcome for core::convert::Infallible {
    fn code(self) -> usize {
        match self {}
    }
}

impl<T: Outcome, E: core::fmt::Display> Outcome for Result<T, E> {
    fn code(self) -> usize {
        match self {
            Ok(outcome) => outcome.code(),
            Err(error) => {
                crate::println!("gives up: {error}");
                FAILED
            }
        }
    }
}

/// The exit code of a program whose function returned an error.
pub const FAILED: usize = 1;

/// The exit code of a program that panicked.
pub const PANICKED: usize = 101;

/// The exit code of a program whose device isn't there. `init` doesn't start such a program again by itself.
pub const ABSENT: usize = 2;

/// Ends the program because its device isn't there, with a line in the log that says what is missing.
///
/// `init` doesn't start it again by itself, and answers its clients at once, with [`crate::protocol::ABSENT`]. A driver
/// calls this when it has looked for its device, and has left behind nothing that interrupts.
///
/// ```no_run
/// # use bellwire::{PortRange, Result, Startup};
/// # fn run(startup: Startup) -> Result<()> {
/// let status = startup.ports(0x64)?.port::<u8>(0).read();
/// if status == 0xFF {
///     bellwire::absent("no PS/2 controller");
/// }
/// # Ok(())
/// # }
/// ```
pub fn absent(missing: impl core::fmt::Display) -> ! {
    crate::println!("{missing}");
    exit(ABSENT)
}

/// Sets up what the SDK needs, runs the program's function and ends the program.
///
/// Safe code has no way here:
///
/// ```compile_fail,E0133
/// bellwire::entry::begin("package", 0x1000_0000, 4096, |_| ());
/// ```
///
/// # Safety
/// 1. The caller is the first thread's first code, and calls this once.
/// 2. `address` and `length` are the words that the thread was started with: those of a startup block that stays
///    mapped, read-only, as long as the process lives, and whose handles nobody else owns.
#[doc(hidden)]
pub unsafe fn begin<T: Outcome>(
    package: &'static str,
    address: usize,
    length: usize,
    run: impl FnOnce(Startup) -> T,
) -> ! {
    // SAFETY: the caller says that the block is there and doesn't change.
    let block = unsafe { core::slice::from_raw_parts(address as *const u8, length) };
    // SAFETY: the caller says that this is the process's block, and comes here once.
    let grants = unsafe { Grants::new(block) };
    // SAFETY: the first thread gets its right here, once.
    let startup = Startup::new(grants, unsafe { ReceiveRight::assume() });
    log::set_up(package, &startup);
    if let Some([hertz, _]) = startup.number("clock") {
        time::set_frequency(hertz);
    }
    exit(run(startup).code())
}

#[doc(hidden)]
pub fn on_host<T: Outcome>(_: impl FnOnce(Startup) -> T) {}

/// Ends the program.
pub fn exit(code: usize) -> ! {
    loop {
        let _ = raw::exit(abi::NO_HANDLE, [code, 0, 0, 0]);
    }
}

#[cfg(target_os = "none")]
#[panic_handler]
fn panic(information: &core::panic::PanicInfo<'_>) -> ! {
    match information.location() {
        Some(location) => crate::println!("panicked at {location}: {}", information.message()),
        None => crate::println!("panicked: {}", information.message()),
    }
    exit(PANICKED)
}
