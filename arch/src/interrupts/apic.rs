//! The local APIC: end of interrupt, spurious vector and the CPU's own one-shot timer.
//!
//! The registers are the same by memory (xAPIC) and by MSR (x2APIC), where they sit at 0x800 plus a sixteenth of the
//! offset (Intel SDM 3A, 11.12.1.2), so there is one driver. The `x86` crate's drivers choose other vectors and leave
//! the calibrated timer out; its register names are used.

use crate::io::registers::{Block, Registers};
use abi::LineFlags;
use core::arch::asm;
use x86::apic::xapic::{
    XAPIC_EOI, XAPIC_ESR, XAPIC_ID, XAPIC_IRR0, XAPIC_ISR0, XAPIC_LVT_CMCI, XAPIC_LVT_ERROR, XAPIC_LVT_LINT0,
    XAPIC_LVT_LINT1, XAPIC_LVT_PMI, XAPIC_LVT_THERMAL, XAPIC_LVT_TIMER, XAPIC_SVR, XAPIC_TIMER_CURRENT_COUNT,
    XAPIC_TIMER_DIV_CONF, XAPIC_TIMER_INIT_COUNT, XAPIC_TPR, XAPIC_VERSION,
};
use x86::msr::{IA32_APIC_BASE, IA32_TSC_DEADLINE, rdmsr, wrmsr};

/// The bytes of the register page.
pub const REGISTER_BYTES: usize = 0x400;

/// The registers that are used.
pub type LocalBlock = Block<{ REGISTER_BYTES / size_of::<u32>() }>;

/// IA32_APIC_BASE: the APIC is on.
const GLOBAL_ENABLE: u64 = 1 << 11;
/// IA32_APIC_BASE: registers are MSRs.
const X2APIC_ENABLE: u64 = 1 << 10;
/// The first MSR of x2APIC mode.
const X2APIC_BASE: u32 = 0x800;
/// SVR: the APIC takes interrupts.
const SOFTWARE_ENABLE: u32 = 1 << 8;
/// LVT: masked.
const MASKED: u32 = 1 << 16;
/// LVT: the timer counts to an absolute time.
const TSC_DEADLINE: u32 = 2 << 17;
/// LVT: how it is delivered; 0 is as a vector.
const DELIVERY: u32 = 7 << 8;
/// LVT: delivered as a non-maskable interrupt.
const DELIVER_NMI: u32 = 4 << 8;
/// LVT: the 8259A gives the vector.
const DELIVER_EXTERNAL: u32 = 7 << 8;
/// Divide configuration: by 1.
const DIVIDE_BY_1: u32 = 0b1011;

/// The use of the 8259As on this machine, which decides the mode of the APIC's first pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegacyPin {
    /// Lines come through the 8259As and this APIC ("virtual wire", MultiProcessor Specification 1.4, 3.6.2.2).
    Passes8259,
    /// Lines come through the IOAPICs.
    Unused,
}

#[derive(Debug)]
enum Access {
    Memory(Registers),
    Msrs,
}

/// The local APIC of this CPU.
#[derive(Debug)]
pub struct LocalApic(Access);

impl LocalApic {
    /// Gives the physical address of the registers.
    pub fn physical_address() -> u64 {
        // SAFETY: the caller of this module's functions found a local APIC by CPUID, so the MSR exists; ring 0.
        let base = unsafe { rdmsr(IA32_APIC_BASE) };
        base & 0x000F_FFFF_FFFF_F000
    }

    /// Takes the local APIC by registers in memory, if one is there: an empty bus reads as all ones or zeros.
    pub fn by_memory(window: Registers) -> Option<Self> {
        let local = Self(Access::Memory(window));
        (!matches!(local.read(XAPIC_VERSION), 0 | u32::MAX)).then_some(local)
    }

    /// Takes the local APIC by MSRs.
    ///
    /// # Safety
    /// The CPU has x2APIC mode, and this runs in ring 0.
    pub unsafe fn by_registers() -> Self {
        // SAFETY: every CPU with x2APIC mode has this MSR.
        let base = unsafe { rdmsr(IA32_APIC_BASE) };
        // SAFETY: from "enabled" to "x2APIC" is an allowed transition (SDM 3A, 11.12.5), and setting both again is
        // none.
        unsafe { wrmsr(IA32_APIC_BASE, base | GLOBAL_ENABLE | X2APIC_ENABLE) };
        Self(Access::Msrs)
    }

    /// Starts the APIC: all local sources masked but the pins, every priority accepted, spurious interrupts at
    /// `spurious`.
    pub fn initialise(&mut self, spurious: u8, legacy: LegacyPin) {
        self.write(XAPIC_SVR, SOFTWARE_ENABLE | u32::from(spurious));
        self.write(XAPIC_TPR, 0);
        self.write(XAPIC_LVT_TIMER, MASKED);
        // Later sources exist only where the version register counts them (SDM 3A, 11.4.8).
        let last = self.read(XAPIC_VERSION) >> 16 & 0xFF;
        if last >= 4 {
            self.write(XAPIC_LVT_PMI, MASKED);
        }
        // Where the firmware has these two delivered as SMI, they are its own. Otherwise they would come to the kernel.
        for (first, source) in [(5, XAPIC_LVT_THERMAL), (6, XAPIC_LVT_CMCI)] {
            if last >= first && self.read(source) & DELIVERY == 0 {
                self.write(source, MASKED);
            }
        }
        self.write(
            XAPIC_LVT_LINT0,
            match legacy {
                LegacyPin::Passes8259 => DELIVER_EXTERNAL,
                LegacyPin::Unused => MASKED | DELIVER_EXTERNAL,
            },
        );
        self.write(XAPIC_LVT_LINT1, DELIVER_NMI);
        self.write(XAPIC_LVT_ERROR, MASKED);
        self.write(XAPIC_ESR, 0);
        // An interrupt that the boot code took and did not end would block all lower ones for ever.
        for _ in 0..8 {
            self.end_of_interrupt();
        }
    }

    /// Gives the number by which interrupts are addressed to this CPU.
    pub fn number(&self) -> u32 {
        match self.0 {
            Access::Memory(_) => self.read(XAPIC_ID) >> 24,
            Access::Msrs => self.read(XAPIC_ID),
        }
    }

    /// Reads the bits of a vector in the request and in-service registers (SDM 3A, 11.8.4): 256 bits each, 32 a
    /// register.
    pub fn state(&self, vector: u8) -> LineFlags {
        let place = u32::from(vector / 32) * 0x10;
        let bit = 1 << (vector % 32);
        let mut flags = LineFlags::empty();
        flags.set(LineFlags::LOCAL_REQUEST, self.read(XAPIC_IRR0 + place) & bit != 0);
        flags.set(LineFlags::LOCAL_IN_SERVICE, self.read(XAPIC_ISR0 + place) & bit != 0);
        flags
    }

    /// Gives the registers, if they are memory: a write of [`XAPIC_EOI`] then ends the interrupt in service.
    pub const fn block(&self) -> Option<LocalBlock> {
        match &self.0 {
            Access::Memory(window) => window.block(),
            Access::Msrs => None,
        }
    }

    /// Ends the interrupt in service.
    #[inline(always)]
    pub fn end_of_interrupt(&mut self) {
        self.write(XAPIC_EOI, 0);
    }

    /// Makes the timer a one-shot down counter at this vector, stopped.
    pub fn use_counter(&mut self, vector: u8) {
        self.write(XAPIC_TIMER_DIV_CONF, DIVIDE_BY_1);
        self.write(XAPIC_TIMER_INIT_COUNT, 0);
        self.write(XAPIC_LVT_TIMER, u32::from(vector));
    }

    /// Lets the counter run down silently from its largest value, to be measured with [`Self::elapsed`].
    pub fn run_silently(&mut self) {
        self.write(XAPIC_TIMER_DIV_CONF, DIVIDE_BY_1);
        self.write(XAPIC_LVT_TIMER, MASKED);
        self.write(XAPIC_TIMER_INIT_COUNT, u32::MAX);
    }

    /// Tells how far the counter has run down since [`Self::run_silently`].
    pub fn elapsed(&self) -> u32 {
        u32::MAX - self.read(XAPIC_TIMER_CURRENT_COUNT)
    }

    /// Starts the counter; 0 stops it.
    #[inline(always)]
    pub fn set_counter(&mut self, count: u32) {
        self.write(XAPIC_TIMER_INIT_COUNT, count);
    }

    /// Makes the timer compare with the time stamp counter, at this vector, stopped.
    ///
    /// # Safety
    /// The CPU has the TSC-deadline timer.
    pub unsafe fn use_deadline(&mut self, vector: u8) {
        self.write(XAPIC_LVT_TIMER, TSC_DEADLINE | u32::from(vector));
        // The store to the register page must be done before the MSR is written (SDM 3A, 11.5.4.1). A locked
        // instruction orders them on every CPU; MFENCE would need SSE2.
        // SAFETY: adding 0 to the top of the stack changes nothing.
        #[cfg(target_arch = "x86_64")]
        unsafe {
            asm!("lock add qword ptr [rsp], 0")
        };
        // SAFETY: adding 0 to the top of the stack changes nothing.
        #[cfg(target_arch = "x86")]
        unsafe {
            asm!("lock add dword ptr [esp], 0")
        };
    }

    /// Sets the absolute time at which the timer fires; 0 stops it.
    ///
    /// # Safety
    /// [`Self::use_deadline`] was called before.
    #[inline(always)]
    pub unsafe fn set_deadline(&mut self, cycles: u64) {
        // SAFETY: the caller vouches that the CPU has the timer, hence the MSR.
        unsafe { wrmsr(IA32_TSC_DEADLINE, cycles) }
    }

    #[inline(always)]
    fn read(&self, register: u32) -> u32 {
        match &self.0 {
            Access::Memory(window) => window.read(register as usize),
            // SAFETY: `by_registers` turned x2APIC mode on, where every register read here exists.
            Access::Msrs => unsafe { rdmsr(X2APIC_BASE + (register >> 4)) as u32 },
        }
    }

    #[inline(always)]
    fn write(&mut self, register: u32, value: u32) {
        match &mut self.0 {
            Access::Memory(window) => window.write(register as usize, value),
            // SAFETY: `by_registers` turned x2APIC mode on, where every register written here exists and takes these
            // values.
            Access::Msrs => unsafe { wrmsr(X2APIC_BASE + (register >> 4), u64::from(value)) },
        }
    }
}
