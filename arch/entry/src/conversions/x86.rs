//! The types of the crate `x86`: rings, gates, and error codes of page faults.
use ::x86::Ring;
use ::x86::bits64::segmentation::Descriptor64;
use ::x86::irq::PageFaultError;
use ::x86::segmentation::Descriptor;

use crate::error_code::PageFaultErrorCode;
use crate::gate::{NoSuchPrivilege, PrivilegeLevel};
use crate::{i686, x86_64};

impl From<PrivilegeLevel> for Ring {
    fn from(level: PrivilegeLevel) -> Self {
        match level {
            PrivilegeLevel::Ring0 => Ring::Ring0,
            PrivilegeLevel::Ring3 => Ring::Ring3,
        }
    }
}

impl TryFrom<Ring> for PrivilegeLevel {
    type Error = NoSuchPrivilege;

    fn try_from(ring: Ring) -> Result<Self, NoSuchPrivilege> {
        match ring {
            Ring::Ring0 => Ok(Self::Ring0),
            Ring::Ring3 => Ok(Self::Ring3),
            Ring::Ring1 | Ring::Ring2 => Err(NoSuchPrivilege),
        }
    }
}

impl From<i686::Gate> for Descriptor {
    fn from(gate: i686::Gate) -> Self {
        let [lower, upper] = gate.bits();
        Self { lower, upper }
    }
}

impl From<x86_64::Gate> for Descriptor64 {
    fn from(gate: x86_64::Gate) -> Self {
        // SAFETY: both are 16 plain bytes, as the CPU reads them, and every bit pattern is a descriptor.
        unsafe { core::mem::transmute(gate.bits()) }
    }
}

/// Bits that `x86` doesn't name are dropped.
impl From<PageFaultErrorCode> for PageFaultError {
    fn from(code: PageFaultErrorCode) -> Self {
        Self::from_bits_truncate(code.bits())
    }
}

impl From<PageFaultError> for PageFaultErrorCode {
    fn from(code: PageFaultError) -> Self {
        Self::from_bits_retain(code.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::x86::segmentation::{BuildDescriptor, DescriptorBuilder, GateDescriptorBuilder, SegmentSelector};

    #[test]
    fn gates_become_the_descriptors_that_x86_builds() {
        let code = SegmentSelector::from_raw(0x08);
        let theirs = <DescriptorBuilder as GateDescriptorBuilder<u32>>::interrupt_descriptor(code, 0xDEAD_BEEF);
        let theirs: Descriptor = theirs.present().dpl(Ring::Ring3).finish();
        let ours = i686::Gate::interrupt(0x08, 0xDEAD_BEEF).callable_from(PrivilegeLevel::Ring3);
        assert_eq!(Descriptor::from(ours).as_u64(), theirs.as_u64());
        let theirs = <DescriptorBuilder as GateDescriptorBuilder<u64>>::interrupt_descriptor(code, 0xFFFF_8000_1234);
        let theirs: Descriptor64 = theirs.present().ist(1).finish();
        let ours = x86_64::Gate::interrupt(0x08, 0xFFFF_8000_1234).on_stack(crate::InterruptStackIndex::One);
        assert_eq!(format_of(&ours.into()), format_of(&theirs));
    }

    /// The crate gives no other access to the words.
    fn format_of(descriptor: &Descriptor64) -> [u8; 16] {
        // SAFETY: both are 16 plain bytes.
        unsafe { core::mem::transmute(*descriptor) }
    }

    #[test]
    fn rings_and_codes_go_there_and_back() {
        for level in [PrivilegeLevel::Ring0, PrivilegeLevel::Ring3] {
            assert_eq!(PrivilegeLevel::try_from(Ring::from(level)), Ok(level));
        }
        assert_eq!(PrivilegeLevel::try_from(Ring::Ring1), Err(NoSuchPrivilege));
        let code = PageFaultErrorCode::WRITE | PageFaultErrorCode::USER;
        assert_eq!(PageFaultError::from(code), PageFaultError::WR | PageFaultError::US);
        assert_eq!(PageFaultErrorCode::from(PageFaultError::from(code)), code);
    }
}
