//! What happens to the machine: interrupts, faults, time that passes.

use super::{BELL, ENTRY, World};
use crate::machine::Line;
use crate::objects::thread::Fault;

impl World {
    /// A line fired.
    pub fn interrupt(&mut self, line: Line) {
        self.enter(
            "interrupt",
            |kernel, machine| {
                if !machine.controller.is_direct() {
                    return None;
                }
                kernel.fast_interrupt(machine, line)
            },
            |kernel, machine| kernel.interrupt(machine, line),
        );
    }

    /// An edge on a line, and whatever the CPU takes because of it.
    pub fn raise(&mut self, line: Line) {
        self.machine.raise(line);
        self.serve();
    }

    /// Init runs again, with the interrupt's message in its registers.
    #[track_caller]
    pub fn ring(&mut self) {
        self.raise(BELL);
        assert!(self.is_running(self.init_thread));
    }

    /// The CPU takes all interrupts that come through; returns how many.
    pub fn serve(&mut self) -> usize {
        let mut taken = 0;
        while let Some(line) = self.machine.take_interrupt() {
            self.interrupt(line);
            taken += 1;
        }
        taken
    }

    /// The running thread raises this exception.
    pub fn raise_fault(&mut self, fault: Fault) {
        self.enter(
            "fault",
            |kernel, machine| kernel.fast_fault(machine, fault),
            |kernel, machine| kernel.fault(machine, fault),
        );
    }

    /// The running thread raises an exception.
    pub fn fault(&mut self, vector: u8) {
        let fault = Fault { vector, error: 6, address: 0xDEAD_0000, instruction: ENTRY + 16 };
        self.raise_fault(fault);
    }

    /// Time passes, and the timer fires as often as it is due.
    pub fn advance(&mut self, cycles: u64) {
        self.machine.advance(cycles);
        while self.machine.take_timer() {
            self.trap(|kernel, machine| kernel.timer(machine));
        }
    }

    /// Time passes to the timer's next trap, or to `end` if that is earlier.
    pub fn advance_to_timer(&mut self, end: u64) {
        let now = self.machine.time;
        let next = self.machine.armed.map_or(end, |armed| armed.0.clamp(now, end));
        self.advance(next - now);
    }

    /// Time passes, with each trap of the timer when it is due, as on a real machine.
    pub fn pass(&mut self, cycles: u64) {
        let end = self.machine.time + cycles;
        while self.machine.time < end {
            self.advance_to_timer(end);
        }
    }
}
