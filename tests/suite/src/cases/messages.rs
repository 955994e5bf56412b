//! Message interrupts, as far as they go without a device: the authority over the machine can claim them, on a machine
//! that takes them.

use crate::case::{Case, Outcome};
use crate::system::{System, poll};
use crate::{cases, check, check_eq};
use bellwire::{Endpoint, Error, InterruptFlags, InterruptMessage, Rights, Trigger};

pub const CASES: &[Case] = cases!["messages":
    a_message_interrupt_is_claimed_bound_and_freed, claiming_takes_the_right_to_lines,
];

/// The write goes to a local APIC, at a vector that no other source has; each claim has its own.
fn a_message_interrupt_is_claimed_bound_and_freed(system: &System) -> Outcome {
    const FIRST_VECTOR: u32 = 0x81;
    const LAST_VECTOR: u32 = 0xEE;
    if !has_local_apic() {
        check_eq!(system.root.message_interrupt().map(drop), Err(Error::Unsupported));
        return Ok(());
    }
    let (first, write) = system.root.message_interrupt()?;
    check_eq!(write.address & !0xF_F000, 0xFEE0_0000, "the address {:#x}", write.address);
    check!((FIRST_VECTOR..=LAST_VECTOR).contains(&write.data), "the data {:#x}", write.data);
    let (second, other) = system.root.message_interrupt()?;
    check!(other.data != write.data, "two message interrupts have the vector {:#x}", write.data);
    let endpoint = Endpoint::new()?;
    first.bind(&endpoint, 7, Trigger::Level)?;
    // The message is an edge, whichever trigger was asked for.
    let message = InterruptMessage::from_message(&poll(&endpoint)?);
    check_eq!((message.badge, message.count, message.flags), (7, 0, InterruptFlags::REPLAYED));
    first.destroy()?;
    let (again, same) = system.root.message_interrupt()?;
    check_eq!(same.data, write.data, "what was given back");
    again.destroy()?;
    second.destroy()?;
    endpoint.destroy()?;
    Ok(())
}

fn claiming_takes_the_right_to_lines(system: &System) -> Outcome {
    let weak = system.root.copy(Rights::all() - Rights::ROOT_LINES)?;
    check_eq!(weak.message_interrupt().map(drop), Err(Error::MissingRight));
    Ok(())
}

/// Whether the CPU reports a local APIC (Intel SDM 2A, CPUID leaf 1).
fn has_local_apic() -> bool {
    const APIC: u32 = 1 << 9;
    suite::float::cpuid(1)[3] & APIC != 0
}
