//! How many objects of each kind this build of the kernel can hold.
//!
//! Tables never move and never grow, so that links into them stay valid and no operation needs a heap. Host tests use
//! small tables, so that a random walk reaches the case "table full" too.

#[cfg(not(any(test, feature = "small-tables")))]
mod values {
    /// Threads.
    pub const THREADS: usize = 2112;
    /// Processes.
    pub const PROCESSES: usize = 1056;
    /// Endpoints.
    pub const ENDPOINTS: usize = 2112;
    /// Claimed interrupt lines.
    pub const INTERRUPTS: usize = 256;
    /// Timers.
    pub const TIMERS: usize = 2000;
    /// Memory objects.
    pub const MEMORIES: usize = 4096;
    /// Mapped stretches of memory objects.
    pub const MAPPINGS: usize = 8192;
    /// Claimed ranges of I/O ports.
    pub const PORTS: usize = 512;
    /// Reply objects.
    pub const REPLIES: usize = 2000;
    /// Handles of all processes.
    pub const HANDLES: usize = 65536;
    /// The lives of a slot that can be told apart.
    pub const GENERATIONS: u16 = u16::MAX;
    /// How many creations come between two steps of the sweep for stale names.
    pub const CREATIONS_PER_SWEEP: usize = 2;
    /// How many names such a step looks at.
    pub const NAMES_PER_SWEEP: usize = 8;
}

#[cfg(any(test, feature = "small-tables"))]
mod values {
    /// Threads.
    pub const THREADS: usize = 12;
    /// Processes.
    pub const PROCESSES: usize = 7;
    /// Endpoints.
    pub const ENDPOINTS: usize = 8;
    /// Claimed interrupt lines.
    pub const INTERRUPTS: usize = 8;
    /// Timers.
    pub const TIMERS: usize = 6;
    /// Memory objects.
    pub const MEMORIES: usize = 16;
    /// Mapped stretches of memory objects.
    pub const MAPPINGS: usize = 16;
    /// Claimed ranges of I/O ports.
    pub const PORTS: usize = 6;
    /// Reply objects.
    pub const REPLIES: usize = 6;
    /// Handles of all processes.
    pub const HANDLES: usize = 512;
    /// The lives of a slot that can be told apart.
    pub const GENERATIONS: u16 = 7;
    /// How many creations come between two steps of the sweep for stale names.
    pub const CREATIONS_PER_SWEEP: usize = 1;
    /// How many names such a step looks at.
    pub const NAMES_PER_SWEEP: usize = 200;
}

pub use values::*;

/// Handles of one process: a power of two.
pub const TABLE_HANDLES: usize = 64;
/// The handle table of a process that asks for a large one (`init` does).
pub const LARGE_TABLE_HANDLES: usize = 1024;
/// The lines that can be bound; the last stands for the NMI.
pub const MAX_LINES: usize = 256;
/// Threads of one process at most.
pub use abi::THREADS_PER_PROCESS;
/// Stretches mapped in one process at most, so that finding one among them is bounded work.
pub const MAPPINGS_PER_PROCESS: usize = if MAPPINGS < 2048 { MAPPINGS } else { 2048 };
/// Sources bound by one process at most, so that its end takes few slices.
pub const SOURCES_PER_PROCESS: usize = 16;

/// The objects of a kind that the kernel and the first process make for themselves.
#[cfg(not(any(test, feature = "small-tables")))]
const OWN_OBJECTS: usize = 100;

#[cfg(not(any(test, feature = "small-tables")))]
const _: () = {
    const ROOM: usize = abi::OBJECTS + OWN_OBJECTS;
    assert!(THREADS >= ROOM && ENDPOINTS >= ROOM, "quotas allow more threads or endpoints than there is room for");
    assert!(TIMERS >= ROOM && REPLIES >= ROOM, "quotas allow more timers or Replies than there is room for");
    assert!(MEMORIES >= ROOM && MAPPINGS >= ROOM, "quotas allow more memory or mappings than there is room for");
    let processes = abi::OBJECTS / abi::OBJECTS_PER_PROCESS as usize;
    assert!(PROCESSES >= processes + 2, "quotas allow more processes than there is room for");
    assert!(
        HANDLES >= LARGE_TABLE_HANDLES + processes * TABLE_HANDLES,
        "quotas allow more processes than there are handle tables"
    );
};
