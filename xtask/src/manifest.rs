//! Reads manifests as people write them. What they mean and what they must fulfil is in the crate `manifest`, which
//! `init` has in common with this tool.

use std::path::Path;

use manifest::Manifest;

use crate::Result;

/// Reads manifests as one and checks it. A program of a later file takes the place of one with its name.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Manifest> {
    let mut texts = Vec::new();
    let mut names = Vec::new();
    for file in files {
        let file = file.as_ref();
        texts.push(std::fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?);
        names.push(file.display().to_string());
    }
    parse(&texts).map_err(|error| format!("{}: {error}", names.join(" and ")))
}

fn parse(texts: &[impl AsRef<str>]) -> Result<Manifest> {
    let mut manifest = Manifest::default();
    for text in texts {
        let part: Manifest = toml::from_str(text.as_ref()).map_err(|error| error.to_string())?;
        let earlier = manifest.programs.len();
        for program in part.programs {
            match manifest.programs[..earlier].iter_mut().find(|other| other.name == program.name) {
                Some(other) => *other = program,
                None => manifest.programs.push(program),
            }
        }
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
        let expected = "program serial\npriority 40\nmemory 65536\nobjects 64\nrestart always\nline 4\nports 1016 8\n\
                        device-memory 753664 32768\nserves console\nnotifies programs\nright log\n";
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
    fn what_the_check_finds_is_an_error() {
        let error = parse(&["[[program]]\nname = \"a\"\npriority = 1\nuses = [\"b\"]\n"]).unwrap_err();
        assert_eq!(error, "a uses \"b\", which no program serves");
    }
}
