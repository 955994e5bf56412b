//! Task gates: the way in of #DF, NMI and #MC on i686, which uses no stack of the interrupted code.
//!
//! The CPU saves all registers in the TSS of the task that it leaves (SDM 3A 7.3). The gate's task copies them to the
//! frame that an interrupt gate would have saved. It leaves by `iretd`, which switches back because NT is set.
//!
//! From ring 3, the task writes the current frame, and changes the interrupted TSS: the switch back leads to ring 0, on
//! the kernel's stack, to [`KernelEntry::trap`]. From ring 0, the frame is a record for [`KernelEntry::paranoid_trap`],
//! and the switch back resumes the interrupted code.
//!
//! Kernels must know two facts. A task switch loads CR3 from a TSS and never stores it ([`EntryData::set_page_table`]).
//! And every switch, the return included, sets CR0.TS: a handler of #NM may find the right floating-point state loaded.
use core::arch::naked_asm;
use core::ptr::NonNull;

use x86::bits32::task::TaskStateSegment;
use x86::dtables::DescriptorTablePointer;

use crate::i686::tss_address;
use crate::kernel_entry::{KernelEntry, TrapStack, keeps_state};
use crate::stub::{keeping, paranoid_trap, popped_at_sysexit, resume_frame};
use crate::target::{Target, Trap};
use crate::vector::{DOUBLE_FAULT, Exception, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use crate::{EntryData, TrapFrame, entry_data};

/// EFLAGS of the tasks, and of ring 0 after a task's trap of ring 3: the bit that is always set.
const CLEAN_FLAGS: u32 = 1 << 1;

/// EFLAGS.IF.
const INTERRUPT_FLAG: u32 = 1 << 9;

/// The length of `sti`.
const STI_BYTES: u32 = 1;

/// Makes a TSS for the task gate of #DF, NMI or #MC, with a stack of its own and an address space that has the kernel.
///
/// [`GlobalDescriptorTable`](crate::GlobalDescriptorTable) names the selector for each. The TSS must not cross a page
/// boundary (SDM 3A 7.2.1). [`CpuSegments::load`](crate::CpuSegments::load) does all of it.
pub fn paranoid_tss<K: KernelEntry, const VECTOR: usize, Class>(
    _exception: Exception<VECTOR, Class>,
    stack_top: usize,
    cr3: u32,
) -> TaskStateSegment {
    const { assert_has_task(VECTOR) };
    crate::entry_data::assert_stack_top(stack_top);
    let mut task = TaskStateSegment::new();
    task.eip = task_entry::<K, VECTOR> as *const () as u32;
    task.esp = stack_top as u32;
    task.eflags = CLEAN_FLAGS;
    task.cr3 = cr3;
    task.cs = K::SELECTORS.kernel_code;
    (task.ss, task.ds, task.es) = (K::SELECTORS.kernel_data, K::SELECTORS.kernel_data, K::SELECTORS.kernel_data);
    task
}

/// Asserts that a vector can have a task gate. #DB can't: a task switch clears DR7's local breakpoints (SDM 3B 17.2.4).
pub(crate) const fn assert_has_task(vector: usize) {
    assert!(
        vector == DOUBLE_FAULT.number()
            || vector == NON_MASKABLE_INTERRUPT.number()
            || vector == MACHINE_CHECK.number(),
        "only #DF, NMI and #MC have tasks"
    );
}

/// The code of a task. The task stops at its `iretd` until the next switch, and then jumps to the beginning.
///
/// #DF's task never gets there. The CPU pushes its error code, always 0, on the task's stack.
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

/// Leads to [`run`]. A task has no frame: its argument is an unused address on its stack.
struct Run<K, const VECTOR: usize>(K);

impl<K: KernelEntry, const VECTOR: usize> Target for Run<K, VECTOR> {
    extern "C" fn enter(place: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        run::<K, VECTOR>();
        place
    }
}

/// Builds the frame, and sends the trap to the kernel.
fn run<K: KernelEntry, const VECTOR: usize>() {
    let mut left = left_task();
    // SAFETY: the CPU wrote the TSS when it left the task, which doesn't run before this task's `iretd`.
    let left = unsafe { left.as_mut() };
    let mut frame = frame_of(left, VECTOR);
    if frame.from_user() && VECTOR != DOUBLE_FAULT.number() {
        let mut cpu = entry_data::<K>().expect("i686 kernels have their CPU data at an address");
        // SAFETY: ring 3 was interrupted, so no code of the kernel holds a reference. `left`, a part of the data, isn't
        // used any more.
        go_on_as_trap::<K>(unsafe { cpu.as_mut() }, &frame);
    } else {
        paranoid_trap::<K>(&mut frame);
        put_back(&frame, left);
        redo_sti(left);
    }
}

/// Returns the TSS of the interrupted task, to which the running task's TSS is linked (SDM 3A 7.4). Mostly this is the
/// CPU's own, but an NMI may interrupt the task of #MC or #DF.
fn left_task() -> NonNull<TaskStateSegment> {
    // SAFETY: the CPU is in ring 0.
    let own = task_of(unsafe { x86::task::tr() }.bits());
    // SAFETY: the running task's TSS is mapped, and the CPU has written the link.
    let link = unsafe { own.as_ref() }.link;
    task_of(link)
}

/// Returns the TSS that a selector of the loaded GDT selects.
fn task_of(selector: u16) -> NonNull<TaskStateSegment> {
    let mut table = DescriptorTablePointer::<u64>::default();
    // SAFETY: the CPU is in ring 0.
    unsafe { x86::dtables::sgdt(&mut table) };
    let descriptor = table.base.wrapping_add(selector as usize / size_of::<u64>());
    // SAFETY: the CPU itself has just used the descriptor.
    let descriptor = unsafe { descriptor.read() };
    // SAFETY: the CPU has read or written the TSS there, which a kernel puts into its own memory and so not at address
    // 0.
    unsafe { NonNull::new_unchecked(tss_address(descriptor) as *mut TaskStateSegment) }
}

/// Makes the frame that an interrupt gate would have saved.
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
    (frame.esp, frame.ss) = (left.esp, left.ss.into());
    frame
}

/// Writes the frame's registers back to the TSS, but for the stack: the switch back resumes the code with the changes.
fn put_back(frame: &TrapFrame, left: &mut TaskStateSegment) {
    (left.eax, left.ebx, left.ecx, left.edx) = (frame.eax, frame.ebx, frame.ecx, frame.edx);
    (left.esi, left.edi, left.ebp) = (frame.esi, frame.edi, frame.ebp);
    (left.ds, left.es) = (frame.ds as u16, frame.es as u16);
    (left.fs, left.gs) = (frame.fs as u16, frame.gs as u16);
    left.eip = frame.eip;
    left.cs = frame.cs as u16;
    left.eflags = frame.eflags;
}

/// Sends code that was interrupted at `sysexit` back to the `sti` before it.
///
/// `sti` holds interrupts back for one instruction. An NMI between the two ends that (SDM 2B, STI): after the NMI's
/// return, an interrupt would find ring 0 with its frame half popped.
fn redo_sti(left: &mut TaskStateSegment) {
    if popped_at_sysexit(left.eip as usize).is_some() && left.eflags & INTERRUPT_FLAG != 0 {
        left.eip -= STI_BYTES;
        left.eflags &= !INTERRUPT_FLAG;
    }
}

/// Saves the frame as the current frame, and has the switch back lead to [`continue_as_trap`] in ring 0.
fn go_on_as_trap<K: KernelEntry>(cpu: &mut EntryData, frame: &TrapFrame) {
    let saved = cpu.current_frame();
    // SAFETY: the kernel set esp0 to the end of memory for a frame. That memory is unused while the thread runs in ring
    // 3.
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

/// Calls [`KernelEntry::trap`] with the frame in ebx, in ring 0, after the switch back.
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
        resume = sym resume_frame,
    )
}
