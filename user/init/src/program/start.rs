//! Making a program's process: its quota and share, its pages, and what the manifest grants it.

use super::{Program, Surroundings};
use crate::load::{LoadError, Pages};
use crate::machine::Module;
use crate::size::{self, TooLarge};
use alloc::format;
use alloc::vec::Vec;
use bellwire::pci::entries;
use bellwire::{Limits, PAGE_BYTES, Process, Result, Rights, Share, StartupEntry, StartupKind, Trust};
use manifest::{INIT_OBJECTS, PCI_SERVICE, Right};

/// Frames for a process's page tables and thread state, so that manifests needn't count them.
const TABLE_FRAMES: usize = 32;

/// The argument with which all programs run on `init`'s share.
const NO_BUDGETS: &str = "budgets=off";

/// What each right of the manifest lets a program do with the kernel's log.
const LOG_RIGHTS: [(Right, Rights); 3] = [
    (Right::Log, Rights::ROOT_LOG_WRITE),
    (Right::LogRead, Rights::ROOT_LOG_READ),
    (Right::LogLine, Rights::ROOT_LOG_LINE),
];

impl Program {
    /// Makes the program's process, and starts its first thread.
    pub(super) fn make(&self, surroundings: Surroundings<'_>) -> Result<(Process, Pages), StartError> {
        let Surroundings { machine, supervisor, .. } = surroundings;
        let module = machine.module(&self.facts.name).ok_or(StartError::NoModule)?.map_err(LoadError::from)?;
        let process =
            Process::new(self.limits().map_err(LoadError::from)?, supervisor, self.badge).map_err(LoadError::from)?;
        let mut pages = Pages::default();
        match self.fill(surroundings, &process, &module, &mut pages) {
            Ok(()) => Ok((process, pages)),
            Err(error) => {
                discard(process);
                Err(StartError::Load(error))
            }
        }
    }

    fn fill(
        &self,
        surroundings: Surroundings<'_>,
        process: &Process,
        module: &Module,
        pages: &mut Pages,
    ) -> Result<(), LoadError> {
        if !surroundings.machine.arguments_for("init").any(|word| word == NO_BUDGETS) {
            // The manifest's check leaves `init` a share for this.
            let share = Share::from_thousandths(self.facts.budget.0.into()).unwrap_or_default();
            process.give_share(share)?;
        }
        let entries = self.grant(surroundings, process)?;
        let start = pages.load(process, module, &entries)?;
        Ok(start.go(process, self.facts.priority)?)
    }

    fn limits(&self) -> Result<Limits, TooLarge> {
        let frames = size::addressable(self.facts.memory.0)?.div_ceil(PAGE_BYTES) + TABLE_FRAMES;
        let objects = usize::from(self.facts.objects.0) + usize::from(INIT_OBJECTS);
        let trust = if self.facts.rights.contains(&Right::Dma) { Trust::Dma } else { Trust::Contained };
        Ok(Limits { frames, objects, priority: self.facts.priority, trust })
    }

    /// Grants the process what the manifest says, and returns the entries of its startup block.
    fn grant(&self, surroundings: Surroundings<'_>, process: &Process) -> Result<Vec<StartupEntry>> {
        let Surroundings { machine, services, driven, client_rights, .. } = surroundings;
        let mut entries = Vec::new();
        let name = format!("program {}", self.facts.name);
        entries.push(StartupEntry::new(&name, StartupKind::Number, 0, [u64::from(self.badge), 0]));
        let facts = ["clock", "century-register", "framebuffer-format"];
        let facts = facts.into_iter().filter_map(|name| machine.fact(name).map(|numbers| (name, numbers)));
        entries.extend(facts.map(|(name, numbers)| StartupEntry::new(name, StartupKind::Number, 0, numbers)));
        for (name, rights) in [("log", &LOG_RIGHTS[..]), ("info", &[(Right::Info, Rights::ROOT_INFO)])] {
            let granted = rights.iter().filter(|(right, _)| self.facts.rights.contains(right));
            let rights = granted.fold(Rights::empty(), |all, (_, right)| all | *right);
            if !rights.is_empty() {
                let handle = process.grant(machine.root, rights)?;
                entries.push(StartupEntry::new(name, StartupKind::Handle, handle, [0; 2]));
            }
        }
        self.claims.grant(process, &mut entries)?;
        if let Some(devices) = self.functions.devices() {
            devices.grant(process, services.endpoint(PCI_SERVICE)?, &mut entries)?;
        }
        if self.facts.serves.iter().any(|name| name == PCI_SERVICE) {
            entries.extend(driven.iter().copied().map(entries::driven));
        }
        if !self.facts.serves.is_empty() {
            entries.extend_from_slice(client_rights);
        }
        services.grant(&self.facts, self.badge, process, &mut entries)?;
        let words = self.facts.arguments.iter().cloned().chain(machine.arguments_for(&self.facts.name));
        entries.extend(words.map(|word| StartupEntry::new(&word, StartupKind::Argument, 0, [0; 2])));
        Ok(entries)
    }
}

/// The reason why a program couldn't be started.
pub(super) enum StartError {
    NoModule,
    Load(LoadError),
}

impl From<LoadError> for StartError {
    fn from(error: LoadError) -> Self {
        Self::Load(error)
    }
}

/// Ends a process that never ran. Its exit message never arrives, since the process is reaped before the next receive.
fn discard(process: Process) {
    let ended = process.kill(0).and_then(|()| process.reap(drop));
    if let Err(error) = ended {
        bellwire::println!("can't take a process back: {error}");
    }
}
