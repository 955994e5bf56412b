//! A witness's code, copied into its memory: it fills all registers and looks whether they stay.
//!
//! The code is assembly, since a compiler may use any register at any time. A witness that finds a difference executes
//! `ud2`, at an address that names the kind of register. Its sheet has the values that it found.

#[cfg(target_arch = "x86")]
mod i686;
#[cfg(target_arch = "x86_64")]
mod x86_64;

#[cfg(target_arch = "x86")]
use i686::{spin_avx, spin_sse, spin_x87, wake_avx, wake_sse, wake_x87};
#[cfg(target_arch = "x86_64")]
use x86_64::{spin_avx, spin_sse, spin_x87, wake_avx, wake_sse, wake_x87};

use abi::{Kind, Operation, Options, PAGE_BYTES, Tag};
use core::mem::offset_of;
use fuzz::layout::WITNESS_SHEETS;
use fuzz::registers::GENERAL;
use suite::float::{Area, Level};

/// Bytes that each function takes.
pub const BYTES: usize = 1024;

/// The values that a witness holds, and those that it found.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct Sheet {
    /// The contents for the floating-point registers.
    pub filled: Area,
    /// Their contents, saved at once.
    pub expected: Area,
    /// Their contents later.
    pub found: Area,
    /// The contents for the general registers. The FS base is the address of this field.
    pub general: [usize; GENERAL],
    /// Rounds so far.
    pub rounds: usize,
    /// How often the registers are looked at before the next look at floating point.
    pub left: usize,
    /// The endpoint at which the second witness waits.
    pub endpoint: u32,
    /// DS, ES, FS, GS, SS as they were at first.
    pub segments: [u32; 5],
    /// The thread's stack.
    pub stack: [usize; 16],
}

/// Where one sheet begins after another.
pub const SHEET_BYTES: usize = size_of::<Sheet>().next_multiple_of(PAGE_BYTES);

impl Sheet {
    /// Nothing in it yet.
    pub const EMPTY: Self = Self {
        filled: Area::ZERO,
        expected: Area::ZERO,
        found: Area::ZERO,
        general: [0; GENERAL],
        rounds: 0,
        left: 0,
        endpoint: 0,
        segments: [0; 5],
        stack: [0; 16],
    };
}

/// The functions of both witnesses for this CPU, as they stand in their memory: first that of the lowest priority, then
/// that of the thread that a timer wakes.
pub fn code(level: Level) -> [u8; 2 * BYTES] {
    let functions: [extern "C" fn(); 2] = match level {
        Level::X87 => [spin_x87, wake_x87],
        Level::Sse => [spin_sse, wake_sse],
        Level::Avx | Level::Avx512 => [spin_avx, wake_avx],
    };
    let mut code = [0; 2 * BYTES];
    for (to, function) in code.chunks_mut(BYTES).zip(functions) {
        // SAFETY: the functions are padded to `BYTES` bytes, all of them readable code.
        to.copy_from_slice(unsafe { core::slice::from_raw_parts(function as *const u8, BYTES) });
    }
    code
}

const SPIN: usize = WITNESS_SHEETS;
const WAKE: usize = WITNESS_SHEETS + SHEET_BYTES;
const FILLED: usize = offset_of!(Sheet, filled);
const EXPECTED: usize = offset_of!(Sheet, expected);
const FOUND: usize = offset_of!(Sheet, found);
const REGISTERS: usize = offset_of!(Sheet, general);
const ROUNDS: usize = offset_of!(Sheet, rounds);
const LEFT: usize = offset_of!(Sheet, left);
const ENDPOINT: usize = offset_of!(Sheet, endpoint);
/// A quadword short of its end: what a popped flag leaves room for.
const STACK: usize = offset_of!(Sheet, stack) + size_of::<[usize; 15]>();
const WORD: usize = size_of::<usize>();
/// Looks at the general registers for one at floating point.
const LOOKS: usize = 8;

/// The parts of a saved area that are registers, in words: from its beginning on, and from an offset on.
///
/// FNSAVE's first part ends before the addresses of the last instruction, which the emulator's FRSTOR doesn't load.
const LEGACY_FNSAVE: usize = 12 / WORD;
const UPPER_FNSAVE: (usize, usize) = (28, 80 / WORD);
const LEGACY_FXSAVE: usize = 512 / WORD;
const UPPER_FXSAVE: (usize, usize) = (0, 0);
const UPPER_XSAVE: (usize, usize) = (576, (if GENERAL > 8 { 256 } else { 128 }) / WORD);

/// Flags that are looked at: TF, IF, DF, IOPL, NT, RF, VM, AC, VIF, VIP, ID.
const FLAGS_SEEN: u32 = 1 << 8 | 1 << 9 | 1 << 10 | 3 << 12 | 1 << 14 | 0x3F << 16;
/// The flags that a witness sets: IF, AC, ID.
const FLAGS_OWN: u32 = 1 << 9 | 1 << 18 | 1 << 21;
/// The flags that a witness loads. The arithmetic flags are clear, as the kernel's gates leave them.
const FLAGS_LOADED: u32 = FLAGS_OWN | 2;

const RECEIVE: u32 = Tag::incoming(Operation::Receive, 0, Options::empty()).0;
/// The bits of a tag that say what kind of message came.
const KIND: u32 = 0xF;
const TIMER: u32 = Kind::Timer as u32;
