//! All registers at once: loaded with a pattern, held through an event, and looked at right after it.
//!
//! The loaded and the found registers lie in one static, since no register is left that could point to them. One thread
//! of a process uses it at a time.

use crate::entry::Registers;
use crate::float::{Area, Level};
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;

/// Every register that a program has, but for the instruction pointer and floating point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(C)]
pub struct Whole {
    /// The general registers and the flags.
    pub general: Registers,
    /// The stack pointer.
    pub stack: usize,
    /// DS, ES, FS and GS.
    pub segments: [usize; 4],
    /// The word that FS points to.
    pub thread_word: usize,
    /// On x86_64 the word that GS gives at the address of [`State::place`]; GS has the base 0 there.
    pub gs_word: usize,
}

/// The registers that are loaded, and those that were found.
#[repr(C, align(64))]
pub struct State {
    /// The registers that are loaded before the event. Of `segments` only ES and GS are loaded, on i686 only.
    pub before: Whole,
    /// The registers that were found after it.
    pub after: Whole,
    /// The floating-point registers before.
    pub filled: Area,
    /// The floating-point registers after.
    pub found: Area,
    initial: Area,
    /// The stack pointer of the function that holds, meanwhile.
    pub place: usize,
}

/// The event that happens while the registers are held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// `cx` is counted down to 0 and `dx` up as far, without a flag being changed; [`crate::witness::PAGE`] says when.
    Spin,
    /// `syscall`, or what i686's call page has.
    Fast,
    /// `int 0x80`.
    Gate,
    /// `ud2`: a fault, behind which a handler must set the thread.
    Fault,
    /// `int3`: a trap.
    Trap,
}

/// The state of this process, laid out as its content.
#[repr(transparent)]
struct Place(UnsafeCell<State>);

// SAFETY: one thread at a time uses it, as `hold` and `state` demand of their callers.
unsafe impl Sync for Place {}

const EMPTY: Whole = Whole {
    general: Registers { ax: 0, bx: 0, cx: 0, dx: 0, si: 0, di: 0, bp: 0, r: [0; 8], flags: 0 },
    stack: 0,
    segments: [0; 4],
    thread_word: 0,
    gs_word: 0,
};

static HELD: Place = Place(UnsafeCell::new(State {
    before: EMPTY,
    after: EMPTY,
    filled: Area::ZERO,
    found: Area::ZERO,
    initial: Area::ZERO,
    place: 0,
}));

/// Returns the state: the registers that will be loaded, and those that were found.
///
/// # Safety
/// No other thread of this process holds registers, and no reference from an earlier call is in use.
pub unsafe fn state() -> &'static mut State {
    // SAFETY: the caller's promise.
    unsafe { &mut *HELD.0.get() }
}

/// Prepares what [`state`] doesn't: the floating-point registers' pattern by its seed.
pub fn fill(state: &mut State, level: Level, seed: u8) {
    state.initial = level.initial();
    state.filled = level.pattern(seed);
    state.found = Area::ZERO;
    state.after = EMPTY;
}

/// The function that loads the registers, lets the event happen and looks.
pub fn function(level: Level, event: Event) -> unsafe extern "C" fn() {
    match (level, event) {
        (Level::X87, Event::Spin) => spin_x87,
        (Level::Sse, Event::Spin) => spin_sse,
        (Level::Avx | Level::Avx512, Event::Spin) => spin_avx,
        (Level::X87, Event::Fast) => fast_x87,
        (Level::Sse, Event::Fast) => fast_sse,
        (Level::Avx | Level::Avx512, Event::Fast) => fast_avx,
        (Level::X87, Event::Gate) => gate_x87,
        (Level::Sse, Event::Gate) => gate_sse,
        (Level::Avx | Level::Avx512, Event::Gate) => gate_avx,
        (Level::X87, Event::Fault) => fault_x87,
        (Level::Sse, Event::Fault) => fault_sse,
        (Level::Avx | Level::Avx512, Event::Fault) => fault_avx,
        (Level::X87, Event::Trap) => trap_x87,
        (Level::Sse, Event::Trap) => trap_sse,
        (Level::Avx | Level::Avx512, Event::Trap) => trap_avx,
    }
}

/// DS, ES, FS and GS as they are now.
pub fn selectors() -> [usize; 4] {
    let (ds, es, fs, gs): (usize, usize, usize, usize);
    // SAFETY: reads registers.
    unsafe {
        asm!("mov {0:e}, ds", "mov {1:e}, es", "mov {2:e}, fs", "mov {3:e}, gs", out(reg) ds, out(reg) es,
            out(reg) fs, out(reg) gs, options(nomem, nostack, preserves_flags));
    }
    [ds, es, fs, gs]
}

/// The first register that isn't as expected: its name, what was expected, what was found.
pub fn difference(expected: &Whole, found: &Whole) -> Option<(usize, usize, usize)> {
    let pairs = words(expected).into_iter().zip(words(found)).enumerate();
    pairs.map(|(at, (expected, found))| (at, expected, found)).find(|(_, expected, found)| expected != found)
}

/// The names in the order of [`difference`]'s numbers.
pub const NAMES: [&str; 23] = [
    "ax",
    "bx",
    "cx",
    "dx",
    "si",
    "di",
    "bp",
    "r8",
    "r9",
    "r10",
    "r11",
    "r12",
    "r13",
    "r14",
    "r15",
    "flags",
    "sp",
    "ds",
    "es",
    "fs",
    "gs",
    "the word at fs",
    "the word at gs",
];

fn words(whole: &Whole) -> [usize; NAMES.len()] {
    let Whole { general, stack, segments: [ds, es, fs, gs], thread_word, gs_word } = *whole;
    let Registers { ax, bx, cx, dx, si, di, bp, r: [r8, r9, r10, r11, r12, r13, r14, r15], flags } = general;
    [
        ax,
        bx,
        cx,
        dx,
        si,
        di,
        bp,
        r8,
        r9,
        r10,
        r11,
        r12,
        r13,
        r14,
        r15,
        flags,
        stack,
        ds,
        es,
        fs,
        gs,
        thread_word,
        gs_word,
    ]
}

const BEFORE: usize = offset_of!(State, before);
const AFTER: usize = offset_of!(State, after);
const STACK: usize = offset_of!(Whole, stack);
const WORD: usize = offset_of!(Whole, thread_word);
#[cfg(target_arch = "x86_64")]
const GS_WORD: usize = offset_of!(Whole, gs_word);

/// The offset of DS, ES, FS or GS.
const fn segment(number: usize) -> usize {
    offset_of!(Whole, segments) + number * size_of::<usize>()
}

const FILLED: usize = offset_of!(State, filled);
const FOUND: usize = offset_of!(State, found);
const INITIAL: usize = offset_of!(State, initial);
const PLACE: usize = offset_of!(State, place);

#[cfg(target_arch = "x86_64")]
#[path = "held/x86_64.rs"]
mod width;
#[cfg(target_arch = "x86")]
#[path = "held/i686.rs"]
mod width;
use width::*;
