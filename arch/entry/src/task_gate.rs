//! Task gates: how i686 survives #DF, NMI and #MC in any state of its stack.
//!
//! The CPU saves everything in the TSS that it leaves and touches no stack (SDM 3A 7.3). The task builds the frame that
//! an interrupt gate would have saved out of that TSS, and leaves by `iretd`, which NT makes a switch back.
//!
//! From ring 3 the interrupted thread's frame is filled in and the left TSS rewritten, so that the switch back lands in
//! ring 0, on the kernel's stack, with an ordinary trap at hand. From ring 0 the frame is a record for
//! [`KernelEntry::paranoid_trap`], and the switch back resumes what was interrupted.
//!
//! Two facts for kernels: a task switch loads CR3 from a TSS and never stores it ([`EntryData::set_page_table`]), and
//! every one, the return too, sets CR0.TS, so that a #NM may find the floating-point state to be the right one already.
use core::arch::naked_asm;
use core::ptr::NonNull;

use x86::bits32::task::TaskStateSegment;
use x86::dtables::DescriptorTablePointer;

use crate::fixup::is_in_resume;
use crate::i686::tss_address;
use crate::kernel_entry::{KernelEntry, Target, Trap, TrapStack, keeps_state};
use crate::stub::{is_in_leave, keeping, resume};
use crate::vector::{DOUBLE_FAULT, Exception, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{EntryData, TrapFrame, entry_data};

/// EFLAGS of the tasks, and of ring 0 going on after one: the bit that is always set.
const CLEAN_FLAGS: u32 = 1 << 1;

/// EFLAGS.IF.
const INTERRUPT_FLAG: u32 = 1 << 9;

const SYSEXIT: [u8; 2] = [0x0F, 0x35];

/// How long `sti` is.
const STI_BYTES: u32 = 1;

/// A TSS for a task gate: #DF, NMI or #MC, on a stack of its own and in an address space that has the kernel.
///
/// It belongs into the GDT at the selector that [`GlobalDescriptorTable`](crate::GlobalDescriptorTable) names for it, and
/// must not cross a page boundary.
pub fn paranoid_tss<K: KernelEntry, const VECTOR: usize, Class>(
    _exception: Exception<VECTOR, Class>,
    stack_top: usize,
    cr3: u32,
) -> TaskStateSegment {
    const { assert_has_task(VECTOR) };
    assert!(stack_top.is_multiple_of(16), "handlers would run on a misaligned stack");
    let mut task = TaskStateSegment::new();
    task.eip = task_entry::<K, VECTOR> as *const () as u32;
    task.esp = stack_top as u32;
    task.eflags = CLEAN_FLAGS;
    task.cr3 = cr3;
    task.cs = K::SELECTORS.kernel_code;
    (task.ss, task.ds, task.es) = (K::SELECTORS.kernel_data, K::SELECTORS.kernel_data, K::SELECTORS.kernel_data);
    task
}

/// #DB has none: a task gate would lose what the CPU clears in a switch, DR7's local breakpoints (SDM 3B 17.2.4).
pub(crate) const fn assert_has_task(vector: usize) {
    assert!(
        vector == DOUBLE_FAULT.number()
            || vector == NON_MASKABLE_INTERRUPT.number()
            || vector == MACHINE_CHECK.number(),
        "only #DF, NMI and #MC have tasks"
    );
}

/// Where a task begins. After its `iretd` it stays there until the gate is used again, and goes round.
///
/// #DF pushes its error code, always 0, on the task's stack: it never comes round.
#[unsafe(naked)]
unsafe extern "C" fn task_entry<K: KernelEntry, const VECTOR: usize>() {
    naked_asm!(
        "2:",
        "cld",
        "xor ebp, ebp",
        "mov ebx, esp",
        "and esp, {alignment}",
        "sub esp, {argument}",
        "mov [esp], esp",
        call_rust!("run"),
        "mov esp, ebx",
        "iretd",
        "jmp 2b",
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        run = sym Run::<K, VECTOR>::enter,
        run_keeping = sym keeping::<Run<K, VECTOR>>,
    )
}

/// Leads to [`run`]. A task has no frame: its argument is only a place on its stack.
struct Run<K, const VECTOR: usize>(K);

impl<K: KernelEntry, const VECTOR: usize> Target for Run<K, VECTOR> {
    extern "C" fn enter(place: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        run::<K, VECTOR>();
        place
    }
}

/// What a task does.
fn run<K: KernelEntry, const VECTOR: usize>() {
    let mut left = left_task();
    // SAFETY: the TSS is the one that the CPU left; what was interrupted doesn't run.
    let left = unsafe { left.as_mut() };
    let mut frame = frame_of(left, VECTOR);
    if frame.from_user() && VECTOR != DOUBLE_FAULT.number() {
        let mut cpu = entry_data::<K>().expect("i686 kernels have their CPU data at an address");
        // SAFETY: ring 3 was left, so that no code of the kernel has a reference; `left`, which is in it, isn't used any
        // more.
        go_on_as_trap::<K>(unsafe { cpu.as_mut() }, &frame);
    } else {
        K::paranoid_trap(&mut frame);
        put_back(&frame, left);
        redo_sti::<K>(left);
    }
}

/// The TSS that the CPU left for the running task, to which this one is linked (SDM 3A 8.4): mostly the CPU's own, but an
/// NMI may come in the task of #MC or #DF.
fn left_task() -> NonNull<TaskStateSegment> {
    // SAFETY: ring 0.
    let own = task_of(unsafe { x86::task::tr() }.bits());
    // SAFETY: the running task's TSS is mapped, and the CPU has written the link.
    let link = unsafe { own.as_ref() }.link;
    task_of(link)
}

/// The TSS that a selector of the loaded GDT names.
fn task_of(selector: u16) -> NonNull<TaskStateSegment> {
    let mut table = DescriptorTablePointer::<u64>::default();
    // SAFETY: ring 0.
    unsafe { x86::dtables::sgdt(&mut table) };
    let descriptor = table.base.wrapping_add(selector as usize / size_of::<u64>());
    // SAFETY: the CPU itself has just used the descriptor.
    let descriptor = unsafe { descriptor.read() };
    // SAFETY: the CPU has read or written the TSS there, which a kernel puts into its own memory and so not at address 0.
    unsafe { NonNull::new_unchecked(tss_address(descriptor) as *mut TaskStateSegment) }
}

/// The frame that an interrupt gate would have saved.
fn frame_of(left: &TaskStateSegment, vector: usize) -> TrapFrame {
    let mut frame = TrapFrame::new();
    (frame.eax, frame.ebx, frame.ecx, frame.edx) = (left.eax, left.ebx, left.ecx, left.edx);
    (frame.esi, frame.edi, frame.ebp, frame.pushed_esp) = (left.esi, left.edi, left.ebp, left.esp);
    (frame.ds, frame.es) = (left.ds.into(), left.es.into());
    (frame.fs, frame.gs) = (left.fs.into(), left.gs.into());
    frame.vector = vector as u32;
    frame.eip = left.eip;
    frame.cs = left.cs.into();
    frame.eflags = left.eflags;
    frame.set_stack(left.ss, left.esp as usize);
    frame
}

/// The reverse of [`frame_of`], so that changes to the record are what the switch back resumes. The stack stays.
fn put_back(frame: &TrapFrame, left: &mut TaskStateSegment) {
    (left.eax, left.ebx, left.ecx, left.edx) = (frame.eax, frame.ebx, frame.ecx, frame.edx);
    (left.esi, left.edi, left.ebp) = (frame.esi, frame.edi, frame.ebp);
    (left.ds, left.es) = (frame.ds as u16, frame.es as u16);
    (left.fs, left.gs) = (frame.fs as u16, frame.gs as u16);
    left.eip = frame.eip;
    left.cs = frame.cs as u16;
    left.eflags = frame.eflags;
}

/// Sends code that was about to do `sysexit` back to the `sti` before it.
///
/// No interrupt comes between the two, since `sti` holds it back for one instruction. Another that comes in between, as
/// an NMI may (SDM 2B, STI), ends that: on the return an interrupt would find ring 0 with its frame half popped.
fn redo_sti<K: KernelEntry>(left: &mut TaskStateSegment) {
    if !is_in_resume::<K>(left.eip as usize) && !is_in_leave(left.eip as usize) {
        return;
    }
    // SAFETY: an instruction of a way out is readable, and padding follows the last.
    let instruction = unsafe { *(left.eip as *const [u8; 2]) };
    if instruction == SYSEXIT && left.eflags & INTERRUPT_FLAG != 0 {
        left.eip -= STI_BYTES;
        left.eflags &= !INTERRUPT_FLAG;
    }
}

/// Makes the switch back land in ring 0, with the frame saved where the next trap of the thread would have saved it.
fn go_on_as_trap<K: KernelEntry>(cpu: &mut EntryData, frame: &TrapFrame) {
    let saved = cpu.current_frame();
    // SAFETY: esp0 is the end of a place for a frame, free while its thread runs in ring 3.
    unsafe { saved.write(*frame) };
    let stack = match K::TRAP_STACK {
        TrapStack::PerCpu => cpu.stack_top,
        TrapStack::PerThread => saved as usize,
    };
    let left = &mut cpu.tss;
    left.eip = continue_as_trap::<K> as *const () as u32;
    left.ebx = saved as u32;
    left.esp = stack as u32;
    left.eflags = CLEAN_FLAGS;
    left.cs = K::SELECTORS.kernel_code;
    left.ss = K::SELECTORS.kernel_data;
    (left.ds, left.es) = (K::SELECTORS.user_data, K::SELECTORS.user_data);
}

/// Goes on in ring 0 with the frame in ebx.
#[unsafe(naked)]
unsafe extern "C" fn continue_as_trap<K: KernelEntry>() {
    naked_asm!(
        "xor ebp, ebp",
        "and esp, {alignment}",
        "sub esp, {argument}",
        "mov [esp], ebx",
        call_rust!("trap"),
        "push eax",
        "call {resume}",
        alignment = const -16,
        argument = const 16,
        keeps_state = const keeps_state::<K>(),
        trap = sym K::trap,
        trap_keeping = sym keeping::<Trap<K>>,
        resume = sym resume::<K>,
    )
}
