//! What the assembly promises: no offset is a literal, and no name is exported.
//!
//! An offset that is written as a number goes stale without a sound when a structure changes; here each is an operand
//! that the compiler computes. An exported name could meet another of the kernel that links it.
use std::fs;
use std::path::{Path, PathBuf};

/// The one name that a linker script must know: where the examples begin.
const EXPORTED_BY_EXAMPLES: &str = ".global start";

#[test]
fn no_offset_is_a_literal() {
    let mut findings = Vec::new();
    for (file, text) in sources(&["src", "examples"]) {
        for instruction in instructions(&text) {
            findings.extend(complaint(&instruction).map(|why| format!("{}: {instruction}: {why}", file.display())));
        }
    }
    assert!(findings.is_empty(), "{findings:#?}");
}

#[test]
fn no_name_is_exported_and_no_feature_asked_for() {
    for (file, text) in sources(&["src"]) {
        for word in ["no_mangle", "export_name", ".glob", ".weak", "link_section", "#![feature"] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
    for (file, text) in sources(&["examples"]) {
        let text = text.replace(EXPORTED_BY_EXAMPLES, "");
        for word in ["no_mangle", "export_name", ".glob", ".weak"] {
            assert!(!text.contains(word), "{}: {word}", file.display());
        }
    }
}

#[test]
fn there_is_assembly_to_look_at() {
    let all: Vec<_> = sources(&["src"]).iter().flat_map(|(_, text)| instructions(text)).collect();
    for wanted in ["iretq", "iretd", "swapgs", "sysretq", "sysexit", "popad", "add rsp, {rip} - {vector}"] {
        assert!(all.iter().any(|instruction| instruction == wanted), "no {wanted} among {all:?}");
    }
}

#[test]
fn literal_offsets_are_found() {
    for wrong in [
        "mov rax, [rsp + 8]",
        "test byte ptr [rsp + {vector} + 0x18], 3",
        "mov rax, qword ptr gs:[16]",
        "push 8(%esp)",
        "add rsp, 16",
        "sub esp, 0x10",
        "and esp, -16",
        "lea rsp, [rsp - 128]",
    ] {
        assert!(complaint(wrong).is_some(), "{wrong}");
    }
    for right in [
        "mov rax, [rsp + {half}]",
        "lea rax, [rip + 2f]",
        "push 0",
        "shr rax, 47",
        "test byte ptr [rsp + {cs} - {vector}], 3",
        "mov eax, dword ptr [{fixed} + {field}]",
        "add rsp, {rip} - {vector}",
        "mov [r8], r15",
    ] {
        assert_eq!(complaint(right), None, "{right}");
    }
}

/// Why an instruction has a literal offset.
fn complaint(instruction: &str) -> Option<&'static str> {
    let without_operands = strip_braces(instruction);
    for address in without_operands.split('[').skip(1) {
        if words(address.split(']').next().unwrap_or("")).any(is_number) {
            return Some("a number in an address");
        }
    }
    let before_parenthesis = without_operands.split("(%").next().filter(|part| part.len() < without_operands.len());
    if before_parenthesis.is_some_and(|part| part.ends_with(|last: char| last.is_ascii_digit())) {
        return Some("a number before an address");
    }
    let moves_stack = ["add", "sub", "and", "lea"]
        .iter()
        .any(|name| ["rsp", "esp"].iter().any(|stack| without_operands.starts_with(&format!("{name} {stack}, "))));
    let operand = without_operands.split_once(", ").map_or("", |(_, operand)| operand);
    (moves_stack && words(operand).any(is_number)).then_some("a number for the stack pointer")
}

/// Words, which labels as `2f`, registers as `r8` and numbers are.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// Whether a word is a number; `2f` and `2b` are labels.
fn is_number(word: &str) -> bool {
    let is_label = word.ends_with(['f', 'b']) && !word.starts_with("0x") && word.len() == 2;
    word.starts_with(|first: char| first.is_ascii_digit()) && !is_label
}

/// Takes the compiler's operands out.
fn strip_braces(text: &str) -> String {
    let mut depth = 0;
    text.chars()
        .filter(|character| {
            depth += i32::from(*character == '{');
            let outside = depth == 0;
            depth -= i32::from(*character == '}');
            outside
        })
        .collect()
}

/// The instructions in a file's string literals; other strings look like none that this test complains of.
fn instructions(text: &str) -> Vec<String> {
    if !text.contains("asm!(") && !text.contains("Instructions that several stubs share") {
        return Vec::new();
    }
    let code: String = text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n");
    let literals = code.split('"').skip(1).step_by(2);
    let lines = literals.flat_map(|literal| literal.split("\\n"));
    lines.map(|line| line.trim_matches(['\\', ' ', '\n']).to_owned()).filter(|line| !line.is_empty()).collect()
}

/// The Rust files of these folders of the package, with their text.
fn sources(folders: &[&str]) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    for folder in folders {
        collect(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<(PathBuf, String)>) {
    for entry in folder.read_dir().expect("the folder can be read").flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source is text");
            found.push((path, text));
        }
    }
}
