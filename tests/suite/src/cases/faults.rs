//! Exceptions of user mode. Each is a message to the thread's handler, and the thread tries again after the handler's
//! reply. A process without a handler ends.

use crate::case::{Case, Failure, Outcome};
use crate::emulator::Fault;
use crate::system::{System, receive};
use crate::victim::Generated;
use crate::worker::{STACK_BYTES, Worker};
use crate::{cases, check_eq};
use abi::{Kind, Operation, Options, Register, Tag};
use alloc::vec::Vec;
use bellwire::{Endpoint, Handle};
use suite::bare;
use suite::code;

pub const CASES: &[Case] = cases!["faults":
    divide_error_0, debug_by_icebp_1, debug_by_trap_flag_1, breakpoint_3, overflow_4, bound_5, undefined_6,
    protection_13, protection_by_selectors_13, #[cfg(target_arch = "x86_64")] stack_12, page_14, floating_point_16,
    alignment_17,
    alignment_faults_without_end, simd_19,
    other_fast_entries,
];

/// The start of a thread, and the fault that it must raise.
struct Expected {
    entry: extern "C" fn(),
    cx: usize,
    flags: usize,
    bp: usize,
    vector: u8,
    error: usize,
    /// CR2, where it is one.
    address: Option<usize>,
    instruction: usize,
}

/// The flags that a thread starts with, and the carry flag.
const FLAGS: usize = 0x202;

pub(super) fn at(function: extern "C" fn()) -> usize {
    function as *const () as usize
}

impl Expected {
    /// A fault: the instruction pointer stays at the function.
    fn fault(entry: extern "C" fn(), vector: u8, error: usize) -> Self {
        Self { entry, cx: 0, flags: FLAGS, bp: 0, vector, error, address: None, instruction: at(entry) }
    }

    /// A trap: the instruction pointer is behind the instruction of one byte.
    fn trap(entry: extern "C" fn(), vector: u8) -> Self {
        Self { instruction: at(entry) + 1, ..Self::fault(entry, vector, 0) }
    }

    /// Lets an instruction of two bytes have no effect: the thread comes to the `ud2` behind it.
    fn passes(self) -> Outcome {
        Self { vector: 6, instruction: self.instruction + 2, ..self }.happens()
    }

    /// Lets it happen, and lets the thread go on: it must then do the call that its registers were given.
    fn happens(self) -> Outcome {
        let faults = Endpoint::new()?;
        let calls = Endpoint::new()?;
        let worker = Worker::prepare(30, at(self.entry), Some((&faults, 0x5A)), STACK_BYTES)?;
        set(&worker, Register::Cx, self.cx)?;
        set(&worker, Register::Bp, self.bp)?;
        set(&worker, Register::Flags, self.flags)?;
        worker.thread.start([0; 4])?;
        let message = receive(&faults)?;
        let [error, address, instruction, _] = message.words;
        check_eq!((message.tag.kind(), message.tag.label()), (Kind::Fault, self.vector), "at {:#x}", at(self.entry));
        check_eq!((error, instruction), (self.error, self.instruction), "error code and instruction");
        if let Some(expected) = self.address {
            check_eq!(address, expected, "the address");
        }
        check_eq!(message.tag.badge(), 0x5A);
        check_eq!(worker.thread.register(Register::Ip)?, self.instruction);
        check_eq!(worker.thread.register(Register::Cx)?, self.cx, "cx");
        resume(&worker, &calls, 0x77)?;
        drop(worker);
        calls.destroy()?;
        faults.destroy()?;
        Ok(())
    }
}

pub(super) fn set(worker: &Worker, register: Register, value: usize) -> Outcome {
    Ok(bare::thread_write(worker.thread.raw(), [register as usize, value, 0, 0]).map(drop)?)
}

/// Sends a thread whose fault was received on with a call in its registers, and waits for that call.
pub(super) fn resume(worker: &Worker, calls: &Endpoint, label: u8) -> Outcome {
    prepare_call(worker, calls, label)?;
    bare::reply(abi::NO_HANDLE, [0; 4])?;
    check_call(calls, label)
}

fn prepare_call(worker: &Worker, calls: &Endpoint, label: u8) -> Outcome {
    let tag = Tag::incoming(Operation::Call, label, Options::empty()).0 as usize;
    let (handle_register, tag_register, word0, word1) = if cfg!(target_arch = "x86_64") {
        (Register::Ax, Register::Di, Register::Si, Register::Dx)
    } else {
        (Register::Dx, Register::Ax, Register::Bx, Register::Si)
    };
    set(worker, handle_register, calls.raw() as usize)?;
    set(worker, tag_register, tag)?;
    set(worker, word0, 0x1234)?;
    set(worker, word1, 0x5678)?;
    set(worker, Register::Flags, FLAGS)?;
    set(worker, Register::Ip, at(code::resumed))
}

fn check_call(calls: &Endpoint, label: u8) -> Outcome {
    let message = receive(calls)?;
    check_eq!((message.tag.kind(), message.tag.label()), (Kind::Call, label), "what the resumed thread does");
    check_eq!(message.words[..2], [0x1234, 0x5678]);
    Ok(())
}

fn divide_error_0(_: &System) -> Outcome {
    Expected::fault(code::divide, 0, 0).happens()
}

fn debug_by_icebp_1(system: &System) -> Outcome {
    if system.faults.have(Fault::UndefinedTrap) {
        return Expected::fault(code::icebp, 6, 0).happens();
    }
    Expected::trap(code::icebp, 1).happens()
}

pub(super) const TRAP_FLAG: usize = 1 << 8;

fn debug_by_trap_flag_1(_: &System) -> Outcome {
    Expected { flags: FLAGS | TRAP_FLAG, ..Expected::trap(code::no_operation, 1) }.happens()
}

fn breakpoint_3(_: &System) -> Outcome {
    Expected::trap(code::breakpoint, 3).happens()
}

/// `into` exists on i686 only. `int 4` goes through the same gate on both widths.
fn overflow_4(system: &System) -> Outcome {
    #[cfg(target_arch = "x86")]
    Expected { flags: FLAGS | 1 << 11, ..Expected::trap(code::overflow, 4) }.happens()?;
    interrupt_instruction(system, 4)
}

fn bound_5(system: &System) -> Outcome {
    #[cfg(target_arch = "x86")]
    {
        static BOUNDS: [u32; 2] = [1, 2];
        Expected { cx: BOUNDS.as_ptr() as usize, ..Expected::fault(code::bound, 5, 0) }.happens()?;
    }
    interrupt_instruction(system, 5)
}

fn undefined_6(_: &System) -> Outcome {
    Expected::fault(code::undefined, 6, 0).happens()
}

fn protection_13(system: &System) -> Outcome {
    let privileged: [extern "C" fn(); 17] = [
        code::clear_interrupts,
        code::set_interrupts,
        code::halt,
        code::load_gdt,
        code::load_idt,
        code::load_ldt,
        code::load_task,
        code::clear_task_switched,
        code::invalidate_page,
        code::read_model_register,
        code::write_model_register,
        code::read_control,
        code::write_control,
        code::write_debug,
        code::return_fast,
        code::input_other,
        code::input_wide,
    ];
    for entry in privileged {
        Expected { cx: 0, ..Expected::fault(entry, 13, 0) }.happens()?;
    }
    let caches = Expected::fault(code::invalidate_caches, 13, 0);
    match system.faults.have(Fault::PassingCacheControl) {
        false => caches.happens()?,
        true => caches.passes()?,
    }
    #[cfg(target_arch = "x86_64")]
    {
        Expected::fault(code::swap, 13, 0).happens()?;
        // An address that isn't canonical.
        Expected { cx: 1 << 63, ..Expected::fault(code::load, 13, 0) }.happens()?;
        Expected { cx: 1 << 47, ..Expected::fault(code::store, 13, 0) }.happens()?;
    }
    Ok(())
}

/// Selectors of the kernel, of nothing, beyond the table and in a table that isn't there.
fn protection_by_selectors_13(_: &System) -> Outcome {
    for selector in [0x08, 0x10, 0x13, 0x0B, 0xFFF8, 0xFFFB, 0x7C, 0x7F] {
        let error = selector & !3;
        for entry in [code::load_data_segment as extern "C" fn(), code::load_extra_segment, code::load_stack_segment] {
            Expected { cx: selector, ..Expected::fault(entry, 13, error) }.happens()?;
        }
    }
    Expected { cx: 0, ..Expected::fault(code::load_stack_segment, 13, 0) }.happens()
}

/// An address that isn't canonical, by way of the stack segment. i686 has no way to it with flat segments, all of which
/// are present.
#[cfg(target_arch = "x86_64")]
fn stack_12(system: &System) -> Outcome {
    let vector = if system.faults.have(Fault::StackAsProtection) { 13 } else { 12 };
    Expected { bp: 1 << 63, ..Expected::fault(code::load_by_stack, vector, 0) }.happens()
}

pub(super) const WRITE: usize = 1 << 1;
pub(super) const USER: usize = 1 << 2;
const FETCH: usize = 1 << 4;
const PRESENT: usize = 1;

fn page_14(_: &System) -> Outcome {
    let page = |entry: extern "C" fn(), address: usize, error: usize| Expected {
        cx: address,
        address: Some(address),
        ..Expected::fault(entry, 14, error)
    };
    for address in [0, 8, 0x0030_0123, abi::USER_END - 1] {
        page(code::load, address, USER).happens()?;
        page(code::store, address, USER | WRITE).happens()?;
        let fetch = if has_no_execute() { FETCH } else { 0 };
        Expected { instruction: address, ..page(code::jump, address, USER | fetch) }.happens()?;
    }
    // Addresses that are mapped, but not for this access.
    let code = at(code::load);
    page(code::store, code, USER | WRITE | PRESENT).happens()?;
    let data: Vec<u8> = alloc::vec![0xCC; 16];
    let data = data.as_ptr() as usize;
    if has_no_execute() {
        Expected { instruction: data, ..page(code::jump, data, USER | FETCH | PRESENT) }.happens()?;
    }
    // The kernel's half: there or not, it is out of reach, and the error code may say which.
    for address in kernel_addresses() {
        for (entry, error) in [(code::load as extern "C" fn(), USER), (code::store, USER | WRITE)] {
            let present = kernel_page_is_present(address)?;
            page(entry, address, error | present).happens()?;
        }
    }
    Ok(())
}

/// Old processors run whatever can be read.
fn has_no_execute() -> bool {
    let [highest, ..] = suite::float::cpuid(0x8000_0000);
    highest > 0x8000_0000 && suite::float::cpuid(0x8000_0001)[3] & 1 << 20 != 0
}

#[cfg(target_arch = "x86_64")]
fn kernel_addresses() -> [usize; 3] {
    [0xFFFF_8000_0000_0000, 0xFFFF_FFFF_8010_0000, usize::MAX]
}

#[cfg(target_arch = "x86")]
fn kernel_addresses() -> [usize; 3] {
    [0xC000_0000, 0xC010_0000, usize::MAX]
}

/// Bit 0 of the error code, by trying.
fn kernel_page_is_present(address: usize) -> Result<usize, Failure> {
    let faults = Endpoint::new()?;
    let worker = Worker::prepare(30, at(code::load), Some((&faults, 0)), STACK_BYTES)?;
    set(&worker, Register::Cx, address)?;
    worker.thread.start([0; 4])?;
    let message = receive(&faults)?;
    drop(worker);
    faults.destroy()?;
    Ok(message.words[0] & PRESENT)
}

fn floating_point_16(_: &System) -> Outcome {
    let entry = code::divide_x87;
    Expected { instruction: at(code::wait), ..Expected::fault(entry, 16, 0) }.happens()
}

const ALIGNMENT_CHECK: usize = 1 << 18;

/// Data to load from, at addresses of every alignment.
static WORDS: [u32; 2] = [0x0403_0201, 0x0807_0605];

/// A thread that has asked for it faults at a word that isn't aligned, and only there.
fn alignment_17(system: &System) -> Outcome {
    checks_alignment(system)?;
    let load = |offset: usize, flags: usize| Expected {
        cx: WORDS.as_ptr() as usize + offset,
        flags: FLAGS | flags,
        ..Expected::fault(code::load_word, 17, 0)
    };
    for offset in 1..4 {
        load(offset, ALIGNMENT_CHECK).happens()?;
    }
    load(0, ALIGNMENT_CHECK).passes()?;
    load(1, 0).passes()
}

/// CVE-2015-5307: a handler that mends nothing gets the fault again and again. No other thread is affected.
fn alignment_faults_without_end(system: &System) -> Outcome {
    checks_alignment(system)?;
    let faults = Endpoint::new()?;
    let worker = Worker::prepare(30, at(code::load_word), Some((&faults, 0)), STACK_BYTES)?;
    set(&worker, Register::Cx, WORDS.as_ptr() as usize + 1)?;
    set(&worker, Register::Flags, FLAGS | ALIGNMENT_CHECK)?;
    worker.thread.start([0; 4])?;
    for round in 0..1000 {
        let message = receive(&faults)?;
        let [error, _, instruction, _] = message.words;
        let found = (message.tag.label(), error, instruction);
        check_eq!(found, (17, 0, at(code::load_word)), "round {round}: vector, error code, instruction");
        bare::reply(abi::NO_HANDLE, [0; 4])?;
    }
    drop(worker);
    while bare::destroy(faults.raw(), [0; 4])?.words[0] != 0 {}
    system.sleep(core::time::Duration::from_millis(1))
}

fn checks_alignment(system: &System) -> Outcome {
    match system.faults.have(Fault::AnyAlignment) {
        true => Err(Failure::ignored("this emulator checks no alignment")),
        false => Ok(()),
    }
}

/// Where it isn't raised, the thread runs on into what follows, #UD.
fn simd_19(system: &System) -> Outcome {
    let silent = system.faults.have(Fault::SilentSimd);
    let sse = suite::float::Level::detect() != suite::float::Level::X87;
    let divide = at(code::divide_single);
    match (sse, silent) {
        (true, false) => Expected { instruction: divide, ..Expected::fault(code::divide_sse, 19, 0) }.happens(),
        (true, true) => Expected { instruction: divide + 4, ..Expected::fault(code::divide_sse, 6, 0) }.happens(),
        // `ldmxcsr` is undefined.
        (false, _) => {
            Expected { instruction: at(code::divide_sse) + 5, ..Expected::fault(code::divide_sse, 6, 0) }.happens()
        }
    }
}

/// `int n` for #OF and #BR; every other number is tried by a hostile program.
fn interrupt_instruction(system: &System, number: u8) -> Outcome {
    let generated = Generated::new(&[0xCD, number, 0x0F, 0x0B])?;
    let faults = Endpoint::new()?;
    let calls = Endpoint::new()?;
    let address = generated.address();
    let worker = Worker::prepare(30, address, Some((&faults, 0)), STACK_BYTES)?;
    worker.thread.start([0; 4])?;
    let message = receive(&faults)?;
    let [error, _, instruction, _] = message.words;
    let found = (message.tag.label(), error, instruction);
    // User mode may use the gate of the overflow, as its own instruction does.
    let shift = if system.faults.have(Fault::DoubledNumber) { 4 } else { 3 };
    let expected = if number == 4 { (4, 0, address + 2) } else { (13, usize::from(number) << shift | 2, address) };
    check_eq!(found, expected, "int {number:#x}: vector, error code, instruction");
    resume(&worker, &calls, 1)?;
    drop(worker);
    calls.destroy()?;
    faults.destroy()?;
    Ok(())
}

/// `sysenter` in 64-bit mode: the kernel sets no segment up for it. On i686 `sysenter` is the fast call, and only the
/// call page returns from it.
fn other_fast_entries(_: &System) -> Outcome {
    let [_, vendor, ..] = suite::float::cpuid(0);
    // AMD's processors don't have it in 64-bit mode; Bochs's have it, as Intel's do.
    if cfg!(target_arch = "x86_64") && vendor.to_le_bytes() == *b"Auth" {
        let as_intel = Expected::fault(code::other_fast_entry, 13, 0).happens();
        return as_intel.or_else(|_| Expected::fault(code::other_fast_entry, 6, 0).happens());
    }
    let vector = if cfg!(target_arch = "x86") { 6 } else { 13 };
    Expected::fault(code::other_fast_entry, vector, 0).happens()
}
