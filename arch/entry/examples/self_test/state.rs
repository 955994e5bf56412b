//! How far the program is: what each trap must look like, and what follows it.
use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use x86_entry::error_code::{PageFaultErrorCode, SelectorErrorCode};
use x86_entry::vector::{
    BREAKPOINT, DEBUG, DEVICE_NOT_AVAILABLE, FAST_CALL, GENERAL_PROTECTION, MACHINE_CHECK, NON_MASKABLE_INTERRUPT,
    PAGE_FAULT,
};
use x86_entry::{FloatingPointUse, InterruptDescriptorTable, TrapFrame, TrapStack};

use crate::kernel::data;
use crate::script::{CALL, Entry, INTERRUPT_COMMAND, NO_SELECTOR, PROTECTION, SEND_NMI, STEPS, TIMER, TRAP_FLAG, Then};
#[cfg(target_arch = "x86")]
use crate::script::{END_OF_INTERRUPT, SEND_REQUEST};
use crate::support::timer;
use crate::variant::{self, Variant};
use crate::{room, steps, storm, watch, width};

/// Whether a double fault is expected.
pub static FINISHED: AtomicBool = AtomicBool::new(false);

/// A frame with room below it: for a faulting return, or for all of the kernel's code if it has a stack a thread.
#[repr(C, align(16))]
struct Context {
    room: [u8; STACK_BYTES + TrapFrame::BYTES_BELOW],
    frame: TrapFrame,
}

const STACK_BYTES: usize = 16 * 1024;

pub struct ContextCell(UnsafeCell<Context>);

// SAFETY: there is one CPU, so nothing runs at the same time. Of the code here, one function at a time uses the frame;
// the CPU alone writes to the room below it.
unsafe impl Sync for ContextCell {}

impl ContextCell {
    const fn new() -> Self {
        let context = Context { room: [0; STACK_BYTES + TrapFrame::BYTES_BELOW], frame: width::EMPTY };
        Self(UnsafeCell::new(context))
    }

    /// The frame, which the entries write.
    pub fn frame(&self) -> NonNull<TrapFrame> {
        let frame = self.0.get().wrapping_byte_add(offset_of!(Context, frame));
        NonNull::new(frame.cast()).expect("a static has an address")
    }
}

pub static PROGRAM: ContextCell = ContextCell::new();
static IDLE: ContextCell = ContextCell::new();

/// Everything else that changes.
pub struct State {
    step: usize,
    current: Current,
    kept: u16,
    /// Whether a breakpoint goes through the fast call's entry, before the storm.
    is_sweeping: bool,
    pub table: InterruptDescriptorTable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Current {
    Program,
    Idle,
}

pub struct Cell(UnsafeCell<State>);

// SAFETY: there is one CPU, and the kernel's functions run one at a time, with interrupts off.
unsafe impl Sync for Cell {}

pub static STATE: Cell = Cell(UnsafeCell::new(State {
    step: 0,
    current: Current::Program,
    kept: 0,
    is_sweeping: false,
    table: InterruptDescriptorTable::new(),
}));

impl Cell {
    /// The address of the state.
    pub fn get(&self) -> *mut State {
        self.0.get()
    }
}

impl State {
    /// A variant begins: the program's first step, and a table without gates.
    pub fn begin(&mut self) {
        (self.step, self.current, self.table) = (0, Current::Program, InterruptDescriptorTable::new());
    }

    pub fn trap<V: Variant>(&mut self, mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let saved = unsafe { frame.as_mut() };
        #[cfg(target_arch = "x86_64")]
        if width::take_in_compatibility_mode(saved) {
            return frame;
        }
        if saved.vector() == DEBUG.number() && saved.from_user() && steps::take_in_ring_3(saved) {
            return frame;
        }
        // A task's return has set CR0.TS, and the entry of this exception has cleared it.
        if saved.vector() == DEVICE_NOT_AVAILABLE.number() && V::FLOATING_POINT_USE == FloatingPointUse::Anywhere {
            return frame;
        }
        // Where the CPU didn't hold it back, it comes before the step that it belongs to.
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let saved = unsafe { frame.as_ref() };
        if saved.vector() == DEBUG.number() && watch::take(saved) {
            return frame;
        }
        let Some((vector, then)) = STEPS.get(self.step).copied() else {
            return self.trap_in_storm::<V>(frame);
        };
        if self.current == Current::Program || V::TRAP_STACK == TrapStack::PerCpu {
            assert_eq!(frame, self.current_frame(), "step {}: saved elsewhere: {saved:?}", self.step);
        } else {
            // On i686 the stub pushes the frame anew, below the words of the CPU.
            assert!(frame <= self.current_frame(), "step {}: saved above the stack", self.step);
        }
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let current = unsafe { frame.as_ref() };
        assert_eq!(current.vector(), vector, "step {}: {current:x?}", self.step);
        let from_user = self.current == Current::Program;
        assert_eq!(current.from_user(), from_user, "step {}: {current:x?}", self.step);
        if from_user {
            width::check_registers(current);
        }
        if vector == PAGE_FAULT.number() {
            assert_eq!(current.error_code::<PageFaultErrorCode>(), PageFaultErrorCode::USER);
        }
        if vector == GENERAL_PROTECTION.number() {
            let code: SelectorErrorCode = current.error_code();
            assert_eq!(code.index(), NO_SELECTOR >> 3);
        }
        line!("self-test: step {} ok: {} -> {then:?}", self.step, x86_entry::vector::name(vector));
        self.step += 1;
        self.go_on::<V>(then)
    }

    /// The program's loop: nothing but traps that change nothing, and NMIs.
    fn trap_in_storm<V: Variant>(&mut self, frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the frame was just saved, and nothing else refers to it.
        assert_eq!(frame, PROGRAM.frame(), "saved elsewhere: {:?}", unsafe { frame.as_ref() });
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let program = unsafe { frame.as_ref() };
        width::check_registers(program);
        match program.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => storm::take(program),
            vector => assert!([BREAKPOINT.number(), CALL, FAST_CALL].contains(&vector), "{program:x?}"),
        }
        if self.is_sweeping {
            self.is_sweeping = program.vector() != FAST_CALL || steps::sweep_on();
            if !self.is_sweeping {
                storm::begin();
            }
            return self.resume_current::<V>();
        }
        if storm::is_over() {
            let (in_ring_0, in_ring_3) = storm::counts();
            line!("self-test: {in_ring_0} NMIs in ring 0, {in_ring_3} in ring 3");
            storm::end();
            room::check::<V>();
            variant::begin_next();
            FINISHED.store(true, Ordering::Relaxed);
            width::double_fault()
        }
        self.resume_current::<V>()
    }

    fn go_on<V: Variant>(&mut self, then: Then) -> NonNull<TrapFrame> {
        // SAFETY: the program doesn't run, and nothing else refers to its frame.
        let program = unsafe { PROGRAM.frame().as_mut() };
        match then {
            Then::GoOn => {}
            Then::Skip => program.set_instruction_pointer(program.instruction_pointer() + 2),
            Then::Break(field) => {
                self.kept = width::replace(program, field, NO_SELECTOR);
                steps::begin(self.first_instruction(Entry::Gate(PROTECTION)));
            }
            Then::Mend(field) => {
                width::replace(program, field, self.kept);
            }
            Then::Idle => {
                // SAFETY: the context doesn't run, and what is left of it on its stack isn't used any more.
                unsafe { IDLE.frame().write(width::idle_frame(IDLE.frame())) };
                timer::unmask();
                self.current = Current::Idle;
                steps::begin(self.first_instruction(Entry::Gate(TIMER)));
            }
            Then::Wake => {
                timer::mask();
                timer::end_of_interrupt();
                self.current = Current::Program;
            }
            Then::Interrupt => {
                let [interrupt, check] = [NON_MASKABLE_INTERRUPT.number(), MACHINE_CHECK.number()]
                    .map(|vector| self.first_instruction(Entry::Gate(vector)));
                steps::begin(interrupt);
                interrupt_ring_0();
                steps::begin(check);
                // SAFETY: `paranoid_trap` changes nothing.
                unsafe { asm!("int {vector}", vector = const MACHINE_CHECK.number()) };
                steps::begin(self.first_instruction(Entry::Gate(NON_MASKABLE_INTERRUPT.number())));
            }
            Then::Trace => {
                // No exception follows `sysret`, so the last steps may not have been told of their end.
                steps::end();
                program.set_flags(program.flags() | TRAP_FLAG);
                steps::set_traced(true);
                steps::begin(self.first_instruction(Entry::FastCall));
            }
            Then::Untrace => {
                program.set_flags(program.flags() & !TRAP_FLAG);
                steps::set_traced(false);
            }
            Then::Step(entry) => steps::begin(self.first_instruction(entry)),
            Then::Stepped(entry) => {
                steps::check("a trap of ring 3");
                steps::begin(self.first_instruction(entry));
            }
            #[cfg(target_arch = "x86_64")]
            Then::Refused => steps::end(),
            Then::StepsEnd => {
                steps::check("a fast call");
                steps::check_return();
                steps::end();
            }
            Then::Done => {
                steps::check("a trap of ring 3");
                steps::end();
            }
            #[cfg(target_arch = "x86")]
            Then::Request => write_apic(INTERRUPT_COMMAND, SEND_REQUEST),
            #[cfg(target_arch = "x86")]
            Then::Served => write_apic(END_OF_INTERRUPT, 0),
            Then::Watch => watch::begin(),
            Then::Watched => line!("self-test: its breakpoint came {}", watch::came()),
            Then::Unwatch => {
                line!("self-test: its breakpoint came {}", watch::came());
                watch::end();
            }
            Then::Storm => {
                self.is_sweeping = true;
                steps::begin_sweep(self.first_instruction(Entry::FastCall), V::SWEPT_BYTES);
            }
        }
        self.resume_current::<V>()
    }

    /// Returns the address to which an entry leads.
    fn first_instruction(&mut self, entry: Entry) -> usize {
        match entry {
            Entry::Gate(vector) => width::gate_address(self.table.gate(vector as u8)),
            Entry::FastCall => width::fast_call_address(),
            #[cfg(target_arch = "x86_64")]
            Entry::CompatibilityCall => width::compatibility_call_address(),
        }
    }

    fn current_frame(&self) -> NonNull<TrapFrame> {
        match self.current {
            Current::Program => PROGRAM.frame(),
            Current::Idle => IDLE.frame(),
        }
    }

    fn resume_current<V: Variant>(&mut self) -> NonNull<TrapFrame> {
        let frame = self.current_frame();
        // SAFETY: only this function and `run` make a reference of it.
        V::SET_CURRENT(unsafe { data::<V>().as_mut() }, frame);
        frame
    }
}
/// Writes a register of the local APIC.
fn write_apic(register: usize, value: u32) {
    // SAFETY: the APIC's registers are mapped.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// Sends this CPU an NMI and waits for it.
fn interrupt_ring_0() {
    let (before, _) = storm::counts();
    write_apic(INTERRUPT_COMMAND, SEND_NMI);
    while storm::counts().0 == before {
        core::hint::spin_loop();
    }
}
