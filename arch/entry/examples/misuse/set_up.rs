//! Mistakes that set-up makes. Release builds say them too.
use x86::controlregs::{Cr4, cr4, cr4_write};
#[cfg(target_arch = "x86_64")]
use x86_entry::InterruptStackIndex;
use x86_entry::vector::DEBUG;
#[cfg(target_arch = "x86_64")]
use x86_entry::vector::{MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
use x86_entry::{CpuSegments, EntryData, InterruptDescriptorTable, TakeOnce, TrapFrame, WithoutSmap, entry_data};

#[cfg(target_arch = "x86_64")]
use crate::kernels::Swapping;
use crate::kernels::{Floating, Plain};
use crate::paranoid_stacks;

pub fn fast_calls_without_paranoid_gates() {
    enable_fast_calls();
}

pub fn fast_calls_with_plain_debug_gate() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().paranoid_gates().exception(DEBUG, |_: &mut TrapFrame| {}).trap_every_vector();
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    enable_fast_calls();
}

#[cfg(target_arch = "x86_64")]
pub fn swapping_without_paranoid_gates() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Swapping, WithoutSmap>().trap_every_vector();
    // SAFETY: it panics before it loads the table.
    unsafe { table.load() };
}

#[cfg(target_arch = "x86_64")]
pub fn fast_calls_of_swapping_with_plain_stacks() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Plain, WithoutSmap>().trap_every_vector();
    for vector in [NON_MASKABLE_INTERRUPT.number(), DEBUG.number(), MACHINE_CHECK.number()] {
        let gate = table.gate(vector as u8);
        *gate = gate.on_stack(InterruptStackIndex::Two);
    }
    // SAFETY: the segments are loaded.
    unsafe { table.load() };
    // SAFETY: ring 0; it panics before it changes anything.
    unsafe { x86_entry::enable_fast_calls::<Swapping>() };
}

fn enable_fast_calls() {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: ring 0; it panics before it changes anything.
    unsafe {
        x86_entry::enable_fast_calls::<Plain>()
    };
    #[cfg(target_arch = "x86")]
    // SAFETY: ring 0; it panics before it changes anything.
    unsafe {
        x86_entry::enable_fast_calls::<Plain>(entry_data::<Plain>().expect("there is one CPU"))
    };
}

pub fn floating_point_without_format() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    TABLE.take().expect("this function runs once").fill::<Floating, WithoutSmap>();
}

/// Loads a table as a further CPU would whose SSE isn't on.
pub fn floating_point_off() {
    static TABLE: TakeOnce<InterruptDescriptorTable> = TakeOnce::new(InterruptDescriptorTable::new());
    // SAFETY: ring 0.
    let control = unsafe { cr4() };
    // SAFETY: ring 0; nothing here uses SSE.
    unsafe { cr4_write(control & !Cr4::CR4_ENABLE_SSE) };
    let table = TABLE.take().expect("this function runs once");
    table.fill::<Floating, WithoutSmap>().trap_every_vector();
    // SAFETY: it panics before it loads the table.
    unsafe { table.load() };
}

pub fn data_of_another_cpu() {
    static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
    let mut cpu = entry_data::<Plain>().expect("there is one CPU");
    // SAFETY: nothing else refers to the data now.
    let cpu = unsafe { cpu.as_mut() };
    // SAFETY: it panics before it changes anything.
    unsafe { SEGMENTS.take().expect("this function runs once").load::<Plain>(cpu, paranoid_stacks()) };
}

pub fn data_elsewhere() {
    static SEGMENTS: TakeOnce<CpuSegments> = TakeOnce::new(CpuSegments::new([]));
    static DATA: TakeOnce<EntryData> = TakeOnce::new(EntryData::new());
    let data = DATA.take().expect("this function runs once");
    // SAFETY: it panics before it changes anything.
    unsafe { SEGMENTS.take().expect("this function runs once").load::<Plain>(data, paranoid_stacks()) };
}

#[cfg(target_arch = "x86_64")]
pub fn gs_base_before_segments() {
    static DATA: TakeOnce<EntryData> = TakeOnce::new(EntryData::new());
    let data = DATA.take().expect("this function runs once");
    let base = &raw const *data as u64;
    // SAFETY: it panics before it writes.
    unsafe { data.set_kernel_gs_base(base) };
}
