//! The part of QEMU's plugin interface that is used, as `qemu-plugin.h` documents it: version 1 (QEMU 4.2 to 8.2) and
//! versions from 2 on, which QEMU 9 and later ask for. Of what is used here, version 3 changed [`instruction_data`].

use std::ffi::{c_char, c_int, c_void};

/// A plugin's name for itself.
pub type Id = u64;

/// The size, sign and direction of an access.
pub type MemoryInfo = u32;

/// QEMU's description of itself.
#[repr(C)]
pub struct Info {
    /// The emulated architecture: `i386` or `x86_64`.
    pub target_name: *const c_char,
    _lowest_version: c_int,
    /// The newest version of the interface that it has.
    pub version: c_int,
    _system_emulation: bool,
    _cpus: c_int,
    _most_cpus: c_int,
}

/// A block in translation.
#[repr(C)]
pub struct Block {
    _opaque: [u8; 0],
}

/// The most bytes that an instruction can have (SDM 2A, 2.3.11), and one.
pub const MOST_BYTES: usize = 16;

/// The version of the interface to ask for: the oldest that the QEMU which has loaded this plugin takes.
pub fn version() -> c_int {
    // The function came with version 2.
    // SAFETY: the handle stands for the whole program, the name is a C string.
    let found = unsafe { dlsym(WHOLE_PROGRAM, c"qemu_plugin_register_vcpu_mem_inline_per_vcpu".as_ptr()) };
    if found.is_null() { 1 } else { 2 }
}

/// Copies the bytes of an instruction, and returns how many it has.
///
/// # Safety
///
/// The instruction must be of the block that is being translated, and the version QEMU's own.
pub unsafe fn instruction_data(version: c_int, handle: *const Handle, bytes: &mut [u8; MOST_BYTES]) -> usize {
    if version >= 3 {
        // SAFETY: the caller's; QEMU writes at most that many bytes.
        return unsafe { changed::qemu_plugin_insn_data(handle, bytes.as_mut_ptr().cast(), bytes.len()) };
    }
    // SAFETY: the caller's.
    let length = unsafe { qemu_plugin_insn_size(handle) }.min(bytes.len());
    // SAFETY: as above.
    let data = unsafe { qemu_plugin_insn_data(handle) };
    // SAFETY: QEMU keeps that many bytes there during the translation.
    bytes[..length].copy_from_slice(unsafe { std::slice::from_raw_parts(data.cast::<u8>(), length) });
    length
}

/// An instruction of one.
#[repr(C)]
pub struct Handle {
    _opaque: [u8; 0],
}

/// The target of an access.
#[repr(C)]
pub struct HardwareAddress {
    _opaque: [u8; 0],
}

/// A callback reads no registers.
pub const NO_REGISTERS: c_int = 0;

/// A callback is for loads and stores.
pub const READS_AND_WRITES: c_int = 3;

/// glibc's `RTLD_DEFAULT`.
const WHOLE_PROGRAM: *mut c_void = std::ptr::null_mut();

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Block));
    pub fn qemu_plugin_register_atexit_cb(id: Id, callback: extern "C" fn(Id, *mut c_void), data: *mut c_void);
    pub fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    pub fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Handle;
    pub fn qemu_plugin_insn_vaddr(handle: *const Handle) -> u64;
    fn qemu_plugin_insn_size(handle: *const Handle) -> usize;
    fn qemu_plugin_insn_data(handle: *const Handle) -> *const c_void;
    pub fn qemu_plugin_register_vcpu_insn_exec_cb(
        handle: *mut Handle,
        callback: extern "C" fn(u32, *mut c_void),
        flags: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_register_vcpu_mem_cb(
        handle: *mut Handle,
        callback: extern "C" fn(u32, MemoryInfo, u64, *mut c_void),
        flags: c_int,
        direction: c_int,
        data: *mut c_void,
    );
    pub fn qemu_plugin_mem_is_store(info: MemoryInfo) -> bool;
    pub fn qemu_plugin_get_hwaddr(info: MemoryInfo, address: u64) -> *mut HardwareAddress;
    pub fn qemu_plugin_hwaddr_is_io(place: *const HardwareAddress) -> bool;
    pub fn qemu_plugin_hwaddr_phys_addr(place: *const HardwareAddress) -> u64;
}

/// The functions of one name and another type since version 3.
#[allow(clashing_extern_declarations, reason = "only that of QEMU's own version is called")]
mod changed {
    use super::{Handle, c_void};

    unsafe extern "C" {
        pub fn qemu_plugin_insn_data(handle: *const Handle, to: *mut c_void, most: usize) -> usize;
    }
}
