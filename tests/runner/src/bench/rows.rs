//! The measured rows, with seL4's figures and Bellwire's targets.

/// A row of the tables. Pairs are x86_64's and i686's.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// Its name in the files.
    pub key: &'static str,
    /// The operation.
    pub work: &'static str,
    /// seL4's figures, where it has such an operation (commit 1326364, pc99, unmodified, fast path on, measured in the
    /// same emulator with the same flags).
    pub sel4: Option<[u64; 2]>,
    /// The most that it should cost.
    pub target: Option<[u64; 2]>,
}

const fn row(key: &'static str, work: &'static str) -> Row {
    Row { key, work, sel4: None, target: None }
}

impl Row {
    const fn sel4(self, x86_64: u64, ia32: u64) -> Row {
        Row { sel4: Some([x86_64, ia32]), ..self }
    }

    const fn target(self, x86_64: u64, i686: u64) -> Row {
        Row { target: Some([x86_64, i686]), ..self }
    }
}

/// All rows. Calls, notifications, faults and interrupts cross address spaces.
pub const ROWS: &[Row] = &[
    row("null_call", "a call that does nothing in the kernel").sel4(250, 304).target(72, 60),
    row("ipc_round_trip_0w", "call and reply_receive, no words").sel4(432, 478).target(285, 300),
    row("ipc_round_trip_4w", "the same, 4 words").sel4(474, 2030).target(285, 300),
    row("ipc_call", "one way: call").sel4(204, 227),
    row("ipc_reply", "one way: reply").sel4(229, 252),
    row("ipc_round_trip_float", "round trip, floating point on both sides").sel4(462, 519),
    row("notify_to_waiter", "notify to a waiting higher-priority thread").sel4(537, 651).target(160, 165),
    row("fault_to_handler", "page fault to the waiting handler running").target(180, 180),
    row("irq_latency_intx", "interrupt to driver, edu by its line").sel4(372, 449).target(172, 165),
    row("irq_latency_msi", "the same by a message").sel4(338, 407).target(165, 158),
    row("irq_cycle_intx", "interrupt to low thread resumed, by its line").sel4(1293, 1513).target(345, 345),
    row("irq_cycle_msi", "the same by a message").sel4(1224, 1427).target(330, 330),
    row("port_access", "one port read by a driver").sel4(460, 460).target(1, 1),
    row("boot", "kernel start to the first user instruction").sel4(1_450_000, 1_520_000).target(350_000, 350_000),
    row(LARGE_BOOT, "the same with 8 GiB instead of 256 MiB"),
    row("kernel_bytes", "kernel text and read-only data, bytes").sel4(78_442, 58_670).target(64_000, 56_000),
    row(LONGEST, "longest stretch with interrupts off").target(1300, 1800),
];

/// A row of the interrupt entry's bench (`arch/entry/examples/bench`), in each of its builds. Pairs are x86_64's and
/// i686's.
#[derive(Clone, Copy, Debug)]
pub struct EntryRow {
    /// Its name in the files.
    pub key: &'static str,
    /// The trap.
    pub work: &'static str,
    /// The most that it should cost without optimisation across crates.
    pub target: Option<[u64; 2]>,
}

const fn entry_row(key: &'static str, work: &'static str) -> EntryRow {
    EntryRow { key, work, target: None }
}

impl EntryRow {
    const fn target(self, x86_64: u64, i686: u64) -> EntryRow {
        EntryRow { target: Some([x86_64, i686]), ..self }
    }
}

/// All rows of the interrupt entry's bench.
pub const ENTRY_ROWS: &[EntryRow] = &[
    entry_row("interrupt_ring_0", "interrupt of ring 0, typed handler").target(44, 44),
    entry_row("compiler_interrupt_ring_0", "the same by the compiler's ABI"),
    entry_row("interrupt_ring_3", "interrupt of ring 3, typed handler").target(44, 44),
    entry_row("compiler_interrupt_ring_3", "the same by the compiler's ABI"),
    entry_row("frameless_ring_0", "interrupt of ring 0, handler without the frame").target(44, 32),
    entry_row("frameless_ring_3", "interrupt of ring 3, handler without the frame").target(44, 32),
    entry_row("fault_ring_0", "fault of a selector in ring 0, typed handler"),
    entry_row("compiler_fault_ring_0", "the same by the compiler's ABI"),
    entry_row("swapping_ring_0", "interrupt of ring 0, kernel with swapgs"),
    entry_row("swapping_ring_3", "interrupt of ring 3, kernel with swapgs"),
    entry_row("call_ring_3", "system call by int"),
    entry_row("fast_call_ring_3", "system call by syscall or sysenter"),
];

/// The row of booting with much memory: it may take a tenth more than with little.
pub const LARGE_BOOT: &str = "boot_8gib";

/// The row of the longest stretch with interrupts off.
pub const LONGEST: &str = "irqs_off_max";

/// The plugin's counts that cost a CPU more than an instruction, or are memory: the name in its report, and the
/// meaning.
pub const COUNTS: &[(&str, &str)] = &[
    ("kernel", "instructions of the kernel"),
    ("cr3", "writes to CR3, each of which empties the TLB"),
    ("control", "writes to other control registers"),
    ("msr", "accesses to model-specific registers"),
    ("port", "accesses to ports"),
    ("apic", "accesses to the local APIC"),
    ("ioapic", "accesses to an IOAPIC"),
    ("iret", "`iret`"),
    ("fast", "`sysret` or `sysexit`"),
    ("flush", "`invlpg` and the like"),
    ("stack", "loads of the stack pointer"),
    ("lines", "cache lines that the kernel reads or writes"),
    ("written", "cache lines that the kernel writes"),
];

/// The counts that are of memory.
pub const LINES: [&str; 2] = ["lines", "written"];
