//! The I/O ports of a PC that the kernel itself uses, by their numbers.

/// The first 8259A: command, then data.
pub const FIRST_PIC: u16 = 0x20;
/// The second 8259A: command, then data.
pub const SECOND_PIC: u16 = 0xA0;
/// The edge/level registers of both 8259As.
pub const PIC_TRIGGERS: u16 = 0x4D0;
/// The ports of each 8259A, and of the edge/level registers.
pub const PIC_PORTS: u16 = 2;

/// The 8254: its three channels, then the control word.
pub const PIT: u16 = 0x40;
/// The ports of the 8254.
pub const PIT_PORTS: u16 = 4;
/// The gate of the 8254's channel 2, the speaker, and enables of NMI sources.
pub const SYSTEM_CONTROL: u16 = 0x61;

/// The real-time clock: index, then data.
pub const RTC: u16 = 0x70;

/// The 16550 of COM1, eight ports.
pub const COM1: u16 = 0x3F8;

/// QEMU's isa-debug-exit device, where a test has put it.
pub const DEBUG_EXIT: u16 = 0xF4;
/// The port at which Bochs ends, once it has read the word `Shutdown` there.
pub const BOCHS_SHUTDOWN: u16 = 0x8900;
