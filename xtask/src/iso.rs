//! Packs kernels and their modules into ISOs that GRUB boots under a BIOS, and one for tests under UEFI.
//!
//! The image has only the modules of GRUB that booting takes, so that it is small. GRUB's configuration asks nothing
//! and waits for nothing.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::build::{Need, Set, add_steps, entry_kernel, kernel};
use crate::output::{read, replace, write};
use crate::process::{command, run_quietly};
use crate::steps::Steps;
use crate::{Result, Width, root};

/// The folders in which distributions keep GRUB's modules, each with a folder for each kind of firmware.
const GRUB_FOLDERS: [&str; 3] = ["/usr/lib/grub", "/usr/lib/grub2", "/usr/share/grub2"];

/// The beginning of every configuration. UEFI has no text screen, so GRUB needs drivers to give the kernel a
/// framebuffer, in the mode of GRUB's menu. A BIOS has the text screen.
const SCREEN: &str = "\
if [ \"$grub_platform\" = efi ]; then
    insmod all_video
    set gfxpayload=keep
fi
";

/// GRUB's modules for a BIOS.
const BIOS_MODULES: &str = "normal test iso9660 biosdisk";
/// GRUB's modules for UEFI: the common ones, `all_video` for `SCREEN`, and those that GRUB's first image asks for.
const UEFI_MODULES: &str = "normal test iso9660 all_video part_acorn part_amiga part_bsd part_dfly part_dvh part_plan \
                            part_sun part_sunpc";

/// A kind of ISO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disc {
    /// The disc that users get.
    Shipped,
    /// The user-mode test programs, for emulators without a loader of their own.
    Suite,
    /// The kernel that checks `x86-entry` by itself.
    SelfTest,
    /// The users' disc with GRUB for UEFI, to test the configuration.
    Uefi,
}

impl Disc {
    /// Returns the file in `target/`.
    pub fn file(self, width: Width) -> PathBuf {
        match self {
            Disc::Shipped => width.iso(),
            Disc::Suite | Disc::SelfTest | Disc::Uefi => {
                root().join(format!("target/{}-{}.iso", self.name(), width.name()))
            }
        }
    }

    fn name(self) -> &'static str {
        match self {
            Disc::Shipped => "iso",
            Disc::Suite => "suite",
            Disc::SelfTest => "self-test",
            Disc::Uefi => "uefi",
        }
    }

    fn kernel(self, width: Width) -> PathBuf {
        match self {
            Disc::Shipped | Disc::Suite | Disc::Uefi => kernel(width),
            Disc::SelfTest => entry_kernel(width, "self_test"),
        }
    }

    fn set(self) -> Option<Set> {
        match self {
            Disc::Shipped | Disc::Uefi => Some(Set::Shipped),
            Disc::Suite => Some(Set::Suite),
            Disc::SelfTest => None,
        }
    }

    /// Returns the command by which GRUB starts the kernel. The self-test has a header of multiboot1, which QEMU's
    /// loader takes.
    fn command(self) -> &'static str {
        match self {
            Disc::Shipped | Disc::Uefi => "multiboot2 /boot/kernel",
            // A kernel that ends must end the emulator too.
            Disc::Suite => "multiboot2 /boot/kernel exit=debug log=plain",
            Disc::SelfTest => "multiboot /boot/kernel",
        }
    }
}

/// Returns GRUB's name of the firmware from which it starts.
fn platform(disc: Disc, width: Width) -> &'static str {
    match (disc, width) {
        (Disc::Uefi, Width::I686) => "i386-efi",
        (Disc::Uefi, Width::X86_64) => "x86_64-efi",
        _ => "i386-pc",
    }
}

/// Builds the kernel and the shipped programs, and writes the ISO files of the given widths.
pub fn iso(widths: &[Width]) -> Result {
    let mut steps = Steps::new();
    add_steps(&mut steps, widths, Need::Shipped)?;
    for &width in widths {
        add_step(&mut steps, Disc::Shipped, width);
    }
    steps.run()
}

/// Adds the step that calls [`pack`].
pub fn add_step(steps: &mut Steps, disc: Disc, width: Width) {
    let file = disc.file(width);
    steps.add(format!("writing target/{}", file.file_name().unwrap_or_default().display()), move || pack(disc, width));
}

/// Writes a disc of what was built, unless the file is up to date.
pub fn pack(disc: Disc, width: Width) -> Result {
    let file = disc.file(width);
    let tree = root().join(format!("target/{}-{}", disc.name(), width.name()));
    let loader = disc.command().split(' ').next().unwrap_or_default();
    let mut mkrescue = command(mkrescue_command());
    mkrescue.arg("--directory").arg(grub_folder(platform(disc, width))?);
    let own = if disc == Disc::Uefi { UEFI_MODULES } else { BIOS_MODULES };
    mkrescue.arg(format!("--install-modules={loader} {own}"));
    mkrescue.args(["--fonts=", "--locales=", "--themes="]);
    mkrescue.arg(&tree).arg("--output");

    let content = content(disc, width)?;
    let record = record(&mkrescue, &content);
    let record_file = tree.with_extension("record");
    if file.exists() && fs::read(&record_file).is_ok_and(|written| written == record) {
        return Ok(());
    }
    // The record isn't right until the disc is written.
    if record_file.exists() {
        fs::remove_file(&record_file).map_err(|error| format!("can't remove {}: {error}", record_file.display()))?;
    }
    // Files of an earlier image must not stay in this one.
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(|error| format!("can't empty {}: {error}", tree.display()))?;
    }
    for (name, bytes) in &content {
        write(&tree.join(name), bytes)?;
    }
    replace(&file, |part| {
        mkrescue.arg(part);
        run_quietly(mkrescue)
    })?;
    write(&record_file, &record)
}

/// Returns a disc's files by their paths on it.
fn content(disc: Disc, width: Width) -> Result<Vec<(String, Vec<u8>)>> {
    let modules = disc.set().map(Set::modules).transpose()?.unwrap_or_default();
    let mut files = vec![("boot/kernel".to_owned(), read(&disc.kernel(width))?)];
    if let Some(set) = disc.set() {
        for module in &modules {
            files.push((format!("boot/{module}"), read(&set.folder(width).join(module))?));
        }
    }
    files.push(("boot/grub/grub.cfg".to_owned(), configuration(disc, &modules).into_bytes()));
    Ok(files)
}

/// Returns everything that a disc depends on: the command that writes it, and its files.
fn record(command: &Command, content: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut record = format!("{command:?}\n").into_bytes();
    for (name, bytes) in content {
        record.extend(format!("{name} {}\n", bytes.len()).into_bytes());
        record.extend(bytes);
    }
    record
}

/// Returns GRUB's configuration. A module's string is its name, by which the kernel and `init` find it.
fn configuration(disc: Disc, modules: &[String]) -> String {
    let mut lines = format!("{SCREEN}{}\n", disc.command());
    for module in modules {
        lines += &format!("module2 /boot/{module} {module}\n");
    }
    lines + "boot\n"
}

/// Returns the name of `grub-mkrescue`, which is another on Fedora and openSUSE.
fn mkrescue_command() -> &'static str {
    let found = |name: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).exists()))
    };
    if found("grub2-mkrescue") && !found("grub-mkrescue") { "grub2-mkrescue" } else { "grub-mkrescue" }
}

fn grub_folder(platform: &str) -> Result<PathBuf> {
    GRUB_FOLDERS
        .iter()
        .map(|folder| Path::new(folder).join(platform))
        .find(|folder| folder.join("multiboot2.mod").exists())
        .ok_or_else(|| format!("GRUB's modules for {platform} are in none of {}", GRUB_FOLDERS.join(", ")))
}
