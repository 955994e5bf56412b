//! A gate of the 32-bit IDT (SDM 3A figure 6-2).
use crate::gate::PrivilegeLevel;

/// One entry of the IDT (SDM 3A 6.11).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    low: u32,
    high: u32,
}

const PRESENT: u32 = 1 << 15;
const INTERRUPT: u32 = 0xE << 8;
const TASK: u32 = 0x5 << 8;
const PRIVILEGE: u32 = 13;

impl Gate {
    /// A gate that isn't present: its vector raises #NP or #GP.
    pub const MISSING: Self = Self { low: 0, high: 0 };

    /// Makes an interrupt gate, for ring 0 and hardware alone (SDM 3A 6.11, 6.12.1.3). The CPU clears IF when it takes
    /// the gate.
    pub const fn interrupt(code_selector: u16, handler: u32) -> Self {
        Self { low: handler & 0xFFFF | (code_selector as u32) << 16, high: handler & 0xFFFF_0000 | PRESENT | INTERRUPT }
    }

    /// Makes a task gate (SDM 3A 6.12.2): the CPU switches to the hardware task of that TSS, and pushes nothing on the
    /// interrupted stack.
    pub const fn task(task_selector: u16) -> Self {
        Self { low: (task_selector as u32) << 16, high: PRESENT | TASK }
    }

    /// Sets from which ring on `int n`, `int3` and `into` may reach the gate.
    pub const fn callable_from(self, privilege: PrivilegeLevel) -> Self {
        let high = self.high & !(3 << PRIVILEGE) | (privilege as u32) << PRIVILEGE;
        Self { high, ..self }
    }

    /// Returns whether this is a task gate (SDM 3A 6.11).
    pub const fn is_task(self) -> bool {
        self.high >> 8 & 0xF == TASK >> 8 && self.high & PRESENT != 0
    }

    /// Returns the address of the code to which the gate leads (SDM 3A 6.11): `None` for a task gate, and for a gate
    /// that isn't present.
    pub const fn address(self) -> Option<u32> {
        if self.high & PRESENT == 0 || self.is_task() {
            return None;
        }
        Some(self.low & 0xFFFF | self.high & 0xFFFF_0000)
    }

    /// Returns the two words that the CPU reads.
    pub const fn bits(self) -> [u32; 2] {
        [self.low, self.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gates_are_what_the_manual_draws() {
        let gate = Gate::interrupt(0x08, 0xC012_3456);
        assert_eq!(gate.bits(), [0x0008_3456, 0xC012_8E00]);
        assert_eq!(gate.callable_from(PrivilegeLevel::Ring3).bits()[1], 0xC012_EE00);
        assert_eq!(Gate::task(0x30).bits(), [0x0030_0000, 0x0000_8500]);
        assert_eq!([gate, Gate::task(0x30), Gate::MISSING].map(Gate::address), [Some(0xC012_3456), None, None]);
    }

    #[test]
    fn they_agree_with_the_x86_crate() {
        use x86::segmentation::{
            BuildDescriptor, Descriptor, DescriptorBuilder, GateDescriptorBuilder, SegmentSelector,
            TaskGateDescriptorBuilder,
        };
        let words = |theirs: Descriptor| [theirs.lower, theirs.upper];
        let theirs = <DescriptorBuilder as GateDescriptorBuilder<u32>>::interrupt_descriptor(
            SegmentSelector::from_raw(0x08),
            0xDEAD_BEEF,
        )
        .present()
        .dpl(x86::Ring::Ring3);
        let ours = Gate::interrupt(0x08, 0xDEAD_BEEF).callable_from(PrivilegeLevel::Ring3);
        assert_eq!(ours.bits(), words(theirs.finish()));
        let theirs = DescriptorBuilder::task_gate_descriptor(SegmentSelector::from_raw(0x40)).present();
        assert_eq!(Gate::task(0x40).bits(), words(theirs.finish()));
    }
}
