//! The kernel proper: set-up, and one function for every trap.
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid, __cpuid_count};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::cell::UnsafeCell;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicBool, Ordering};

use x86_entry::error_code::{PageFaultErrorCode, SelectorErrorCode};
use x86_entry::vector::{
    BREAKPOINT, DEBUG, DOUBLE_FAULT, FAST_CALL, GENERAL_PROTECTION, NON_MASKABLE_INTERRUPT, PAGE_FAULT,
};
use x86_entry::{
    CallerStack, CpuData, CpuSegments, FaultStacks, Frame, InterruptDescriptorTable, Kernel, Stack, WithSmap,
    WithoutSmap, resume,
};

use crate::script::{CALL, INTERRUPT_COMMAND, NO_SELECTOR, SEND_NMI, STEPS, TRAP_FLAG, Then};
use crate::support::console::exit;
use crate::support::{NAME, Setup, Stack as Memory, timer};
use crate::{hooks, storm, watch, width};

/// This kernel, as the entry paths see it.
pub struct SelfTest;

// SAFETY: `kernel_main` loads the standard segments and sets the CPU's data up before ring 3 runs; frames that `trap` returns were
// saved by an entry, or built by `width`; `paranoid` only ends the run.
unsafe impl Kernel for SelfTest {
    const STACK: Stack = Stack::PerCpu;
    const CALLER_STACK: CallerStack = CallerStack::InR10;
    const SYSENTER_RETURN: usize = width::SYSENTER_RETURN;

    extern "C" fn trap(frame: NonNull<Frame>) -> NonNull<Frame> {
        // SAFETY: one CPU, interrupts off, and this function isn't entered again before it has returned.
        let state = unsafe { &mut *STATE.0.get() };
        state.trap(frame)
    }

    extern "C" fn paranoid(frame: &mut Frame) {
        match frame.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => {
                storm::take(frame);
            }
            // A breakpoint's, or a single step that went on into the kernel: Bochs lets one through at `syscall`.
            vector if vector == DEBUG.number() => {
                watch::take(frame);
                watch::clear_status();
            }
            vector if vector == DOUBLE_FAULT.number() && FINISHED.load(Ordering::Relaxed) => {
                line!("self-test: {} steps, a storm and a double fault passed", STEPS.len());
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

/// A frame with the room below it that a faulting return needs.
#[repr(C, align(16))]
pub struct Context {
    room: [u8; Frame::ROOM],
    frame: Frame,
}

/// Everything that changes.
struct State {
    step: usize,
    program: Context,
    idle: Context,
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
    program: Context { room: [0; Frame::ROOM], frame: width::EMPTY },
    idle: Context { room: [0; Frame::ROOM], frame: width::EMPTY },
    current: Current::Program,
    kept: 0,
    table: InterruptDescriptorTable::new(),
}));

/// The kernel's stack, and those for #DF, NMI, #MC and #DB.
static STACKS: [Memory; 5] = [const { Memory::new() }; 5];

static SEGMENTS: Setup<CpuSegments> = Setup::new(CpuSegments::new([]));

/// Sets everything up and enters ring 3.
pub extern "C" fn kernel_main() -> ! {
    line!("self-test: x86-entry on {NAME}");
    // SAFETY: the start code runs this once, before any trap.
    let state = unsafe { &mut *STATE.0.get() };
    let mut cpu = x86_entry::cpu_data::<SelfTest>().expect("a static place");
    // SAFETY: nothing else refers to it yet.
    let data: &mut CpuData = unsafe { cpu.as_mut() };
    let [kernel, double_fault, non_maskable_interrupt, machine_check, debug] = STACKS.each_ref().map(Memory::top);
    data.set_stack(kernel);
    state.program.frame = width::program_frame();
    state.idle.frame = width::idle_frame(NonNull::from(&mut state.idle.frame));
    data.set_current_frame(NonNull::from(&mut state.program.frame));
    // SAFETY: nothing else refers to it.
    let segments = unsafe { SEGMENTS.borrow() };
    // SAFETY: ring 0, interrupts off, everything static.
    unsafe {
        segments.load::<SelfTest>(data, FaultStacks { double_fault, non_maskable_interrupt, machine_check, debug })
    };
    hooks::check();
    if has_smap() {
        state.table.fill::<SelfTest, WithSmap>().every_vector().call_gate(CALL as u8).paranoid();
    } else {
        state.table.fill::<SelfTest, WithoutSmap>().every_vector().call_gate(CALL as u8).paranoid();
    }
    // SAFETY: the state is static, and the table is changed no more.
    let table: &'static InterruptDescriptorTable = unsafe { &(*STATE.0.get()).table };
    // SAFETY: ring 0; segments and CPU data are in place.
    unsafe { table.load() };
    // SAFETY: ring 0; the machines that this runs on have these instructions.
    unsafe { width::enable_fast_calls() };
    timer::initialise();
    // SAFETY: the program's frame is for ring 3.
    unsafe { resume::<SelfTest>(NonNull::from(&mut state.program.frame)) }
}

/// Leaf 7 (SDM 2A, CPUID): EBX bit 20.
fn has_smap() -> bool {
    const FEATURES: u32 = 7;
    __cpuid(0).eax >= FEATURES && __cpuid_count(FEATURES, 0).ebx & 1 << 20 != 0
}

impl State {
    fn trap(&mut self, frame: NonNull<Frame>) -> NonNull<Frame> {
        // Where the CPU didn't hold it back, it comes before the step that it belongs to.
        // SAFETY: the frame was just saved, and nothing else refers to it.
        let saved = unsafe { frame.as_ref() };
        if saved.vector() == DEBUG.number() && watch::take(saved) {
            return frame;
        }
        let Some((vector, then)) = STEPS.get(self.step).copied() else {
            return self.trap_in_storm(frame);
        };
        let current = match self.current {
            Current::Program => &mut self.program.frame,
            Current::Idle => &mut self.idle.frame,
        };
        assert_eq!(frame, NonNull::from(&mut *current), "step {}: saved elsewhere", self.step);
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
        self.go_on(then)
    }

    /// The program's loop: nothing but traps that change nothing, and NMIs.
    fn trap_in_storm(&mut self, frame: NonNull<Frame>) -> NonNull<Frame> {
        let program = &mut self.program.frame;
        assert_eq!(frame, NonNull::from(&mut *program), "saved elsewhere");
        width::check_registers(program);
        match program.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => storm::take(program),
            vector => assert!([BREAKPOINT.number(), CALL, FAST_CALL].contains(&vector), "{program:x?}"),
        }
        if storm::is_over() {
            let (in_ring_0, in_ring_3) = storm::counts();
            line!("self-test: {in_ring_0} NMIs in ring 0, {in_ring_3} in ring 3");
            FINISHED.store(true, Ordering::Relaxed);
            width::double_fault()
        }
        self.resume_current()
    }

    fn go_on(&mut self, then: Then) -> NonNull<Frame> {
        let program = &mut self.program.frame;
        match then {
            Then::GoOn => {}
            Then::Skip => program.set_instruction_pointer(program.instruction_pointer() + 2),
            Then::Break(field) => self.kept = width::replace(program, field, NO_SELECTOR),
            Then::Mend(field) => {
                width::replace(program, field, self.kept);
            }
            Then::Idle => {
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
            Then::Watch => watch::begin(),
            Then::Watched => line!("self-test: its breakpoint came {}", watch::came()),
            Then::Unwatch => {
                line!("self-test: its breakpoint came {}", watch::came());
                watch::end();
            }
            Then::Storm => storm::begin(),
        }
        self.resume_current()
    }

    fn resume_current(&mut self) -> NonNull<Frame> {
        let frame = NonNull::from(match self.current {
            Current::Program => &mut self.program.frame,
            Current::Idle => &mut self.idle.frame,
        });
        let mut cpu = x86_entry::cpu_data::<SelfTest>().expect("a static place");
        // SAFETY: only this function and `kernel_main` make a reference of it.
        unsafe { cpu.as_mut() }.set_current_frame(frame);
        frame
    }
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
