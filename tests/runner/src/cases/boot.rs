//! The ways in which the kernel is started, up to the prompt.

use runner::machine::{Hardware, Image, Machine};
use serde_json::json;
use xtask::Width;
use xtask::iso::{Disc, pack};

use super::shell::{PROMPT, ask, at_the_prompt, boot_to_the_prompt};
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: iso_reaches_the_prompt, direct_boot_reaches_the_prompt, uefi_shows_the_prompt];

/// The image that users get: GRUB and multiboot2, with a framebuffer where the direct boot has text.
fn iso_reaches_the_prompt(width: Width) {
    let mut machine = boot_to_the_prompt(Hardware::new(width), Image::Iso);
    machine.keys("echo Hi!\n");
    machine.expect("\r\nHi!\r\n");
    machine.expect(PROMPT);
    let help = ask(&mut machine, "help");
    for command in "help ps irq mem time kill echo log reboot shutdown".split(' ') {
        assert!(help.lines().any(|line| line.trim_start().starts_with(command)), "no {command} in\n{help}");
    }
    assert!(ask(&mut machine, "log").contains(&format!("Bellwire 0.1.0 {}", width.name())));
}

/// The boot of most tests: QEMU's own loader and multiboot1.
fn direct_boot_reaches_the_prompt(width: Width) {
    at_the_prompt(width);
}

/// The shipped configuration, from GRUB for UEFI: there is a framebuffer, and what is typed appears on it.
fn uefi_shows_the_prompt(width: Width) {
    let (code, variables, machine) = match width {
        Width::I686 => ("OVMF32_CODE_4M.secboot.fd", "OVMF32_VARS_4M.fd", "q35,smm=on"),
        Width::X86_64 => ("OVMF_CODE_4M.fd", "OVMF_VARS_4M.fd", "q35"),
    };
    let drive = |unit: u32, file: &str, how: &str| {
        format!("if=pflash,unit={unit},format=raw,{how}=on,file=/usr/share/OVMF/{file}")
    };
    let (code, variables) = (drive(0, code, "readonly"), drive(1, variables, "snapshot"));
    pack(Disc::Uefi, width).expect("the disc can be written");
    let disc = Disc::Uefi.file(width).display().to_string();
    let arguments = ["-M", machine, "-m", "256M", "-drive", &code, "-drive", &variables, "-cdrom", &disc];
    let hardware =
        Hardware::new(width).with(&arguments).with(&["-global", "driver=cfi.pflash01,property=secure,value=on"]);
    let mut machine = boot_to_the_prompt(hardware, Image::Firmware);
    // The screen may still show the firmware's own text.
    machine.wait_until("a screen with a prompt alone", |machine| (1..2000).contains(&lit_pixels(machine)));
    let before = lit_pixels(&mut machine);
    ask(&mut machine, "help");
    machine.wait_until("a screen with an answer", |machine| lit_pixels(machine) > before * 2);
}

/// How many pixels of the screen are bright.
fn lit_pixels(machine: &mut Machine) -> usize {
    let file = machine.file("screen.ppm");
    machine.command("screendump", json!({ "filename": file }));
    let picture = std::fs::read(&file).expect("QEMU has written the picture");
    // The header: a kind, width and height, the largest value, a line each.
    let header = picture.iter().enumerate().filter(|(_, byte)| **byte == b'\n').nth(2).expect("a header").0;
    picture[header + 1..].chunks_exact(3).filter(|pixel| pixel.iter().any(|part| *part > 100)).count()
}
