//! The reference page of the system calls, from the table that the kernel decodes and the SDK encodes; and the tables
//! of docs/measuring.md, from the figures in the tree.

use std::fmt::Write as _;
use std::path::PathBuf;

use abi::{CallDescription, DESCRIPTIONS, Error, Safety};

use crate::output;
use crate::process::run;
use crate::test::bench_runner;
use crate::{Result, root, say};

const HEAD: &str = "# System calls

<!-- Written by `just reference` from kernel/abi: change the table there. -->

A call takes a handle, a tag and four words in registers, and returns a tag and four words in the same registers; the
kernel never follows a user pointer. Drivers use the SDK, whose stubs come from the same table. Those marked `unsafe`
can break what Rust promises to the caller's code: the caller must know whose memory, threads and handles they change.

| | x86_64 in | x86_64 out | i686 in | i686 out |
|---|---|---|---|---|
| handle | `eax` | - | `edx` | - |
| tag | `rdi` | `rdi` | `eax` | `eax` |
| words 0 to 3 | `rsi`, `rdx`, `r8`, `r9` | the same | `ebx`, `esi`, `edi`, `ebp` | the same |
| stack pointer | `r10` | `rsp` | `ecx` (set by the call page) | `esp` |
| destroyed | | `rax`, `rcx`, `r10`, `r11` | | `ecx`, `edx` |

On x86_64 a call is `syscall`. On i686 it is a call to the page at 0xFFFFE000, which holds `sysenter` where the CPU has
it and `int 0x80` where not. `int 0x80` works on both, and takes longer: it keeps every register that isn't the
message's. After `sysenter` DS and ES are flat, FS is as the thread pointer says if another thread ran meanwhile, and GS
null.

The tag into the kernel is operation (bits 0-7), label (8-15) and options (16-31); out of the kernel it is kind (0-3), a
flag for a handle in word 3 (7), label (8-15) and badge (16-31). A failed call returns the kind `Error` with the
error's code as the label. A call that has no words out leaves the words as they were.
";

/// Writes both pages.
pub fn write() -> Result {
    run(bench_runner(&["--page"]))?;
    let file = path();
    output::write(&file, page())?;
    say(&format!("wrote {}", file.display()));
    Ok(())
}

fn path() -> PathBuf {
    root().join("docs/system-calls.md")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    page.push_str("\n## Calls\n\n| | call | handle's right | words in | words out | |\n|---|---|---|---|---|---|\n");
    for row in DESCRIPTIONS {
        let CallDescription { number, name, safety, input, output, documentation, .. } = row;
        let right = match row.needs.iter_names().next() {
            Some((name, _)) => format!("`{name}`"),
            None => "-".to_owned(),
        };
        let safety = match safety {
            Safety::Safe => "",
            Safety::Unsafe => " (`unsafe`)",
        };
        let (input, output) = (words(input), words(output));
        let documentation = documentation.replace('|', "\\|");
        // Writing to a string can't fail.
        let _ = writeln!(page, "| {number} | `{name}`{safety} | {right} | {input} | {output} | {documentation} |");
    }
    page.push_str("\n## Errors\n\n| code | name |\n|---|---|\n");
    let unknown = Error::UnknownCall as u8;
    for code in 1..=u8::MAX {
        let error = Error::from_code(code);
        if error as u8 == code && (code == unknown || error as u8 != unknown) {
            let _ = writeln!(page, "| {code} | `{}` |", error.name());
        }
    }
    page
}

fn words(names: &[&str]) -> String {
    if names.is_empty() { "-".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_page_is_the_tables() {
        let committed = std::fs::read_to_string(path()).unwrap();
        assert_eq!(committed, page(), "run `just reference`");
    }
}
