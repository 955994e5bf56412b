//! The commands that pages may name, and what runs each of them.

use std::fs;

use super::{Kind, Snippet};
use crate::{Result, Width, root};

/// What runs a recipe.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Cover {
    /// `just check` runs each line that a page has, as it is written.
    Check,
    /// This runs the recipe, or is the reason why nothing can.
    By(&'static str),
}

/// Each recipe of the justfile, and what runs it.
pub const COVER: &[(&str, Cover)] = &[
    ("setup", Cover::Check),
    ("build", Cover::Check),
    ("iso", Cover::Check),
    ("iso-i686", Cover::Check),
    ("iso-x86_64", Cover::Check),
    ("doc", Cover::By("`just check` does the same work")),
    ("qemu-i686", Cover::By("the booted case `pages::a_page_boots`, which answers it over a pipe")),
    ("qemu-x86_64", Cover::By("the booted case `pages::a_page_boots`, which answers it over a pipe")),
    ("picture", Cover::By("the booted case `pages::a_picture_is_taken`")),
    ("hook", Cover::By("the host test `hook` commits in a repository of its own")),
    ("layers", Cover::Check),
    ("where", Cover::By("the booted case `pages::an_address_is_a_place`")),
    ("test", Cover::By(".ci/run")),
    ("test-long", Cover::By("is `just test` with further cases; takes an hour")),
    ("test-host", Cover::Check),
    ("test-i686", Cover::By("`just test` runs its cases; names are compared with those of the cases")),
    ("test-x86_64", Cover::By("`just test` runs its cases; names are compared with those of the cases")),
    ("test-bochs", Cover::By("boots for minutes; names are compared with those of the cases")),
    ("abi", Cover::By("the case `abi::every_variant_passes` of `just test-long`")),
    ("bench", Cover::By(".ci/run")),
    ("bench-linux", Cover::By("needs packages of a distribution's kernels, which it downloads")),
    ("bench-scale", Cover::By(".ci/run")),
    ("fuzz-entry", Cover::By("the case `fuzz` of `just test`, with fewer steps")),
    ("fuzz-calls", Cover::By("the tests of `fuzz-calls`, with fewer steps")),
    ("faults", Cover::By("the part `faults` of `just test-long`; takes minutes")),
    ("check", Cover::By(".ci/run")),
    ("fmt", Cover::By("`just check` does the same without writing")),
    ("reference", Cover::By("the host test `reference` compares what it writes")),
    ("clean", Cover::By("removes what everything else has built")),
];

/// Programs beside `just` that pages tell to run; `just check` runs these lines.
const PROGRAMS: [&str; 6] = ["cargo", "rustc", "rustup", "objdump", "qemu-system-i386", "qemu-system-x86_64"];

/// Commands that booted cases run, or do the same as.
pub const OF_CASES: [&str; 2] = ["gdb", "echo"];

/// The package that docs/driver.md makes.
pub const PAGES_DRIVER: &str = "driver-counter";

/// Words that stand for others on pages.
const PLACEHOLDERS: [&str; 4] = ["RECIPE", "NAME", "PART", "PACKAGE"];

/// Returns what is wrong with a snippet, if it is a command and something is.
pub fn problem(snippet: &Snippet) -> Option<String> {
    let words: Vec<&str> = words(&snippet.text);
    let is_command = match snippet.kind {
        Kind::Typed => true,
        Kind::Inline => words.len() > 1 && is_program(words[0]),
        Kind::TypedInBellwire | Kind::Link => false,
    };
    if !is_command {
        return None;
    }
    check(snippet.kind, &words).err()
}

/// Returns the words of a line, without a comment behind the command and variables before it.
pub fn words(line: &str) -> Vec<&str> {
    let line = line.split_once(" # ").map_or(line, |(command, _)| command);
    line.split_whitespace().skip_while(|word| is_setting(word)).collect()
}

fn is_setting(word: &str) -> bool {
    word.split_once('=')
        .is_some_and(|(name, _)| name.chars().all(|letter| letter.is_ascii_uppercase() || letter == '_'))
}

fn is_program(word: &str) -> bool {
    ["just", "./justw"].contains(&word) || PROGRAMS.contains(&word) || word.starts_with("tools/")
}

fn check(kind: Kind, words: &[&str]) -> Result {
    match words {
        [] => Ok(()),
        ["just" | "./justw"] | ["just" | "./justw", "--list"] => Ok(()),
        ["just" | "./justw", recipe, ..] if PLACEHOLDERS.contains(recipe) => Ok(()),
        ["just" | "./justw", recipe, arguments @ ..] => check_recipe(recipe, arguments),
        // In the tree these need tools/env.sh, and a reader hasn't sourced it; in the packages of others they don't.
        ["cargo", ..] if kind == Kind::Inline => {
            Err("say a recipe of just: plain cargo fails without tools/env.sh".to_owned())
        }
        [program, ..] if is_program(program) => Ok(()),
        [first, ..] if OF_CASES.contains(first) => Ok(()),
        [first, ..] => Err(format!("no test knows a command {first:?}")),
    }
}

fn check_recipe(recipe: &str, arguments: &[&str]) -> Result {
    let justfile = fs::read_to_string(root().join("justfile")).map_err(|error| format!("no justfile: {error}"))?;
    let Some(takes_any) = recipes(&justfile).into_iter().find(|(name, _)| name == recipe).map(|(_, any)| any) else {
        return Err(format!("the justfile has no recipe {recipe:?}"));
    };
    if !takes_any && !arguments.is_empty() {
        return Err(format!("the recipe {recipe:?} takes no arguments"));
    }
    arguments.iter().try_for_each(|argument| {
        if accepts(recipe, argument)? { Ok(()) } else { Err(format!("{recipe} doesn't take {argument:?}")) }
    })
}

/// Returns the recipes that a justfile shows, and whether each takes arguments.
pub fn recipes(justfile: &str) -> Vec<(String, bool)> {
    let heads = justfile.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()));
    heads
        .filter(|line| !line.starts_with("set ") && !line.contains(":="))
        .filter_map(|line| {
            let (head, _) = line.split_once(':')?;
            let (name, parameters) = head.split_once(' ').unwrap_or((head, ""));
            Some((name.to_owned(), !parameters.is_empty()))
        })
        .collect()
}

/// Returns whether a recipe knows an argument.
fn accepts(recipe: &str, argument: &str) -> Result<bool> {
    let is_width = Width::parse(argument).is_some();
    let has_key = |keys: &[&str]| argument.split_once('=').is_some_and(|(key, _)| keys.contains(&key));
    Ok(match recipe {
        "test-i686" | "test-x86_64" | "test-bochs" => {
            is_width && recipe == "test-bochs" || is_libtest_option(argument) || is_case(argument)?
        }
        // The page's own driver: the booted case `pages::the_pages_driver_works` makes and tests it.
        "test-host" if argument == PAGES_DRIVER => true,
        "test-host" => crate::manifest::packages()?.iter().any(|package| package == argument),
        "bench" => ["--check", "--write"].contains(&argument),
        "bench-scale" => argument == "--write",
        "bench-linux" => is_width || has_key(&["cpu"]),
        "fuzz-calls" => has_key(&["seed", "first", "rounds", "steps", "lives"]),
        "faults" => true,
        "fuzz-entry" => is_width || has_key(&["seed", "first", "steps", "cpu"]),
        "abi" => argument == "--only" || PLACEHOLDERS.contains(&argument) || argument == "sse",
        // These go to QEMU or to another program, which booted cases run.
        "qemu-i686" | "qemu-x86_64" | "where" => true,
        _ => false,
    })
}

fn is_libtest_option(argument: &str) -> bool {
    ["--list", "--exact", "--nocapture", "--include-ignored"].contains(&argument)
}

/// Returns whether each part of a name occurs in the name of a file of cases, or in one of these files.
fn is_case(filter: &str) -> Result<bool> {
    let mut sources = "suite entry abi ".to_owned();
    for folder in ["tests/runner/src/cases", "tests/suite/src/cases"] {
        read_all(&root().join(folder), &mut sources)?;
    }
    Ok(filter.split("::").all(|part| sources.contains(part)))
}

fn read_all(folder: &std::path::Path, text: &mut String) -> Result {
    let entries = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    for path in entries.flatten().map(|entry| entry.path()) {
        *text += &format!("{} ", path.file_stem().unwrap_or_default().display());
        if path.is_dir() {
            read_all(&path, text)?;
        } else {
            *text += &fs::read_to_string(&path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem_of(kind: Kind, text: &str) -> String {
        let snippet = Snippet { place: String::new(), kind, text: text.to_owned() };
        problem(&snippet).unwrap_or_default()
    }

    #[test]
    fn what_exists_is_accepted() {
        for line in ["just build", "./justw RECIPE", "just test-x86_64 boot", "just bench --check", "just", "echo a"] {
            assert_eq!(problem_of(Kind::Typed, line), "", "{line}");
        }
        for code in ["just", "frobnicate a", "cargo"] {
            assert_eq!(problem_of(Kind::Inline, code), "", "{code}");
        }
    }

    #[test]
    fn what_fails_when_typed_is_refused() {
        assert_eq!(problem_of(Kind::Typed, "just biuld"), "the justfile has no recipe \"biuld\"");
        assert_eq!(problem_of(Kind::Inline, "just build all"), "the recipe \"build\" takes no arguments");
        assert_eq!(problem_of(Kind::Inline, "just bench --chekc"), "bench doesn't take \"--chekc\"");
        assert_eq!(problem_of(Kind::Inline, "just test-host driver-no"), "test-host doesn't take \"driver-no\"");
        assert_eq!(problem_of(Kind::Typed, "just test-i686 no_such_case"), "test-i686 doesn't take \"no_such_case\"");
        assert!(problem_of(Kind::Inline, "cargo test -p driver-serial").starts_with("say a recipe"));
        assert_eq!(problem_of(Kind::Typed, "frobnicate"), "no test knows a command \"frobnicate\"");
    }
}
