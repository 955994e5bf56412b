//! What the entry stubs call: every interrupt, exception and system call on its way to the core.

/// Makes the body of `MessageCalls::message_call`: jumps to the fast path that the tag names, or to the slow path.
///
/// ecx gets what the entry has in eax: the tag on i686, where ecx is the first argument of `fastcall`; the handle on
/// x86_64, where ecx is the one argument register that the message leaves free. `$before` then brings the tag to eax on
/// x86_64.
///
/// Each fast path is a function of its own, so that none saves or clears what only another needs.
macro_rules! choose_path {
    ($fast:ident, $slow:ident $(, $before:literal)?) => {
        core::arch::naked_asm!(
            "mov ecx, eax",
            $($before,)?
            "and eax, {mask}",
            "je {to_reply_receive}",
            "cmp eax, {null}",
            "jb {to_call}",
            "je {to_null}",
            "cmp eax, {notify}",
            "je {to_notify}",
            "jmp {slow}",
            mask = const FastCall::TAG_MASK,
            to_reply_receive = sym $fast::<{ FastCall::ReplyReceive as u8 }>,
            to_call = sym $fast::<{ FastCall::Call as u8 }>,
            null = const FastCall::Null.tag(),
            to_null = sym $fast::<{ FastCall::Null as u8 }>,
            notify = const FastCall::Notify.tag(),
            to_notify = sym $fast::<{ FastCall::Notify as u8 }>,
            slow = sym $slow,
        )
    };
}

mod leave;
#[cfg_attr(target_arch = "x86", path = "trap/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "trap/x86_64.rs")]
mod width;

use crate::clock::time::Alarm;
use crate::cpu::bell::Bell;
use crate::cpu::{idle, nmi};
use crate::crash;
use crate::interrupts::controller::{FIRST_VECTOR, VectorMeaning};
use crate::machine::Cpu;
use crate::state::state;
use core::ptr::NonNull;
use kernel::Kernel;
use kernel::machine::Line;
use kernel::objects::thread::Fault;
use leave::{leave, leave_fast};
use x86::controlregs::cr2;
use x86::debugregs::{Dr6, dr6, dr6_write};
use x86_entry::vector::{DEBUG, DEVICE_NOT_AVAILABLE, MACHINE_CHECK, NON_MASKABLE_INTERRUPT, PAGE_FAULT};
use x86_entry::{CallerStackPointer, TrapFrame, TrapStack};

pub(crate) use leave::enter_first;
pub(crate) use width::enable_fast_calls;

/// The flag TF: single-stepping.
const TRAP_FLAG: usize = 1 << 8;

/// The vector of the system call's gate.
pub(crate) const CALL_VECTOR: u8 = 0x80;

// SAFETY: the constants are what `start` loads before the first trap from ring 3. Frames come from the stubs or from
// `ThreadContext`, whose setters take no flag, selector or address that gives power. `trap` and `call` may be called
// for every vector; `paranoid` touches the frame and one atomic.
unsafe impl x86_entry::KernelEntry for Bell {
    const TRAP_STACK: TrapStack = TrapStack::PerCpu;
    const CALLER_STACK_POINTER: CallerStackPointer = CallerStackPointer::InR10;
    const SYSENTER_RETURN_ADDRESS: usize = width::SYSENTER_RETURN_ADDRESS;

    #[inline(always)]
    extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        // SAFETY: the stub's frame is not borrowed yet.
        let vector = unsafe { frame.as_ref() }.vector();
        if vector < usize::from(FIRST_VECTOR) { exception(frame) } else { slow_interrupt(vector as u8) }
    }

    #[optimize(speed)]
    extern "C" fn system_call(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        width::call(frame)
    }

    extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
        match frame.vector() {
            vector if vector == NON_MASKABLE_INTERRUPT.number() => {
                crash::at_non_maskable(frame);
                nmi::note();
                let instruction = frame.instruction_pointer();
                let further = idle::restart(instruction);
                if further != instruction {
                    frame.set_instruction_pointer(further);
                }
            }
            vector if vector == DEBUG.number() => debug_in_kernel(frame),
            _ => crash::exception(frame),
        }
    }
}

/// Handles an interrupt of ring 3. The fast path takes every vector for a driver's line: a vector that means anything
/// else has no source, and takes the slow path.
#[inline(always)]
pub(crate) fn direct_interrupt(vector: u8) -> ! {
    // SAFETY: this is a trap's first function.
    let (kernel, cpu) = unsafe { state() };
    match kernel.fast_interrupt(cpu, Line(vector.wrapping_sub(FIRST_VECTOR))) {
        Some(resume) => leave_fast(kernel, cpu, resume),
        None => slow_interrupt(vector),
    }
}

/// Handles an interrupt on the slow path: of a device's line or of the timer, or a spurious one. It has interrupted
/// ring 3 or the idle loop.
#[cold]
#[inline(never)]
fn slow_interrupt(vector: u8) -> ! {
    // SAFETY: this is a trap's first function, or its last.
    let (kernel, cpu) = unsafe { state() };
    if vector != idle::DELIVER_VECTOR {
        match cpu.identify(vector) {
            VectorMeaning::Line(line) => kernel.interrupt(cpu, line),
            VectorMeaning::Timer => {
                if cpu.alarm() == Alarm::Due {
                    kernel.timer(cpu);
                }
            }
            VectorMeaning::SpuriousPic(line) => kernel.spurious(Some(line)),
            VectorMeaning::SpuriousApic => kernel.spurious(None),
        }
    }
    leave(kernel, cpu)
}

/// Handles an exception. One of ring 3 is the thread's fault; one of ring 0 ends the kernel, but for the one that the
/// CPU causes by itself.
#[inline(never)]
#[optimize(speed)]
fn exception(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    // SAFETY: the stub's frame is a thread's, and the core isn't borrowed yet.
    let saved = unsafe { frame.as_mut() };
    let vector = saved.vector();
    if !saved.from_user() {
        if width::TASK_SWITCHES && vector == DEVICE_NOT_AVAILABLE.number() {
            // A task gate's return set CR0.TS while floating-point state was being saved or loaded.
            crate::fpu::clear_task_switched();
            return frame;
        }
        crash::exception(saved);
    }
    if vector == MACHINE_CHECK.number() {
        // The machine's fault, not the program's: what else it broke isn't known.
        crash::exception(saved);
    }
    let fault = Fault {
        vector: vector as u8,
        error: saved.error_code as usize,
        address: fault_address(vector),
        instruction: saved.instruction_pointer(),
    };
    // SAFETY: this is a trap's first function, and the frame isn't used any more.
    let (kernel, cpu) = unsafe { state() };
    if vector == NON_MASKABLE_INTERRUPT.number() {
        // SAFETY: the frame is the running thread's, and the core is done with it until the call after this.
        crash::at_non_maskable(unsafe { frame.as_ref() });
        kernel.non_maskable(cpu, 1);
    } else if vector != DEVICE_NOT_AVAILABLE.number() || !floating_point(kernel, cpu) {
        if let Some(resume) = kernel.fast_fault(cpu, fault) {
            leave_fast(kernel, cpu, resume);
        }
        slow_fault(fault.vector, fault.error, fault.address, fault.instruction);
    }
    leave(kernel, cpu)
}

/// Handles a thread's exception on the slow path. The parts of the fault are passed in registers: by reference, the
/// fast path would have to store them.
#[cold]
#[inline(never)]
fn slow_fault(vector: u8, error: usize, address: usize, instruction: usize) -> ! {
    // SAFETY: this is a trap's last function: its caller doesn't use the core any more.
    let (kernel, cpu) = unsafe { state() };
    kernel.fault(cpu, Fault { vector, error, address, instruction });
    leave(kernel, cpu)
}

/// Turns floating point on for the running thread, which used it while it was off, and gives the thread an area if it
/// has none. Returns whether the thread may go on.
#[inline(never)]
fn floating_point(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu) -> bool {
    let area =
        |kernel: &mut Kernel<Cpu>| kernel.current_context().map(|context| context.area).filter(|area| area.is_some());
    if let Some(area) = area(kernel) {
        // SAFETY: the area is the running thread's, and was prepared when it got it.
        unsafe { cpu.restore_area(area) };
        return true;
    }
    if !kernel.attach_floating_point() {
        return false;
    }
    let Some(area) = area(kernel) else { return false };
    // SAFETY: the core has just given the frame to the running thread.
    unsafe { cpu.prepare_area(area) };
    // SAFETY: the area is the running thread's, and is prepared.
    unsafe { cpu.restore_area(area) };
    true
}

/// Reads what the CPU keeps of an exception besides its frame.
fn fault_address(vector: usize) -> usize {
    if vector == PAGE_FAULT.number() {
        // SAFETY: ring 0.
        unsafe { cr2() }
    } else if vector == DEBUG.number() {
        take_debug_status()
    } else {
        0
    }
}

/// Ends single-stepping after a debug exception in ring 0. No thread can set a breakpoint, so the cause is
/// single-stepping that went on into the kernel (`sysenter` leaves TF), or a `mov ss` before a trap. The kernel caused
/// neither.
fn debug_in_kernel(frame: &mut TrapFrame) {
    take_debug_status();
    frame.set_flags(frame.flags() & !TRAP_FLAG);
}

/// Reads DR6 and clears it, since the CPU never does (SDM 3B, 18.2.3).
fn take_debug_status() -> usize {
    // SAFETY: ring 0.
    let status = unsafe { dr6() };
    // SAFETY: ring 0; a cleared DR6 has no effect but that the next exception's cause can be told.
    unsafe { dr6_write(Dr6::empty()) };
    status.bits()
}

/// Handles a call on the slow path. The message stands in the running thread's saved registers.
///
/// # Safety
/// This is a trap's first function, or its last.
#[cold]
#[inline(never)]
pub(crate) unsafe extern "C" fn slow_call() -> ! {
    // SAFETY: the caller's promise.
    let (kernel, cpu) = unsafe { state() };
    kernel.call(cpu);
    leave(kernel, cpu)
}
