//! System calls with every register chosen and every register looked at afterwards, through either entry.

use core::mem::offset_of;

/// The registers that a program has, but for the instruction and stack pointers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Registers {
    /// EAX, RAX.
    pub ax: usize,
    /// EBX, RBX.
    pub bx: usize,
    /// ECX, RCX.
    pub cx: usize,
    /// EDX, RDX.
    pub dx: usize,
    /// ESI, RSI.
    pub si: usize,
    /// EDI, RDI.
    pub di: usize,
    /// EBP, RBP.
    pub bp: usize,
    /// R8 to R15; i686 has none.
    pub r: [usize; 8],
    /// EFLAGS, RFLAGS.
    pub flags: usize,
}

/// The way into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// `syscall`, or what i686's call page has.
    Fast,
    /// `int 0x80`.
    Gate,
}

/// Another way into the kernel, by which nothing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `int3`: its handler lets the thread go on behind it.
    Breakpoint,
    /// `int 4`, as `int3`.
    Overflow,
    /// `ud2`, which is as long as the two that follow: their handlers send the thread on behind them.
    Undefined,
    /// A byte at the address in `si`.
    Load,
    /// An instruction that ring 3 may not use.
    Privileged,
    /// No call: waits until the byte at the address in `si` is no longer 0, and spoils the arithmetic flags.
    Spin,
}

/// The length in bytes of the instructions that a handler must step over.
pub const FAULT_BYTES: usize = 2;

impl Registers {
    /// Every register with a pattern of its own, and the call's in their places.
    pub fn of_call(handle: u32, tag: u32, words: [usize; 4]) -> Self {
        let pattern = |number: usize| (0xA5A5_0000_usize + 0x111 * number) ^ (usize::MAX << (usize::BITS - 8));
        let mut registers = Self {
            ax: pattern(1),
            bx: pattern(2),
            cx: pattern(3),
            dx: pattern(4),
            si: pattern(5),
            di: pattern(6),
            bp: pattern(7),
            r: [8, 9, 10, 11, 12, 13, 14, 15].map(pattern),
            flags: 0x202,
        };
        registers.set_call(handle, tag, words);
        registers
    }

    #[cfg(target_arch = "x86_64")]
    fn set_call(&mut self, handle: u32, tag: u32, words: [usize; 4]) {
        // The kernel must not look at the upper halves.
        self.ax = handle as usize | 0xDEAD_BEEF << 32;
        self.di = tag as usize | 0xDEAD_BEEF << 32;
        [self.si, self.dx, self.r[0], self.r[1]] = words;
    }

    #[cfg(target_arch = "x86")]
    fn set_call(&mut self, handle: u32, tag: u32, words: [usize; 4]) {
        self.dx = handle as usize;
        self.ax = tag as usize;
        [self.bx, self.si, self.di, self.bp] = words;
    }

    /// The tag and the words that came back.
    #[cfg(target_arch = "x86_64")]
    pub fn message(&self) -> (u32, [usize; 4]) {
        (self.di as u32, [self.si, self.dx, self.r[0], self.r[1]])
    }

    /// The tag and the words that came back.
    #[cfg(target_arch = "x86")]
    pub fn message(&self) -> (u32, [usize; 4]) {
        (self.ax as u32, [self.bx, self.si, self.di, self.bp])
    }

    /// The registers that no call may change.
    #[cfg(target_arch = "x86_64")]
    pub fn kept(&self) -> [usize; 6] {
        let [_, _, _, _, r12, r13, r14, r15] = self.r;
        [self.bx, self.bp, r12, r13, r14, r15]
    }

    /// The registers that no call may change. On i686 the message takes all others, which a call without an answer
    /// leaves as they were.
    #[cfg(target_arch = "x86")]
    pub fn kept(&self) -> [usize; 0] {
        []
    }

    /// Does the call.
    pub fn call(mut self, entry: Entry) -> Self {
        match entry {
            // SAFETY: the function reads and writes the registers' memory and keeps to the calling convention; the
            // calls that the suite makes through it change no memory.
            Entry::Fast => unsafe { by_fast_entry(&mut self) },
            // SAFETY: as above.
            Entry::Gate => unsafe { by_gate(&mut self) },
        }
        self
    }

    /// Lets it happen, with these registers before; returns those behind it.
    pub fn through(mut self, event: Event) -> Self {
        match event {
            // SAFETY: as for calls, where a handler sees to it that the thread goes on.
            Event::Breakpoint => unsafe { by_breakpoint(&mut self) },
            // SAFETY: as above.
            Event::Overflow => unsafe { by_overflow(&mut self) },
            // SAFETY: as above.
            Event::Undefined => unsafe { by_undefined(&mut self) },
            // SAFETY: as above.
            Event::Load => unsafe { by_load(&mut self) },
            // SAFETY: as above.
            Event::Privileged => unsafe { by_privileged(&mut self) },
            // SAFETY: as above, and the byte may be read.
            Event::Spin => unsafe { by_spinning(&mut self) },
        }
        self
    }
}

pub(crate) const AX: usize = offset_of!(Registers, ax);
pub(crate) const BX: usize = offset_of!(Registers, bx);
pub(crate) const CX: usize = offset_of!(Registers, cx);
pub(crate) const DX: usize = offset_of!(Registers, dx);
pub(crate) const SI: usize = offset_of!(Registers, si);
pub(crate) const DI: usize = offset_of!(Registers, di);
pub(crate) const BP: usize = offset_of!(Registers, bp);
/// The offset of R8 to R15.
#[cfg(target_arch = "x86_64")]
pub(crate) const fn r(number: usize) -> usize {
    offset_of!(Registers, r) + (number - 8) * size_of::<usize>()
}
pub(crate) const FLAGS: usize = offset_of!(Registers, flags);

/// Flags as the calling convention wants them.
pub(crate) const PLAIN_FLAGS: usize = 0x202;

#[cfg(target_arch = "x86_64")]
macro_rules! with_registers {
    ($name:ident, $($enter:literal),+) => {
        #[unsafe(naked)]
        unsafe extern "sysv64" fn $name(registers: *mut Registers) {
            core::arch::naked_asm!(
                "push rbx", "push rbp", "push r12", "push r13", "push r14", "push r15",
                "push rdi",
                // The calls destroy r11, so that it may hold the address until the last moment.
                "mov r11, rdi",
                "mov rax, [r11 + {ax}]", "mov rbx, [r11 + {bx}]", "mov rcx, [r11 + {cx}]", "mov rdx, [r11 + {dx}]",
                "mov rsi, [r11 + {si}]", "mov rdi, [r11 + {di}]", "mov rbp, [r11 + {bp}]",
                "mov r8, [r11 + {r8}]", "mov r9, [r11 + {r9}]", "mov r12, [r11 + {r12}]",
                "mov r13, [r11 + {r13}]", "mov r14, [r11 + {r14}]", "mov r15, [r11 + {r15}]",
                "push qword ptr [r11 + {flags}]",
                "popfq",
                $($enter,)+
                "pushfq",
                "pop rcx",
                "push {plain}",
                "popfq",
                "mov r11, [rsp]",
                "mov [r11 + {ax}], rax", "mov [r11 + {bx}], rbx", "mov [r11 + {dx}], rdx",
                "mov [r11 + {si}], rsi", "mov [r11 + {di}], rdi", "mov [r11 + {bp}], rbp",
                "mov [r11 + {r8}], r8", "mov [r11 + {r9}], r9", "mov [r11 + {r12}], r12",
                "mov [r11 + {r13}], r13", "mov [r11 + {r14}], r14", "mov [r11 + {r15}], r15",
                "mov [r11 + {flags}], rcx",
                "pop rdi",
                "pop r15", "pop r14", "pop r13", "pop r12", "pop rbp", "pop rbx",
                "ret",
                ax = const AX, bx = const BX, cx = const CX, dx = const DX, si = const SI, di = const DI,
                bp = const BP, r8 = const r(8), r9 = const r(9), r12 = const r(12), r13 = const r(13),
                r14 = const r(14), r15 = const r(15), flags = const FLAGS, plain = const PLAIN_FLAGS,
            )
        }
    };
}

#[cfg(target_arch = "x86_64")]
with_registers!(by_fast_entry, "mov r10, rsp", "syscall");
#[cfg(target_arch = "x86_64")]
with_registers!(by_gate, "int 0x80");
#[cfg(target_arch = "x86_64")]
with_registers!(by_breakpoint, "int3");
#[cfg(target_arch = "x86_64")]
with_registers!(by_overflow, "int 4");
#[cfg(target_arch = "x86_64")]
with_registers!(by_undefined, "ud2");
#[cfg(target_arch = "x86_64")]
with_registers!(by_privileged, "cli", "nop");
#[cfg(target_arch = "x86_64")]
with_registers!(by_load, "mov al, [rsi]");
#[cfg(target_arch = "x86_64")]
with_registers!(by_spinning, "2:", "cmp byte ptr [rsi], 0", "je 2b");

#[cfg(target_arch = "x86")]
macro_rules! with_registers {
    ($name:ident, $($enter:literal),+) => {
        #[unsafe(naked)]
        unsafe extern "fastcall" fn $name(registers: *mut Registers) {
            core::arch::naked_asm!(
                "push ebx", "push ebp", "push esi", "push edi",
                "push ecx",
                "mov eax, [ecx + {ax}]", "mov ebx, [ecx + {bx}]", "mov edx, [ecx + {dx}]", "mov esi, [ecx + {si}]",
                "mov edi, [ecx + {di}]", "mov ebp, [ecx + {bp}]",
                "push dword ptr [ecx + {flags}]",
                "mov ecx, [ecx + {cx}]",
                "popfd",
                $($enter,)+
                "pushfd",
                "pop edx",
                "push {plain}",
                "popfd",
                "mov ecx, [esp]",
                "mov [ecx + {ax}], eax", "mov [ecx + {bx}], ebx", "mov [ecx + {si}], esi", "mov [ecx + {di}], edi",
                "mov [ecx + {bp}], ebp",
                "mov [ecx + {flags}], edx",
                "pop ecx",
                "pop edi", "pop esi", "pop ebp", "pop ebx",
                "ret",
                ax = const AX, bx = const BX, cx = const CX, dx = const DX, si = const SI, di = const DI,
                bp = const BP, flags = const FLAGS, plain = const PLAIN_FLAGS, page = const abi::CALL_PAGE_I686,
            )
        }
    };
}

// LLVM refuses a direct call to a number in Intel syntax.
#[cfg(target_arch = "x86")]
with_registers!(by_fast_entry, "mov ecx, {page}", "call ecx");
#[cfg(target_arch = "x86")]
with_registers!(by_gate, "mov ecx, {page}", "int 0x80");
#[cfg(target_arch = "x86")]
with_registers!(by_breakpoint, "mov ecx, {page}", "int3");
#[cfg(target_arch = "x86")]
with_registers!(by_overflow, "mov ecx, {page}", "int 4");
#[cfg(target_arch = "x86")]
with_registers!(by_undefined, "mov ecx, {page}", "ud2");
#[cfg(target_arch = "x86")]
with_registers!(by_privileged, "mov ecx, {page}", "cli", "nop");
#[cfg(target_arch = "x86")]
with_registers!(by_load, "mov ecx, {page}", "mov al, [esi]");
#[cfg(target_arch = "x86")]
with_registers!(by_spinning, "mov ecx, {page}", "2:", "cmp byte ptr [esi], 0", "je 2b");
