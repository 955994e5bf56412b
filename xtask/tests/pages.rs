//! Every command that a page names can be typed, and every path leads to a file.

use std::collections::BTreeSet;
use std::path::Path;

use xtask::pages::{Page, Snippet, commands, pages, paths};
use xtask::root;

fn problems(find: impl Fn(&Page, &Snippet) -> Option<String>) -> String {
    let mut all = String::new();
    for page in pages().expect("the pages") {
        for snippet in page.snippets() {
            if let Some(problem) = find(&page, &snippet) {
                all += &format!("{}: `{}`: {problem}\n", snippet.place, snippet.text);
            }
        }
    }
    all
}

#[test]
fn every_command_can_be_typed() {
    let found = problems(|_, snippet| commands::problem(snippet));
    assert!(found.is_empty(), "{found}");
}

#[test]
fn every_path_leads_to_a_file() {
    let found = problems(paths::problem);
    assert!(found.is_empty(), "{found}");
}

/// Pages that quote tests. The code on other pages is compiled.
const QUOTING: [&str; 2] = ["docs/testing.md", "tests/README.md"];

/// What a page quotes stands so in a file of the tests.
#[test]
fn quoted_tests_are_the_tests() {
    let mut sources = Vec::new();
    read_sources(&root().join("tests"), &mut sources);
    let pages = pages().expect("the pages");
    for name in QUOTING {
        let page = pages.iter().find(|page| page.path == Path::new(name)).unwrap_or_else(|| panic!("no page {name}"));
        let quotes = page.rust_code();
        assert!(!quotes.is_empty(), "{name} quotes nothing");
        for (line, quote) in quotes {
            let is_there = sources.iter().any(|source| source.contains(&quote));
            assert!(is_there, "{name}:{line}: no file of tests/ has this:\n{quote}");
        }
    }
}

/// Where the tests are that `docs/isolation.md` names, by the first part of the name.
const TESTS: [(&str, &str); 5] = [
    ("kernel", "kernel/src"),
    ("suite", "tests/suite/src/cases"),
    ("fuzz_calls", "tests/fuzz-calls/src"),
    ("cases", "tests/runner/src/cases"),
    ("manifest", "user/manifest/src"),
];

/// Each promise names a test, and each test that it names exists: `PACKAGE::FILE::FUNCTION`, or all of a file by `*`.
#[test]
fn promises_name_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/isolation.md")).expect("the page");
    let rows: Vec<_> = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| a program")).collect();
    assert!(rows.len() > 20, "{} promises", rows.len());
    for row in rows {
        let names: Vec<_> = row.split('`').skip(1).step_by(2).filter(|name| name.contains("::")).collect();
        assert!(!names.is_empty(), "no test: {row}");
        for name in names {
            let parts: Vec<_> = name.split("::").collect();
            let [package, path @ .., function] = parts.as_slice() else { panic!("no test: {name}") };
            let folder = TESTS.iter().find(|(known, _)| known == package);
            let (_, folder) = folder.unwrap_or_else(|| panic!("no package of tests: {name}"));
            let file = root().join(folder).join(path.join("/")).with_extension("rs");
            let source = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{name}: {error}"));
            assert!(*function == "*" || source.contains(&format!("fn {function}(")), "no such test: {name}");
        }
    }
}

fn read_sources(folder: &Path, sources: &mut Vec<String>) {
    for path in folder.read_dir().expect("a folder").flatten().map(|entry| entry.path()) {
        if path.is_dir() {
            read_sources(&path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            sources.push(std::fs::read_to_string(&path).expect("a source"));
        }
    }
}

/// Each package of the tests has a row in the table of tests/README.md, and each row has a package.
#[test]
fn every_package_of_the_tests_is_on_their_page() {
    let folders = root().join("tests").read_dir().expect("the tests").flatten().map(|entry| entry.path());
    let packages = folders.filter(|folder| folder.join("Cargo.toml").exists());
    let packages: BTreeSet<String> =
        packages.map(|folder| format!("tests/{}", folder.file_name().unwrap_or_default().display())).collect();
    let page = std::fs::read_to_string(root().join("tests/README.md")).expect("tests/README.md");
    let (_, table) = page.split_once("| package | ").expect("the table of packages");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<String> = rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect();
    assert_eq!(packages, listed);
}

#[test]
fn every_recipe_is_run_by_something() {
    let justfile = std::fs::read_to_string(root().join("justfile")).expect("the justfile");
    let recipes: BTreeSet<String> = commands::recipes(&justfile).into_iter().map(|(name, _)| name).collect();
    let covered: BTreeSet<String> = commands::COVER.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(recipes, covered);
}

/// The table of docs/driver.md has exactly the keys that a manifest may have: those that the parser names in its error.
#[test]
fn every_key_of_the_manifest_is_on_the_page() {
    let error = xtask::manifest::parse(&["[[program]]\nno-such-key = 1\n"]).expect_err("no such key");
    let (_, expected) = error.split_once("expected one of ").expect("a list of keys");
    let expected = expected.lines().next().unwrap_or_default();
    let known: BTreeSet<&str> = expected.split('`').skip(1).step_by(2).collect();
    let page = std::fs::read_to_string(root().join("docs/driver.md")).expect("docs/driver.md");
    let (_, table) = page.split_once("| key | ").expect("the table of keys");
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let listed: BTreeSet<&str> = rows.filter_map(|row| row.split('`').nth(1)).collect();
    assert_eq!(known, listed);
}
