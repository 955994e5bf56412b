//! The results of a run.

use fuzz::fault::Fault;

/// Counts, and a digest by which two runs can be compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Faults, by vector.
    pub vectors: [u32; 32],
    /// Steps that had their time.
    pub stopped: u32,
    /// Victims that ended by a step, or were made useless.
    pub victims: u32,
    /// A sum of all faults and ends in their order.
    pub digest: u64,
}

impl Tally {
    /// A step faulted.
    pub fn fault(&mut self, fault: &Fault) {
        if let Some(count) = self.vectors.get_mut(fault.vector as usize) {
            *count += 1;
        }
        self.note([fault.vector as usize, fault.error, fault.instruction]);
    }

    /// A step had its time.
    pub fn stop(&mut self) {
        self.stopped += 1;
        self.note([0x100, 0, 0]);
    }

    /// A step ended its process, in one of three ways.
    pub fn exit(&mut self, how: u8) {
        self.note([0x200, how as usize, 0]);
    }

    fn note(&mut self, words: [usize; 3]) {
        for word in words {
            self.digest = (self.digest ^ word as u64).wrapping_mul(0x0100_0000_01B3).rotate_left(17);
        }
    }
}
