//! What the program does, step by step, as the kernel expects to see it.
use x86_entry::vector::{self, FAST_CALL};

/// What the kernel does next.
#[derive(Clone, Copy, Debug)]
pub enum Then {
    /// Resumes the program.
    GoOn,
    /// Resumes the program behind a faulting instruction of two bytes.
    Skip,
    /// Puts a selector that doesn't exist into the program's frame: its return must fault, as its own fault.
    Break(Field),
    /// Puts the good selector back.
    Mend(Field),
    /// Sends an NMI to the CPU in ring 0, waits until it has been taken, and resumes the program.
    Interrupt,
    /// Resumes the program with the trap flag set.
    Trace,
    /// Resumes the program with the trap flag clear.
    Untrace,
    /// Single-steps the next trap from its entry's first instruction on.
    Step(Entry),
    /// Checks that this trap was stepped, and steps the next one.
    Stepped(Entry),
    /// Checks that this call was stepped.
    StepsEnd,
    /// Puts a breakpoint on what the program loads into SS before each of the next traps.
    Watch,
    /// Says where the breakpoint's exception came that belongs to this trap.
    Watched,
    /// Says where the exception came, and takes the breakpoint away.
    Unwatch,
    /// Resumes the idle context until an interrupt comes.
    Idle,
    /// Resumes the program after the idle context.
    Wake,
    /// The program traps in a loop from here on, while NMIs come.
    Storm,
}

/// A way into the kernel.
#[derive(Clone, Copy, Debug)]
pub enum Entry {
    /// By a vector's gate.
    Gate(usize),
    /// By `syscall` or `sysenter`.
    FastCall,
}

/// A selector in a frame.
#[derive(Clone, Copy, Debug)]
#[cfg_attr(target_arch = "x86_64", expect(dead_code, reason = "64-bit frames hold cs and ss alone"))]
pub enum Field {
    Cs,
    Ss,
    Ds,
    Es,
    Fs,
    Gs,
}

/// The timer's vector, and the program's call gate.
pub const TIMER: usize = crate::support::timer::VECTOR as usize;
pub const CALL: usize = 0x80;

/// The local APIC's interrupt command register, and the command that sends an NMI to the first CPU.
pub const INTERRUPT_COMMAND: usize = 0xFEE0_0300;
pub const SEND_NMI: u32 = 1 << 14 | 0b100 << 8;

/// The trap flag.
pub const TRAP_FLAG: usize = 1 << 8;

/// A selector behind the end of the GDT.
pub const NO_SELECTOR: u16 = 0xFFF8 | 3;

const BREAKPOINT: usize = vector::BREAKPOINT.number();
const PROTECTION: usize = vector::GENERAL_PROTECTION.number();

/// The vectors in the order in which they must come, and what follows.
pub const STEPS: &[(usize, Then)] = &[
    (BREAKPOINT, Then::GoOn),
    (vector::INVALID_OPCODE.number(), Then::Skip),
    (vector::PAGE_FAULT.number(), Then::Skip),
    (CALL, Then::GoOn),
    (BREAKPOINT, Then::Break(Field::Cs)),
    (PROTECTION, Then::Mend(Field::Cs)),
    (BREAKPOINT, Then::Break(Field::Ss)),
    (PROTECTION, Then::Mend(Field::Ss)),
    #[cfg(target_arch = "x86")]
    (BREAKPOINT, Then::Break(Field::Ds)),
    #[cfg(target_arch = "x86")]
    (PROTECTION, Then::Mend(Field::Ds)),
    #[cfg(target_arch = "x86")]
    (BREAKPOINT, Then::Break(Field::Es)),
    #[cfg(target_arch = "x86")]
    (PROTECTION, Then::Mend(Field::Es)),
    #[cfg(target_arch = "x86")]
    (BREAKPOINT, Then::Break(Field::Fs)),
    #[cfg(target_arch = "x86")]
    (PROTECTION, Then::Mend(Field::Fs)),
    #[cfg(target_arch = "x86")]
    (BREAKPOINT, Then::Break(Field::Gs)),
    #[cfg(target_arch = "x86")]
    (PROTECTION, Then::Mend(Field::Gs)),
    (BREAKPOINT, Then::Idle),
    (TIMER, Then::Wake),
    (vector::NON_MASKABLE_INTERRUPT.number(), Then::Interrupt),
    (vector::NON_MASKABLE_INTERRUPT.number(), Then::GoOn),
    (BREAKPOINT, Then::Trace),
    (vector::DEBUG.number(), Then::Untrace),
    (FAST_CALL, Then::GoOn),
    (FAST_CALL, Then::Idle),
    (TIMER, Then::Wake),
    (BREAKPOINT, Then::Trace),
    (FAST_CALL, Then::GoOn),
    (vector::DEBUG.number(), Then::Untrace),
    (BREAKPOINT, Then::Step(Entry::Gate(BREAKPOINT))),
    (BREAKPOINT, Then::Stepped(Entry::Gate(CALL))),
    (CALL, Then::Stepped(Entry::FastCall)),
    (FAST_CALL, Then::GoOn),
    (BREAKPOINT, Then::StepsEnd),
    (BREAKPOINT, Then::Watch),
    (BREAKPOINT, Then::Watched),
    (CALL, Then::Watched),
    (FAST_CALL, Then::Unwatch),
    (BREAKPOINT, Then::Storm),
];
