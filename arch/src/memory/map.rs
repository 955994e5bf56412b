//! The loader's memory map, made consistent.
//!
//! Firmware reports regions that overlap, are unsorted, empty, off page boundaries or beyond what the CPU can address.
//! Here a frame is RAM if some region says so and none says otherwise: doubt costs a frame, never a device's memory.

use core::ops::Range;

use super::{FIRST_MIB_BYTES, FRAME_BYTES, RunSet, frames_touching, frames_within};
use crate::cpu::features::features;

/// The use of a region to the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegionKind {
    /// RAM that is free.
    Available,
    /// RAM in which the firmware keeps tables (ACPI): readable, not for use.
    Firmware,
    /// Anything else: RAM of the firmware, devices, broken memory.
    Reserved,
}

/// One entry of the loader's map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// The address of its first byte.
    pub start: u64,
    /// Its length.
    pub bytes: u64,
    /// What it is.
    pub kind: RegionKind,
}

impl Region {
    fn range(&self, limit: u64) -> Range<u64> {
        self.start.min(limit)..self.start.saturating_add(self.bytes).min(limit)
    }
}

/// The map as sets of frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MemoryMap {
    /// RAM for use.
    pub available: RunSet,
    /// Frames with the firmware's tables in them.
    pub firmware: RunSet,
    /// Frames that some region keeps from use, for whatever reason.
    pub denied: RunSet,
}

impl MemoryMap {
    /// Makes consistent sets of the regions, as far as they lie below the address `limit`.
    pub fn new(regions: &[Region], limit: u64) -> Self {
        let limit = limit.min(u64::from(u32::MAX) * FRAME_BYTES);
        let mut map = Self::default();
        for region in regions {
            match region.kind {
                RegionKind::Available => map.available.add(frames_within(region.range(limit))),
                RegionKind::Firmware => map.firmware.add(frames_touching(region.range(limit))),
                RegionKind::Reserved => {}
            }
        }
        for region in regions {
            if region.kind != RegionKind::Available {
                map.available.remove(frames_touching(region.range(limit)));
                map.denied.add(frames_touching(region.range(limit)));
            }
            if region.kind == RegionKind::Reserved {
                map.firmware.remove(frames_within(region.range(limit)));
            }
        }
        map
    }

    /// Tells whether a device's registers or pixels may be at these addresses: they have no more bits than the CPU has
    /// (else the first use would fault), and none of them is RAM.
    pub fn may_be_device(&self, bytes: Range<u64>) -> bool {
        let limit = 1 << features().physical_bits;
        let frames = frames_touching(bytes.clone());
        !bytes.is_empty()
            && (FIRST_MIB_BYTES..=limit).contains(&bytes.start)
            && bytes.end <= limit
            && !self.available.intersects(frames.clone())
            && !self.firmware.intersects(frames)
    }

    /// Tells whether the firmware's tables may be at these addresses: in the first MiB, or where a region keeps memory
    /// from use. What no region lists may be a device's registers, where reading can have effects.
    pub fn may_hold_tables(&self, bytes: Range<u64>) -> bool {
        let is_low = bytes.end <= FIRST_MIB_BYTES;
        // Beyond the last frame, all addresses have the same frame number.
        let is_in_reach = bytes.start >= FIRST_MIB_BYTES && bytes.end <= u64::from(u32::MAX) * FRAME_BYTES;
        !bytes.is_empty() && (is_low || is_in_reach && self.denied.contains(frames_touching(bytes)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_pc_of_16_mib() {
        let region = |start, bytes, kind| Region { start, bytes, kind };
        let regions = [
            region(0, 0x9FC00, RegionKind::Available),
            region(0x9FC00, 0x400, RegionKind::Reserved),
            region(0xF0000, 0x10000, RegionKind::Reserved),
            region(0x100000, 0xEE0000, RegionKind::Available),
            region(0xFE0000, 0x20000, RegionKind::Firmware),
            region(0xFFFC0000, 0x40000, RegionKind::Reserved),
        ];
        let map = MemoryMap::new(&regions, 1 << 36);
        assert_eq!(map.available.runs(), [0..0x9F, 0x100..0xFE0]);
        assert_eq!(map.firmware.runs().first(), Some(&(0xFE0..0x1000)));
    }

    #[test]
    fn lengths_that_wrap_end_at_the_limit() {
        let region = Region { start: 0x1000, bytes: u64::MAX, kind: RegionKind::Available };
        assert_eq!(MemoryMap::new(&[region], 1 << 32).available.runs().first(), Some(&(1..0x10_0000)));
    }

    #[test]
    fn a_device_is_beside_ram() {
        let region = |start, bytes, kind| Region { start, bytes, kind };
        let regions =
            [region(0, 0x800_0000, RegionKind::Available), region(0x800_0000, 0x10_0000, RegionKind::Firmware)];
        let map = MemoryMap::new(&regions, 1 << 32);
        for (bytes, may) in [
            (0xFEC0_0000..0xFEC0_0020, true),
            (0x810_0000..0x810_1000, true),
            (0x80F_F000..0x810_1000, false),
            (0x7FF_F000..0x800_0000, false),
            (0xB_8000..0xB_9000, false),
            (0..0x1000, false),
            (0xFEC0_0000..0xFEC0_0000, false),
            (0xFFFF_F000..0x1_0000_1000, false),
            (1 << 50..(1 << 50) + 0x1000, false),
            (u64::MAX - 1..u64::MAX, false),
        ] {
            assert_eq!(map.may_be_device(bytes.clone()), may, "{bytes:x?}");
        }
    }

    #[test]
    fn tables_are_where_a_region_keeps_memory_from_use() {
        let region = |start, bytes, kind| Region { start, bytes, kind };
        let regions = [
            region(0, 0x9_FC00, RegionKind::Available),
            region(0x10_0000, 0x7F0_0000, RegionKind::Available),
            region(0x7FE_0000, 0x2_0000, RegionKind::Reserved),
            region(0x800_0000, 0x1_0000, RegionKind::Firmware),
        ];
        let map = MemoryMap::new(&regions, 1 << 36);
        for (bytes, may) in [
            (0x40E..0x410, true),
            (0xF_0000..0x10_0000, true),
            (0xF_FFF0..0x10_0010, false),
            (0x7FE_0000..0x801_0000, true),
            (0x7FD_FFFF..0x7FE_0010, false),
            (0x800_FFF0..0x801_0001, false),
            (0x900_0000..0x900_0024, false),
            (0x7FE_0010..0x7FE_0010, false),
            ((1 << 44) - 4..1 << 44, false),
            (u64::MAX - 36..u64::MAX, false),
        ] {
            assert_eq!(map.may_hold_tables(bytes.clone()), may, "{bytes:x?}");
        }
    }

    fn region() -> impl Strategy<Value = Region> {
        let kind = prop_oneof![
            3 => Just(RegionKind::Available),
            1 => Just(RegionKind::Firmware),
            1 => Just(RegionKind::Reserved),
        ];
        (0..0x20_000u64, 0..0x8000u64, kind).prop_map(|(start, bytes, kind)| Region { start, bytes, kind })
    }

    proptest! {
        /// A frame is available exactly if some region offers all of it with its neighbours and none denies any byte.
        #[test]
        fn nothing_denied_is_offered(regions in proptest::collection::vec(region(), 0..12)) {
            let limit = 0x1_8000;
            let map = MemoryMap::new(&regions, limit);
            for frame in 0..0x30u32 {
                let bytes = u64::from(frame) * FRAME_BYTES..u64::from(frame + 1) * FRAME_BYTES;
                let has = |region: &Region, kind| {
                    let range = region.range(limit);
                    region.kind == kind && !range.is_empty() && range.start < bytes.end && bytes.start < range.end
                };
                let reserved = regions.iter().any(|region| has(region, RegionKind::Reserved));
                let denied = reserved || regions.iter().any(|region| has(region, RegionKind::Firmware));
                let offered = regions.iter().any(|region| {
                    let range = region.range(limit);
                    region.kind == RegionKind::Available && range.start <= bytes.start && bytes.end <= range.end
                });
                prop_assert_eq!(map.available.contains(frame..frame + 1), offered && !denied);
            }
        }
    }
}
