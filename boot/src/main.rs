//! The Bellwire kernel: start code, the way from the boot loader to the first process, and the composition of the
//! architecture's layer with the portable core.
//!
//! One ELF for each width, that both GRUB (multiboot2) and `qemu -kernel` (multiboot1) load. What needs no hardware
//! (the loader's information) also compiles for the host, where it is tested.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(any(target_os = "none", test))]
extern crate alloc;

#[cfg(target_os = "none")]
mod begin;
#[cfg(target_os = "none")]
mod failure;
#[cfg(target_os = "none")]
mod first_process;
#[cfg(target_os = "none")]
mod heap;
#[cfg(any(target_os = "none", test))]
mod information;
#[cfg(target_os = "none")]
mod prepare;
#[cfg(target_os = "none")]
mod provoke;
#[cfg(any(target_os = "none", test))]
mod room;
#[cfg(target_os = "none")]
mod start;
#[cfg(target_os = "none")]
mod view;

#[cfg(target_os = "none")]
use begin::begin;

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!("this is the host's build of the kernel binary, for its tests: build it for a target in targets/");
}
