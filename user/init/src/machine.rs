//! What the kernel gives to `init`: the root of all rights, the modules, and facts about the machine.

use alloc::format;
use alloc::string::{String, ToString};
use bellwire::{Access, Grants, Mapping, Memory, Result, Root, StartupEntry, StartupKind};
use manifest::Manifest;

/// The contents of `init`'s startup block.
#[derive(Debug)]
pub struct Machine {
    /// All rights over the machine.
    pub root: &'static Root,
    grants: Grants,
}

impl Machine {
    /// Takes the root handle out of the startup block.
    pub fn new(grants: Grants) -> Result<Self, String> {
        let root = grants.root().map_err(|error| format!("the kernel gave no root handle: {error}"))?;
        Ok(Self { root, grants })
    }

    /// Reads the manifest from the module `system`.
    pub fn manifest(&self) -> Result<Manifest, String> {
        let module = self.module("system").ok_or("there is no module \"system\"")?;
        let module = module.map_err(|error| format!("can't read the module \"system\": {error}"))?;
        let text = core::str::from_utf8(module.bytes()).map_err(|error| error.to_string())?;
        let manifest = Manifest::decode(text).map_err(|error| error.to_string())?;
        // The host has checked the manifest that it built. This one may be another.
        manifest.check()?;
        Ok(manifest)
    }

    /// Returns the module of a name, if there is one.
    pub fn module(&self, name: &str) -> Option<Result<Module>> {
        let is_it = |entry: &StartupEntry| entry.name() == name && entry.kind == StartupKind::Handle;
        let entry = self.grants.entries().find(is_it)?;
        Some(Module::new(&entry))
    }

    /// Returns the pair of numbers with which the kernel describes something of the machine.
    pub fn fact(&self, name: &str) -> Option<[u64; 2]> {
        self.grants.number(name)
    }

    /// Returns the words of the kernel's command line that are for a program: `NAME.WORD` is `WORD` for the program
    /// `NAME`.
    pub fn arguments_for(&self, program: &str) -> impl Iterator<Item = String> {
        self.grants.arguments().filter_map(move |word| Some(word.strip_prefix(program)?.strip_prefix('.')?.to_string()))
    }
}

/// A file that the boot loader has loaded, mapped.
#[derive(Debug)]
pub struct Module {
    mapping: Mapping,
    length: usize,
}

impl Module {
    fn new(entry: &StartupEntry) -> Result<Self> {
        // SAFETY: nobody owns the handle, or closes it: a program is loaded again from the same module.
        let mapping = unsafe { Memory::borrowed(entry.value) }.map(Access::READ)?;
        let length = usize::try_from(entry.extra[0]).unwrap_or(usize::MAX).min(mapping.len());
        Ok(Self { mapping, length })
    }

    /// Returns the file's bytes.
    pub fn bytes(&self) -> &[u8] {
        // SAFETY: `init` alone has handles to modules, maps them only for reading and destroys none.
        let pages = unsafe { self.mapping.as_slice() };
        &pages[..self.length]
    }
}
