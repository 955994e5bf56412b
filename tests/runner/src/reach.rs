//! Follows the functions of a linked program: calls, jumps, addresses that are taken, and tables of jumps.
//!
//! A function leads to each address that one of its instructions names, whether or not that instruction runs. So a
//! function that isn't reached can't run, and a function that is reached may still never run. A jump or call by a
//! register or memory is followed only if it is a switch: a table in the file whose entries all lie within the function
//! itself. Any other is reported, since it could lead anywhere.

use std::collections::HashMap;

use crate::listing::{Function, Instruction, Listing};

/// The bytes of a program's file by their addresses; nothing where the file has none.
pub trait Memory {
    /// The word, of the program's width, at an address.
    fn word(&self, address: u64) -> Option<u64>;
}

/// The result of a walk.
pub struct Walk<'a> {
    listing: &'a Listing,
    /// The functions that are reached, by address, and which led to each; roots are led to by themselves.
    from: HashMap<u64, u64>,
    /// Where control goes to a place that isn't known.
    pub unresolved: Vec<u64>,
}

impl<'a> Walk<'a> {
    /// Follows everything that the roots lead to, but no further than the ends.
    pub fn new(
        listing: &'a Listing,
        memory: &impl Memory,
        is_root: impl Fn(&Function) -> bool,
        is_end: impl Fn(&Function) -> bool,
    ) -> Walk<'a> {
        let roots = listing.functions().iter().filter(|function| is_root(function)).map(Function::address);
        let mut walk = Walk { listing, from: roots.map(|root| (root, root)).collect(), unresolved: Vec::new() };
        let mut open: Vec<u64> = walk.from.keys().copied().collect();
        while let Some(address) = open.pop() {
            let Some(function) = listing.function(address).filter(|function| !is_end(function)) else { continue };
            for target in walk.targets(function, memory) {
                if let std::collections::hash_map::Entry::Vacant(place) = walk.from.entry(target) {
                    place.insert(address);
                    open.push(target);
                }
            }
        }
        walk.unresolved.sort_unstable();
        walk
    }

    /// Whether a function with this in its name is reached.
    pub fn reaches(&self, part: &str) -> bool {
        self.way_to(part).is_some()
    }

    /// The functions that lead to the first one with this in its name, from a root on.
    pub fn way_to(&self, part: &str) -> Option<Vec<&'a str>> {
        let name = |address: u64| self.listing.function(address).map_or("", |function| &function.name);
        let mut at = *self.from.keys().filter(|address| name(**address).contains(part)).min()?;
        let mut way = vec![name(at)];
        while let Some(before) = self.from.get(&at).copied().filter(|before| *before != at) {
            way.insert(0, name(before));
            at = before;
        }
        Some(way)
    }

    /// The first instructions of all functions that a function leads to.
    fn targets(&mut self, function: &Function, memory: &impl Memory) -> Vec<u64> {
        let mut found = Vec::new();
        for (index, instruction) in function.instructions.iter().enumerate() {
            let after = function.instructions.get(index + 1).map(|next| next.address);
            found.extend(instruction.target());
            found.extend(taken_addresses(instruction, after));
            if is_indirect(instruction) && !is_switch(instruction, function, memory) {
                self.unresolved.push(instruction.address);
            }
        }
        found.extend(self.falls_through(function));
        let start = |address: u64| Some(self.listing.function(address)?.address());
        found.into_iter().filter_map(start).filter(|target| *target != function.address()).collect()
    }

    /// Returns the function that follows, if the last instruction of this one goes on there. A call at the end doesn't
    /// come back, since the compiler omits the end of a function only behind such a call.
    fn falls_through(&self, function: &Function) -> Option<u64> {
        let is_padding = |instruction: &&Instruction| {
            ["nop", "int3", "data16", "xchg"].iter().any(|padding| instruction.mnemonic().starts_with(padding))
        };
        let last = function.instructions.iter().rev().find(|instruction| !is_padding(instruction))?;
        if !last.goes_on() || last.mnemonic() == "call" || last.mnemonic() == "hlt" {
            return None;
        }
        let next = self.listing.functions().partition_point(|other| other.address() <= function.address());
        self.listing.functions().get(next).map(Function::address)
    }
}

/// Whether control goes where a register or memory says.
fn is_indirect(instruction: &Instruction) -> bool {
    let mut words = instruction.text.split(' ').skip_while(|word| *word == "notrack" || *word == "bnd");
    let (mnemonic, operand) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    (mnemonic.starts_with('j')
        || mnemonic.starts_with("call")
        || mnemonic.starts_with("lcall")
        || mnemonic.starts_with("ljmp"))
        && operand.starts_with('*')
}

/// Whether an instruction is a jump by a table (`jmp *TABLE(,%register,SIZE)`) all of whose entries lie within the
/// function. The table ends where an entry doesn't, and has at least one entry.
fn is_switch(instruction: &Instruction, function: &Function, memory: &impl Memory) -> bool {
    let Some(operand) = instruction.text.strip_prefix("jmp *") else { return false };
    let Some((table, index)) = operand.split_once("(,%") else { return false };
    let size = index.rsplit_once(',').and_then(|(_, size)| size.strip_suffix(')'));
    let Some(table) = number(table).filter(|_| matches!(size, Some("4" | "8"))) else { return false };
    memory.word(table).is_some_and(|entry| function.index(entry).is_some())
}

/// The addresses of code that an instruction may take: a constant, or one by its distance to the next instruction.
fn taken_addresses(instruction: &Instruction, after: Option<u64>) -> Vec<u64> {
    let mut found = Vec::new();
    for operand in instruction.text.split([' ', ',']) {
        if let Some(constant) = operand.strip_prefix('$') {
            found.extend(number(constant));
        } else if let Some(distance) = operand.strip_suffix("(%rip)") {
            let place = number(distance).zip(after).map(|(distance, after)| after.wrapping_add(distance));
            found.extend(place.filter(|_| instruction.mnemonic().starts_with("lea")));
        } else if instruction.mnemonic().starts_with("lea") {
            found.extend(number(operand));
        }
    }
    found
}

/// A number as the disassembler writes it: with a sign, of 32 or 64 bits.
fn number(text: &str) -> Option<u64> {
    let (is_negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let value = u64::from_str_radix(digits.strip_prefix("0x")?, 16).ok()?;
    Some(if is_negative { value.wrapping_neg() } else { value })
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Words(HashMap<u64, u64>);

    impl Memory for Words {
        fn word(&self, address: u64) -> Option<u64> {
            self.0.get(&address).copied()
        }
    }

    const TEXT: &str = "
0000000000001000 <stub>:
    1000:\tpush   $0x5
    1002:\tjmp    1010 <handler>

0000000000001010 <handler>:
    1010:\ttest   %eax,%eax
    1012:\tje     1018 <handler+0x8>
    1014:\tcall   1020 <helper>
    1018:\tud2

0000000000001020 <helper>:
    1020:\tjmp    *0x3000(,%rax,8)
    1027:\tlea    0x22(%rip),%rdi        # 1050 <taken>
    102e:\tret
    102f:\tnop

0000000000001030 <end>:
    1030:\tcall   1040 <core::panicking::panic>

0000000000001040 <core::panicking::panic>:
    1040:\thlt

0000000000001050 <taken>:
    1050:\tmov    $0x1060,%edi
    1055:\tret

0000000000001060 <deep>:
    1060:\tcall   1030 <end>
    1065:\txor    %eax,%eax

0000000000001070 <behind>:
    1070:\tret

0000000000001080 <alone>:
    1080:\tret
";

    fn walk<'a>(listing: &'a Listing, table: u64, end: &str) -> Walk<'a> {
        let memory = Words(HashMap::from([(0x3000, table)]));
        Walk::new(listing, &memory, |function| function.name == "stub", |function| function.name == end)
    }

    #[test]
    fn a_panic_is_found_with_the_way_to_it() {
        let listing = Listing::read(TEXT);
        let found = walk(&listing, 0x1027, "");
        let way = ["stub", "handler", "helper", "taken", "deep", "end", "core::panicking::panic"];
        assert_eq!(found.way_to("panicking").as_deref(), Some(way.as_slice()));
        assert!(found.reaches("behind"), "the function before it goes on");
        assert!(!found.reaches("alone"));
        assert!(found.unresolved.is_empty());
    }

    #[test]
    fn an_end_isn_t_looked_beyond() {
        let listing = Listing::read(TEXT);
        let found = walk(&listing, 0x1027, "end");
        assert!(found.reaches("end") && !found.reaches("panicking"));
    }

    #[test]
    fn a_table_that_leads_elsewhere_is_reported() {
        let listing = Listing::read(TEXT);
        assert_eq!(walk(&listing, 0x1080, "").unresolved, [0x1020]);
        assert_eq!(walk(&listing, 0x1028, "").unresolved, [0x1020], "no instruction begins there");
    }
}
