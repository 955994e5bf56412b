//! The kernel's own counters: nothing may be lost, neither interrupts nor objects nor memory.

use abi::InfoItem;
use alloc::format;
use alloc::string::String;
use bellwire::{MemoryUse, Root};

/// What is in use while no victim is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InUse {
    /// Processes, threads, endpoints, handles.
    objects: [usize; 4],
    /// Frames that nobody holds.
    free: u32,
    /// Of the conductor's quota.
    held: [usize; 2],
}

impl InUse {
    /// As it is now.
    pub fn now(root: &Root) -> bellwire::Result<Self> {
        let objects = root.info(InfoItem::Kernel, 0, 1)?;
        let [_, frames, _, own] = root.info(InfoItem::Memory, 1, 0)?;
        Ok(Self { objects, free: MemoryUse::of_machine()?.free, held: [frames, own] })
    }
}

/// Of every interrupt that was taken, it is known what became of it.
pub fn check_sources(root: &Root) -> Result<(), String> {
    for index in 0.. {
        let source = match root.source(index) {
            Ok(Some(source)) => source,
            Ok(None) => continue,
            Err(_) => break,
        };
        let accounted = source.delivered + source.coalesced + source.spurious + source.dropped;
        // One message at the most is pending, and none where the source isn't bound.
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
