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
    /// Sends an NMI to the CPU in ring 0, waits until it has been taken, raises #MC's vector there, and steps both. The
    /// next NMI, which is ring 3's, is stepped too.
    Interrupt,
    /// Resumes the program with the trap flag set, and steps its next fast call.
    Trace,
    /// Resumes the program with the trap flag clear.
    Untrace,
    /// Single-steps the next trap from its entry's first instruction on.
    Step(Entry),
    /// Checks that this trap was stepped, and steps the next one.
    Stepped(Entry),
    /// Sends this CPU an interrupt, which comes once interrupts are on, and resumes the program.
    #[cfg(target_arch = "x86")]
    Request,
    /// Resumes the program after that interrupt.
    #[cfg(target_arch = "x86")]
    Served,
    /// Takes no further steps of a call that came to no gate.
    #[cfg(target_arch = "x86_64")]
    Refused,
    /// Checks that this call was stepped.
    StepsEnd,
    /// Checks that the last trap was stepped.
    Done,
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
    /// By `syscall` of 32-bit code, which is refused.
    #[cfg(target_arch = "x86_64")]
    CompatibilityCall,
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

/// The vector of a direct interrupt, in variants that have these.
pub const DIRECT: usize = 0x51;

/// The vectors of handlers with the frame and without. The script doesn't see them.
pub const TYPED: usize = 0x52;
pub const FRAMELESS: usize = 0x53;

/// The timer's vector, and the program's call gate.
pub const TIMER: usize = crate::support::timer::VECTOR as usize;
pub const CALL: usize = 0x80;

/// The local APIC's interrupt command register, and the command that sends an NMI to the first CPU.
pub const INTERRUPT_COMMAND: usize = 0xFEE0_0300;
pub const SEND_NMI: u32 = 1 << 14 | 0b100 << 8;

/// The local APIC's register that ends an interrupt, and the command that sends [`REQUESTED`] to this CPU.
#[cfg(target_arch = "x86")]
pub const END_OF_INTERRUPT: usize = 0xFEE0_00B0;
#[cfg(target_arch = "x86")]
pub const SEND_REQUEST: u32 = 0b01 << 18 | 1 << 14 | REQUESTED as u32;

/// The vector of an interrupt that the kernel sends itself.
#[cfg(target_arch = "x86")]
const REQUESTED: usize = 0x50;

/// The trap flag.
pub const TRAP_FLAG: usize = 1 << 8;

/// A selector behind the end of the GDT.
pub const NO_SELECTOR: u16 = 0xFFF8 | 3;

const BREAKPOINT: usize = vector::BREAKPOINT.number();
pub const PROTECTION: usize = vector::GENERAL_PROTECTION.number();
const OVERFLOW: usize = vector::OVERFLOW.number();
const MACHINE_CHECK: usize = vector::MACHINE_CHECK.number();

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
    #[cfg(target_arch = "x86_64")]
    (BREAKPOINT, Then::Step(Entry::CompatibilityCall)),
    #[cfg(target_arch = "x86_64")]
    (BREAKPOINT, Then::Refused),
    (BREAKPOINT, Then::Step(Entry::Gate(BREAKPOINT))),
    (BREAKPOINT, Then::Stepped(Entry::Gate(CALL))),
    (CALL, Then::Stepped(Entry::FastCall)),
    // On x86_64 the program's own flags come back, and these keep interrupts off.
    #[cfg(target_arch = "x86_64")]
    (FAST_CALL, Then::GoOn),
    // `sysexit` is stepped while an interrupt waits for it.
    #[cfg(target_arch = "x86")]
    (FAST_CALL, Then::Request),
    #[cfg(target_arch = "x86")]
    (REQUESTED, Then::Served),
    (BREAKPOINT, Then::StepsEnd),
    (BREAKPOINT, Then::Step(Entry::Gate(DIRECT))),
    (DIRECT, Then::Stepped(Entry::Gate(TYPED))),
    (BREAKPOINT, Then::Stepped(Entry::Gate(FRAMELESS))),
    (BREAKPOINT, Then::Stepped(Entry::Gate(OVERFLOW))),
    (BREAKPOINT, Then::Stepped(Entry::Gate(MACHINE_CHECK))),
    (MACHINE_CHECK, Then::GoOn),
    (BREAKPOINT, Then::Done),
    (BREAKPOINT, Then::Watch),
    (BREAKPOINT, Then::Watched),
    (CALL, Then::Watched),
    (FAST_CALL, Then::Unwatch),
    (BREAKPOINT, Then::Storm),
];
