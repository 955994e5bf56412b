//! The witness: a process of its own that loads every register with a pattern, is interrupted, and looks whether each
//! is as it was, again and again, while others try to spoil it.

use crate::bare;
use crate::entry::Registers;
use crate::float::Level;
use crate::held::{self, Event, State, Whole};
use bellwire::Result;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

/// The address at which the witness has the page that it shares with its creator.
pub const PAGE: usize = 0x3000_0000;

/// The content of that page.
#[repr(C)]
#[derive(Debug)]
pub struct Report {
    /// 1 while every register holds its pattern; written by the very instructions before and behind.
    pub holding: AtomicU32,
    /// How often the registers were held and found right.
    pub rounds: AtomicU32,
    /// 0 if all registers were right. Otherwise 1 plus the number of the wrong register: its place in [`held::NAMES`],
    /// or [`FLOATING_POINT`] plus the offset in the area.
    pub wrong: AtomicU32,
    /// The expected value.
    pub expected: AtomicUsize,
    /// The value that was found.
    pub found: AtomicUsize,
}

/// The number in [`Report::wrong`] of the first byte of floating-point state.
pub const FLOATING_POINT: u32 = 0x100;

/// How often the spin counts: long beside the time that loading and looking take, short beside a test.
const SPINS: usize = 20_000;

/// The flags that ring 3 may set and that don't trap: arithmetic, DF, NT, AC, ID.
const FLAGS: usize = 0x8D5 | 1 << 10 | 1 << 14 | 1 << 18 | 1 << 21;
/// The bit that is always set, and IF.
const FIXED_FLAGS: usize = 0x202;

/// The flat segments that ring 3 may load: data, and code that may be read (in ES and GS of i686).
const DATA_SELECTOR: usize = 0x23;
const CODE_SELECTOR: usize = 0x1B;

/// The word that the thread pointer points to.
static WORD: AtomicUsize = AtomicUsize::new(usize::MAX / 3 * 2);

/// Holds registers until the process is ended; returns only if one was found wrong.
pub fn run() -> Result<()> {
    bare::thread_pointer(abi::NO_HANDLE, [WORD.as_ptr() as usize, 0, 0, 0])?;
    let [_, _, thread_selector, _] = held::selectors();
    // SAFETY: this is the process's only thread.
    let state = unsafe { held::state() };
    let level = Level::detect();
    let mut seed = 1_u8;
    // SAFETY: the page was mapped there before this thread began, for as long as the process lives.
    let report = unsafe { &*(PAGE as *const Report) };
    loop {
        hold(state, level, seed);
        let expected = expected(state, thread_selector);
        let wrong = held::difference(&expected, &state.after)
            .map(|(number, expected, found)| (number as u32, expected, found))
            .or_else(|| {
                let offset = level.difference(&state.filled, &state.found)?;
                let [expected, found] = [&state.filled, &state.found].map(|area| usize::from(area.0[offset]));
                Some((FLOATING_POINT + offset as u32, expected, found))
            });
        if let Some((number, expected, found)) = wrong {
            report.expected.store(expected, Ordering::Relaxed);
            report.found.store(found, Ordering::Relaxed);
            report.wrong.store(1 + number, Ordering::Release);
            return Ok(());
        }
        report.rounds.fetch_add(1, Ordering::Release);
        seed = seed.wrapping_add(7) | 1;
    }
}

/// Every register with a value of its own and of this round, and no stack.
fn hold(state: &mut State, level: Level, seed: u8) {
    held::fill(state, level, seed);
    let pattern = |number: usize| number.wrapping_mul(0x1111_1111) ^ (usize::MAX / 255 * usize::from(seed));
    state.before = Whole {
        general: Registers {
            ax: pattern(1),
            bx: pattern(2),
            cx: SPINS,
            dx: pattern(4),
            si: pattern(5),
            di: pattern(6),
            bp: pattern(7),
            r: [8, 9, 10, 11, 12, 13, 14, 15].map(pattern),
            flags: FIXED_FLAGS | (FLAGS & pattern(3)),
        },
        stack: pattern(16),
        segments: [DATA_SELECTOR, CODE_SELECTOR, 0, CODE_SELECTOR],
        thread_word: WORD.load(Ordering::Relaxed),
        gs_word: 0,
    };
    // SAFETY: this is the process's only thread, and spinning needs no stack.
    unsafe { held::function(level, Event::Spin)() };
}

/// The registers that spinning leaves.
fn expected(state: &State, thread_selector: usize) -> Whole {
    let mut expected = state.before;
    expected.general.dx = expected.general.dx.wrapping_add(expected.general.cx);
    expected.general.cx = 0;
    if cfg!(target_arch = "x86_64") {
        // Data segments mean nothing here, and are never loaded.
        expected.segments = [0; 4];
        expected.gs_word = state.place;
    } else {
        // The kernel has chosen it, since the thread pointer is the base of a segment.
        expected.segments[2] = thread_selector;
        expected.general.r = [0; 8];
    }
    expected
}
