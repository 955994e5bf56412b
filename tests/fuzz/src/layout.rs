//! The addresses in the processes that the fuzzer makes.

use abi::PAGE_BYTES;

/// The code of a batch of steps.
pub const CODE: usize = 0x0040_0000;

/// The code of one step.
pub const STEP_BYTES: usize = 128;

/// The steps that share a process and the memory of their code, which is sealed before it is run: what one call maps.
pub const BATCH_STEPS: usize = abi::PAGES_PER_CALL * PAGE_BYTES / STEP_BYTES;

/// The size of a batch's code.
pub const CODE_BYTES: usize = BATCH_STEPS * STEP_BYTES;

/// The page from which a step's first instructions load the registers: a [`crate::registers::Desk`].
pub const DESK: usize = 0x0050_0000;

/// Memory to write to, the same at every step's beginning.
pub const DATA: usize = DESK + PAGE_BYTES;

/// Its size.
pub const DATA_BYTES: usize = PAGE_BYTES;

/// The first instructions of most steps, and of the victim's other thread.
pub const LAUNCH: usize = 0x0060_0000;

/// The last page that a program may have. At its end stand system calls, whose return lands behind it.
pub const EDGE: usize = abi::USER_END - PAGE_BYTES;

/// The code of a witness.
pub const WITNESS_CODE: usize = 0x0040_0000;

/// The sheet of the first witness, with that of the second one behind it.
pub const WITNESS_SHEETS: usize = 0x0050_0000;

/// Whether registers have 64 bits.
pub const LONG: bool = cfg!(target_pointer_width = "64");
