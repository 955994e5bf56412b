//! The other CPUs: counted, started (INIT, SIPI: SDM 3A 8.4.4) and interrupted, by the local APIC.
use core::arch::naked_asm;
use core::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use x86::io::{inb, outb, outw};
use x86_entry::Stack;

use crate::MOST_CPUS;

/// The local APIC's registers: number, end of interrupt, spurious vector, interrupt command (SDM 3A table 10-1).
const NUMBER: usize = 0xFEE0_0020;
const END_OF_INTERRUPT: usize = 0xFEE0_00B0;
const SPURIOUS: usize = 0xFEE0_00F0;
const COMMAND: usize = 0xFEE0_0300;

/// Commands (SDM 3A figure 10-12): to all but this CPU.
const TO_OTHERS: u32 = 0b11 << 18 | 1 << 14;
const NMI: u32 = 0b100 << 8;
const INIT: u32 = 0b101 << 8;
const STARTUP: u32 = 0b110 << 8;
const IS_PENDING: u32 = 1 << 12;

/// Where the others begin, in 16-bit mode: a page below 1 MiB.
const PLACE: usize = 0x8000;
/// The offsets of the trampoline's parts, and its length.
const PROTECTED: usize = 32;
const POINTER: usize = 96;
const DESCRIPTORS: usize = 104;
const BYTES: usize = 128;

fn read(register: usize) -> u32 {
    // SAFETY: ring 0; the register is mapped, and reading it changes nothing.
    unsafe { (register as *const u32).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: ring 0; the APIC is this kernel's.
    unsafe { (register as *mut u32).write_volatile(value) };
}

/// Returns the number of this CPU. QEMU numbers its CPUs from 0.
pub fn number() -> usize {
    (read(NUMBER) >> 24) as usize
}

/// Lets this CPU take interrupts of the others.
pub fn enable() {
    const ENABLED: u32 = 1 << 8;
    write(SPURIOUS, ENABLED | 0xFF);
}

/// Tells the APIC that the interrupt has been handled.
pub fn end_of_interrupt() {
    write(END_OF_INTERRUPT, 0);
}

/// Returns the number of CPUs, by QEMU's interface for firmware.
pub fn count() -> usize {
    const SELECT: u16 = 0x510;
    const COUNT_OF_CPUS: u16 = 5;
    // SAFETY: ring 0; the device has no side effects.
    unsafe { outw(SELECT, COUNT_OF_CPUS) };
    // SAFETY: as above.
    usize::from(unsafe { inb(SELECT + 1) })
}

fn send(command: u32) {
    write(COMMAND, TO_OTHERS | command);
    while read(COMMAND) & IS_PENDING != 0 {
        core::hint::spin_loop();
    }
}

/// Raises an interrupt on all other CPUs.
pub fn interrupt_all(vector: u8) {
    send(vector.into());
}

/// Raises an NMI on all other CPUs.
pub fn send_nmi_to_all() {
    send(NMI);
}

/// Starts all other CPUs at `kernel_main`.
pub fn start() {
    // SAFETY: the memory below 1 MiB is mapped and unused, and the trampoline is that long.
    unsafe { core::ptr::copy_nonoverlapping(trampoline as *const u8, PLACE as *mut u8, BYTES) };
    enable();
    send(INIT);
    wait(10_000);
    for _ in 0..2 {
        send(STARTUP | (PLACE >> 12) as u32);
        wait(200);
    }
}

/// Waits until the CPUs have counted to a number.
pub fn wait_for(count: &AtomicUsize, wanted: usize) {
    while count.load(Ordering::Acquire) != wanted {
        core::hint::spin_loop();
    }
}

/// Waits for this number of microseconds at least: a write to the port takes one.
fn wait(microseconds: usize) {
    for _ in 0..microseconds {
        // SAFETY: ring 0; the port is one for the firmware's progress.
        unsafe { outb(0x80, 0) };
    }
}

/// The stacks on which the others start, and how many are taken.
static STACKS: [Stack; MOST_CPUS] = [const { Stack::new() }; MOST_CPUS];
static TAKEN: AtomicU32 = AtomicU32::new(0);

/// From 16-bit mode to the start code, with a stack of the CPU's own. It runs at [`PLACE`], where it is copied to.
#[unsafe(naked)]
unsafe extern "C" fn trampoline() {
    naked_asm!(
        "2:",
        ".code16",
        "cli",
        "xor ax, ax",
        "mov ds, ax",
        "lgdt [{pointer}]",
        "mov eax, cr0",
        "or eax, {protection}",
        "mov cr0, eax",
        // A far jump to a 32-bit address.
        ".byte 0x66, 0xEA",
        ".long {protected}",
        ".word {code}",
        ".org 2b + {protected_offset}",
        ".code32",
        "mov eax, {data}",
        "mov ds, eax",
        "mov es, eax",
        "mov ss, eax",
        "mov eax, 1",
        "lock xadd dword ptr [{taken}], eax",
        "inc eax",
        "imul eax, eax, {stack_bytes}",
        "lea esp, [eax + {stacks}]",
        "xor eax, eax",
        "mov ecx, offset {start}",
        "jmp ecx",
        ".org 2b + {pointer_offset}",
        ".word {limit}",
        ".long {descriptors}",
        ".org 2b + {descriptors_offset}",
        ".quad 0, 0x00CF9B000000FFFF, 0x00CF93000000FFFF",
        ".if {is_64_bit}",
        ".code64",
        ".endif",
        pointer = const PLACE + POINTER,
        protection = const 1,
        protected = const PLACE + PROTECTED,
        protected_offset = const PROTECTED,
        code = const crate::support::KERNEL_CODE,
        data = const crate::support::KERNEL_DATA,
        taken = sym TAKEN,
        stacks = sym STACKS,
        stack_bytes = const size_of::<Stack>(),
        start = sym crate::support::start,
        pointer_offset = const POINTER,
        limit = const 3 * size_of::<u64>() - 1,
        descriptors = const PLACE + DESCRIPTORS,
        descriptors_offset = const DESCRIPTORS,
        is_64_bit = const cfg!(target_arch = "x86_64") as usize,
    )
}
