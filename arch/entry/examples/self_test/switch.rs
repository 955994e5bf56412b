//! Frames of ring 0, resumed where they were saved and elsewhere: a safe handler swaps its frame with a saved one.
//!
//! Context and first program each have a stack of their own. The handler's `&mut` is the interrupted code's frame on
//! that code's stack; what it leaves there is resumed. So a frame is resumed from another stack than it was saved on,
//! and no word of the interrupted stacks may change.
use core::arch::{asm, naked_asm};
use core::marker::PhantomData;
use core::mem::swap;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::vector::{DEBUG, VectorRange};
use x86_entry::{EntryDataLocation, InterruptDescriptorTable, KernelEntry, TrapFrame, TrapStack, UserGs, WithoutSmap};

use crate::script::TRAP_FLAG;
use crate::steps;
use crate::support::{Setup, Stack};
use crate::variant::Variant;
use crate::width::gate_address;

/// The vector that asks for a switch.
const VECTOR: u8 = 0x82;

/// The vector whose handler changes the stack pointer.
const STAY: u8 = 0x83;

/// The vector whose handler changes the instruction pointer and the flags, and leaves the stack pointer.
const LEAD_OVER: u8 = 0x84;

/// The vector whose handler doesn't get the frame.
const FRAMELESS: u8 = 0x85;

/// The bytes of `ud2`, over which a handler leads.
const INVALID_INSTRUCTION_BYTES: usize = 2;

/// The arithmetic carry.
const CARRY: usize = 1;

/// Switches there and back that are made.
const ROUNDS: usize = 3;

/// The kernel with a variant's choices of stack, data and GS.
struct Switching<V>(PhantomData<V>);

// SAFETY: the segments are loaded before `check` runs, and nothing but its own interrupts comes while it does. The
// frames that the handler leaves were saved there or made for a context with a stack of its own.
unsafe impl<V: Variant> KernelEntry for Switching<V> {
    const TRAP_STACK: TrapStack = V::TRAP_STACK;
    const DATA_LOCATION: EntryDataLocation = V::DATA_LOCATION;
    const USER_GS: UserGs = V::USER_GS;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        panic!("no gate leads here: {frame:?}")
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        assert_eq!(frame.vector(), DEBUG.number(), "{frame:x?}");
        // The steps end behind `steps::end`.
        if !steps::take(frame) {
            frame.set_flags(frame.flags() & !TRAP_FLAG);
        }
    }
}

static TABLE: Setup<InterruptDescriptorTable> = Setup::new(InterruptDescriptorTable::new());
static STACK: Stack = Stack::new();

/// The frame of the context that doesn't run.
static OTHER: Setup<TrapFrame> = Setup::new(TrapFrame::new());

/// How often the second context ran.
static ROUND: AtomicUsize = AtomicUsize::new(0);

fn switch(frame: &mut TrapFrame, _vector: u8) {
    // SAFETY: interrupts are off, and no other reference is in use while a handler runs.
    swap(frame, unsafe { OTHER.borrow() });
}

/// Pops the word that the interrupted code pushed, as its next instructions would.
fn stay(frame: &mut TrapFrame, _vector: u8) {
    let pointer = frame.stack_pointer();
    // SAFETY: the frame holds the stack pointer of `check`, which has just pushed a word.
    let word = unsafe { (pointer as *const usize).read() };
    frame.set_accumulator(word);
    frame.set_stack_pointer(pointer + size_of::<usize>());
}

fn lead_over(frame: &mut TrapFrame, _vector: u8) {
    frame.set_instruction_pointer(frame.instruction_pointer() + INVALID_INSTRUCTION_BYTES);
    frame.set_flags(frame.flags() | CARRY);
}

fn without_frame(vector: u8) {
    VECTORS.fetch_add(vector.into(), Ordering::Relaxed);
}

/// The sum of the vectors that [`without_frame`] got.
static VECTORS: AtomicUsize = AtomicUsize::new(0);

/// The second context: counts, and asks for a switch back, for ever.
#[unsafe(naked)]
extern "C" fn second() {
    naked_asm!(
        "call {count}",
        "int {vector}",
        "jmp {second}",
        count = sym count,
        vector = const VECTOR,
        second = sym second,
    )
}

extern "C" fn count() {
    ROUND.fetch_add(1, Ordering::Relaxed);
}

/// Runs the check, at first without steps, then with a debug exception at each instruction of the ways in and out. The
/// table that is loaded afterwards has no other gate.
pub fn check<V: Variant>() {
    // SAFETY: interrupts are off, and the references of an earlier call aren't used any more.
    let table = unsafe { TABLE.borrow() };
    table
        .fill::<Switching<V>, WithoutSmap>()
        .paranoid_gates()
        .interrupts(VectorRange::<VECTOR, VECTOR>, switch)
        .interrupts(VectorRange::<STAY, STAY>, stay)
        .interrupts(VectorRange::<LEAD_OVER, LEAD_OVER>, lead_over)
        .interrupts_without_frame(VectorRange::<FRAMELESS, FRAMELESS>, without_frame);
    let [frameless, leading, staying, switching] =
        [FRAMELESS, LEAD_OVER, STAY, VECTOR].map(|vector| gate_address(table.gate(vector)));
    // SAFETY: as above.
    *unsafe { OTHER.borrow() } = TrapFrame::for_kernel::<Switching<V>>(second as *const () as usize, STACK.top(), 0);
    // SAFETY: the kernel's segments are loaded.
    unsafe { table.load() };
    let before = ROUND.load(Ordering::Relaxed);
    for round in 1..=ROUNDS {
        make_round();
        assert_eq!(ROUND.load(Ordering::Relaxed), before + round, "the second context didn't run");
    }
    line!("self-test: {ROUNDS} switches of ring 0");
    for (entry, what) in [
        (frameless, "a trap of ring 0 without a frame"),
        (leading, "a trap of ring 0 that goes on elsewhere"),
        (staying, "a trap of ring 0"),
        (switching, "a switch of ring 0"),
    ] {
        steps::begin(entry);
        make_round();
        steps::end();
        steps::check(what);
    }
}

/// Raises all four interrupts with words on the stack.
fn make_round() {
    let (first, second, third, carry): (usize, usize, usize, usize);
    let before = VECTORS.load(Ordering::Relaxed);
    // SAFETY: the handlers resume this code with the word that it pushed, or the second context, which switches back
    // here with every register as it was.
    unsafe {
        asm!(
            "push {first}", "push {second}", "push {third}",
            "int {frameless}",
            "clc", "int {lead_over}", "ud2", "sbb edx, edx",
            "int {stay}", "int {vector}",
            "pop {second}", "pop {first}",
            first = inout(reg) 0x1111_1111_usize => first,
            second = inout(reg) 0x2222_2222_usize => second,
            third = in(reg) 0x3333_3333_usize,
            vector = const VECTOR,
            stay = const STAY,
            lead_over = const LEAD_OVER,
            frameless = const FRAMELESS,
            out("edx") carry,
            out("eax") third,
        )
    };
    let words = [first, second, third];
    assert_eq!(words, [0x1111_1111, 0x2222_2222, 0x3333_3333], "words of the interrupted stack changed");
    assert_eq!(carry as u32, u32::MAX, "the changed flags were lost");
    assert_eq!(VECTORS.load(Ordering::Relaxed) - before, FRAMELESS.into(), "a handler got another vector");
}
