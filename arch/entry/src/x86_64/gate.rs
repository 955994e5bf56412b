//! A gate of the 64-bit IDT (SDM 3A figure 6-8).
use crate::gate::{InterruptStackIndex, PrivilegeLevel};

/// One entry of the IDT (SDM 3A 6.14.1).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gate {
    low: u64,
    high: u64,
}

const PRESENT: u64 = 1 << 47;
const INTERRUPT: u64 = 0xE << 40;
const PRIVILEGE: u32 = 45;
const STACK: u32 = 32;

impl Gate {
    /// A gate that isn't present: its vector raises #NP or #GP.
    pub const MISSING: Self = Self { low: 0, high: 0 };

    /// Makes an interrupt gate, for ring 0 and hardware alone (SDM 3A 6.12.1.3, 6.14.1). The CPU clears IF when it
    /// takes the gate.
    pub const fn interrupt(code_selector: u16, handler: u64) -> Self {
        Self {
            low: handler & 0xFFFF | (code_selector as u64) << 16 | INTERRUPT | PRESENT | (handler >> 16 & 0xFFFF) << 48,
            high: handler >> 32,
        }
    }

    /// Sets from which ring on `int n`, `int3` and `into` may reach the gate.
    pub const fn callable_from(self, privilege: PrivilegeLevel) -> Self {
        let low = self.low & !(3 << PRIVILEGE) | (privilege as u64) << PRIVILEGE;
        Self { low, ..self }
    }

    /// Has the CPU move to a stack of the TSS's interrupt stack table, from any ring (SDM 3A 6.14.5).
    pub const fn on_stack(self, index: InterruptStackIndex) -> Self {
        let low = self.low & !(7 << STACK) | (index as u64) << STACK;
        Self { low, ..self }
    }

    /// Returns the stack of the interrupt stack table that the gate names, as its number (SDM 3A 6.14.5).
    pub const fn stack(self) -> Option<u8> {
        match (self.low >> STACK & 7) as u8 {
            0 => None,
            number => Some(number),
        }
    }

    /// Returns the address of the code to which the gate leads (SDM 3A 6.14.1): `None` for a gate that isn't present.
    pub const fn address(self) -> Option<u64> {
        if self.low & PRESENT == 0 {
            return None;
        }
        Some(self.low & 0xFFFF | (self.low >> 48) << 16 | self.high << 32)
    }

    /// Returns the two words that the CPU reads.
    pub const fn bits(self) -> [u64; 2] {
        [self.low, self.high]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_gate_is_what_the_manual_draws() {
        let gate = Gate::interrupt(0x08, 0xFFFF_FFFF_8012_3456);
        assert_eq!(gate.bits(), [0x8012_8E00_0008_3456, 0xFFFF_FFFF]);
        assert_eq!(gate.callable_from(PrivilegeLevel::Ring3).bits()[0], 0x8012_EE00_0008_3456);
        assert_eq!(gate.on_stack(InterruptStackIndex::Three).bits()[0], 0x8012_8E03_0008_3456);
        assert_eq!(Gate::MISSING.bits(), [0, 0]);
        assert_eq!([gate, Gate::MISSING].map(Gate::address), [Some(0xFFFF_FFFF_8012_3456), None]);
    }

    #[test]
    fn it_agrees_with_the_x86_crate() {
        use x86::bits64::segmentation::Descriptor64;
        use x86::segmentation::{BuildDescriptor, DescriptorBuilder, GateDescriptorBuilder, SegmentSelector};
        let address = 0xFFFF_8123_4567_89AB_u64;
        let theirs: Descriptor64 = <DescriptorBuilder as GateDescriptorBuilder<u64>>::interrupt_descriptor(
            SegmentSelector::from_raw(0x08),
            address,
        )
        .present()
        .dpl(x86::Ring::Ring3)
        .ist(5)
        .finish();
        let ours =
            Gate::interrupt(0x08, address).callable_from(PrivilegeLevel::Ring3).on_stack(InterruptStackIndex::Five);
        // SAFETY: both are 16 plain bytes, and every bit pattern is a value of [u64; 2].
        let theirs = unsafe { core::mem::transmute::<Descriptor64, [u64; 2]>(theirs) };
        assert_eq!(ours.bits(), theirs);
    }
}
