//! The pages' code is that of the examples, which boot in tests.
//!
//! `docs/first-kernel.md` has the example `bare` in blocks, and parts of `cpus`. A comment before a block names the
//! file. In the port guide, each line that a step removes is one of the kernel before the port, and each line that a
//! step adds is one of the kernels on this crate.
use std::fs;
use std::path::Path;

/// A fenced block of a page: its language, the file in the comment before it, and its lines.
struct Block {
    language: String,
    file: Option<String>,
    lines: Vec<String>,
}

fn read(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn blocks(page: &str) -> Vec<Block> {
    let text = read(page);
    let mut lines = text.lines();
    let (mut found, mut file) = (Vec::new(), None);
    while let Some(line) = lines.next() {
        if let Some(language) = line.strip_prefix("```") {
            let lines = lines.by_ref().take_while(|line| *line != "```").map(str::to_owned).collect();
            found.push(Block { language: language.to_owned(), file: file.take(), lines });
        } else {
            file = line.strip_prefix("<!-- ").and_then(|line| line.strip_suffix(" -->")).map(str::to_owned);
        }
    }
    found
}

/// The lines with something on them, after the comment on the whole file.
fn code(text: &str) -> Vec<&str> {
    text.lines().skip_while(|line| line.starts_with("//!")).filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn the_first_kernel_is_the_bare_example() {
    let blocks = blocks("docs/first-kernel.md");
    let of_main = blocks.iter().filter(|block| block.file.as_deref() == Some("src/main.rs"));
    let page: String = of_main.flat_map(|block| &block.lines).map(|line| format!("{line}\n")).collect();
    assert_eq!(code(&page), code(&read("examples/bare/main.rs")));
}

#[test]
fn the_second_cpu_is_that_of_the_example() {
    let blocks = blocks("docs/first-kernel.md");
    let mut count = 0;
    for block in &blocks {
        let Some(file) = block.file.as_deref().and_then(|file| file.strip_prefix("part of ")) else { continue };
        let part = block.lines.join("\n");
        assert!(read(file).contains(&part), "{file} has no such part:\n{part}");
        count += 1;
    }
    assert_eq!(count, 5);
}

#[test]
fn each_line_of_the_port_is_one_of_the_kernels() {
    let lines = |file: &str| read(file).lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    let before = lines("examples/port/before.rs");
    let after = [lines("examples/port/kept.rs"), lines("examples/port/after.rs")].concat();
    let mut count = 0;
    for line in blocks("examples/port/README.md").iter().filter(|block| block.language == "diff").flat_map(|b| &b.lines)
    {
        let (kernel, line) = match line.split_at(1) {
            ("-", line) => (&before, line),
            (_, line) => (&after, line),
        };
        assert!(kernel.iter().any(|other| other == line.trim()), "no kernel has the line {line:?}");
        count += 1;
    }
    assert!(count > 60, "{count} lines");
}

/// Who types the steps has the whole kernel: no new line of it is left out, imports included. Nor is a line whose code
/// goes, but for the items that a step deletes by name.
#[test]
fn the_steps_of_the_port_leave_no_line_out() {
    let lines = |file: &str| -> Vec<String> {
        let text = read(file);
        let trimmed = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//"));
        trimmed.map(|line| line.replace("Kept", "Ported")).collect()
    };
    let before = lines("examples/port/before.rs");
    let (kept, after) = (lines("examples/port/kept.rs"), lines("examples/port/after.rs"));
    let steps = blocks("examples/port/README.md");
    let steps = steps.iter().filter(|block| block.language == "diff").flat_map(|block| &block.lines);
    let (gone, new): (Vec<_>, Vec<_>) = steps.partition(|line| line.starts_with('-'));
    let shows = |lines: &[&String], wanted: &String| {
        lines.iter().any(|line| line[1..].trim().replace("Kept", "Ported") == *wanted)
    };
    let left_out = kept.iter().chain(&after).filter(|line| !before.contains(line) && !shows(&new, line));
    // The half-way kernel says which it is.
    let left_out: Vec<_> = left_out.filter(|line| !line.contains("segments kept")).collect();
    assert!(left_out.is_empty(), "the steps leave out {left_out:#?}");
    let items = ["use ", "mod ", "static "];
    let goes = before.iter().filter(|line| items.iter().any(|item| line.starts_with(item)) && !after.contains(line));
    let left_out: Vec<_> = goes.filter(|line| !shows(&gone, line)).collect();
    assert!(left_out.is_empty(), "the steps don't take away {left_out:#?}");
}

/// Examples that nobody is to copy: the crate's own test, whose kernels count what they take, and mistakes.
const NOT_TO_COPY: [&str; 2] = ["self_test", "misuse"];

/// A fault that nobody handles must not repeat in silence in a kernel that somebody copied.
#[test]
fn no_page_or_example_shows_a_silent_trap() {
    let pages = ["README.md", "docs/first-kernel.md", "examples/port/README.md", "src/lib.rs"].map(str::to_owned);
    for file in pages.into_iter().chain(sources_of_examples()) {
        for body in bodies_of_traps(&read(&file)) {
            assert!(is_loud(body), "{file}: {body}");
        }
    }
    for file in ["README.md", "src/lib.rs", "examples/bare/main.rs", "examples/fixed/main.rs"] {
        assert_eq!(bodies_of_traps(&read(file)).len(), 2, "{file}: `trap` and `paranoid_trap`");
    }
}

#[test]
fn a_silent_trap_is_found() {
    let text = "fn trap(frame: F) -> F {\n    if a {\n        b();\n    }\n    frame\n}\nfn c() {\n    panic!()\n}";
    let [body] = bodies_of_traps(text)[..] else { panic!("there is one function") };
    assert!(body.ends_with("frame\n}") && !is_loud(body), "{body}");
    assert!(is_loud(bodies_of_traps("fn paranoid_trap(frame: &F) {\n    panic!(\"{frame:?}\")\n}")[0]));
}

/// Whether a function ends the run, or leads to one that does.
fn is_loud(body: &str) -> bool {
    ["panic!", "unexpected(", "trap(frame)"].iter().any(|words| body.contains(words))
}

/// The bodies of the functions that take traps: the braces in their strings are balanced.
fn bodies_of_traps(text: &str) -> Vec<&str> {
    let begins = text.match_indices("fn trap(").chain(text.match_indices("fn paranoid_trap("));
    let bodies = begins.map(|(index, _)| {
        let rest = &text[index..];
        let mut depth = 0;
        let end = rest.char_indices().find_map(|(offset, character)| {
            depth += i32::from(character == '{') - i32::from(character == '}');
            (character == '}' && depth == 0).then_some(offset)
        });
        &rest[..=end.expect("a function ends")]
    });
    bodies.collect()
}

fn sources_of_examples() -> Vec<String> {
    let mut files = Vec::new();
    for folder in names_in("examples") {
        if NOT_TO_COPY.contains(&folder.as_str()) {
            continue;
        }
        let names = names_in(&format!("examples/{folder}"));
        files.extend(
            names.into_iter().filter(|name| name.ends_with(".rs")).map(|name| format!("examples/{folder}/{name}")),
        );
    }
    files
}

fn names_in(folder: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries = path.read_dir().unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}
