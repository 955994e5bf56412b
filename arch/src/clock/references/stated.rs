//! What the CPU, or the hypervisor below it, says about the rate of its time stamp counter.

use super::{NamedRate, Rate};
use crate::cpu::features::cpuid;

/// The part of a nominal rate by which it may be wrong.
const NOMINAL_TOLERANCE: u64 = 100;

/// Gives the exact rate: from leaf 0x15 (SDM 3A, 19.7.3), if it has the crystal's rate, or from a hypervisor's leaf
/// 0x40000010.
pub fn exact() -> Option<NamedRate> {
    let cpuid = cpuid();
    let kilohertz = cpuid.get_hypervisor_info().and_then(|hypervisor| hypervisor.tsc_frequency());
    if let Some(kilohertz) = kilohertz.filter(|&kilohertz| kilohertz != 0) {
        return Some(NamedRate { by: "the hypervisor", rate: Rate::exactly(u64::from(kilohertz) * 1000) });
    }
    let ratio = cpuid.get_tsc_info()?;
    let [numerator, denominator, crystal] =
        [ratio.numerator(), ratio.denominator(), ratio.nominal_frequency()].map(u64::from);
    let hertz = (crystal * numerator).checked_div(denominator).filter(|&hertz| hertz != 0)?;
    Some(NamedRate { by: "the CPU", rate: Rate::exactly(hertz) })
}

/// Gives the nominal rate of leaf 0x16, a whole number of megahertz.
pub fn nominal() -> Option<NamedRate> {
    let hertz = u64::from(cpuid().get_processor_frequency_info()?.processor_base_frequency()) * 1_000_000;
    let doubt = hertz / NOMINAL_TOLERANCE;
    let rate = Rate { least: hertz - doubt, most: hertz + doubt };
    (hertz != 0).then_some(NamedRate { by: "the CPU's nominal rate", rate })
}
