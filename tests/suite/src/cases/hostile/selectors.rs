//! Selectors of every kind in every segment register (CVE-2014-9090, CVE-2014-9322): the kernel's, those of tasks, of a
//! local table, of nothing. No stack segment of 16 bits is to be had, by which a return would reveal the upper half of
//! the kernel's stack pointer (CVE-2014-8134): every interrupt must keep the upper half of the witness's stack pointer.

use super::{STACK, own_code_segment, own_stack_segment};
use crate::case::{Case, Outcome};
use crate::scene::Scene;
use crate::victim::{Caught, Generated, Victim, at};
use crate::{check, check_eq, hostile};
use abi::{Access, PAGE_BYTES, Register};
use alloc::vec::Vec;
use bellwire::Memory;
use core::arch::asm;
use suite::bare;
use suite::code;

pub const CASES: &[Case] = hostile!["selectors":
    only_flat_segments_are_to_be_had, far_jumps_and_calls_to_every_selector, far_returns_to_every_selector,
    interrupt_returns_to_every_selector, segment_loads_of_every_selector, a_local_table_of_ones_own,
];

/// The selectors of both tables' first entries with every privilege, and some beyond: the global table has a dozen.
fn selectors() -> impl Iterator<Item = usize> {
    (0..0x88).chain([0xFF, 0x100, 0x3FF, 0x7FFB, 0x7FFF, 0x8000, 0xFFF8, 0xFFFB, 0xFFFC, 0xFFFF])
}

/// The access rights that `lar` gives for a selector, if this privilege may see any.
fn access_rights(selector: usize) -> Option<u32> {
    let (rights, visible): (u32, u8);
    // SAFETY: the instruction reads a descriptor and changes nothing.
    unsafe {
        asm!("lar {0:e}, {1:e}", "setz {2}", out(reg) rights, in(reg) selector, out(reg_byte) visible,
            options(nomem, nostack));
    }
    (visible != 0).then_some(rights)
}

/// Of all 65,536 selectors only those of ring 3's own segments are valid; the segments have 32 or 64 bits.
fn only_flat_segments_are_to_be_had(scene: &Scene<'_>) -> Outcome {
    const CODE: u32 = 1 << 11;
    const LONG: u32 = 1 << 21;
    const WIDE: u32 = 1 << 22;
    const PAGES: u32 = 1 << 23;
    scene.breathe()?;
    let mut entries = Vec::new();
    for selector in 0..0x1_0000_usize {
        let Some(rights) = access_rights(selector) else { continue };
        entries.push(selector & !3);
        let (is_code, size) = (rights & CODE != 0, rights & (LONG | WIDE | PAGES));
        let expected = if is_code && cfg!(target_arch = "x86_64") { LONG | PAGES } else { WIDE | PAGES };
        // Present, of ring 3, not a system segment.
        check_eq!((rights >> 12 & 0xF, size), (0xF, expected), "selector {selector:#x}: {rights:#x}");
    }
    entries.dedup();
    let mut expected = alloc::vec![own_code_segment() & !3, own_stack_segment() & !3];
    if cfg!(target_arch = "x86") {
        // The one whose base is the thread pointer.
        expected.push(9 << 3);
    }
    expected.sort_unstable();
    check_eq!(entries, expected);
    Ok(())
}

/// Jumps and calls by a pointer in memory at `cx`: to the kernel's segments, to tasks, to nothing.
fn far_jumps_and_calls_to_every_selector(scene: &Scene<'_>) -> Outcome {
    let is_as_expected = comparison(scene);
    // jmp far [ecx], [rcx]; ud2. The same as a call.
    for code in [[0xFF, 0x29, 0x0F, 0x0B], [0xFF, 0x19, 0x0F, 0x0B]] {
        let generated = Generated::new(&code)?;
        for selector in selectors() {
            let mut pointer = [0_u8; 8];
            // Inside the page, where user code may land: the `ud2`.
            pointer[..4].copy_from_slice(&((generated.address() + 2) as u32).to_le_bytes());
            pointer[4..6].copy_from_slice(&(selector as u16).to_le_bytes());
            let victim = Victim::new(scene, generated.address())?;
            victim.set(Register::Cx, pointer.as_ptr() as usize)?;
            let caught = victim.fault()?;
            let expected = if is_own_code(selector) { (6, 0) } else { (13, error_code(selector)) };
            check!(is_as_expected(caught, expected), "selector {selector:#x}: {caught:x?}");
        }
    }
    Ok(())
}

fn far_returns_to_every_selector(scene: &Scene<'_>) -> Outcome {
    let is_as_expected = comparison(scene);
    // retf or retfq; ud2
    let code: &[u8] = if cfg!(target_arch = "x86_64") { &[0x48, 0xCB, 0x0F, 0x0B] } else { &[0xCB, 0x0F, 0x0B] };
    let generated = Generated::new(code)?;
    for selector in selectors() {
        let frame = [generated.address() + code.len() - 2, selector];
        let victim = Victim::new(scene, generated.address())?;
        victim.set(Register::Sp, frame.as_ptr() as usize)?;
        let caught = victim.fault()?;
        // To a lower ring there is no return; and a return to the own ring must name it.
        let expected = if is_own_code(selector) && selector & 3 == 3 { (6, 0) } else { (13, error_code(selector)) };
        check!(is_as_expected(caught, expected), "selector {selector:#x}: {caught:x?}");
    }
    Ok(())
}

/// A stack of one's own for `iret`, with every selector in it.
fn interrupt_returns_to_every_selector(scene: &Scene<'_>) -> Outcome {
    let is_as_expected = comparison(scene);
    // iretd or iretq; ud2
    let code: &[u8] = if cfg!(target_arch = "x86_64") { &[0x48, 0xCF, 0x0F, 0x0B] } else { &[0xCF, 0x0F, 0x0B] };
    let generated = Generated::new(code)?;
    let behind = generated.address() + code.len() - 2;
    for selector in selectors() {
        // Instruction pointer, code segment, flags, stack pointer, stack segment.
        let victim = Victim::new(scene, generated.address())?;
        let frame = [behind, selector, 0x202, STACK, own_stack_segment()];
        victim.set(Register::Sp, frame.as_ptr() as usize)?;
        let caught = victim.fault()?;
        let expected = if is_own_code(selector) && selector & 3 == 3 { (6, 0) } else { (13, error_code(selector)) };
        check!(is_as_expected(caught, expected), "code {selector:#x}: {caught:x?}");

        let victim = Victim::new(scene, generated.address())?;
        let frame = [behind, own_code_segment(), 0x202, STACK, selector];
        victim.set(Register::Sp, frame.as_ptr() as usize)?;
        let caught = victim.fault()?;
        // Within a ring i686's `iret` leaves the stack alone.
        let expected = match () {
            () if cfg!(target_arch = "x86") || selector == own_stack_segment() => (6, 0),
            () => (13, error_code(selector)),
        };
        check!(is_as_expected(caught, expected), "stack {selector:#x}: {caught:x?}");
    }
    Ok(())
}

fn segment_loads_of_every_selector(scene: &Scene<'_>) -> Outcome {
    let loads: [extern "C" fn(); 5] = [
        code::load_data_segment,
        code::load_extra_segment,
        code::load_thread_segment,
        code::load_last_segment,
        code::load_stack_segment,
    ];
    for selector in selectors() {
        for entry in loads {
            let is_stack = entry as *const () == code::load_stack_segment as *const ();
            let victim = Victim::new(scene, at(entry))?;
            victim.set(Register::Cx, selector)?;
            let caught = victim.fault()?;
            let loads = match () {
                () if is_stack => is_own_data(selector) && selector & 3 == 3,
                () => selector < 4 || is_own_data(selector) || is_own_code(selector),
            };
            // The load is harmless: the thread comes to the `ud2`.
            let expected = if loads { (6, 0) } else { (13, error_code(selector)) };
            check_eq!((caught.vector, caught.error), expected, "selector {selector:#x}");
        }
    }
    Ok(())
}

/// The CPU has a local descriptor table at address 0 from its reset on, until the kernel takes it away.
fn a_local_table_of_ones_own(scene: &Scene<'_>) -> Outcome {
    const PLACE: usize = 0x1000;
    let memory = Memory::new(PAGE_BYTES)?;
    bare::map_at(&memory, PLACE, 0, PAGE_BYTES, Access::READ | Access::WRITE)?;
    let table = PLACE as *mut [u8; 8];
    for entry in 0..PAGE_BYTES / 8 {
        // A flat writable data segment of ring 3.
        let descriptor = [0xFF, 0xFF, 0, 0, 0, 0xF3, 0xCF, 0];
        // SAFETY: the page was just mapped for this.
        unsafe { table.wrapping_add(entry).write_volatile(descriptor) };
    }
    for entry in [PLACE, PLACE + 8, PLACE + 0xFF8] {
        let selector = entry | 7;
        let victim = Victim::new(scene, at(code::load_data_segment))?;
        victim.set(Register::Cx, selector)?;
        let caught = victim.fault()?;
        check_eq!((caught.vector, caught.error), (13, selector & !3), "selector {selector:#x}");
    }
    memory.destroy()?;
    Ok(())
}

fn is_own_code(selector: usize) -> bool {
    selector & !3 == own_code_segment() & !3
}

/// On i686 the thread pointer's selector is one more.
fn is_own_data(selector: usize) -> bool {
    selector & !3 == own_stack_segment() & !3 || cfg!(target_arch = "x86") && selector & !3 == 9 << 3
}

/// The error code of a selector that may not be loaded: 0 for a null one.
fn error_code(selector: usize) -> usize {
    selector & !3
}

/// Compares what was caught with the vector and error code that were expected.
type Comparison = fn(Caught, (u8, usize)) -> bool;

/// The comparison for this machine. Where ring 3 may not use its own stack for a far call or a return,
/// the access to that stack may be what faults.
fn comparison(scene: &Scene<'_>) -> Comparison {
    const PRESENT: usize = 1;
    const WRITE: usize = 2;
    fn is_same(caught: Caught, expected: (u8, usize)) -> bool {
        (caught.vector, caught.error) == expected
    }
    fn is_same_or_refused(caught: Caught, expected: (u8, usize)) -> bool {
        is_same(caught, expected) || is_same(caught, (14, PRESENT)) || is_same(caught, (14, PRESENT | WRITE))
    }
    if super::has_own_returns(scene) { is_same } else { is_same_or_refused }
}
