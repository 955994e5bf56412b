//! Judges a fault by the bytes at and before the instruction that it names.

/// A fault as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The exception's number.
    pub vector: u8,
    /// Its error code.
    pub error: usize,
    /// The address, of a page fault.
    pub address: usize,
    /// The instruction pointer of the thread.
    pub instruction: usize,
}

/// The last exceptions that a program can raise: the others are the machine's, or don't exist.
const VECTORS: [u8; 14] = [0, 1, 3, 4, 5, 6, 7, 10, 11, 12, 13, 14, 16, 19];

/// #PF came from ring 3.
const BY_USER: usize = 1 << 2;

/// The flags that a program can have: all that arithmetic leaves, TF, IF, DF, NT, RF, AC and ID. The others are the
/// kernel's to give (IOPL, VM, VIF, VIP), or don't exist.
const PROGRAMS_FLAGS: usize = 0x8D5 | 1 << 1 | 1 << 8 | INTERRUPTS | 1 << 10 | 1 << 14 | 1 << 16 | 1 << 18 | 1 << 21;
/// IF, which no program can clear.
const INTERRUPTS: usize = 1 << 9;

/// Whether a program can have come into the kernel with these flags.
pub fn are_a_programs(flags: usize) -> bool {
    flags & !PROGRAMS_FLAGS == 0 && flags & INTERRUPTS != 0
}

impl Fault {
    /// Whether any program can cause this fault, at any place.
    pub fn is_a_programs(&self) -> bool {
        // #AC needs a CPU that checks alignment, which emulators mostly don't.
        VECTORS.contains(&self.vector) || self.vector == 17
    }

    /// Checks whether these bytes can raise the fault: those before the instruction pointer, and those at it.
    ///
    /// An exception that many instructions raise says nothing; the others must stand at, or as a trap right behind, one
    /// that does.
    pub fn fits(&self, before: &[u8], at: &[u8]) -> bool {
        let opcode = opcode(at);
        let starts = |first: &[u8]| opcode.first().is_none_or(|byte| first.contains(byte));
        let interrupt = |number: u8| before.ends_with(&[0xCD, number]);
        match self.vector {
            0 => starts(&[0xF6, 0xF7, 0xD4]),
            3 => before.ends_with(&[0xCC]) || interrupt(3),
            4 => before.ends_with(&[0xCE]) || interrupt(4),
            5 => starts(&[0x62]),
            7 | 16 => starts(&[0xD8, 0xD9, 0xDA, 0xDB, 0xDC, 0xDD, 0xDE, 0xDF, 0x9B, 0x0F, 0xC4, 0xC5]),
            10 => starts(&RETURNS),
            11 => starts(&SELECTOR_LOADS),
            14 => self.error & BY_USER != 0 || starts(&SELECTOR_LOADS),
            19 => starts(&[0x0F, 0xC4, 0xC5]),
            _ => self.is_a_programs(),
        }
    }
}

/// `iret`, which is a return from a task with NT set.
const RETURNS: [u8; 1] = [0xCF];

/// The opcodes that load segments: by name, by far jumps and returns, and some of the two-byte ones. For these the
/// emulator reads the stack and the tables with the kernel's rights.
const SELECTOR_LOADS: [u8; 14] = [0x8E, 0x07, 0x17, 0x1F, 0x0F, 0xC4, 0xC5, 0xCF, 0xCA, 0xCB, 0x9A, 0xEA, 0xFF, 0xCD];

/// The bytes behind the prefixes.
fn opcode(bytes: &[u8]) -> &[u8] {
    let start = bytes.iter().position(|byte| !is_prefix(*byte)).unwrap_or(bytes.len());
    &bytes[start..]
}

/// Whether a byte before an opcode is a prefix.
pub(crate) fn is_prefix(byte: u8) -> bool {
    const PREFIXES: [u8; 11] = [0x66, 0x67, 0xF0, 0xF2, 0xF3, 0x2E, 0x36, 0x3E, 0x26, 0x64, 0x65];
    PREFIXES.contains(&byte) || crate::layout::LONG && byte & 0xF0 == 0x40
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(vector: u8, error: usize) -> Fault {
        Fault { vector, error, address: 0, instruction: 0 }
    }

    #[test]
    fn a_breakpoint_needs_its_instruction() {
        assert!(fault(3, 0).fits(&[0x90, 0xCC], &[0x90]));
        assert!(fault(3, 0).fits(&[0xCD, 3], &[0x90]));
        assert!(!fault(3, 0).fits(&[0x90, 0x90], &[0xCC]));
    }

    #[test]
    fn a_division_stands_behind_its_prefixes() {
        assert!(fault(0, 0).fits(&[], &[0x66, 0x2E, 0xF7, 0xF0]));
        assert!(!fault(0, 0).fits(&[], &[0x66, 0x89, 0xF0]));
    }

    #[test]
    fn a_page_fault_is_ring_3s() {
        assert!(fault(14, 6).fits(&[], &[0x89]));
        assert!(!fault(14, 2).fits(&[], &[0x89]));
    }

    #[test]
    fn programs_have_no_flags_of_the_kernels() {
        assert!(are_a_programs(0x202));
        assert!(are_a_programs(0x254FD7));
        for flags in [0x2, 0x1202, 0x2_0202, 0x10_0202, 0x8_0202, 0x3A56_D60B] {
            assert!(!are_a_programs(flags), "{flags:#x}");
        }
    }

    #[test]
    fn programs_raise_no_double_faults() {
        for vector in [2, 8, 9, 15, 18, 20, 32, 128] {
            assert!(!fault(vector, 0).is_a_programs());
            assert!(!fault(vector, 0).fits(&[0xCD, vector], &[0x90]));
        }
    }
}
