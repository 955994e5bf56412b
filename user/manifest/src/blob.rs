//! The module `system`: the manifest as `init` reads it.
//!
//! Each line is a fact: words that one space separates, numbers in decimal. A `program` line opens a program, and the
//! lines up to the next one belong to it. A range is its first number and its count. The module is text so that a
//! person can look at what an image was built with.

use crate::{Budget, Manifest, Notify, Objects, OnOverrun, PciId, Program, Quota, Range, Restart, Right, Signal};
use alloc::string::{String, ToString};
use alloc::{format, vec};
use core::fmt;

/// A line is no fact: the blob was made by another version of the host tool.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BlobError {
    /// The line's number, from 1.
    pub line: usize,
}

impl fmt::Display for BlobError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "line {} of the manifest is no fact", self.line)
    }
}

impl core::error::Error for BlobError {}

impl Manifest {
    /// Returns the manifest as a blob.
    pub fn encode(&self) -> String {
        self.programs.iter().map(Program::encode).collect()
    }

    /// Reads a blob.
    pub fn decode(blob: &str) -> Result<Self, BlobError> {
        let mut manifest = Self::default();
        for (index, line) in blob.lines().enumerate() {
            manifest.add(line).ok_or(BlobError { line: index + 1 })?;
        }
        Ok(manifest)
    }

    fn add(&mut self, line: &str) -> Option<()> {
        let (fact, value) = line.split_once(' ')?;
        if fact == "program" {
            self.programs.push(Program { name: value.to_string(), ..Program::default() });
            return Some(());
        }
        let program = self.programs.last_mut()?;
        match fact {
            "priority" => program.priority = value.parse().ok()?,
            "memory" => program.memory = Quota(value.parse().ok()?),
            "keeps" => program.keeps = Some(Quota(value.parse().ok()?)),
            "budget" => program.budget = Budget(value.parse().ok()?),
            "on-overrun" if value == "restart" => program.on_overrun = OnOverrun::Restart,
            "restart" if value == "always" => program.restart = Restart::Always,
            "restart" if value == "never" => program.restart = Restart::Never,
            "argument" => program.arguments.push(value.to_string()),
            "line" => program.lines.push(value.parse().ok()?),
            "ports" => program.ports.push(range(value)?),
            "objects" => program.objects = Objects(value.parse().ok()?),
            "device-memory" => program.device_memory.push(range(value)?),
            "pci" => program.pci.push(PciId::parse(value)?),
            "interrupt" if value == "line" => program.interrupt = Signal::Line,
            "interrupt" if value == "msi" => program.interrupt = Signal::Msi,
            "serves" => program.serves.push(value.to_string()),
            "uses" => program.uses.push(value.to_string()),
            "notifies" => program.notifies.push(Notify::parse(value)?),
            "right" => program.rights.push(Right::ALL.into_iter().find(|right| right.name() == value)?),
            _ => return None,
        }
        Some(())
    }
}

fn range(text: &str) -> Option<Range> {
    let (first, count) = text.split_once(' ')?;
    let (first, count): (u64, u64) = (first.parse().ok()?, count.parse().ok()?);
    Some(Range::new(first, first.checked_add(count.checked_sub(1)?)?))
}

impl Program {
    fn encode(&self) -> String {
        let restart = match self.restart {
            Restart::Always => "always",
            Restart::Never => "never",
        };
        let mut lines = vec![
            format!("program {}", self.name),
            format!("priority {}", self.priority),
            format!("memory {}", self.memory.0),
            format!("objects {}", self.objects.0),
            format!("budget {}", self.budget.0),
            format!("restart {restart}"),
        ];
        let range = |fact: &str, range: &Range| format!("{fact} {} {}", range.first, range.count());
        if self.on_overrun == OnOverrun::Restart {
            lines.push("on-overrun restart".to_string());
        }
        lines.extend(self.keeps.iter().map(|bytes| format!("keeps {}", bytes.0)));
        lines.extend(self.arguments.iter().map(|word| format!("argument {word}")));
        lines.extend(self.lines.iter().map(|line| format!("line {line}")));
        lines.extend(self.ports.iter().map(|ports| range("ports", ports)));
        lines.extend(self.device_memory.iter().map(|memory| range("device-memory", memory)));
        lines.extend(self.pci.iter().map(|id| format!("pci {id}")));
        if self.interrupt == Signal::Msi {
            lines.push("interrupt msi".to_string());
        }
        lines.extend(self.serves.iter().map(|name| format!("serves {name}")));
        lines.extend(self.uses.iter().map(|name| format!("uses {name}")));
        lines.extend(self.notifies.iter().map(|name| format!("notifies {name}")));
        lines.extend(self.rights.iter().map(|right| format!("right {}", right.name())));
        lines.join("\n") + "\n"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    fn ranges() -> impl Strategy<Value = alloc::vec::Vec<Range>> {
        vec((any::<u32>(), any::<u32>()), 0..4).prop_map(|pairs| {
            pairs
                .into_iter()
                .map(|(first, more)| Range::new(first.into(), u64::from(first) + u64::from(more)))
                .collect()
        })
    }

    prop_compose! {
        fn programs()(
            name in "[a-z][a-z0-9-]{0,11}",
            (priority, memory, keeps, objects) in any::<(u8, u64, Option<u64>, u16)>(),
            restart in prop_oneof![Just(Restart::Always), Just(Restart::Never)],
            budget in any::<u16>().prop_map(Budget),
            on_overrun in prop_oneof![Just(OnOverrun::Log), Just(OnOverrun::Restart)],
            lines in vec(any::<u8>(), 0..4),
            (ports, device_memory) in (ranges(), ranges()),
            pci in vec(any::<(u16, u16)>().prop_map(|(vendor, device)| PciId { vendor, device }), 0..4),
            interrupt in prop_oneof![Just(Signal::Line), Just(Signal::Msi)],
            [arguments, serves, uses] in [const { 0 }; 3].map(|_| vec("[!-~]{1,16}", 0..4)),
            notifies in vec(("[a-z-]{1,16}", 0..Notify::BITS).prop_map(|(service, bit)| Notify { service, bit }), 0..4),
            rights in vec(proptest::sample::select(Right::ALL.to_vec()), 0..4),
        ) -> Program {
            let (memory, keeps, objects) = (Quota(memory), keeps.map(Quota), Objects(objects));
            Program {
                name, package: None, binary: None, priority, memory, keeps, objects, budget, on_overrun, restart,
                arguments, lines, ports, device_memory, pci, interrupt, serves, uses, notifies, rights,
            }
        }
    }

    proptest! {
        #[test]
        fn a_manifest_survives_the_blob(programs in vec(programs(), 0..5)) {
            let manifest = Manifest { programs };
            prop_assert_eq!(Manifest::decode(&manifest.encode()), Ok(manifest));
        }

        #[test]
        fn no_blob_panics(blob in "([a-z]{4,8}( [0-9a-z]{0,5}){0,3}\n){0,6}") {
            let _ = Manifest::decode(&blob);
        }
    }

    #[test]
    fn a_line_that_is_no_fact_is_named() {
        assert_eq!(Manifest::decode("program a\npriority high\n"), Err(BlobError { line: 2 }));
        assert_eq!(Manifest::decode("priority 1\n"), Err(BlobError { line: 1 }));
        assert_eq!(Manifest::decode("program a\nports 1 0\n"), Err(BlobError { line: 2 }));
    }
}
