//! The manifest: which programs a system has, and what each of them may touch.
//!
//! ```toml
//! [[program]]
//! name = "serial"             # unique; also the name of its module
//! package = "driver-serial"   # the cargo package; "driver-NAME" unless said
//! binary = "driver-serial"    # the package's binary; the package's name unless said
//! priority = 40               # 0 to 63, higher runs first
//! memory = "256 KiB"          # what it may have of RAM
//! restart = "always"          # or "never", after it died
//! arguments = ["115200"]      # words for its startup block
//! lines = [4]                 # interrupt lines
//! ports = ["0x3f8-0x3ff"]     # I/O ports, both ends included
//! device_memory = []          # physical addresses, both ends included
//! serves = ["console"]        # endpoints that it receives on
//! uses = ["timer"]            # endpoints of others that it calls
//! rights = ["dma"]            # further rights, see `Right`
//! ```
//!
//! The host checks it when the image is built, so that `init` boots only what is consistent; `init` gets the result in
//! a form that needs no parser worth the name (see [`Manifest::encode`]).

mod check;
mod range;

use std::path::Path;

use serde::Deserialize;

pub use range::Range;

use crate::Result;

/// The whole manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The programs, in the order in which `init` starts them.
    #[serde(rename = "program", default)]
    pub programs: Vec<Program>,
}

/// One program and its grants.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Program {
    /// The program's name, its module's too.
    pub name: String,
    package: Option<String>,
    binary: Option<String>,
    priority: u8,
    #[serde(default)]
    memory: Quota,
    #[serde(default)]
    restart: Restart,
    #[serde(default)]
    arguments: Vec<String>,
    #[serde(default)]
    lines: Vec<u8>,
    #[serde(default)]
    ports: Vec<Range>,
    #[serde(default)]
    device_memory: Vec<Range>,
    #[serde(default)]
    serves: Vec<String>,
    #[serde(default)]
    uses: Vec<String>,
    #[serde(default)]
    rights: Vec<Right>,
}

/// What happens when a program has ended.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Restart {
    /// `init` starts it again, with back-off.
    #[default]
    Always,
    /// It stays ended.
    Never,
}

/// A right that no line, port or endpoint stands for.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Right {
    /// Reads physical addresses, for devices that master the bus. Without an IOMMU this is full trust.
    Dma,
    /// Lists and ends other programs, through `init`.
    Supervise,
}

/// How much RAM a program may have, in bytes.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq)]
#[serde(try_from = "String")]
struct Quota(u64);

impl Default for Quota {
    fn default() -> Self {
        Quota(256 << 10)
    }
}

impl TryFrom<String> for Quota {
    type Error = String;

    fn try_from(text: String) -> Result<Self> {
        let wrong = || format!("{text:?} is no amount of memory; write for example \"256 KiB\" or \"2 MiB\"");
        let (number, unit) = text.split_once(' ').ok_or_else(wrong)?;
        let shift = match unit {
            "KiB" => 10,
            "MiB" => 20,
            _ => return Err(wrong()),
        };
        let number: u32 = number.parse().map_err(|_| wrong())?;
        Ok(Quota(u64::from(number) << shift))
    }
}

impl Program {
    /// The cargo package that it's built from.
    pub fn package(&self) -> String {
        self.package.clone().unwrap_or_else(|| format!("driver-{}", self.name))
    }

    /// The binary of the package.
    pub fn binary(&self) -> String {
        self.binary.clone().unwrap_or_else(|| self.package())
    }
}

impl Manifest {
    /// Reads and checks a manifest.
    pub fn read(file: &Path) -> Result<Manifest> {
        let text = std::fs::read_to_string(file).map_err(|error| format!("can't read {}: {error}", file.display()))?;
        Manifest::parse(&text).map_err(|error| format!("{}: {error}", file.display()))
    }

    fn parse(text: &str) -> Result<Manifest> {
        let manifest: Manifest = toml::from_str(text).map_err(|error| error.to_string())?;
        check::check(&manifest.programs)?;
        Ok(manifest)
    }

    /// The module `system`: a line a fact, its words parted by one space, numbers in decimal. A `program` line opens a
    /// program and everything up to the next belongs to it. Ranges are a first number and how many.
    pub fn encode(&self) -> String {
        self.programs.iter().map(Program::encode).collect()
    }
}

impl Program {
    fn encode(&self) -> String {
        let mut lines = vec![
            format!("program {}", self.name),
            format!("priority {}", self.priority),
            format!("memory {}", self.memory.0),
            format!("restart {}", if self.restart == Restart::Always { "always" } else { "never" }),
        ];
        lines.extend(self.arguments.iter().map(|word| format!("argument {word}")));
        lines.extend(self.lines.iter().map(|line| format!("line {line}")));
        lines.extend(self.ports.iter().map(|range| format!("ports {} {}", range.first, range.count())));
        lines.extend(self.device_memory.iter().map(|range| format!("device {} {}", range.first, range.count())));
        lines.extend(self.serves.iter().map(|name| format!("serves {name}")));
        lines.extend(self.uses.iter().map(|name| format!("uses {name}")));
        lines.extend(self.rights.iter().map(|right| match right {
            Right::Dma => "right dma".to_owned(),
            Right::Supervise => "right supervise".to_owned(),
        }));
        lines.join("\n") + "\n"
    }
}

/// Checks a manifest and prints what `init` would get.
pub fn show(file: &Path) -> Result {
    print!("{}", Manifest::read(file)?.encode());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_is_encoded_fact_by_fact() {
        let manifest = Manifest::parse(
            r#"
            [[program]]
            name = "serial"
            priority = 40
            memory = "64 KiB"
            lines = [4]
            ports = ["0x3f8-0x3ff"]
            device_memory = ["0xb8000-0xbffff"]
            serves = ["console"]
            "#,
        );
        let text = manifest.map(|manifest| manifest.encode());
        let expected = "program serial\npriority 40\nmemory 65536\nrestart always\nline 4\nports 1016 8\n\
                        device 753664 32768\nserves console\n";
        assert_eq!(text.as_deref(), Ok(expected));
    }

    #[test]
    fn an_unknown_field_is_refused() {
        let error = Manifest::parse("[[program]]\nname = \"a\"\npriority = 1\nline = [4]\n").unwrap_err();
        assert!(error.contains("unknown field `line`"), "{error}");
    }

    #[test]
    fn a_wrong_amount_of_memory_is_refused() {
        let error = Manifest::parse("[[program]]\nname = \"a\"\npriority = 1\nmemory = \"1 GB\"\n").unwrap_err();
        assert!(error.contains("is no amount of memory"), "{error}");
    }
}
