//! Reads manifests as people write them. What they mean and what they must fulfil is in the crate `manifest`, which
//! `init` has in common with this tool.

use std::path::Path;

use manifest::Manifest;

use crate::Result;

/// Reads manifests as one and checks it.
pub fn read(files: &[impl AsRef<Path>]) -> Result<Manifest> {
    let mut text = String::new();
    let mut names = Vec::new();
    for file in files {
        let file = file.as_ref();
        let part = std::fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
        text.push_str(&part);
        names.push(file.display().to_string());
    }
    parse(&text).map_err(|error| format!("{}: {error}", names.join(" and ")))
}

fn parse(text: &str) -> Result<Manifest> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string())?;
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
        let manifest = parse(
            r#"
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
            "#,
        );
        let text = manifest.map(|manifest| manifest.encode());
        let expected = "program serial\npriority 40\nmemory 65536\nobjects 64\nrestart always\nline 4\nports 1016 8\n\
                        device-memory 753664 32768\nserves console\nnotifies programs\nright log\n";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = parse("[[program]]\nname = \"a\"\npriority = 1\nline = [4]\n").unwrap_err();
        assert!(error.contains("unknown field `line`"), "{error}");
    }

    #[test]
    fn a_wrong_amount_of_memory_is_refused() {
        let error = parse("[[program]]\nname = \"a\"\npriority = 1\nmemory = \"1 GB\"\n").unwrap_err();
        assert!(error.contains("is no amount of memory"), "{error}");
    }

    #[test]
    fn what_the_check_finds_is_an_error() {
        let error = parse("[[program]]\nname = \"a\"\npriority = 1\nuses = [\"b\"]\n").unwrap_err();
        assert_eq!(error, "a uses \"b\", which no program serves");
    }
}
