//! The way out of a trap: what has to be done before ring 3 runs, and the resumption of the thread that the core chose.

use super::width;
use crate::cpu::nmi;
use crate::machine::Cpu;
use kernel::Kernel;
use kernel::machine::Resume;

/// Leaves the kernel after a fast path through the core.
#[inline(always)]
pub(super) fn leave_fast(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu, resume: Resume) -> ! {
    let is_delayed = cpu.extras_due() | nmi::pending() != 0;
    match resume {
        Resume::With(message) if is_delayed => width::save_and_leave_with(message),
        // SAFETY: the borrows given to this function end here.
        Resume::With(message) => unsafe { width::leave_with(message) },
        Resume::Saved if is_delayed => leave_late(kernel, cpu),
        // SAFETY: the core switched to this context, and its setters keep frames valid.
        Resume::Saved => unsafe { width::resume_current() },
    }
}

#[cold]
#[inline(never)]
fn leave_late(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu) -> ! {
    leave(kernel, cpu)
}

/// Resumes the thread that the core has chosen, after posting the non-maskable interrupts that came meanwhile.
#[inline(never)]
#[optimize(speed)]
pub(super) fn leave(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu) -> ! {
    leave_here(kernel, cpu)
}

/// Does what [`leave`] does, inlined: for paths on which the cost of one more call counts.
#[inline(always)]
pub(super) fn leave_here(kernel: &mut Kernel<Cpu>, cpu: &mut Cpu) -> ! {
    if nmi::pending() != 0 {
        kernel.non_maskable(cpu, nmi::take());
    }
    if cpu.extras_due() != 0
        && let Some(context) = kernel.running()
    {
        cpu.load_extras(context, || kernel.running_home());
    }
    // SAFETY: the core switched to this context, and its setters keep frames valid.
    unsafe { width::resume_current() }
}

/// Leaves the kernel for the thread that the core has chosen first.
///
/// # Safety
/// The core has switched to a thread, and nothing on the stack is needed any more.
pub(crate) unsafe fn enter_first() -> ! {
    // SAFETY: the caller's promise.
    unsafe { width::resume_current() }
}
