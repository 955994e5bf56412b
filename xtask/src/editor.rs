//! The errors that an editor shows: those of the host and of both widths.

use std::process::Command;

use crate::check::{KERNEL_PACKAGES, user_packages};
use crate::process::{cargo_for_target, command};
use crate::{Result, Width};

/// Prints the compiler's messages as JSON, which is what rust-analyzer reads: for the host, then for each width's
/// kernel and programs. An error of the sources is a message, not a failure.
pub fn check() -> Result {
    let mut host = command("cargo");
    host.args(["check", "--workspace", "--all-targets"]);
    print_messages(host)?;
    for width in Width::ALL {
        let kernel = KERNEL_PACKAGES.map(str::to_owned).to_vec();
        for (target, packages) in [(width.kernel_target(), kernel), (width.user_target(), user_packages()?)] {
            let mut cargo = cargo_for_target("check", &target)?;
            cargo.arg("--release");
            packages.iter().for_each(|package| {
                cargo.args(["-p", package]);
            });
            print_messages(cargo)?;
        }
    }
    Ok(())
}

fn print_messages(mut cargo: Command) -> Result {
    cargo.args(["--quiet", "--keep-going", "--message-format=json"]);
    cargo.status().map(drop).map_err(|error| format!("can't run cargo: {error}"))
}
