//! Resetting the machine: by the chipset, or by the keyboard controller, to which the processor's reset line is wired.

use super::Request;
use crate::ClientRight;

/// A client's request to the program that drives the reset line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PowerRequest {
    /// Reset the machine. Not answered if it works; for clients with the right `reset`.
    Reset,
}

impl Request for PowerRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        (64, [0; 4])
    }

    fn decode(label: u8, _: [usize; 4]) -> Option<Self> {
        (label == 64).then_some(Self::Reset)
    }

    fn takes(&self) -> Option<ClientRight> {
        Some(ClientRight::Reset)
    }
}
