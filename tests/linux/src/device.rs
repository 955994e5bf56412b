//! QEMU's teaching device (1234:11e8) with Linux's driver for drivers in user mode, `uio_pci_generic`.
//!
//! That driver's part in the kernel sets the function's "interrupt disable" bit when it interrupts, and the part in
//! user mode clears it again when it has acknowledged the interrupt at the device, by a write to configuration space
//! (Linux, `Documentation/driver-api/uio-howto.rst`, "Generic PCI UIO driver").

use core::ffi::CStr;

use crate::call::{self, Access, ENOEXEC, File, Module};
use crate::rows::{Failed, Result};

/// The registers, from QEMU's `docs/specs/edu.txt`: a store to one raises the interrupt, a store to the other
/// acknowledges it.
const RAISE: usize = 0x60;
const ACKNOWLEDGE: usize = 0x64;
const REGISTERS_BYTES: usize = 4096;

/// The high byte of a function's command, which has the interrupt disable bit (PCI 3.0, 6.2.2).
const COMMAND_HIGH: usize = 5;
const INTERRUPT_DISABLE: u8 = 1 << 2;

/// A device that belongs to this process.
#[derive(Clone, Copy)]
pub struct Device {
    interrupts: File,
    configuration: File,
    command_high: u8,
    registers: *mut u8,
}

impl Device {
    /// Loads the driver's part in the kernel, binds it to the device and opens that.
    pub fn find() -> Result<Device> {
        call::mount(c"sysfs", c"/sys").failed("to mount /sys")?;
        call::mount(c"devtmpfs", c"/dev").failed("to mount /dev")?;
        load(c"/uio.ko").failed("to load uio.ko")?;
        load(c"/uio_pci_generic.ko").failed("to load uio_pci_generic.ko")?;
        let bind = open(c"/sys/bus/pci/drivers/uio_pci_generic/new_id", Access::Write)?;
        call::write(bind, b"1234 11e8").failed("to bind the driver to the device")?;
        let interrupts = open(c"/dev/uio0", Access::Read)?;
        let configuration = open(c"/sys/class/uio/uio0/device/config", Access::ReadAndWrite)?;
        let mut command_high = [0];
        call::read_at(configuration, &mut command_high, COMMAND_HIGH).failed("to read the command")?;
        let resource = open(c"/sys/class/uio/uio0/device/resource0", Access::ReadAndWrite)?;
        let registers = call::map(resource, REGISTERS_BYTES).failed("to map the registers")?;
        Ok(Device { interrupts, configuration, command_high: command_high[0] & !INTERRUPT_DISABLE, registers })
    }

    /// Makes the device interrupt.
    #[inline(always)]
    pub fn raise(&self) {
        self.store(RAISE);
    }

    /// Waits for an interrupt.
    pub fn wait(&self) -> call::Result {
        call::read(self.interrupts, &mut [0; size_of::<u32>()]).map(drop)
    }

    /// Acknowledges it, and allows the next.
    pub fn acknowledge(&self) -> call::Result {
        self.store(ACKNOWLEDGE);
        call::write_at(self.configuration, &[self.command_high], COMMAND_HIGH).map(drop)
    }

    #[inline(always)]
    fn store(&self, register: usize) {
        // SAFETY: the register lies within the mapping, is aligned, and affects nothing but the device's interrupt.
        unsafe { self.registers.wrapping_add(register).cast::<u32>().write_volatile(1) };
    }
}

fn open(path: &'static CStr, access: Access) -> Result<File> {
    call::open(path, access).failed(path.to_str().unwrap_or("to open a file"))
}

/// Loads a module, compressed or not.
fn load(path: &CStr) -> call::Result {
    let file = call::open(path, Access::Read)?;
    match call::load(file, Module::Plain) {
        Err(ENOEXEC) => call::load(file, Module::Compressed),
        result => result,
    }
}
