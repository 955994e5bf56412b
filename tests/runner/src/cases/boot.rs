//! The ways in which the kernel is started, up to the prompt.

use runner::machine::{Hardware, Image};
use xtask::Width;

use super::shell::{PROMPT, ask, at_the_prompt, boot_to_the_prompt};
use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: iso_reaches_the_prompt, direct_boot_reaches_the_prompt];

/// What users get: GRUB and multiboot2, with a framebuffer where the direct boot has text.
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

/// What most tests use: QEMU's own loader and multiboot1.
fn direct_boot_reaches_the_prompt(width: Width) {
    at_the_prompt(width);
}
