//! Crashes on request: `crash=NAME` on the kernel's command line. Tests show by it that a crash ends in a record and
//! never in a reset. The person who writes that line chooses the kernel too, so the option gives no further power.

use core::hint::black_box;

use arch::layout;

/// Crashes in the way that `name` says; returns if there is no such way.
pub fn crash(name: &str) {
    match name {
        "panic" => panic!("asked for by the command line"),
        "invalid-opcode" => invalid_opcode(),
        "divide" => divide(),
        "breakpoint" => breakpoint(),
        "bad-selector" => bad_selector(),
        "null" => read(0),
        "unmapped" => read(layout::WINDOWS.end - 8),
        "write-text" => write(crash as fn(&str) as usize),
        "write-constant" => write(name_of_this_module().as_ptr() as usize),
        "run-data" => run(&raw const DATA as usize),
        "stack-overflow" => {
            black_box(deeper(0));
        }
        "not-canonical" => read(usize::MAX / 2 + 1),
        _ => log::warn!("crash={name} isn't known"),
    }
}

/// `ret`, in memory that must not be executed.
static mut DATA: [u8; 16] = [0xC3; 16];

fn name_of_this_module() -> &'static str {
    module_path!()
}

fn invalid_opcode() {
    // SAFETY: the exception ends in a crash record; nothing after it runs.
    unsafe { core::arch::asm!("ud2") };
}

fn divide() {
    // SAFETY: the exception ends in a crash record, and the registers that the division would change are named.
    unsafe { core::arch::asm!("div {0:e}", in(reg) 0, inout("eax") 1 => _, inout("edx") 0 => _) };
}

/// Loads a segment beyond the table's end.
fn bad_selector() {
    // SAFETY: the exception ends in a crash record; nothing after it runs.
    unsafe { core::arch::asm!("mov fs, {0:x}", in(reg) 0xFFF8_u32) };
}

fn breakpoint() {
    // SAFETY: the exception ends in a crash record; nothing after it runs.
    unsafe { core::arch::asm!("int3") };
}

fn read(address: usize) {
    // SAFETY: nothing is mapped there, so this ends in a crash record.
    black_box(unsafe { (address as *const u8).read_volatile() });
}

fn write(address: usize) {
    // SAFETY: the page is read-only, so this ends in a crash record.
    unsafe { (address as *mut u8).write_volatile(0) };
}

fn run(address: usize) {
    // SAFETY: a function pointer may be any address that isn't null; without NX the bytes there are a mere return.
    let function = unsafe { core::mem::transmute::<usize, extern "C" fn()>(address) };
    function();
}

#[expect(unconditional_recursion, reason = "that is the point: the guard page below the stack ends it")]
fn deeper(depth: usize) -> usize {
    let room = black_box([depth; 64]);
    black_box(room[depth % 64]) + deeper(depth + 1)
}
