//! A device's interrupt line.

use crate::handle::handle_type;
use crate::{Endpoint, Handle, Result, raw};

handle_type! {
    /// An interrupt line, found by [`crate::Grants::line`], or an interrupt that a device raises by a message.
    Interrupt
}

/// How a line says that its device wants service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub enum Trigger {
    /// What the firmware says. That is right for all devices that the firmware knows.
    #[default]
    Firmware = 0,
    /// By a change of its level.
    Edge = 1,
    /// By its level, which stays until the device is served.
    Level = 2,
}

/// The write by which a device raises a message interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptWrite {
    /// The physical address.
    pub address: u64,
    /// The data.
    pub data: u32,
}

/// The interrupts of a line before it was bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pending {
    /// How often the line had fired.
    pub count: u32,
    /// The sequence number that the next message comes after.
    pub sequence: u32,
}

impl Interrupt {
    /// Lets the line's interrupts arrive at an endpoint from now on, with a badge to tell several apart.
    pub fn bind(&self, endpoint: &Endpoint, badge: u16, trigger: Trigger) -> Result<Pending> {
        let words = [endpoint.raw() as usize, badge as usize, trigger as usize, 0];
        let [count, sequence, ..] = raw::interrupt_bind(self.raw(), words)?.words;
        Ok(Pending { count: count as u32, sequence: sequence as u32 })
    }

    /// Completes the message of that sequence, which [`crate::Server::next_keeping`] kept. [`crate::Error::Stale`] for
    /// any other, which changes nothing.
    pub fn complete(&self, sequence: u32) -> Result<()> {
        raw::interrupt_complete(self.raw(), [sequence as usize, 0, 0, 0]).map(drop)
    }

    /// Masks the line and takes it off its endpoint. What comes meanwhile is in the next [`Interrupt::bind`]'s answer.
    pub fn unbind(&self) -> Result<()> {
        raw::interrupt_unbind(self.raw(), [0; 4]).map(drop)
    }
}
