//! Compares the instructions at which a self-test took a debug exception with all instructions of the stubs.
//!
//! The names of the stubs come from their source: each function there with `#[unsafe(naked)]`. So a new stub is in the
//! comparison as soon as it is written. A stub is generic, and its copies differ: each instruction must have been
//! stepped in one of them. Instructions of different copies are the same if they differ in numbers and names alone.

use std::collections::BTreeMap;
use std::io::Result;
use std::path::Path;

use crate::listing::{Instruction, Listing};

/// What marks a stub in the source, and the macro that writes several; its first argument is a stub's name.
const MARK: &str = "#[unsafe(naked)]";
const MACRO: &str = "way_out!(";

/// Returns the names of the stubs in a folder of sources, without those in folders and files of other names.
pub fn stubs(folder: &Path, is_other: &impl Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if is_other(&name) {
            continue;
        }
        if path.is_dir() {
            names.extend(stubs(&path, is_other)?);
        } else {
            names.extend(names_in(&std::fs::read_to_string(&path)?));
        }
    }
    names.sort();
    names.dedup();
    Ok(names)
}

/// Returns the names of the stubs in a source file.
fn names_in(text: &str) -> Vec<String> {
    let functions = text.split(MARK).skip(1).filter_map(|rest| rest.split_once("fn ")).map(|(_, name)| name);
    let written = text.lines().filter_map(|line| line.strip_prefix(MACRO));
    let name = |text: &str| text.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
    functions.chain(written).map(name).filter(|name| !name.is_empty()).collect()
}

/// Returns the instructions of a stub that no copy was stepped at, or `None` if the program has no copy.
pub fn missed(listing: &Listing, stub: &str, was_stepped: impl Fn(u64) -> bool) -> Option<Vec<String>> {
    let mut stepped = BTreeMap::new();
    for function in listing.functions().iter().filter(|function| is_copy(&function.name, stub)) {
        for instruction in function.instructions.iter().filter(|instruction| !is_padding(instruction)) {
            *stepped.entry(shape(&instruction.text)).or_insert(false) |= was_stepped(instruction.address);
        }
    }
    let missed = stepped.iter().filter(|(_, stepped)| !**stepped).map(|(shape, _)| shape.clone());
    (!stepped.is_empty()).then(|| missed.collect())
}

/// Returns whether a function is the stub of that name, with any generic arguments.
fn is_copy(function: &str, stub: &str) -> bool {
    let path = function.split('<').next().unwrap_or(function).trim_end_matches("::");
    path.starts_with("x86_entry::") && path.rsplit("::").next() == Some(stub)
}

/// Returns whether an instruction only fills room.
fn is_padding(instruction: &Instruction) -> bool {
    ["int3", "nop", "xchg", "ud2"].contains(&instruction.mnemonic())
}

/// Returns an instruction's text without numbers and names.
fn shape(text: &str) -> String {
    let text = text.split('<').next().unwrap_or(text).trim_end();
    let is_number = |word: &str| word.strip_prefix("0x").unwrap_or(word).chars().all(|c| c.is_ascii_hexdigit());
    let mut shape = String::new();
    let mut word = String::new();
    for character in text.chars().chain([' ']) {
        if character.is_alphanumeric() {
            word.push(character);
            continue;
        }
        // The first word is the mnemonic, which may look like a number (`add`).
        let hides = !word.is_empty() && !shape.is_empty() && is_number(&word) && !shape.ends_with('%');
        shape.push_str(if hides { "N" } else { &word });
        shape.push(character);
        word.clear();
    }
    shape.trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stubs_are_found_in_the_source() {
        let text = "#[unsafe(naked)]\npub(crate) unsafe extern \"C\" fn one<K>() {\n naked_asm!(\"cld\") }\n\
                    fn none() {}\nmacro_rules! way_out { () => { #[unsafe(naked)]\nunsafe fn $name() {} } }\n\
                    way_out!(two, 0);\n#[unsafe(naked)]\n#[allow(x)]\nunsafe fn three() {}\n";
        assert_eq!(names_in(text), ["one", "three", "two"]);
    }

    #[test]
    fn an_instruction_that_no_copy_was_stepped_at_is_missed() {
        let listing = Listing::read(
            "0000000000001000 <x86_entry::stub::entry::<a::One>>:\n    1000:\tmov    0x8(%rsp),%rdi\n    \
             1005:\tswapgs\n    1008:\tjmp    2000 <x86_entry::stub::resume>\n    100d:\tint3\n\
             0000000000003000 <x86_entry::stub::entry::<a::Two>>:\n    3000:\tmov    0x10(%rsp),%rdi\n    \
             3005:\tjmp    2000 <x86_entry::stub::resume>\n\
             0000000000004000 <other::entry>:\n    4000:\tcld\n",
        );
        assert_eq!(missed(&listing, "entry", |_| true), Some(vec![]));
        assert_eq!(missed(&listing, "entry", |at| at >= 0x3000), Some(vec!["swapgs".to_owned()]));
        assert_eq!(missed(&listing, "entry", |at| at < 0x1008), Some(vec!["jmp N".to_owned()]));
        assert_eq!(missed(&listing, "forgotten", |_| true), None);
    }

    #[test]
    fn registers_tell_instructions_apart() {
        assert_eq!(shape("mov %ax,0x8(%rsp)"), "mov %ax,N(%rsp)");
        assert_ne!(shape("push %rbx"), shape("push %rcx"));
        assert_eq!(shape("push $0xe"), "push $N");
        assert_eq!(shape("add $0x10,%rsp"), "add $N,%rsp");
        assert_eq!(shape("call 10a0 <name::<1>>"), "call N");
    }
}
