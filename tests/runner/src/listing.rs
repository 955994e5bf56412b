//! The instructions of a linked program, by function, as the disassembler lists them.

use std::io::{Error, Result};
use std::path::Path;
use std::process::Command;

/// A program's functions in the order of their addresses.
pub struct Listing {
    functions: Vec<Function>,
}

/// A function, or what else has a symbol.
pub struct Function {
    /// Its name with all generic arguments.
    pub name: String,
    /// Its instructions, padding included.
    pub instructions: Vec<Instruction>,
}

/// An instruction.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Instruction {
    /// Where it begins.
    pub address: u64,
    /// Mnemonic and operands in AT&T syntax.
    pub text: String,
}

impl Listing {
    /// Disassembles a file that has its symbols.
    pub fn of(file: &Path) -> Result<Listing> {
        let mut objdump = Command::new("objdump");
        objdump.args(["--disassemble", "--demangle", "--no-show-raw-insn", "--wide"]).arg(file);
        let output = objdump.output().map_err(|error| Error::other(format!("can't run objdump: {error}")))?;
        if !output.status.success() {
            return Err(Error::other(String::from_utf8_lossy(&output.stderr).into_owned()));
        }
        Ok(Listing::read(&String::from_utf8_lossy(&output.stdout)))
    }

    /// Reads what the disassembler printed.
    pub(crate) fn read(text: &str) -> Listing {
        let mut functions: Vec<Function> = Vec::new();
        for line in text.lines() {
            if let Some(name) = line.strip_suffix(">:").and_then(|line| line.split_once(" <")) {
                functions.push(Function { name: name.1.to_owned(), instructions: Vec::new() });
            } else if let (Some(instruction), Some(function)) = (Instruction::read(line), functions.last_mut()) {
                function.instructions.push(instruction);
            }
        }
        functions.retain(|function| !function.instructions.is_empty());
        functions.sort_by_key(Function::address);
        Listing { functions }
    }

    /// All functions.
    pub fn functions(&self) -> &[Function] {
        &self.functions
    }

    /// The function that an address lies in.
    pub fn function(&self, address: u64) -> Option<&Function> {
        let after = self.functions.partition_point(|function| function.address() <= address);
        self.functions[..after].last().filter(|function| function.at(address).is_some())
    }

    /// Where the first instruction of the only function with these parts in its name is.
    ///
    /// # Panics
    /// If there is none, or several.
    pub fn address(&self, parts: &[&str]) -> u64 {
        let mut named = self.functions.iter().filter(|function| parts.iter().all(|part| function.name.contains(part)));
        match (named.next(), named.next()) {
            (Some(function), None) => function.address(),
            (first, _) => panic!("{} functions are called {parts:?}", if first.is_some() { "several" } else { "no" }),
        }
    }

    /// The mnemonic of the instruction at an address; empty where the program has none.
    pub fn mnemonic(&self, address: u64) -> &str {
        self.function(address).and_then(|function| function.at(address)).map_or("", Instruction::mnemonic)
    }

    /// An address as people read it: its function and the instruction there.
    pub fn describe(&self, address: u64) -> String {
        match self.function(address).and_then(|function| Some((function, function.at(address)?))) {
            Some((function, instruction)) => {
                format!("{address:#x} ({} in {}+{:#x})", instruction.text, function.name, address - function.address())
            }
            None => format!("{address:#x}"),
        }
    }
}

impl Function {
    /// Where its first instruction is.
    pub fn address(&self) -> u64 {
        self.instructions.first().map_or(u64::MAX, |instruction| instruction.address)
    }

    /// The place of an instruction among the function's.
    pub fn index(&self, address: u64) -> Option<usize> {
        self.instructions.binary_search_by_key(&address, |instruction| instruction.address).ok()
    }

    fn at(&self, address: u64) -> Option<&Instruction> {
        self.index(address).map(|index| &self.instructions[index])
    }
}

impl Instruction {
    /// Reads a line as `ffffffff80102e1b: hlt`, with a tab behind the colon.
    fn read(line: &str) -> Option<Instruction> {
        let (address, text) = line.split_once(":\t")?;
        let address = u64::from_str_radix(address.trim(), 16).ok()?;
        let text = text.split('#').next().unwrap_or(text);
        Some(Instruction { address, text: text.split_whitespace().collect::<Vec<_>>().join(" ") })
    }

    /// The mnemonic, with its prefix if it has one.
    pub fn mnemonic(&self) -> &str {
        self.text.split(' ').next().unwrap_or("")
    }

    /// Where a jump or call with a fixed target goes.
    pub fn target(&self) -> Option<u64> {
        let mnemonic = self.mnemonic();
        let operand = self.text.split(' ').nth(1).filter(|_| mnemonic.starts_with('j') || mnemonic == "call")?;
        u64::from_str_radix(operand, 16).ok()
    }

    /// Whether the next instruction in memory may be the next one that runs, or one that a call comes back to.
    pub fn goes_on(&self) -> bool {
        !["jmp", "ret", "iret", "sysret", "sysexit", "ud2", "int3"].iter().any(|end| self.mnemonic().starts_with(end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
ffffffff80102e10 <arch::width::idle::idle>:
ffffffff80102e10:\tcli
ffffffff80102e11:\tcmpl   $0x0,0x4011f0(%rip)        # ffffffff80504008 <arch::nmi::PENDING>
ffffffff80102e18:\tjne    ffffffff80102e1e <arch::width::idle::idle+0xe>

ffffffff80102e20 <<arch::trap::Bell as x86_entry::kernel_entry::KernelEntry>::trap>:
ffffffff80102e20:\tjmp    *%rax
ffffffff80102e22:\tcall   ffffffff80102e10 <arch::width::idle::idle>
";

    #[test]
    fn functions_have_their_instructions() {
        let listing = Listing::read(TEXT);
        assert_eq!(listing.functions().len(), 2);
        assert_eq!(listing.address(&["Kernel", "::trap"]), 0xFFFF_FFFF_8010_2E20);
        assert_eq!(listing.function(0xFFFF_FFFF_8010_2E18).unwrap().name, "arch::width::idle::idle");
        assert!(listing.function(0xFFFF_FFFF_8010_2E19).is_none());
        assert!(listing.describe(0xFFFF_FFFF_8010_2E11).contains("(cmpl $0x0,0x4011f0(%rip) in arch"));
    }

    #[test]
    fn only_fixed_targets_are_known() {
        let listing = Listing::read(TEXT);
        let [idle, trap] = listing.functions() else { panic!("two functions") };
        assert_eq!(idle.instructions[2].target(), Some(0xFFFF_FFFF_8010_2E1E));
        assert_eq!(trap.instructions[0].target(), None);
        assert_eq!(trap.instructions[1].target(), Some(0xFFFF_FFFF_8010_2E10));
        assert!(idle.instructions[2].goes_on() && !trap.instructions[0].goes_on() && trap.instructions[1].goes_on());
    }
}
