//! A program's claims on the machine: lines, ports, device memory and the memory that it keeps. `init` claims them
//! once, when the system starts, and grants them to each instance of the program.

use crate::machine::Machine;
use crate::size;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::{Interrupt, Memory, PAGE_BYTES, Ports, Process, Result, Rights, StartupEntry, StartupKind};
use manifest::{Program, Quota, Range, Right};

/// The address and size of the VGA's text memory.
const TEXT_SCREEN: (u64, u64) = (0xB_8000, 32 << 10);

/// A program's claims.
#[derive(Debug, Default)]
pub struct Claims {
    lines: Vec<(u8, Interrupt)>,
    ports: Vec<(Range, Ports)>,
    memory: Vec<(StartupEntry, Memory)>,
    /// The memory that each instance finds as the one before has left it, and its size in bytes.
    kept: Option<(Memory, u64)>,
}

impl Claims {
    /// Claims what the manifest gives a program. A claim that the kernel refuses is logged and left out: the program
    /// may do without.
    pub fn new(machine: &Machine, program: &Program) -> Self {
        let mut claims = Self::default();
        let root = &machine.root;
        for &line in &program.lines {
            let claimed = granted(program, format_args!("interrupt line {line}"), root.line(line));
            claims.lines.extend(claimed.map(|interrupt| (line, interrupt)));
        }
        for &range in &program.ports {
            let claim = root.ports(range.first as u16, range.count() as u16);
            let claimed = granted(program, format_args!("ports {range}"), claim);
            claims.ports.extend(claimed.map(|ports| (range, ports)));
        }
        for &range in &program.device_memory {
            let entry = StartupEntry::new("device-memory", StartupKind::Handle, 0, [range.first, range.count()]);
            claims.claim_memory(machine, program, entry, range.first, range.count());
        }
        claims.kept = program.keeps.and_then(|Quota(bytes)| {
            let claim = sized(bytes, Memory::new);
            let claimed = granted(program, format_args!("{bytes} bytes to keep"), claim);
            claimed.map(|memory| (memory, bytes))
        });
        if program.rights.contains(&Right::Screen) {
            claims.claim_screen(machine, program);
        }
        claims
    }

    fn claim_screen(&mut self, machine: &Machine, program: &Program) {
        if let (Some([address, size]), Some([pitch, _])) =
            (machine.fact("framebuffer"), machine.fact("framebuffer-format"))
        {
            let entry = StartupEntry::new("framebuffer", StartupKind::Handle, 0, [address, size]);
            let page = address & !(PAGE_BYTES as u64 - 1);
            let rows = size & u64::from(u32::MAX);
            // Firmware may describe a framebuffer that is larger than all memory; that one is refused.
            let bytes = pitch.checked_mul(rows).and_then(|bytes| bytes.checked_add(address - page));
            self.claim_memory(machine, program, entry, page, bytes.unwrap_or(u64::MAX));
        } else if machine.fact("text-screen").is_some() {
            let (address, bytes) = TEXT_SCREEN;
            let entry = StartupEntry::new("text-screen", StartupKind::Handle, 0, [address, bytes]);
            self.claim_memory(machine, program, entry, address, bytes);
        }
    }

    fn claim_memory(&mut self, machine: &Machine, program: &Program, entry: StartupEntry, first: u64, bytes: u64) {
        let claim = sized(bytes, |bytes| machine.root.device_memory(first, bytes));
        let claimed = granted(program, format_args!("device memory at {first:#x}"), claim);
        self.memory.extend(claimed.map(|memory| (entry, memory)));
    }

    /// Returns whether a line is among the claims.
    pub fn have_line(&self, line: u8) -> bool {
        self.lines.iter().any(|(claimed, _)| *claimed == line)
    }

    /// Grants the claims to an instance of the program, and adds their names to `entries`.
    pub fn grant(&self, process: &Process, entries: &mut Vec<StartupEntry>) -> Result<()> {
        for (line, interrupt) in &self.lines {
            let handle = process.grant(interrupt, Rights::INTERRUPT)?;
            entries.push(StartupEntry::new("line", StartupKind::Handle, handle, [u64::from(*line), 0]));
        }
        for (range, ports) in &self.ports {
            ports.attach(Some(process))?;
            entries.push(StartupEntry::new("ports", StartupKind::Number, 0, [range.first, range.count()]));
        }
        for (entry, memory) in &self.memory {
            let handle = process.grant(memory, Rights::READ | Rights::WRITE)?;
            entries.push(StartupEntry { value: handle, ..*entry });
        }
        if let Some((memory, bytes)) = &self.kept {
            let handle = process.grant(memory, Rights::READ | Rights::WRITE)?;
            entries.push(StartupEntry::new("kept", StartupKind::Handle, handle, [*bytes, 0]));
        }
        Ok(())
    }
}

/// Makes a claim of a number of bytes. An error says why there is none.
fn sized<T>(bytes: u64, claim: impl FnOnce(usize) -> Result<T>) -> Result<T, String> {
    let bytes = size::addressable(bytes).map_err(|error| error.to_string())?;
    claim(bytes).map_err(|error| error.to_string())
}

fn granted<T>(
    program: &Program,
    what: core::fmt::Arguments<'_>,
    claim: Result<T, impl core::fmt::Display>,
) -> Option<T> {
    claim.inspect_err(|error| bellwire::println!("{} doesn't get {what}: {error}", program.name)).ok()
}
