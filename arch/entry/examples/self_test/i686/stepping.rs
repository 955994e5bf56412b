//! i686: what single-stepping the stubs needs.
use core::mem::offset_of;

use x86::bits32::task::TaskStateSegment;
use x86::dtables::{DescriptorTablePointer, sgdt};
use x86::msr::{IA32_SYSENTER_EIP, rdmsr};
use x86::task::tr;
use x86_entry::{Gate, TrapFrame};

use crate::script::TRAP_FLAG;

/// Returns the address to which a gate leads (SDM 3A figure 6-2): a task's is in its TSS.
pub fn gate_address(gate: &Gate) -> usize {
    let [low, high] = gate.bits();
    if gate.is_task() {
        return task_address((low >> 16) as u16);
    }
    (low & 0xFFFF | high & 0xFFFF_0000) as usize
}

/// Returns where a task goes on that doesn't run.
fn task_address(selector: u16) -> usize {
    let place = task(selector).wrapping_byte_add(offset_of!(TaskStateSegment, eip)).cast::<usize>();
    // SAFETY: the TSS is static, and the CPU has read it or written it.
    unsafe { place.read() }
}

/// Returns a task's TSS (SDM 3A figures 7-2 and 7-3).
fn task(selector: u16) -> *const TaskStateSegment {
    let mut table = DescriptorTablePointer::<u64>::default();
    // SAFETY: ring 0.
    unsafe { sgdt(&mut table) };
    // SAFETY: the selector is that of a descriptor.
    let descriptor = unsafe { table.base.wrapping_add(usize::from(selector) / size_of::<u64>()).read() };
    (descriptor >> 16 & 0xFF_FFFF | descriptor >> 56 << 24) as *const TaskStateSegment
}

/// Returns the address to which `sysenter` leads.
pub fn fast_call_address() -> usize {
    // SAFETY: ring 0; the register exists where `sysenter` does.
    unsafe { rdmsr(IA32_SYSENTER_EIP) as usize }
}

/// The instruction that ends a fast call.
pub const FAST_RETURN: &[u8] = &[0x0F, 0x35];

/// Returns where the code behind the next instruction needs a breakpoint, because no step leads there: at the `sysexit`
/// behind `sti`, where an emulator may hold single steps back, and behind a task's `iretd`.
pub fn unstepped_behind(frame: &TrapFrame) -> Option<usize> {
    const STI: u8 = 0xFB;
    // SAFETY: the CPU executes the instruction next.
    let next = unsafe { (frame.eip as *const u8).read() };
    if returns_from_task(frame) {
        // SAFETY: ring 0.
        let own = unsafe { tr() }.bits();
        let link = task(own).wrapping_byte_add(offset_of!(TaskStateSegment, link)).cast::<u16>();
        // SAFETY: the task runs, and the CPU has written the link to the interrupted one (SDM 3A 7.4).
        let interrupted = unsafe { link.read() };
        return Some(task_address(interrupted));
    }
    (next == STI).then_some(frame.eip as usize + 1)
}

/// Returns whether the next instruction is a task's `iretd`.
fn returns_from_task(frame: &TrapFrame) -> bool {
    const IRETD: u8 = 0xCF;
    const NESTED_TASK: u32 = 1 << 14;
    // SAFETY: the CPU executes the instruction next.
    frame.eflags & NESTED_TASK != 0 && unsafe { (frame.eip as *const u8).read() } == IRETD
}

/// Sees to a step over an instruction that changes the flags.
///
/// The stubs clear all flags by `popfd`: TF goes into the flags that it loads. A task's `iretd` isn't stepped, because
/// its TSS would keep TF: then the task would be stepped each time.
pub fn step_over_flags(frame: &mut TrapFrame) {
    const POPFD: u8 = 0x9D;
    // SAFETY: the CPU executes the instruction next.
    let next = unsafe { (frame.eip as *const u8).read() };
    if returns_from_task(frame) {
        frame.eflags &= !(TRAP_FLAG as u32);
    }
    if next == POPFD {
        let flags = frame.esp as *mut u32;
        // SAFETY: the instruction pops this word from the interrupted stack.
        unsafe { *flags |= TRAP_FLAG as u32 };
    }
}
