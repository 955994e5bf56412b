//! The types of the crate `x86_64`: rings, frames, error codes, and entries of its interrupt table.
use ::x86_64::addr::VirtAddrNotValid;
use ::x86_64::registers::rflags::RFlags;
use ::x86_64::registers::segmentation::SegmentSelector;
use ::x86_64::structures::idt;
use ::x86_64::{PrivilegeLevel as TheirLevel, VirtAddr};

use crate::error_code::{DescriptorTable, PageFaultErrorCode, SelectorErrorCode};
use crate::gate::{NoSuchPrivilege, PrivilegeLevel};
use crate::{Gate, TrapFrame};

impl Gate {
    /// Writes the gate to an entry of the crate `x86_64`'s interrupt table. So a kernel can keep that table and move
    /// one vector after another.
    ///
    /// ```no_run
    /// # use core::ptr::NonNull;
    /// # use x86_entry::{KernelEntry, PageFault, TrapFrame};
    /// # struct Bell;
    /// # unsafe impl KernelEntry for Bell {
    /// #     extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> { panic!("{frame:?}") }
    /// #     extern "C" fn paranoid_trap(frame: &mut TrapFrame) { panic!("{frame:?}") }
    /// # }
    /// use x86_64::structures::idt;
    /// use x86_entry::vector::PAGE_FAULT;
    /// use x86_entry::{InterruptDescriptorTable, WithoutSmap};
    ///
    /// fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
    ///     panic!("{fault:?}: {frame:?}")
    /// }
    ///
    /// fn fill(table: &mut idt::InterruptDescriptorTable) {
    ///     let mut ours = InterruptDescriptorTable::new();
    ///     ours.fill::<Bell, WithoutSmap>().exception(PAGE_FAULT, page_fault);
    ///     // SAFETY: the handler is one for page faults, and the kernel keeps `Bell`'s promises.
    ///     unsafe { ours.gate(14).install_in(&mut table.page_fault) };
    /// }
    /// ```
    ///
    /// # Safety
    ///
    /// 1. The gate leads to code that can take the entry's vector.
    /// 2. All that [`InterruptDescriptorTable::load`](crate::InterruptDescriptorTable::load) requires, as soon as the
    ///    entry's table is loaded: that crate loads it without `unsafe`.
    ///
    /// # Panics
    ///
    /// If this crate was built with the red zone: interrupts of ring 0 would overwrite it.
    pub unsafe fn install_in<F>(self, entry: &mut idt::Entry<F>) {
        crate::required::assert_no_red_zone();
        // SAFETY: the caller's promise.
        unsafe { self.write_to(entry) };
    }

    /// # Safety
    ///
    /// As for [`Gate::install_in`].
    unsafe fn write_to<F>(self, entry: &mut idt::Entry<F>) {
        const { assert!(size_of::<idt::Entry<F>>() == size_of::<Gate>(), "an entry is what the CPU reads") };
        let place = (&raw mut *entry).cast::<[u64; 2]>();
        // SAFETY: the entry is as long, and what the CPU reads (SDM 3A figure 6-8); the caller promises that the gate
        // suits the vector.
        unsafe { place.write_unaligned(self.bits()) };
    }
}

impl From<PrivilegeLevel> for TheirLevel {
    fn from(level: PrivilegeLevel) -> Self {
        match level {
            PrivilegeLevel::Ring0 => Self::Ring0,
            PrivilegeLevel::Ring3 => Self::Ring3,
        }
    }
}

impl TryFrom<TheirLevel> for PrivilegeLevel {
    type Error = NoSuchPrivilege;

    fn try_from(level: TheirLevel) -> Result<Self, NoSuchPrivilege> {
        match level {
            TheirLevel::Ring0 => Ok(Self::Ring0),
            TheirLevel::Ring3 => Ok(Self::Ring3),
            TheirLevel::Ring1 | TheirLevel::Ring2 => Err(NoSuchPrivilege),
        }
    }
}

/// Fails if an address isn't canonical: ring 3 may load anything into its stack pointer.
impl TryFrom<&TrapFrame> for idt::InterruptStackFrameValue {
    type Error = VirtAddrNotValid;

    fn try_from(frame: &TrapFrame) -> Result<Self, VirtAddrNotValid> {
        Ok(Self::new(
            VirtAddr::try_new(frame.rip)?,
            SegmentSelector(frame.cs as u16),
            RFlags::from_bits_retain(frame.rflags),
            VirtAddr::try_new(frame.rsp)?,
            SegmentSelector(frame.ss as u16),
        ))
    }
}

impl TrapFrame {
    /// Sets the words that the CPU pushed, for code that changes a frame of the crate `x86_64` (SDM 3A 6.14.2). The
    /// frame is then resumed by `iretq`.
    pub fn set_interrupt_stack_frame(&mut self, value: &idt::InterruptStackFrameValue) {
        self.rip = value.instruction_pointer.as_u64();
        self.cs = value.code_segment.0.into();
        self.rflags = value.cpu_flags.bits();
        self.rsp = value.stack_pointer.as_u64();
        self.ss = value.stack_segment.0.into();
        self.require_iret();
    }
}

impl From<PageFaultErrorCode> for idt::PageFaultErrorCode {
    fn from(code: PageFaultErrorCode) -> Self {
        Self::from_bits_retain(code.bits().into())
    }
}

impl From<idt::PageFaultErrorCode> for PageFaultErrorCode {
    fn from(code: idt::PageFaultErrorCode) -> Self {
        Self::from_bits_retain(code.bits() as u32)
    }
}

impl From<SelectorErrorCode> for idt::SelectorErrorCode {
    fn from(code: SelectorErrorCode) -> Self {
        Self::new_truncate(code.bits().into())
    }
}

impl From<idt::SelectorErrorCode> for SelectorErrorCode {
    fn from(code: idt::SelectorErrorCode) -> Self {
        let table = match code.descriptor_table().into() {
            DescriptorTable::Global => Self::empty(),
            DescriptorTable::Local => Self::LOCAL_TABLE,
            DescriptorTable::Interrupt => Self::INTERRUPT_TABLE,
        };
        let external = if code.external() { Self::EXTERNAL } else { Self::empty() };
        Self::from_bits_retain((code.index() as u32) << 3) | table | external
    }
}

impl From<idt::DescriptorTable> for DescriptorTable {
    fn from(table: idt::DescriptorTable) -> Self {
        match table {
            idt::DescriptorTable::Gdt => Self::Global,
            idt::DescriptorTable::Ldt => Self::Local,
            idt::DescriptorTable::Idt => Self::Interrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::InterruptStackIndex;

    fn bits<F>(entry: &idt::Entry<F>) -> [u64; 2] {
        // SAFETY: an entry is 16 plain bytes.
        unsafe { (&raw const *entry).cast::<[u64; 2]>().read_unaligned() }
    }

    /// The two crates count stacks differently; the entry that the CPU reads must be the same.
    #[test]
    fn their_stack_0_is_one() {
        for their_index in 0..7 {
            let mut table = idt::InterruptDescriptorTable::new();
            // SAFETY: the table is never loaded.
            let options = unsafe { table[32].set_handler_addr(VirtAddr::zero()) };
            // SAFETY: as above.
            unsafe { options.set_stack_index(their_index) };
            let stack = InterruptStackIndex::from_zero_based(their_index).expect("there are seven stacks");
            let gate = Gate::interrupt(0, 0).on_stack(stack);
            // The lower half has the code selector, which is this process's in theirs.
            assert_eq!(bits(&table[32])[0] >> 32, gate.bits()[0] >> 32, "{their_index}");
            assert_eq!(stack.zero_based(), their_index);
        }
        assert_eq!(InterruptStackIndex::from_zero_based(7), None);
        assert_eq!(InterruptStackIndex::from_zero_based(0), Some(InterruptStackIndex::One));
    }

    #[test]
    fn a_gate_becomes_their_entry() {
        let gate = Gate::interrupt(0x08, 0xFFFF_8000_1234_5678).callable_from(PrivilegeLevel::Ring3);
        let mut table = idt::InterruptDescriptorTable::new();
        let mut entry = table.page_fault;
        // SAFETY: the table is never loaded.
        unsafe { gate.write_to(&mut entry) };
        assert_eq!(bits(&entry), gate.bits());
        assert_eq!(entry.handler_addr().as_u64(), 0xFFFF_8000_1234_5678);
        table.page_fault = entry;
        assert_eq!(table.page_fault, entry);
    }

    #[test]
    fn frames_go_there_and_back() {
        let frame = TrapFrame { rip: 0x1234, cs: 0x2B, rflags: 0x202, rsp: 0x5678, ss: 0x23, ..TrapFrame::default() };
        let theirs = idt::InterruptStackFrameValue::try_from(&frame).expect("the addresses are canonical");
        assert_eq!((theirs.instruction_pointer.as_u64(), theirs.code_segment.0), (0x1234, 0x2B));
        let mut other = TrapFrame { vector: crate::vector::FAST_CALL as u64, ..TrapFrame::default() };
        other.set_interrupt_stack_frame(&theirs);
        assert_eq!(other.vector(), crate::vector::REQUIRES_IRET);
        assert_eq!(TrapFrame { vector: 0, ..other }, frame);
        let hostile = TrapFrame { rsp: 1 << 63, ..frame };
        assert!(idt::InterruptStackFrameValue::try_from(&hostile).is_err());
    }

    #[test]
    fn codes_go_there_and_back() {
        let code = PageFaultErrorCode::WRITE | PageFaultErrorCode::RESERVED_BIT;
        let theirs = idt::PageFaultErrorCode::from(code);
        assert_eq!(theirs, idt::PageFaultErrorCode::CAUSED_BY_WRITE | idt::PageFaultErrorCode::MALFORMED_TABLE);
        assert_eq!(PageFaultErrorCode::from(theirs), code);
        for bits in [0, 0x2B & !7, 0x2B & !7 | 1, 0x80 << 3 | 0b010, 0x0C] {
            let code = SelectorErrorCode::from_bits_retain(bits);
            let theirs = idt::SelectorErrorCode::from(code);
            assert_eq!((theirs.index() as u16, theirs.external()), (code.index(), bits & 1 == 1), "{bits:#x}");
            assert_eq!(DescriptorTable::from(theirs.descriptor_table()), code.table(), "{bits:#x}");
            assert_eq!(SelectorErrorCode::from(theirs), code, "{bits:#x}");
        }
    }

    #[test]
    fn rings_go_there_and_back() {
        for level in [PrivilegeLevel::Ring0, PrivilegeLevel::Ring3] {
            assert_eq!(PrivilegeLevel::try_from(TheirLevel::from(level)), Ok(level));
        }
        assert_eq!(PrivilegeLevel::try_from(TheirLevel::Ring2), Err(NoSuchPrivilege));
    }
}
