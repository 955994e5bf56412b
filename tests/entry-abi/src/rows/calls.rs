//! Row 22: `syscall` and `sysenter`.
use core::arch::naked_asm;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicUsize, Ordering};

use x86_entry::TrapFrame;

use super::{Verdict, ensure};
use crate::column::{Column, StackFrame};
use crate::console::Text;
use crate::harness::{DONE, Program, Ring};
use crate::kernel::Ours;
use crate::start::USER;

/// Where `sysexit` returns to: the program lies at the beginning of its memory, and its call is of two bytes.
pub const RETURN: usize = USER + 2;

/// How many calls there were.
static CALLS: AtomicUsize = AtomicUsize::new(0);
/// A register that the call kept, as the kernel saw it.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// Takes a call.
pub fn take(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
    CALLS.fetch_add(1, Ordering::Relaxed);
    // SAFETY: the stub has just saved it.
    let saved = unsafe { frame.as_mut() };
    #[cfg(target_arch = "x86_64")]
    {
        SEEN.store(saved.rdi as usize, Ordering::Relaxed);
        saved.rax = !saved.rax;
    }
    #[cfg(target_arch = "x86")]
    {
        SEEN.store(saved.edi as usize, Ordering::Relaxed);
        saved.eax = !saved.eax;
    }
    frame
}

extern "x86-interrupt" fn theirs(_: StackFrame) {
    CALLS.fetch_add(1, Ordering::Relaxed);
}

/// The program, where its first argument and its result are, and what the call loses.
#[cfg(target_arch = "x86_64")]
mod width {
    use super::*;
    use x86::msr::{IA32_LSTAR, wrmsr};

    #[unsafe(naked)]
    pub unsafe extern "C" fn call() {
        naked_asm!("syscall", "int {done}", done = const DONE)
    }

    pub const ARGUMENT: usize = 9;
    pub const RESULT: usize = 14;
    /// r11 and rcx.
    pub const LOST: &[usize] = &[4, 12];

    pub fn enable(column: Column) {
        // SAFETY: ring 0, with the standard segments.
        unsafe { x86_entry::enable_fast_calls::<Ours>() };
        if column == Column::Compiler {
            // SAFETY: ring 0; the harness catches what comes of it.
            unsafe { wrmsr(IA32_LSTAR, theirs as *const () as u64) };
        }
    }
}

#[cfg(target_arch = "x86")]
mod width {
    use super::*;
    use x86::msr::{IA32_SYSENTER_EIP, wrmsr};

    #[unsafe(naked)]
    pub unsafe extern "C" fn call() {
        naked_asm!("sysenter", "int {done}", done = const DONE)
    }

    pub const ARGUMENT: usize = 0;
    pub const RESULT: usize = 7;
    /// edx and ecx.
    pub const LOST: &[usize] = &[5, 6];

    pub fn enable(column: Column) {
        // SAFETY: ring 0, with the standard segments; the CPU's data is static.
        unsafe { x86_entry::enable_fast_calls::<Ours>(NonNull::from(crate::harness::cpu())) };
        if column == Column::Compiler {
            // SAFETY: ring 0; the harness catches what comes of it.
            unsafe { wrmsr(IA32_SYSENTER_EIP, theirs as *const () as u64) };
        }
    }
}

/// Row 22.
pub fn fast_calls(column: Column) -> Verdict {
    crate::harness::table().fill::<Ours, x86_entry::WithSmap>().paranoid_gates();
    width::enable(column);
    check().into()
}

fn check() -> Result<(), Text> {
    CALLS.store(0, Ordering::Relaxed);
    let program = Program::new(width::call, Ring::Three);
    // `sysenter` keeps no stack pointer: the caller passes it.
    #[cfg(target_arch = "x86")]
    let program = program.with(|registers| registers.general[6] = registers.stack);
    let except: &[usize] = &[width::LOST[0], width::LOST[1], width::RESULT];
    let trap = program.finish(except)?;
    ensure!(CALLS.load(Ordering::Relaxed) == 1, "the call didn't arrive");
    let before = &program.registers.general;
    ensure!(SEEN.load(Ordering::Relaxed) == before[width::ARGUMENT], "the kernel saw another argument");
    ensure!(trap.registers.general[width::RESULT] == !before[width::RESULT], "the result didn't arrive");
    if let Some(part) = trap.floats.changed(&crate::floats::Floats::known()) {
        ensure!(false, "the program's {part} changed");
    }
    Ok(())
}
