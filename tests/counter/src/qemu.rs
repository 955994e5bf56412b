//! The part of QEMU's plugin interface (version 1, since 4.2) that is used, as `qemu-plugin.h` documents it.

use std::ffi::{c_char, c_int, c_void};

/// A plugin's name for itself.
pub type Id = u64;

/// What an access was: size, sign, direction.
pub type MemoryInfo = u32;

/// What QEMU says of itself.
#[repr(C)]
pub struct Info {
    /// The emulated architecture: `i386` or `x86_64`.
    pub target_name: *const c_char,
    _lowest_version: c_int,
    _version: c_int,
    _system_emulation: bool,
    _cpus: c_int,
    _most_cpus: c_int,
}

/// A block in translation.
#[repr(C)]
pub struct Block {
    _opaque: [u8; 0],
}

/// An instruction of one.
#[repr(C)]
pub struct Handle {
    _opaque: [u8; 0],
}

/// Where an access went.
#[repr(C)]
pub struct HardwareAddress {
    _opaque: [u8; 0],
}

/// A callback reads no registers.
pub const NO_REGISTERS: c_int = 0;

/// A callback is for loads and stores.
pub const READS_AND_WRITES: c_int = 3;

unsafe extern "C" {
    pub fn qemu_plugin_register_vcpu_tb_trans_cb(id: Id, callback: extern "C" fn(Id, *mut Block));
    pub fn qemu_plugin_register_atexit_cb(id: Id, callback: extern "C" fn(Id, *mut c_void), data: *mut c_void);
    pub fn qemu_plugin_tb_n_insns(block: *const Block) -> usize;
    pub fn qemu_plugin_tb_get_insn(block: *const Block, index: usize) -> *mut Handle;
    pub fn qemu_plugin_insn_vaddr(handle: *const Handle) -> u64;
    pub fn qemu_plugin_insn_size(handle: *const Handle) -> usize;
    pub fn qemu_plugin_insn_data(handle: *const Handle) -> *const c_void;
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
