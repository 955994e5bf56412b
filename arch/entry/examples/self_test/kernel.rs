//! The kernel proper: set-up, and one function for every trap.
use core::arch::naked_asm;
#[cfg(target_arch = "x86")]
use core::arch::x86::{__cpuid, __cpuid_count};
#[cfg(target_arch = "x86_64")]
use core::arch::x86_64::{__cpuid, __cpuid_count};
use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::Ordering;

use x86_entry::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT, OVERFLOW, VectorRange};
use x86_entry::{
    CallerStackPointer, CpuSegments, DirectInterrupts, EntryData, EntryDataLocation, FloatingPointUse,
    InterruptDescriptorTable, KernelEntry, MessageCalls, ParanoidStacks, PrivilegeLevel, Smap, TrapFrame, TrapStack,
    UserGs, WithSmap, WithoutSmap, resume,
};

use crate::script::{CALL, DIRECT, FRAMELESS, STEPS, TYPED};
use crate::state::{FINISHED, PROGRAM, STATE};
use crate::support::console::exit;
use crate::support::{NAME, Setup, Stack as Memory, timer};
use crate::variant::{self, Variant};
use crate::{hooks, room, seen, steps, storm, switch, watch, width};

/// This kernel in one of its variants, as the entry paths see it.
pub struct SelfTest<V>(PhantomData<V>);

// SAFETY: `run` loads the standard segments and sets the CPU's data up before ring 3 runs; frames that `trap` returns
// were saved by an entry, or built by `width`; `paranoid_trap` counts, or ends the run.
unsafe impl<V: Variant> KernelEntry for SelfTest<V> {
    const TRAP_STACK: TrapStack = V::TRAP_STACK;
    const DATA_LOCATION: EntryDataLocation = V::DATA_LOCATION;
    const USER_GS: UserGs = V::USER_GS;
    const CALLER_STACK_POINTER: CallerStackPointer = V::CALLER_STACK_POINTER;
    const FLOATING_POINT_USE: FloatingPointUse = V::FLOATING_POINT_USE;
    const SYSENTER_RETURN_ADDRESS: usize = width::SYSENTER_RETURN_ADDRESS;

    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        width::check_bases::<V>(data::<V>());
        // SAFETY: one CPU, interrupts off, and this function isn't entered again before it has returned.
        let state = unsafe { &mut *STATE.get() };
        state.trap::<V>(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        width::check_base::<V>(data::<V>());
        match frame.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => {
                storm::take(frame);
            }
            vector if vector == MACHINE_CHECK.number() => {}
            // A breakpoint's, or a single step that went on into the kernel: Bochs lets one through at `syscall`.
            vector if vector == DEBUG.number() => {
                if !steps::take(frame) {
                    watch::take(frame);
                    watch::clear_status();
                }
            }
            vector if vector == DOUBLE_FAULT.number() && FINISHED.load(Ordering::Relaxed) => {
                seen::print();
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

// SAFETY: as above. Ring 3's code lies elsewhere than in the last page of the lower half. The program alone loads FS
// and GS: the idle context resumes it with the selectors of its frame.
unsafe impl<V: Variant> MessageCalls for SelfTest<V> {
    #[unsafe(naked)]
    unsafe extern "C" fn message_call() -> ! {
        naked_asm!("jmp {message}", message = sym message::<V>)
    }
}

/// Takes a call of the program that passed a message. The fields that are stale then hold what the program always has
/// in these registers.
extern "C" fn message<V: Variant>() -> ! {
    let frame = SelfTest::<V>::trap(PROGRAM.frame());
    if frame == PROGRAM.frame() {
        // SAFETY: interrupts are off, and `trap` has made the frame the current one.
        unsafe { width::resume_with_message::<V>(frame) }
    }
    // SAFETY: interrupts are off, and the frame is the idle context's.
    unsafe { resume::<SelfTest<V>>(frame) }
}

// SAFETY: as above; the only vector is the program's own `int`.
unsafe impl<V: Variant> DirectInterrupts for SelfTest<V> {
    #[cfg(target_arch = "x86_64")]
    unsafe extern "C" fn direct_interrupt(vector: u32) -> ! {
        direct::<V>(vector)
    }

    #[cfg(target_arch = "x86")]
    unsafe extern "fastcall" fn direct_interrupt(vector: u32) -> ! {
        direct::<V>(vector)
    }
}

/// Takes an interrupt whose registers are in the program's frame.
fn direct<V: Variant>(vector: u32) -> ! {
    assert_eq!(vector as usize, DIRECT);
    let frame = SelfTest::<V>::trap(PROGRAM.frame());
    // SAFETY: interrupts are off, and `trap` has made the frame the current one.
    unsafe { resume::<SelfTest<V>>(frame) }
}

/// Leads the program's vector to [`DirectInterrupts::direct_interrupt`].
pub fn lead_direct<V: Variant, S: Smap>(table: &mut InterruptDescriptorTable) {
    table.fill::<SelfTest<V>, S>().direct_interrupts(VectorRange::<{ DIRECT as u8 }, { DIRECT as u8 }>);
}

/// The kernel's stack, and those for #DF, NMI, #MC and #DB.
static STACKS: [Memory; 5] = [const { Memory::new() }; 5];

static SEGMENTS: Setup<CpuSegments<{ width::EXTRA.len() }>> = Setup::new(CpuSegments::new(width::EXTRA));

/// The CPU's data for the variants that find it by GS.
static GS_DATA: Setup<EntryData> = Setup::new(EntryData::new());

/// Where the variant's stubs find the CPU's data.
pub fn data<V: Variant>() -> NonNull<EntryData> {
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
    let state = unsafe { &mut *STATE.get() };
    state.begin();
    if has_smap() {
        fill::<V, WithSmap>(&mut state.table)
    } else {
        fill::<V, WithoutSmap>(&mut state.table)
    }
    // SAFETY: the state is static, and the table is changed again only for the next variant.
    let table: &'static InterruptDescriptorTable = unsafe { &(*STATE.get()).table };
    // SAFETY: ring 0; segments and CPU data are in place.
    unsafe { table.load() };
    // SAFETY: ring 0; the machines that this runs on have these instructions.
    unsafe { V::ENABLE_FAST_CALLS(place) };
    timer::initialise();
    // SAFETY: the program's frame is for ring 3.
    unsafe { resume::<SelfTest<V>>(PROGRAM.frame()) }
}

/// Fills the table. Ring 3 may raise the vectors that it can't cause.
fn fill<V: Variant, S: Smap>(table: &mut InterruptDescriptorTable) {
    table
        .fill::<SelfTest<V>, S>()
        .trap_every_vector()
        .system_call_vector::<{ CALL as u8 }>()
        .paranoid_gates()
        .exception(OVERFLOW, overflow)
        .interrupts(VectorRange::<{ TYPED as u8 }, { TYPED as u8 }>, typed)
        .interrupts_without_frame(VectorRange::<{ FRAMELESS as u8 }, { FRAMELESS as u8 }>, frameless);
    V::lead_direct::<S>(table);
    for vector in [DIRECT, TYPED, FRAMELESS, MACHINE_CHECK.number()] {
        let gate = table.gate(vector as u8);
        *gate = gate.callable_from(PrivilegeLevel::Ring3);
    }
}

fn overflow(_frame: &mut TrapFrame) {}

fn typed(_frame: &mut TrapFrame, vector: u8) {
    assert_eq!(usize::from(vector), TYPED);
}

fn frameless(vector: u8) {
    assert_eq!(usize::from(vector), FRAMELESS);
}

/// Leaf 7 (SDM 2A, CPUID): EBX bit 20.
fn has_smap() -> bool {
    const FEATURES: u32 = 7;
    __cpuid(0).eax >= FEATURES && __cpuid_count(FEATURES, 0).ebx & 1 << 20 != 0
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
