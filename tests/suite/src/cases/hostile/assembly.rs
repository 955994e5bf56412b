//! Pieces of machine code that the cases put together.

use abi::Tag;
use alloc::vec::Vec;
use suite::entry::Entry;

/// Code that grows.
#[derive(Default)]
pub struct Code(Vec<u8>);

/// The instruction behind each piece of code, which ends it: #UD.
pub const UNDEFINED: &[u8] = &[0x0F, 0x0B];
/// `nop`.
pub const NOTHING: &[u8] = &[0x90];
/// `jmp` to itself.
pub const SPIN: &[u8] = &[0xEB, 0xFE];

impl Code {
    /// These bytes next.
    pub fn then(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// A call by that entry; no register of a message is touched.
    pub fn call(self, entry: Entry) -> Self {
        match entry {
            Entry::Gate => self.then(&[0xCD, 0x80]),
            // mov r10, rsp; syscall
            Entry::Fast if cfg!(target_arch = "x86_64") => self.then(&[0x49, 0x89, 0xE2, 0x0F, 0x05]),
            // mov ecx, CALL_PAGE; call ecx
            Entry::Fast => self.then(&[0xB9]).then(&abi::CALL_PAGE_I686.to_le_bytes()).then(&[0xFF, 0xD1]),
        }
    }

    /// Sets the tag and the handle of a call that follows. The code that starts the thread sets its words.
    pub fn message(self, tag: Tag, handle: u32) -> Self {
        // mov edi, TAG; mov eax, HANDLE, or mov eax, TAG; mov edx, HANDLE
        let (load_tag, load_handle) = if cfg!(target_arch = "x86_64") { (0xBF, 0xB8) } else { (0xB8, 0xBA) };
        self.then(&[load_tag]).then(&tag.0.to_le_bytes()).then(&[load_handle]).then(&handle.to_le_bytes())
    }

    /// push FLAGS; popf
    pub fn flags_by_pop(self, flags: u32) -> Self {
        self.then(&[0x68]).then(&flags.to_le_bytes()).then(&[0x9D])
    }

    /// A return by `iret` to what comes next, with these flags.
    pub fn flags_by_return(self, flags: u32) -> Self {
        let [code, stack] = [super::own_code_segment() as u8, super::own_stack_segment() as u8];
        if cfg!(target_arch = "x86_64") {
            // push SS; push rsp; push FLAGS; push CS; lea rax, [rip + 3]; push rax; iretq
            self.then(&[0x6A, stack, 0x54, 0x68])
                .then(&flags.to_le_bytes())
                .then(&[0x6A, code, 0x48, 0x8D, 0x05, 3, 0, 0, 0, 0x50, 0x48, 0xCF])
        } else {
            // push FLAGS; push CS; call next; next: add dword ptr [esp], 5; iretd
            self.then(&[0x68])
                .then(&flags.to_le_bytes())
                .then(&[0x6A, code, 0xE8, 0, 0, 0, 0, 0x83, 0x04, 0x24, 5, 0xCF])
        }
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// All of it, with #UD behind.
    pub fn end(self) -> Vec<u8> {
        self.then(UNDEFINED).0
    }
}
