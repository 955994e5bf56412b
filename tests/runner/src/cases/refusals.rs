//! Machines on which the kernel can't start: it prints one clear line on the serial line and on the screen, then halts.
//! It never resets.

use std::fs;
use std::path::PathBuf;

use runner::folder::Folder;
use runner::machine::{Direct, Hardware};
use xtask::Width;

use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    no_modules,
    a_first_module_that_is_no_elf,
    a_first_module_of_the_other_width,
    a_first_module_cut_short,
    an_empty_first_module,
    too_little_memory,
    memory_that_ends_within_the_image,
    a_processor_without_what_is_needed,
];

/// Boots, and expects the line that gives this reason.
#[track_caller]
fn refuses(hardware: Hardware, modules: Direct, reason: &str) {
    let mut machine = hardware.boot(modules);
    machine.expect("Bellwire can't start: ");
    let line = machine.expect("\r\n");
    assert!(line.contains(reason), "the reason was {line:?}, not {reason:?}");
    machine.expect_on_screen("Bellwire can't start: ");
    machine.expect_halted();
    assert_eq!(machine.unread(), "", "there is more than the line");
}

/// Boots a first module with this content.
#[track_caller]
fn refuses_module(width: Width, content: &[u8], reason: &str) {
    let folder = Folder::new().expect("a folder for the module");
    let file = folder.file("module");
    fs::write(&file, content).expect("the module can be written");
    refuses(Hardware::new(width), Direct::files(vec![("init".to_owned(), file)]), reason);
}

fn init(width: Width) -> Vec<u8> {
    let file: PathBuf = width.image_folder().join("init");
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

fn no_modules(width: Width) {
    refuses(Hardware::new(width), Direct::files(Vec::new()), "no modules");
}

fn a_first_module_that_is_no_elf(width: Width) {
    refuses_module(width, b"#!/bin/sh\nexit 0\n", "module 0, init, is no ELF file");
}

fn an_empty_first_module(width: Width) {
    refuses_module(width, &[0; 4096], "module 0, init, is no ELF file");
}

/// A header is enough to tell.
fn a_first_module_of_the_other_width(width: Width) {
    const CLASS_32: u8 = 1;
    const CLASS_64: u8 = 2;
    const EXECUTABLE: u8 = 2;
    const MACHINE_386: u8 = 3;
    const MACHINE_X86_64: u8 = 62;
    let (class, machine) = match width {
        Width::I686 => (CLASS_64, MACHINE_X86_64),
        Width::X86_64 => (CLASS_32, MACHINE_386),
    };
    let mut header = [0; 64];
    header[..7].copy_from_slice(&[0x7F, b'E', b'L', b'F', class, 1, 1]);
    (header[16], header[18], header[20]) = (EXECUTABLE, machine, 1);
    refuses_module(width, &header, &format!("module 0, init, is no program for {}", width.name()));
}

/// Without its end, then with nothing but its header.
fn a_first_module_cut_short(width: Width) {
    let whole = init(width);
    refuses_module(width, &whole[..whole.len() / 2], "module 0, init, ");
    refuses_module(width, &whole[..100], "module 0, init, ");
}

/// Enough for the image and the modules, but not for what they need.
fn too_little_memory(width: Width) {
    refuses(Hardware::new(width).with(&["-m", "8M"]), Direct::shipped(), "too little memory: ");
}

/// Not even the kernel's own data fits.
fn memory_that_ends_within_the_image(width: Width) {
    refuses(Hardware::new(width).with(&["-m", "2M"]), Direct::shipped(), "too little memory");
}

/// The machine of the other width is among them.
fn a_processor_without_what_is_needed(width: Width) {
    let refusals: &[(&str, &str)] = match width {
        Width::I686 => &[
            ("486", "no time stamp counter"),
            ("pentium", "no physical address extension"),
            ("pentium3,-cmov", "no conditional moves"),
        ],
        Width::X86_64 => &[
            ("486", "no time stamp counter"),
            ("pentium3", "no long mode: use the i686 image"),
            ("qemu64,-pge", "no global pages"),
            ("qemu64,-fxsr", "no FXSAVE"),
        ],
    };
    for (processor, reason) in refusals {
        refuses(Hardware::new(width).with(&["-cpu", processor]), Direct::shipped(), reason);
    }
}
