//! Packs kernels and their modules into ISOs that GRUB boots under a BIOS.
//!
//! GRUB's own part is kept to the modules that this takes, so that the image is small, and its configuration asks
//! nothing and waits for nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::{Set, build, entry_kernel, kernel};
use crate::process::{command, run_quietly};
use crate::{Result, Width, root, say};

/// Where distributions keep GRUB's modules for the BIOS.
const GRUB_FOLDERS: [&str; 3] = ["/usr/lib/grub/i386-pc", "/usr/lib/grub2/i386-pc", "/usr/share/grub2/i386-pc"];

/// A kind of ISO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disc {
    /// What users get.
    Shipped,
    /// The user-mode test programs, for emulators without a loader of their own.
    Suite,
    /// The kernel that checks `x86-entry` by itself.
    SelfTest,
}

impl Disc {
    /// The file in `target/`.
    pub fn file(self, width: Width) -> PathBuf {
        match self {
            Disc::Shipped => width.iso(),
            Disc::Suite | Disc::SelfTest => root().join(format!("target/{}-{}.iso", self.name(), width.name())),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Disc::Shipped => "iso",
            Disc::Suite => "suite",
            Disc::SelfTest => "self-test",
        }
    }

    fn kernel(self, width: Width) -> PathBuf {
        match self {
            Disc::Shipped | Disc::Suite => kernel(width),
            Disc::SelfTest => entry_kernel(width, "self_test"),
        }
    }

    fn set(self) -> Option<Set> {
        match self {
            Disc::Shipped => Some(Set::Shipped),
            Disc::Suite => Some(Set::Suite),
            Disc::SelfTest => None,
        }
    }

    /// How GRUB starts the kernel. The self-test has a header of the first version, as QEMU's loader takes.
    fn command(self) -> &'static str {
        match self {
            Disc::Shipped => "multiboot2 /boot/kernel",
            // A kernel that has ended shall end the emulator too.
            Disc::Suite => "multiboot2 /boot/kernel exit=debug",
            Disc::SelfTest => "multiboot /boot/kernel",
        }
    }
}

/// Builds everything for the given widths and writes their ISO files.
pub fn iso(widths: &[Width]) -> Result {
    build(widths)?;
    widths.iter().try_for_each(|&width| pack(Disc::Shipped, width))
}

/// Writes a disc of what was built.
pub fn pack(disc: Disc, width: Width) -> Result {
    let file = disc.file(width);
    say(&format!("writing target/{}", file.file_name().unwrap_or_default().display()));
    let modules = disc.set().map(Set::modules).transpose()?.unwrap_or_default();
    let tree = root().join(format!("target/{}-{}", disc.name(), width.name()));
    let boot = tree.join("boot");
    // What an earlier image held must not stay in this one.
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(|error| format!("can't empty {}: {error}", tree.display()))?;
    }
    fs::create_dir_all(boot.join("grub")).map_err(|error| format!("can't make {}: {error}", boot.display()))?;
    copy(&disc.kernel(width), &boot.join("kernel"))?;
    if let Some(set) = disc.set() {
        for module in &modules {
            copy(&set.folder(width).join(module), &boot.join(module))?;
        }
    }
    fs::write(boot.join("grub/grub.cfg"), configuration(disc, &modules))
        .map_err(|error| format!("can't write grub.cfg: {error}"))?;

    let loader = disc.command().split(' ').next().unwrap_or_default();
    let mut mkrescue = command(mkrescue_command());
    mkrescue.arg("--directory").arg(grub_folder()?);
    mkrescue.arg(format!("--install-modules=normal {loader} iso9660 biosdisk"));
    mkrescue.args(["--fonts=", "--locales=", "--themes="]);
    mkrescue.arg("--output").arg(file).arg(&tree);
    run_quietly(mkrescue)
}

/// A module's string is its name: the word that the kernel and `init` know it by.
fn configuration(disc: Disc, modules: &[String]) -> String {
    let mut lines = format!("{}\n", disc.command());
    for module in modules {
        lines += &format!("module2 /boot/{module} {module}\n");
    }
    lines + "boot\n"
}

/// Fedora and openSUSE call it by another name.
fn mkrescue_command() -> &'static str {
    let found = |name: &str| {
        std::env::var_os("PATH")
            .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(name).exists()))
    };
    if found("grub2-mkrescue") && !found("grub-mkrescue") { "grub2-mkrescue" } else { "grub-mkrescue" }
}

fn grub_folder() -> Result<PathBuf> {
    GRUB_FOLDERS
        .iter()
        .map(PathBuf::from)
        .find(|folder| folder.join("multiboot2.mod").exists())
        .ok_or_else(|| format!("GRUB's modules for the BIOS are in none of {}", GRUB_FOLDERS.join(", ")))
}

fn copy(from: &Path, to: &Path) -> Result {
    fs::copy(from, to).map(drop).map_err(|error| format!("can't copy {} to {}: {error}", from.display(), to.display()))
}
