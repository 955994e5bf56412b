//! The kernel's own counters: nothing may be lost, neither interrupts nor objects nor memory.

use abi::InfoItem;
use alloc::format;
use alloc::string::String;
use bellwire::{MemoryUse, Root};

/// The resources in use while there is no victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Processes, threads, endpoints, handles.
    objects: [usize; 4],
    /// The free frames.
    free: u32,
    /// The conductor's quota.
    held: [usize; 2],
}

impl InUse {
    /// Reads the counters.
    pub fn now(root: &Root) -> bellwire::Result<Self> {
        let objects = root.info(InfoItem::Kernel, 0, 1)?;
        let [_, frames, _, own] = root.info(InfoItem::Memory, 1, 0)?;
        Ok(Self { objects, free: MemoryUse::of_machine()?.free, held: [frames, own] })
    }
}

/// Checks that the account of every source is complete: each interrupt that was taken was delivered, coalesced,
/// spurious or dropped, or its message is pending.
pub fn check_sources(root: &Root) -> Result<(), String> {
    for index in 0.. {
        let source = match root.source(index) {
            Ok(Some(source)) => source,
            Ok(None) => continue,
            Err(_) => break,
        };
        let accounted = source.delivered + source.coalesced + source.spurious + source.dropped;
        // At most one message is pending, and none where the source isn't bound.
        if source.taken.wrapping_sub(accounted) > u32::from(source.bound) {
            return Err(format!("line {}: an interrupt is lost: {source:?}", source.line));
        }
        // The kernel works out what was delivered from the others. A receiver that hasn't run yet isn't in the
        // histogram.
        let seen = source.histogram.iter().fold(0, |sum: u32, count| sum.wrapping_add(*count));
        if source.delivered.wrapping_sub(seen) > u32::from(source.bound) {
            return Err(format!("line {}: a delivery isn't in the histogram: {source:?}", source.line));
        }
    }
    Ok(())
}
