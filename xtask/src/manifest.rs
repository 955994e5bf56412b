//! Reads manifests as people write them. The crate `manifest`, which `init` uses too, says what they mean and what
//! rules they must fulfil.

use std::path::{Path, PathBuf};

use manifest::{Manifest, Program, Right};
use serde::Deserialize;

use crate::{Result, root};

/// Folders that are packages, or have packages in them.
const PACKAGES: [&str; 8] = ["arch", "boot", "kernel", "tests", "user", "user/drivers", "user/shell", "xtask"];

/// A manifest's file. One that is read after others may also change their programs.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(rename = "program", default)]
    programs: Vec<Program>,
    #[serde(rename = "change", default)]
    changes: Vec<Change>,
}

/// A change of a program of an earlier file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Change {
    name: String,
    /// Services that it uses as well.
    #[serde(default)]
    uses: Vec<String>,
    /// Rights that it loses.
    #[serde(default)]
    without: Vec<Right>,
}

impl Change {
    fn apply(self, manifest: &mut Manifest) -> Result {
        let Some(program) = manifest.programs.iter_mut().find(|program| program.name == self.name) else {
            return Err(format!("there is no program {:?} to change", self.name));
        };
        program.uses.extend(self.uses);
        program.rights.retain(|right| !self.without.contains(right));
        Ok(())
    }
}

/// Reads manifests as one and checks it. A program of a later file takes the place of one with its name, and a change
/// of a later file changes one.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Manifest> {
    let mut texts = Vec::new();
    let mut names = Vec::new();
    for file in files {
        let file = file.as_ref();
        texts.push(std::fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?);
        names.push(file.display().to_string());
    }
    let names = names.join(" and ");
    let manifest = parse(&texts).map_err(|error| format!("{names}: {error}"))?;
    check_packages(&manifest, &packages()?).map_err(|error| format!("{names}: {error}"))?;
    Ok(manifest)
}

/// Returns the names of the tree's packages.
pub fn packages() -> Result<Vec<String>> {
    let mut packages = Vec::new();
    for folder in PACKAGES {
        for path in [root().join(folder)].into_iter().chain(entries(folder)?) {
            packages.extend(package_name(&path.join("Cargo.toml")));
        }
    }
    packages.sort();
    packages.dedup();
    Ok(packages)
}

fn entries(folder: &str) -> Result<Vec<PathBuf>> {
    let entries = root().join(folder).read_dir().map_err(|error| format!("can't list {folder}: {error}"))?;
    Ok(entries.flatten().map(|entry| entry.path()).collect())
}

/// Returns the name in a package's `Cargo.toml`, or `None` if there is no such file.
fn package_name(file: &Path) -> Option<String> {
    let text = std::fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| Some(line.strip_prefix("name = \"")?.strip_suffix('"')?.to_owned()))
}

/// Checks that the programs' packages exist. Cargo's own error wouldn't say which program asks for a package.
fn check_packages(manifest: &Manifest, packages: &[String]) -> Result {
    for program in &manifest.programs {
        let package = program.package();
        if packages.contains(&package) {
            continue;
        }
        let near = packages.iter().map(|name| (distance(name, &package), name)).min();
        let hint = match near {
            _ if program.package.is_none() && packages.contains(&program.name) => {
                format!("say package = {:?}", program.name)
            }
            Some((0..=3, near)) => format!("did you mean {near:?}?"),
            _ => format!(
                "a program's package is \"driver-NAME\", in user/drivers/{}, unless it says another",
                program.name
            ),
        };
        return Err(format!("program {:?}: no package {package:?}; {hint}", program.name));
    }
    Ok(())
}

/// Returns how many letters must be inserted, removed or changed to turn one word into another (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (index, letter) in one.chars().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], index + 1);
        for (place, known) in other.iter().enumerate() {
            let changed = diagonal + usize::from(letter != *known);
            diagonal = row[place + 1];
            row[place + 1] = changed.min(diagonal + 1).min(row[place] + 1);
        }
    }
    row[other.len()]
}

/// Reads manifests from their texts.
pub fn parse(texts: &[impl AsRef<str>]) -> Result<Manifest> {
    let mut manifest = Manifest::default();
    for text in texts {
        let part: File = toml::from_str(text.as_ref()).map_err(|error| error.to_string())?;
        let earlier = manifest.programs.len();
        for program in part.programs {
            match manifest.programs[..earlier].iter_mut().find(|other| other.name == program.name) {
                Some(other) => *other = program,
                None => manifest.programs.push(program),
            }
        }
        part.changes.into_iter().try_for_each(|change| change.apply(&mut manifest))?;
    }
    manifest.check()?;
    Ok(manifest)
}

/// Checks a manifest and prints what `init` would get.
pub fn show(file: &Path) -> Result {
    print!("{}", read(&[file])?.encode());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_encoded_fact_by_fact() {
        let manifest = parse(&[r#"
            [[program]]
            name = "serial"
            priority = 40
            memory = "64 KiB"
            lines = [4]
            ports = ["0x3f8-0x3ff"]
            device_memory = ["0xb8000-0xbffff"]
            serves = ["console"]
            notifies = ["programs"]
            rights = ["log"]
            "#]);
        let text = manifest.map(|manifest| manifest.encode());
        let expected = "program serial\npriority 40\nmemory 65536\nobjects 64\nbudget 50\nrestart always\nline 4\n\
                        ports 1016 8\ndevice-memory 753664 32768\nserves console\nnotifies programs:0\nright log\n";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = parse(&["[[program]]\nname = \"a\"\npriority = 1\nline = [4]\n"]).unwrap_err();
        assert!(error.contains("unknown field `line`"), "{error}");
    }

    #[test]
    fn a_wrong_amount_of_memory_is_refused() {
        let error = parse(&["[[program]]\nname = \"a\"\npriority = 1\nmemory = \"1 GB\"\n"]).unwrap_err();
        assert!(error.contains("is no amount of memory"), "{error}");
    }

    #[test]
    fn a_budget_is_a_part_of_the_cpu() {
        let budget = |text: &str| {
            let manifest = parse(&[format!("[[program]]\nname = \"a\"\npriority = 1\nbudget = \"{text}\"\n")]);
            manifest.map(|manifest| manifest.programs[0].budget.0)
        };
        assert_eq!([budget("20 %"), budget("2.5%"), budget("95 %")], [Ok(200), Ok(25), Ok(950)]);
        for wrong in ["20", "0 %", "101 %", "1.25 %", "-5 %", "+5 %", ". %", "6554 %", "a lot"] {
            let error = budget(wrong).unwrap_err();
            assert!(error.contains("is no share of the CPU"), "{wrong}: {error}");
        }
    }

    fn package_error(program: &str) -> String {
        let manifest = parse(&[format!("[[program]]\npriority = 1\n{program}\n")]).unwrap();
        check_packages(&manifest, &["driver-serial", "shell"].map(str::to_owned)).err().unwrap_or_default()
    }

    #[test]
    fn a_wrong_package_is_the_manifests_error() {
        assert_eq!(package_error("name = \"serial\""), "");
        assert_eq!(
            package_error("name = \"seral\""),
            "program \"seral\": no package \"driver-seral\"; did you mean \"driver-serial\"?"
        );
        assert_eq!(
            package_error("name = \"shell\""),
            "program \"shell\": no package \"driver-shell\"; say package = \"shell\""
        );
        assert_eq!(
            package_error("name = \"x\"\npackage = \"counting\""),
            "program \"x\": no package \"counting\"; a program's package is \"driver-NAME\", in user/drivers/x, \
             unless it says another"
        );
    }

    #[test]
    fn the_trees_packages_are_found() {
        let packages = packages().unwrap();
        for name in ["driver-serial", "shell", "suite", "x86-entry", "xtask", "kernel", "abi"] {
            assert!(packages.iter().any(|package| package == name), "{name}");
        }
    }

    #[test]
    fn a_later_file_replaces_programs() {
        let first = "[[program]]\nname = \"a\"\npriority = 1\n[[program]]\nname = \"b\"\npriority = 2\n";
        let second = "[[program]]\nname = \"a\"\npriority = 9\n[[program]]\nname = \"c\"\npriority = 3\n";
        let manifest = parse(&[first, second]).unwrap();
        let all: Vec<_> = manifest.programs.iter().map(|program| (program.name.as_str(), program.priority)).collect();
        assert_eq!(all, [("a", 9), ("b", 2), ("c", 3)]);
        let twice = parse(&[format!("{first}{second}")]).unwrap_err();
        assert_eq!(twice, "two programs are called \"a\"");
    }

    #[test]
    fn a_later_file_changes_programs() {
        let first = "[[program]]\nname = \"a\"\npriority = 1\nserves = [\"a\"]\nrights = [\"log\", \"reset\"]\n";
        let second = "[[change]]\nname = \"a\"\nuses = [\"a\"]\nwithout = [\"reset\"]\n";
        let manifest = parse(&[first, second]).unwrap();
        let program = &manifest.programs[0];
        assert_eq!((program.uses.as_slice(), program.rights.as_slice()), (&["a".to_owned()][..], &[Right::Log][..]));
        assert_eq!(parse(&[second]).unwrap_err(), "there is no program \"a\" to change");
    }

    #[test]
    fn what_the_check_finds_is_an_error() {
        let error = parse(&["[[program]]\nname = \"a\"\npriority = 1\nuses = [\"b\"]\n"]).unwrap_err();
        assert_eq!(error, "a uses \"b\", which no program serves");
    }
}
