//! Every line that pages show behind the shell's prompt is a command that the shell knows.

use std::fs;
use std::path::Path;

use shell::Line;

#[test]
fn lines_of_the_pages_are_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = root.join("docs").read_dir().expect("the docs").flatten().map(|entry| entry.path());
    let pages = docs.filter(|path| path.extension().is_some_and(|name| name == "md")).chain([root.join("README.md")]);
    let mut count = 0;
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page");
        for line in text.lines().filter_map(|line| line.trim().strip_prefix("bellwire> ")) {
            assert!(Line::parse(line).is_ok(), "{}: {line}", page.display());
            count += 1;
        }
    }
    assert!(count > 3, "the pages show {count} lines");
}
