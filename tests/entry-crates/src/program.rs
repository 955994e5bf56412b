//! The program's traps.
use core::arch::naked_asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use entry_crates::{TwoCrates, leave, resume_address};
use x86_entry::error_code::SelectorErrorCode;
use x86_entry::vector::{BREAKPOINT, GENERAL_PROTECTION};
use x86_entry::{
    CpuSegments, GlobalDescriptorTable, InterruptDescriptorTable, ParanoidStacks, Stack, TakeOnce, TrapFrame,
    WithoutSmap, entry_data, resume,
};

use crate::support::NAME;
use crate::support::console::exit;

static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
/// For #DF, NMI, #MC, #DB, the thread's traps, and the program.
static STACKS: [Stack; 6] = [const { Stack::new() }; 6];

/// A selector behind the end of the GDT, for ring 3.
const NO_SELECTOR: u16 = 0xFFF8 | 3;

/// Breakpoints that the program has taken.
static BREAKPOINTS: AtomicUsize = AtomicUsize::new(0);

/// Takes each trap, and leaves by the copy of `resume` whose turn it is.
#[unsafe(no_mangle)]
fn take(mut place: NonNull<TrapFrame>) -> ! {
    // SAFETY: the entry has just saved the frame there, and nothing else refers to it.
    let frame = unsafe { place.as_mut() };
    assert!(frame.from_user(), "a trap of ring 0: {frame:?}");
    if frame.vector() == BREAKPOINT.number() {
        if BREAKPOINTS.fetch_add(1, Ordering::Relaxed) == 2 {
            let own_copy = resume::<TwoCrates> as *const () as usize;
            assert_ne!(resume_address(), own_copy, "both returns began in one copy of `resume`");
            line!("crates: both faults came back");
            exit(0)
        }
        frame.cs = NO_SELECTOR.into();
    } else {
        assert_eq!(frame.vector(), GENERAL_PROTECTION.number(), "{frame:?}");
        assert_eq!(frame.error_code::<SelectorErrorCode>().index(), NO_SELECTOR >> 3, "{frame:?}");
        frame.cs = GlobalDescriptorTable::SELECTORS.user_code.into();
    }
    if BREAKPOINTS.load(Ordering::Relaxed) == 1 {
        // SAFETY: interrupts are off. The frame is one of ring 3, with a selector that is there or faults.
        unsafe { leave(place) }
    }
    // SAFETY: as above.
    unsafe { resume::<TwoCrates>(place) }
}

/// Loads segments and gates.
///
/// # Safety
///
/// Once, in ring 0, with interrupts off.
unsafe fn set_up() {
    let [double_fault, non_maskable_interrupt, machine_check, debug, thread, _] = STACKS.each_ref().map(Stack::top);
    let stacks = ParanoidStacks { double_fault, non_maskable_interrupt, machine_check, debug };
    let mut cpu = entry_data::<TwoCrates>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data yet.
    let cpu = unsafe { cpu.as_mut() };
    cpu.set_thread_stack::<TwoCrates>(thread);
    let segments = SEGMENTS.take().expect("this function runs once");
    // SAFETY: the caller's promise; all of it is static.
    unsafe { segments.load::<TwoCrates>(cpu, stacks) };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<TwoCrates, WithoutSmap>().trap_lowest_48().paranoid_gates();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
}

pub extern "C" fn kernel_main() -> ! {
    line!("crates: x86-entry on {NAME}");
    // SAFETY: the start code calls this once, in ring 0, with interrupts off.
    unsafe { set_up() };
    let [.., stack] = STACKS.each_ref().map(Stack::top);
    let mut frame = TrapFrame::for_user::<TwoCrates>(program as *const () as usize, stack, 0);
    // SAFETY: interrupts are off. The frame is one of ring 3, which may use all memory here.
    unsafe { resume::<TwoCrates>(NonNull::from(&mut frame)) }
}

/// Takes a breakpoint for each copy, and one to end the run.
#[unsafe(naked)]
extern "C" fn program() -> ! {
    naked_asm!("int3", "int3", "int3", "ud2")
}
