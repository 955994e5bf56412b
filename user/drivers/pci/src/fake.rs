//! A configuration space for tests, which behaves as hardware does: registers keep the bits that they have, and ones
//! clear status bits.

use crate::space::{COMMAND, Command, ConfigurationSpace, FIRST_BAR, ID};
use bellwire::protocol::PciAddress;
use std::collections::BTreeMap;

/// Functions and their registers.
#[derive(Default)]
pub struct Fake {
    registers: BTreeMap<(PciAddress, u8), Register>,
    /// The second addresses at which a function shows, or a bus with all its functions.
    aliases: Vec<(Alias, Alias)>,
    /// Base address registers that were written while their function answered to them.
    pub bars_changed_while_decoding: Vec<(PciAddress, u8)>,
    /// How many registers were read.
    pub reads: usize,
}

#[derive(Clone, Copy, PartialEq)]
enum Alias {
    Function(PciAddress),
    Bus(u8),
}

struct Register {
    value: u32,
    writable: u32,
}

impl Fake {
    /// Adds a function on the first bus.
    pub fn endpoint(&mut self, device: u8, id: u32) -> PciAddress {
        let address = PciAddress::new(0, device, 0);
        self.add(address, id);
        address
    }

    /// Adds a function. `id` is device and vendor as its first register has them.
    pub fn add(&mut self, address: PciAddress, id: u32) {
        self.define(address, ID, id, 0);
        self.define(address, COMMAND, 0, 0xFFFF);
    }

    /// Gives a register a value. Software can change the bits of `writable`.
    pub fn define(&mut self, function: PciAddress, register: u8, value: u32, writable: u32) {
        self.registers.insert((function, register), Register { value, writable });
    }

    /// Gives a register a value, as the device itself does.
    pub fn set(&mut self, function: PciAddress, register: u8, value: u32) {
        self.registers.entry((function, register)).or_insert(Register { value: 0, writable: 0 }).value = value;
    }

    /// Makes a function answer at another address, too.
    pub fn show_also_as(&mut self, function: PciAddress, other: PciAddress) {
        self.aliases.push((Alias::Function(other), Alias::Function(function)));
    }

    /// Makes all functions of a bus answer on another bus, too.
    pub fn show_bus_also_as(&mut self, bus: u8, other: u8) {
        self.aliases.push((Alias::Bus(other), Alias::Bus(bus)));
    }

    /// Takes a function out of its slot.
    pub fn remove(&mut self, function: PciAddress) {
        self.registers.retain(|(address, _), _| *address != function);
    }

    /// Returns the address of the function that an address selects.
    fn selected(&self, function: PciAddress) -> PciAddress {
        self.aliases.iter().fold(function, |function, (from, to)| match (from, to) {
            (Alias::Function(from), Alias::Function(to)) if *from == function => *to,
            (Alias::Bus(from), Alias::Bus(to)) if *from == function.bus() => {
                PciAddress::new(*to, function.device(), function.function())
            }
            _ => function,
        })
    }

    fn exists(&self, function: PciAddress) -> bool {
        self.registers.contains_key(&(function, ID))
    }
}

impl ConfigurationSpace for Fake {
    fn read(&mut self, function: PciAddress, register: u8) -> u32 {
        assert!(register.is_multiple_of(4), "register {register:#x}");
        self.reads += 1;
        let function = self.selected(function);
        let absent = if self.exists(function) { 0 } else { u32::MAX };
        self.registers.get(&(function, register)).map_or(absent, |register| register.value)
    }

    fn write(&mut self, function: PciAddress, register: u8, value: u32) {
        assert!(register.is_multiple_of(4), "register {register:#x}");
        let function = self.selected(function);
        let decodes = self.command(function).intersects(Command::PORTS | Command::MEMORY);
        if decodes && (FIRST_BAR..FIRST_BAR + 24).contains(&register) {
            self.bars_changed_while_decoding.push((function, register));
        }
        let Some(found) = self.registers.get_mut(&(function, register)) else { return };
        let kept = found.value & !found.writable;
        found.value = kept | value & found.writable;
        if register == COMMAND {
            found.value &= !(value & 0xF900_0000);
        }
    }
}
