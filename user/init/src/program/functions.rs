//! A program's PCI functions: found before its first start, on while it runs, and off when it has ended. The bus does
//! that when it answers, and nothing here waits for it.

use crate::clerk::{Clerk, Found, Order};
use crate::devices::{Devices, Missing};
use alloc::vec::Vec;
use bellwire::protocol::PciId;
use bellwire::{Error, Result, Root};
use manifest::Program;

/// The PCI functions of a program, which may have none.
#[derive(Debug, Default)]
pub struct Functions {
    devices: Option<Devices>,
    power: Power,
    /// What the bus was asked and hasn't answered yet.
    asked: Option<Asked>,
}

/// Whether functions are turned on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Power {
    #[default]
    Off,
    On,
    /// The bus was asked to change it, and hasn't answered or has failed.
    Unknown,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Find,
    TurnOn,
    TurnOff,
}

/// How far the bus is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// It is done.
    Done,
    /// The bus will answer.
    Waits,
}

/// What the bus couldn't do.
#[derive(Debug)]
pub enum Undone {
    /// The functions can't be had, or not now.
    TurnOn(Missing),
    /// The functions may still be on.
    TurnOff(Error),
}

impl Functions {
    /// The functions, once they were found.
    pub fn devices(&self) -> Option<&Devices> {
        self.devices.as_ref()
    }

    /// Returns whether the functions may be on.
    pub fn may_be_on(&self) -> bool {
        self.devices.is_some() && self.power != Power::Off
    }

    /// Has the functions found, claimed and turned on, step by step. Call this again when the bus has answered.
    pub fn turn_on(&mut self, program: &Program, badge: u16, bus: Option<&Clerk>) -> Result<Progress, Missing> {
        if program.pci.is_empty() || self.power == Power::On && self.asked.is_none() {
            return Ok(Progress::Done);
        }
        let asked = match &self.devices {
            None => {
                let ids = program.pci.iter().map(|id| PciId { vendor: id.vendor, device: id.device });
                self.ask(bus, badge, Asked::Find, Order::Find(ids.collect()))
            }
            Some(devices) => {
                let order = Order::Do(devices.turning_on());
                self.ask(bus, badge, Asked::TurnOn, order)
            }
        };
        asked.map_err(Missing::Bus)
    }

    /// Has the functions turned off. When that is done, none of them reaches memory any more.
    pub fn turn_off(&mut self, badge: u16, bus: Option<&Clerk>) -> Result<Progress> {
        match &self.devices {
            Some(devices) if self.power != Power::Off || self.asked.is_some() => {
                let order = Order::Do(devices.turning_off());
                self.ask(bus, badge, Asked::TurnOff, order)
            }
            // Without PCI functions the program hasn't the right to tell a device about its memory.
            _ => Ok(Progress::Done),
        }
    }

    fn ask(&mut self, bus: Option<&Clerk>, badge: u16, asked: Asked, order: Order) -> Result<Progress> {
        if self.asked.is_none() {
            bus.ok_or(Error::Gone)?.give(badge, order)?;
            self.asked = Some(asked);
            if asked != Asked::Find {
                self.power = Power::Unknown;
            }
        }
        Ok(Progress::Waits)
    }

    /// Takes the bus's answer to what it was asked last.
    pub fn heard(
        &mut self,
        root: &Root,
        program: &Program,
        badge: u16,
        answer: Result<Vec<Found>>,
    ) -> Result<(), Undone> {
        match self.asked.take() {
            None => {}
            Some(Asked::Find) => {
                let found = answer.map_err(Missing::Bus);
                let devices = found.and_then(|found| Devices::claim(root, found, program, badge));
                self.devices = Some(devices.map_err(Undone::TurnOn)?);
            }
            Some(Asked::TurnOn) => {
                answer.map_err(|error| match error {
                    // `pci` says in the log why, and would say it at each further try.
                    Error::BadArgument => Undone::TurnOn(Missing::Refused),
                    error => Undone::TurnOn(Missing::Bus(error)),
                })?;
                self.power = Power::On;
            }
            Some(Asked::TurnOff) => {
                answer.map_err(Undone::TurnOff)?;
                self.power = Power::Off;
            }
        }
        Ok(())
    }
}
