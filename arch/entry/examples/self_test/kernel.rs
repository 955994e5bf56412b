//! The kernel proper: set-up, and one function for every trap.
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid, __cpuid_count};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::cell::UnsafeCell;
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use x86_entry::error_code::{PageFaultErrorCode, SelectorErrorCode};
use x86_entry::vector::{
    BREAKPOINT, DEBUG, DOUBLE_FAULT, FAST_CALL, GENERAL_PROTECTION, NON_MASKABLE_INTERRUPT, PAGE_FAULT,
};
use x86_entry::{
    CallerStackPointer, CpuSegments, EntryData, EntryDataLocation, InterruptDescriptorTable, KernelEntry,
    ParanoidStacks, TrapFrame, TrapStack, UserGs, WithSmap, WithoutSmap, resume,
};

use crate::script::{CALL, Entry, INTERRUPT_COMMAND, NO_SELECTOR, SEND_NMI, STEPS, TRAP_FLAG, Then};
use crate::support::console::exit;
use crate::support::{NAME, Setup, Stack as Memory, timer};
use crate::variant::{self, Variant};
use crate::{hooks, room, steps, storm, switch, watch, width};

/// This kernel in one of its variants, as the entry paths see it.
pub struct SelfTest<V>(PhantomData<V>);

// SAFETY: `run` loads the standard segments and sets the CPU's data up before ring 3 runs; frames that `trap` returns
// were saved by an entry, or built by `width`; `paranoid_trap` counts, or ends the run.
unsafe impl<V: Variant> KernelEntry for SelfTest<V> {
    const TRAP_STACK: TrapStack = V::TRAP_STACK;
    const DATA_LOCATION: EntryDataLocation = V::DATA_LOCATION;
    const USER_GS: UserGs = V::USER_GS;
    const CALLER_STACK_POINTER: CallerStackPointer = V::CALLER_STACK_POINTER;
    const SYSENTER_RETURN_ADDRESS: usize = width::SYSENTER_RETURN_ADDRESS;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        width::check_bases::<V>(data::<V>());
        // SAFETY: one CPU, interrupts off, and this function isn't entered again before it has returned.
        let state = unsafe { &mut *STATE.0.get() };
        state.trap::<V>(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        width::check_base::<V>(data::<V>());
        match frame.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => {
                storm::take(frame);
            }
            // A breakpoint's, or a single step that went on into the kernel: Bochs lets one through at `syscall`.
            vector if vector == DEBUG.number() => {
                if !steps::take(frame) {
                    watch::take(frame);
                    watch::clear_status();
                }
            }
            vector if vector == DOUBLE_FAULT.number() && FINISHED.load(Ordering::Relaxed) => {
                let (steps, variants) = (STEPS.len(), variant::count());
                line!("self-test: {steps} steps and a storm in {variants} variants, and a double fault passed");
                exit(0)
            }
            _ => {
                line!("self-test: unexpected {frame:x?}");
                exit(2)
            }
        }
    }
}

/// Whether a double fault is expected.
static FINISHED: AtomicBool = AtomicBool::new(false);

/// A frame with room below it: for a faulting return, or for all of the kernel's code if it has a stack a thread.
#[repr(C, align(16))]
struct Context {
    room: [u8; STACK_BYTES + TrapFrame::BYTES_BELOW],
    frame: TrapFrame,
}

const STACK_BYTES: usize = 16 * 1024;

struct ContextCell(UnsafeCell<Context>);

// SAFETY: there is one CPU; frames are used by one function at a time, and the room below them by the CPU.
unsafe impl Sync for ContextCell {}

impl ContextCell {
    const fn new() -> Self {
        let context = Context { room: [0; STACK_BYTES + TrapFrame::BYTES_BELOW], frame: width::EMPTY };
        Self(UnsafeCell::new(context))
    }

    /// The frame, which the entries write.
    fn frame(&self) -> NonNull<TrapFrame> {
        let frame = self.0.get().wrapping_byte_add(offset_of!(Context, frame));
        NonNull::new(frame.cast()).expect("a static has an address")
    }
}

static PROGRAM: ContextCell = ContextCell::new();
static IDLE: ContextCell = ContextCell::new();

/// Everything else that changes.
struct State {
    step: usize,
    current: Current,
    kept: u16,
    table: InterruptDescriptorTable,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Current {
    Program,
    Idle,
}

struct Cell(UnsafeCell<State>);

// SAFETY: there is one CPU, and the kernel's functions run one at a time, with interrupts off.
unsafe impl Sync for Cell {}

static STATE: Cell = Cell(UnsafeCell::new(State {
    step: 0,
    current: Current::Program,
    kept: 0,
    table: InterruptDescriptorTable::new(),
}));

/// The kernel's stack, and those for #DF, NMI, #MC and #DB.
static STACKS: [Memory; 5] = [const { Memory::new() }; 5];

static SEGMENTS: Setup<CpuSegments> = Setup::new(CpuSegments::new([]));

/// The CPU's data for the variants that find it by GS.
static GS_DATA: Setup<EntryData> = Setup::new(EntryData::new());

/// Where the variant's stubs find the CPU's data.
fn data<V: Variant>() -> NonNull<EntryData> {
    x86_entry::entry_data::<SelfTest<V>>().unwrap_or(GS_DATA.address())
}

/// Runs all variants; the start code of the width jumps here.
pub extern "C" fn kernel_main() -> ! {
    line!("self-test: x86-entry on {NAME}");
    variant::begin_next();
    exit(2)
}

/// Sets everything up and enters ring 3.
pub fn run<V: Variant>() -> ! {
    line!("self-test: {}", V::NAME);
    let place = data::<V>();
    room::mark::<V>();
    // SAFETY: it is a static, or memory behind the image; no trap comes now.
    unsafe { place.write(EntryData::new()) };
    // SAFETY: nothing else refers to it now.
    let data: &mut EntryData = unsafe { &mut *place.as_ptr() };
    let [_, double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Memory::top);
    // SAFETY: its program doesn't run.
    unsafe { PROGRAM.frame().write(width::program_frame()) };
    V::SET_CURRENT(data, PROGRAM.frame());
    // SAFETY: the reference of the variant before isn't used any more.
    let segments = unsafe { SEGMENTS.borrow() };
    // SAFETY: ring 0, interrupts off, everything static.
    unsafe {
        segments
            .load::<SelfTest<V>>(data, ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug })
    };
    width::set_bases::<V>(data);
    #[cfg(target_arch = "x86_64")]
    crate::chosen_stack::check(data);
    hooks::check();
    switch::check::<V>();
    // SAFETY: the references of the variant before aren't used any more.
    let state = unsafe { &mut *STATE.0.get() };
    (state.step, state.current, state.table) = (0, Current::Program, InterruptDescriptorTable::new());
    if has_smap() {
        state
            .table
            .fill::<SelfTest<V>, WithSmap>()
            .trap_every_vector()
            .system_call_vector::<{ CALL as u8 }>()
            .paranoid_gates();
    } else {
        state
            .table
            .fill::<SelfTest<V>, WithoutSmap>()
            .trap_every_vector()
            .system_call_vector::<{ CALL as u8 }>()
            .paranoid_gates();
    }
    // SAFETY: the state is static, and the table is changed again only for the next variant.
    let table: &'static InterruptDescriptorTable = unsafe { &(*STATE.0.get()).table };
    // SAFETY: ring 0; segments and CPU data are in place.
    unsafe { table.load() };
    // SAFETY: ring 0; the machines that this runs on have these instructions.
    unsafe { width::enable_fast_calls::<V>(place) };
    timer::initialise();
    // SAFETY: the program's frame is for ring 3.
    unsafe { resume::<SelfTest<V>>(PROGRAM.frame()) }
}

/// Leaf 7 (SDM 2A, CPUID): EBX bit 20.
fn has_smap() -> bool {
    const FEATURES: u32 = 7;
    __cpuid(0).eax >= FEATURES && __cpuid_count(FEATURES, 0).ebx & 1 << 20 != 0
}

impl State {
    fn trap<V: Variant>(&mut self, mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let saved = unsafe { frame.as_mut() };
        if saved.vector() == DEBUG.number() && saved.from_user() && steps::take_in_ring_3(saved) {
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
            assert_eq!(frame, self.current_frame(), "step {}: saved elsewhere", self.step);
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
        assert_eq!(frame, PROGRAM.frame(), "saved elsewhere");
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let program = unsafe { frame.as_ref() };
        width::check_registers(program);
        match program.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => storm::take(program),
            vector => assert!([BREAKPOINT.number(), CALL, FAST_CALL].contains(&vector), "{program:x?}"),
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
            Then::Break(field) => self.kept = width::replace(program, field, NO_SELECTOR),
            Then::Mend(field) => {
                width::replace(program, field, self.kept);
            }
            Then::Idle => {
                // SAFETY: the context doesn't run, and what is left of it on its stack isn't used any more.
                unsafe { IDLE.frame().write(width::idle_frame(IDLE.frame())) };
                timer::unmask();
                self.current = Current::Idle;
            }
            Then::Wake => {
                timer::mask();
                timer::end_of_interrupt();
                self.current = Current::Program;
            }
            Then::Interrupt => interrupt_ring_0(),
            Then::Trace => program.set_flags(program.flags() | TRAP_FLAG),
            Then::Untrace => program.set_flags(program.flags() & !TRAP_FLAG),
            Then::Step(entry) => steps::begin(self.first_instruction(entry)),
            Then::Stepped(entry) => {
                steps::check("a trap of ring 3");
                steps::begin(self.first_instruction(entry));
            }
            Then::StepsEnd => {
                steps::check("a fast call");
                steps::end();
            }
            Then::Watch => watch::begin(),
            Then::Watched => line!("self-test: its breakpoint came {}", watch::came()),
            Then::Unwatch => {
                line!("self-test: its breakpoint came {}", watch::came());
                watch::end();
            }
            Then::Storm => storm::begin(),
        }
        self.resume_current::<V>()
    }

    /// Returns the address to which an entry leads.
    fn first_instruction(&mut self, entry: Entry) -> usize {
        match entry {
            Entry::Gate(vector) => width::gate_address(self.table.gate(vector as u8)),
            Entry::FastCall => width::fast_call_address(),
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

/// Has the next trap of ring 3 saved in a frame, and Rust run on the CPU's stack.
pub fn save_in_frame<V: Variant>(data: &mut EntryData, frame: NonNull<TrapFrame>) {
    data.set_cpu_stack::<SelfTest<V>>(STACKS[0].top());
    data.set_current_frame::<SelfTest<V>>(frame);
}

/// Has the next trap of ring 3 saved in a frame, which is the topmost one of the stack that lies below it.
pub fn save_on_stack<V: Variant>(data: &mut EntryData, frame: NonNull<TrapFrame>) {
    data.set_thread_stack::<SelfTest<V>>(frame.as_ptr().wrapping_add(1) as usize);
}

/// Sends this CPU an NMI and waits for it.
fn interrupt_ring_0() {
    let (before, _) = storm::counts();
    // SAFETY: the APIC's registers are mapped.
    unsafe { (INTERRUPT_COMMAND as *mut u32).write_volatile(SEND_NMI) };
    while storm::counts().0 == before {
        core::hint::spin_loop();
    }
}
