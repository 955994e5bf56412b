//! Hands the linker the script of the width that is being built; the host's test binary needs none.

use std::{env, path::Path};

fn main() {
    let variable = |name: &str| env::var(name).unwrap_or_default();
    if variable("CARGO_CFG_TARGET_OS") != "none" {
        return;
    }
    let script = match variable("CARGO_CFG_TARGET_ARCH").as_str() {
        "x86" => "i686.ld",
        "x86_64" => "x86_64.ld",
        other => panic!("no linker script for {other}: Bellwire runs on i686 and x86_64"),
    };
    let path = Path::new(&variable("CARGO_MANIFEST_DIR")).join(script);
    println!("cargo::rerun-if-changed={}", path.display());
    println!("cargo::rustc-link-arg-bins=-T{}", path.display());
    // The flat loading of multiboot1 needs a file whose offsets advance as the addresses do: pages of 4 KiB, no gaps.
    println!("cargo::rustc-link-arg-bins=-zmax-page-size=4096");
    println!("cargo::rustc-link-arg-bins=-znoexecstack");
    println!("cargo::rustc-link-arg-bins=--build-id=none");
}
