//! The functions that QEMU calls: at the installation, for each translated block, each instruction, each access, and at
//! the end.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::profile::Profile;
use crate::qemu::{self, Block, HardwareAddress, Id, Info, MOST_BYTES, MemoryInfo, NO_REGISTERS, READS_AND_WRITES};
use crate::row::Touch;
use crate::{Counter, Width};

/// The version of QEMU's plugin interface that the plugin needs, an `int`. QEMU reads it when it has loaded the plugin,
/// and refuses a version that is too new or too old.
#[unsafe(no_mangle)]
#[allow(non_upper_case_globals, reason = "QEMU looks for this name")]
pub static qemu_plugin_version: AtomicI32 = AtomicI32::new(1);

/// Loading the plugin calls this first.
// SAFETY: the section holds pointers to functions of this type (System V ABI, "Initialization and Termination
// Functions").
#[used]
#[unsafe(link_section = ".init_array")]
static LOADED: extern "C" fn() = loaded;

extern "C" fn loaded() {
    qemu_plugin_version.store(qemu::version(), Ordering::Relaxed);
}

/// The version of QEMU's own interface.
static QEMU_VERSION: AtomicI32 = AtomicI32::new(0);

static COUNTER: Mutex<Counter> = Mutex::new(Counter::new());

/// QEMU calls this first.
///
/// # Safety
///
/// Only QEMU may call it, with what its plugin interface (`qemu-plugin.h`) says.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: Id,
    info: *const Info,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    // SAFETY: QEMU passes a structure that lives as long as the call.
    let name = unsafe { (*info).target_name };
    // SAFETY: as above.
    QEMU_VERSION.store(unsafe { (*info).version }, Ordering::Relaxed);
    // SAFETY: it is a C string.
    let target = unsafe { CStr::from_ptr(name) };
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    counter.width = if target == c"i386" { Width::I686 } else { Width::X86_64 };
    let mut file = String::new();
    for index in 0..count as usize {
        // SAFETY: QEMU passes `count` pointers, and the index is less.
        let argument = unsafe { arguments.wrapping_add(index).read() };
        // SAFETY: each is a C string.
        let argument = unsafe { CStr::from_ptr(argument) }.to_string_lossy();
        match argument.split_once('=') {
            Some(("out", name)) => file = name.to_owned(),
            Some(("profile", _)) => counter.profile = Some(Profile::default()),
            _ => {
                eprintln!("counter: {argument} is no argument: out=FILE, profile=on");
                return -1;
            }
        }
    }
    // SAFETY: the functions have the types that the interface asks for.
    unsafe { qemu::qemu_plugin_register_vcpu_tb_trans_cb(id, translate) };
    let file = Box::into_raw(Box::new(file)).cast();
    // SAFETY: as above; the name is there until the end.
    unsafe { qemu::qemu_plugin_register_atexit_cb(id, finish, file) };
    0
}

/// A block is being translated: ask to be called at each of its instructions and memory accesses.
extern "C" fn translate(_: Id, block: *mut Block) {
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    let version = QEMU_VERSION.load(Ordering::Relaxed);
    // SAFETY: QEMU passes the block that it translates.
    let count = unsafe { qemu::qemu_plugin_tb_n_insns(block) };
    for index in 0..count {
        // SAFETY: the index is less than the count of the block's instructions.
        let handle = unsafe { qemu::qemu_plugin_tb_get_insn(block, index) };
        // SAFETY: an instruction of the block.
        let address = unsafe { qemu::qemu_plugin_insn_vaddr(handle) };
        let mut bytes = [0; MOST_BYTES];
        // SAFETY: as above; the version is QEMU's.
        let length = unsafe { qemu::instruction_data(version, handle, &mut bytes) };
        let number = counter.translated(address, &bytes[..length]) as *mut c_void;
        // SAFETY: the instruction is the block's; the number is no pointer to anything.
        unsafe { qemu::qemu_plugin_register_vcpu_insn_exec_cb(handle, execute, NO_REGISTERS, number) };
        // SAFETY: as above.
        unsafe { qemu::qemu_plugin_register_vcpu_mem_cb(handle, access, NO_REGISTERS, READS_AND_WRITES, number) };
    }
}

/// An instruction is about to be executed.
extern "C" fn execute(_: u32, number: *mut c_void) {
    COUNTER.lock().unwrap_or_else(PoisonError::into_inner).executed(number as usize);
}

/// Memory is accessed by an instruction.
extern "C" fn access(_: u32, info: MemoryInfo, address: u64, number: *mut c_void) {
    let mut counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    if !counter.wants_access(number as usize) {
        return;
    }
    // SAFETY: QEMU passes the access that it is making.
    let place = unsafe { qemu::qemu_plugin_get_hwaddr(info, address) };
    let device = device(place);
    // SAFETY: as above.
    let store = unsafe { qemu::qemu_plugin_mem_is_store(info) };
    counter.touched(match (device, store) {
        (Some(physical), _) => Touch::Device(physical),
        (None, false) => Touch::Read(address),
        (None, true) => Touch::Write(address),
    });
}

/// The physical address, where a device answers.
fn device(place: *const HardwareAddress) -> Option<u64> {
    if place.is_null() {
        return None;
    }
    // SAFETY: QEMU gave it for the access at hand.
    let is_device = unsafe { qemu::qemu_plugin_hwaddr_is_io(place) };
    // SAFETY: as above.
    is_device.then(|| unsafe { qemu::qemu_plugin_hwaddr_phys_addr(place) })
}

/// The machine has ended.
extern "C" fn finish(_: Id, file: *mut c_void) {
    // SAFETY: the string that the installation made, which nothing else refers to.
    let file = unsafe { Box::from_raw(file.cast::<String>()) };
    let counter = COUNTER.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = std::fs::write(&*file, counter.report()) {
        eprintln!("counter: can't write {file}: {error}");
    }
}
