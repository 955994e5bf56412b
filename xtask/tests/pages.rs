//! Every command that a page names can be typed, and every path leads to a file.

use std::collections::BTreeSet;

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
