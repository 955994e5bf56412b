//! The function and line of the source to which an address belongs.

use crate::build::{kernel_with_symbols, program_with_symbols};
use crate::process::{command, run};
use crate::{Result, Width};

/// The name that stands for the kernel among programs.
const KERNEL: &str = "kernel";

/// Prints the function and the line of an address in a program or in the kernel, and where that was inlined.
pub fn show(width: Width, program: &str, address: &str) -> Result {
    let file = if program == KERNEL { kernel_with_symbols(width) } else { program_with_symbols(width, program)? };
    if !file.exists() {
        return Err(format!("{} isn't built yet: just build", file.display()));
    }
    let mut addr2line = command("addr2line");
    addr2line.args(["--functions", "--demangle", "--inlines", "--pretty-print", "--exe"]).arg(file).arg(address);
    run(addr2line)
}
