//! A bare kernel: boots on either width, runs a program in ring 3, and checks every trap that it takes.
//!
//! The smallest complete use of `x86-entry`: segments, table, CPU data, a thread's frame, an idle context. It has no
//! address spaces: kernel and program share one, in which ring 3 may touch everything.
//!
//! ```text
//! cargo rustc -p x86-entry --example bare --release --target targets/i686-kernel.json BUILD_STD_FLAGS \
//!     -- -C link-arg=-Tarch/entry/examples/bare/link.ld
//! qemu-system-i386 -kernel target/i686-kernel/release/examples/bare -serial stdio -display none -no-reboot \
//!     -device isa-debug-exit,iobase=0xf4,iosize=0x4
//! ```
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod console;
#[cfg(target_os = "none")]
mod kernel;
#[cfg(target_os = "none")]
mod script;
#[cfg(target_os = "none")]
mod storm;

#[cfg(all(target_os = "none", target_arch = "x86"))]
#[path = "i686.rs"]
mod width;
#[cfg(all(target_os = "none", target_arch = "x86_64"))]
#[path = "x86_64.rs"]
mod width;

#[cfg(not(target_os = "none"))]
fn main() {
    println!("This example is a kernel: its first lines say how to build and boot it.");
}
