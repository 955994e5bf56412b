//! Mistakes that a return makes, or that it would show.
use core::arch::asm;
use core::ptr::NonNull;

use x86::controlregs::{Cr4, cr4, cr4_write};
#[cfg(target_arch = "x86")]
use x86::controlregs::{cr3, cr3_write};
#[cfg(target_arch = "x86")]
use x86_entry::entry_data;
use x86_entry::vector::{BREAKPOINT, NON_MASKABLE_INTERRUPT, VectorRange};
use x86_entry::{
    CpuSegments, EntryData, FloatingPointFormat, InterruptDescriptorTable, Stack, TakeOnce, TrapFrame, WithoutSmap,
    resume,
};

#[cfg(target_arch = "x86_64")]
use crate::MADE;
#[cfg(target_arch = "x86_64")]
use crate::kernels::Swapping;
use crate::kernels::{Elsewhere, Floating, OneStack, Plain};
use crate::paranoid_stacks;

static THREAD_STACK: Stack = Stack::new();

/// The vector of a handler that leaves interrupts on.
const VECTOR: u8 = 0x90;

pub fn other_frame_with_floating_point() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0; the machine has SSE.
    unsafe { cr4_write(control | Cr4::CR4_ENABLE_SSE) };
    let format = FloatingPointFormat::detect().expect("the machine has floating point");
    // SAFETY: ring 0, interrupts off; there is one CPU, and the unit is on.
    unsafe { format.use_in_entries() };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Floating, WithoutSmap>().trap_every_vector();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: the function that takes it doesn't return.
    unsafe { asm!("int3") };
}

pub fn ring_3_without_stack() {
    let mut frame = TrapFrame::for_user::<Plain>(0, 0, 0);
    // SAFETY: it panics before ring 3 runs.
    unsafe { resume::<Plain>(NonNull::from(&mut frame)) }
}

pub fn ring_3_without_cpu_stack() {
    let mut frame = TrapFrame::for_user::<OneStack>(0, 0, 0);
    // SAFETY: it panics before ring 3 runs.
    unsafe { resume::<OneStack>(NonNull::from(&mut frame)) }
}

#[cfg(target_arch = "x86_64")]
pub fn smap_switched_on_late() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().trap_every_vector();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0. The machine has SMAP, and AC is set: the start code's pages are ring 3's too.
    unsafe { asm!("stac") };
    // SAFETY: as above.
    unsafe { cr4_write(control | Cr4::CR4_ENABLE_SMAP) };
    ring_3_without_stack();
}

/// Loads another TSS, with a stack, than the one that the stubs of `Plain` use.
pub fn task_of_ones_own() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
    static DATA: TakeOnce<EntryData> = TakeOnce::new(EntryData::new());
    let data = DATA.take().expect("this function runs once");
    data.set_thread_stack::<Elsewhere>(THREAD_STACK.top());
    // SAFETY: ring 0, interrupts off, and all of it is static.
    unsafe { SEGMENTS.take().expect("this function runs once").load::<Elsewhere>(data, paranoid_stacks()) };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().paranoid_gates().exception(BREAKPOINT, |_: &mut TrapFrame| {});
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    ring_3_without_stack();
}

/// Loads another page table, with the stack for ring 3 set.
#[cfg(target_arch = "x86")]
pub fn page_table_of_another_process() {
    #[repr(C, align(4096))]
    struct Directory([u32; 1024]);
    static DIRECTORY: TakeOnce<Directory> = TakeOnce::new(Directory([0; 1024]));
    let mut cpu = entry_data::<Plain>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data now.
    unsafe { cpu.as_mut() }.set_thread_stack::<Plain>(THREAD_STACK.top());
    let directory = DIRECTORY.take().expect("this function runs once");
    // SAFETY: ring 0.
    let root = unsafe { cr3() } as *const [u32; 1024];
    // SAFETY: the start code's directory is mapped where it lies, and nothing changes it.
    directory.0 = unsafe { root.read() };
    // SAFETY: ring 0; the copy maps what the other one maps.
    unsafe { cr3_write(&raw const *directory as u64) };
    ring_3_without_stack();
}

#[cfg(target_arch = "x86_64")]
pub fn ring_3_without_gs_base() {
    let mut frame = TrapFrame::for_user::<Swapping>(0, 0, 0);
    // SAFETY: it panics before ring 3 runs.
    unsafe { resume::<Swapping>(NonNull::from(&mut frame)) }
}

#[cfg(target_arch = "x86_64")]
pub fn gs_base_of_ones_own() {
    let base = &raw const MADE as u64;
    // SAFETY: ring 0, and a static's address is canonical. Nothing here uses GS.
    unsafe { x86::msr::wrmsr(x86::msr::IA32_GS_BASE, base) };
    let mut frame = TrapFrame::for_user::<Swapping>(0, 0, 0);
    // SAFETY: it panics before ring 3 runs.
    unsafe { resume::<Swapping>(NonNull::from(&mut frame)) }
}

pub fn return_with_interrupts_on() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().interrupts(VectorRange::<VECTOR, VECTOR>, |_: &mut TrapFrame, _: u8| {
        // SAFETY: every line of the interrupt controllers is masked.
        unsafe { asm!("sti") };
    });
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: the handler doesn't return.
    unsafe { asm!("int {vector}", vector = const VECTOR) };
}

pub fn exception_in_paranoid_trap() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().paranoid_gates().exception(BREAKPOINT, |_: &mut TrapFrame| {});
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: the handler doesn't return.
    unsafe { asm!("int {vector}", vector = const NON_MASKABLE_INTERRUPT.number()) };
}
