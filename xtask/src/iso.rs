//! Packs a width's shipped image into an ISO that GRUB boots under a BIOS.
//!
//! GRUB's own part is kept to the modules that this takes, so that the image is small, and its configuration asks
//! nothing and waits for nothing.

use std::fs;
use std::path::{Path, PathBuf};

use crate::build::{Set, build, kernel};
use crate::process::{command, run_quietly};
use crate::{Result, Width, root, say};

/// Where distributions keep GRUB's modules for the BIOS.
const GRUB_FOLDERS: [&str; 3] = ["/usr/lib/grub/i386-pc", "/usr/lib/grub2/i386-pc", "/usr/share/grub2/i386-pc"];

/// Builds everything for the given widths and writes their ISO files.
pub fn iso(widths: &[Width]) -> Result {
    build(widths)?;
    for &width in widths {
        say(&format!("writing target/bellwire-{}.iso", width.name()));
        pack(width)?;
    }
    Ok(())
}

fn pack(width: Width) -> Result {
    let modules = Set::Shipped.modules()?;
    let tree = root().join(format!("target/iso-{}", width.name()));
    let boot = tree.join("boot");
    // What an earlier image held must not stay in this one.
    if tree.exists() {
        fs::remove_dir_all(&tree).map_err(|error| format!("can't empty {}: {error}", tree.display()))?;
    }
    fs::create_dir_all(boot.join("grub")).map_err(|error| format!("can't make {}: {error}", boot.display()))?;
    copy(&kernel(width), &boot.join("kernel"))?;
    for module in &modules {
        copy(&Set::Shipped.folder(width).join(module), &boot.join(module))?;
    }
    fs::write(boot.join("grub/grub.cfg"), configuration(&modules))
        .map_err(|error| format!("can't write grub.cfg: {error}"))?;

    let mut mkrescue = command(mkrescue_command());
    mkrescue.arg("--directory").arg(grub_folder()?);
    mkrescue.args(["--install-modules=normal multiboot2 iso9660 biosdisk", "--fonts=", "--locales=", "--themes="]);
    mkrescue.arg("--output").arg(width.iso()).arg(&tree);
    run_quietly(mkrescue)
}

/// A module's string is its name: the word that the kernel and `init` know it by.
fn configuration(modules: &[String]) -> String {
    let mut lines = String::from("multiboot2 /boot/kernel\n");
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
