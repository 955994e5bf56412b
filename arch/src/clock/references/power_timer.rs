//! ACPI's power management timer (ACPI 6.5, 4.8.3.3): it always runs, and costs a port to read.

use super::Reference;
use crate::firmware::acpi::PowerTimer;
use crate::io::port::WidePort;

/// Reads of the port, of which at least one must differ from what an empty bus gives.
const LOOKS: usize = 4;

/// The timer.
#[derive(Debug)]
pub struct PowerManagement(WidePort);

impl PowerManagement {
    /// Takes the timer that the firmware names.
    pub const fn new(timer: PowerTimer) -> Self {
        // SAFETY: the port is only read, which breaks no memory safety; the code runs in ring 0.
        Self(unsafe { WidePort::new(timer.port) })
    }
}

impl Reference for PowerManagement {
    fn name(&self) -> &'static str {
        "ACPI's timer"
    }

    fn hertz(&self) -> Option<u64> {
        Some(3_579_545)
    }

    /// Some timers have 32 bits, of which the lower 24 count alike.
    fn bits(&self) -> u32 {
        24
    }

    fn start(&mut self) -> Option<()> {
        (0..LOOKS).any(|_| self.0.read() != u32::MAX).then_some(())
    }

    fn count(&mut self) -> Option<u32> {
        Some(self.0.read())
    }
}
