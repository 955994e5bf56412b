//! Non-maskable interrupts at chosen times, from a device of the machine: a watchdog that the emulator has raise them
//! (`-device i6300esb -action watchdog=inject-nmi`). It counts in the machine's time, so a run with a seed has them at
//! the same instructions again.

use abi::Access;
use bellwire::{Mapping, PortRange, PortValue, Result, Root};

/// The ports of the PCI bus's configuration: an address, and what stands there.
const CONFIGURATION: (u16, u16) = (0xCF8, 8);
/// Intel's 6300ESB watchdog: vendor and device.
const IDENTITY: u32 = 0x25AB_8086;
/// Offsets in its configuration space: command, base address, mode and lock.
const COMMAND: u8 = 0x04;
const BASE: u8 = 0x10;
const MODE: u8 = 0x60;
const LOCK: u8 = 0x68;
/// Responds to memory accesses.
const MEMORY_ENABLED: u16 = 1 << 1;
/// Counts in microseconds, more or less, and raises no interrupt after the first of its two stages.
const MODE_FAST: u16 = 1 << 2 | 3;
/// Counts.
const LOCK_ENABLED: u8 = 1 << 1;
/// Offsets of its registers: what the stages begin with, and where it is told to begin.
const STAGES: [usize; 2] = [0, 4];
const RELOAD: usize = 0xC;
/// The words that unlock the device's other registers, in this order.
const UNLOCK: [u16; 2] = [0x80, 0x86];
/// Begins anew.
const RESTART: u16 = 1 << 8;

/// The watchdog.
pub struct Watchdog {
    ports: PortRange,
    device: u32,
    registers: Mapping,
    /// How often it was started.
    pub count: u32,
}

impl Watchdog {
    /// Finds it; a machine may have none.
    pub fn find(root: &Root) -> Result<Option<Self>> {
        root.ports(CONFIGURATION.0, CONFIGURATION.1)?.attach(None)?;
        let ports = PortRange::new(CONFIGURATION.0, CONFIGURATION.1);
        for device in 0..32 {
            if read(&ports, device, 0) != IDENTITY {
                continue;
            }
            let base = read(&ports, device, BASE) & !0xF;
            let command = read(&ports, device, COMMAND) as u16;
            write(&ports, device, COMMAND, command | MEMORY_ENABLED);
            let page = u64::from(base) & !(abi::PAGE_BYTES as u64 - 1);
            let registers = root.device_memory(page, abi::PAGE_BYTES)?.map(Access::READ | Access::WRITE)?;
            return Ok((base as usize).is_multiple_of(abi::PAGE_BYTES).then_some(Self {
                ports,
                device,
                registers,
                count: 0,
            }));
        }
        Ok(None)
    }

    /// Raises a non-maskable interrupt in this count of microseconds.
    pub fn start(&mut self, microseconds: usize) {
        // Firing resets it, so all of this is done anew.
        write(&self.ports, self.device, MODE, MODE_FAST);
        write(&self.ports, self.device, LOCK, LOCK_ENABLED);
        for (offset, value) in STAGES.into_iter().zip([microseconds as u32, 0]) {
            self.unlock();
            self.registers.write(offset, value);
        }
        self.unlock();
        self.registers.write(RELOAD, RESTART);
        self.count += 1;
    }

    fn unlock(&self) {
        for word in UNLOCK {
            self.registers.write(RELOAD, word);
        }
    }
}

fn select(ports: &PortRange, device: u32, offset: u8) {
    ports.port::<u32>(0).write(1 << 31 | device << 11 | u32::from(offset));
}

fn read(ports: &PortRange, device: u32, offset: u8) -> u32 {
    select(ports, device, offset);
    ports.port::<u32>(4).read()
}

/// The device takes each register in its own size alone.
fn write<T: PortValue>(ports: &PortRange, device: u32, offset: u8, value: T) {
    select(ports, device, offset & !3);
    ports.port::<T>(4 + u16::from(offset & 3)).write(value);
}
