//! The physical memory of a step, and its random numbers.

use core::ops::Range;
use core::ptr::NonNull;

use crate::firmware::acpi::memory::Show;
use crate::memory::{FIRST_MIB_BYTES, FRAME_BYTES, Region, RegionKind};

/// The memory behind the first MiB that has bytes: some pages, the last ones below 4 GiB and the first ones above.
pub const HIGH: Range<u64> = 0xFFFC_0000..0x1_0004_0000;
pub const HIGH_BYTES: usize = (HIGH.end - HIGH.start) as usize;
/// A step's random numbers (splitmix64, Steele and others, 2014).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ z >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ z >> 31
    }

    pub fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    pub fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    pub fn of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.below(values.len())]
    }
}

/// The physical memory of a step.
pub struct Memory {
    pub regions: Vec<Region>,
    low: Box<[u8]>,
    high: Box<[u8]>,
}

impl Memory {
    pub fn new() -> Self {
        let zeros = |bytes| vec![0; bytes].into_boxed_slice();
        Self { regions: Vec::new(), low: zeros(FIRST_MIB_BYTES as usize), high: zeros(HIGH_BYTES) }
    }

    /// Tells whether a region that keeps memory from use touches the frame, as the map's own code doesn't compute it.
    pub fn keeps_from_use(&self, frame: u64) -> bool {
        let (start, end) = (frame * FRAME_BYTES, (frame + 1) * FRAME_BYTES);
        self.regions.iter().any(|region| {
            let region_end = region.start.saturating_add(region.bytes);
            region.kind != RegionKind::Available && region.bytes != 0 && region.start < end && start < region_end
        })
    }

    /// Gives the bytes that tables may be read from, by the reference's own reckoning.
    pub fn readable(&self, address: u64, count: usize) -> Option<&[u8]> {
        let end = address.checked_add(count as u64)?;
        if end <= FIRST_MIB_BYTES {
            return self.low.get(address as usize..end as usize);
        }
        let frames = address / FRAME_BYTES..end.div_ceil(FRAME_BYTES);
        let is_allowed =
            address >= HIGH.start && end <= HIGH.end && frames.into_iter().all(|it| self.keeps_from_use(it));
        is_allowed.then(|| &self.high[(address - HIGH.start) as usize..(end - HIGH.start) as usize])
    }

    /// Writes bytes as far as there is memory.
    pub fn write(&mut self, address: u64, bytes: &[u8]) {
        for (address, &byte) in (address..=u64::MAX).zip(bytes) {
            if address < FIRST_MIB_BYTES {
                self.low[address as usize] = byte;
            } else if HIGH.contains(&address) {
                self.high[(address - HIGH.start) as usize] = byte;
            }
        }
    }
}

// SAFETY: both arrays are as long as what is asked for, and outlive the borrow.
unsafe impl Show for &Memory {
    fn first_mib(&self, bytes: Range<u64>) -> Option<NonNull<u8>> {
        assert!(bytes.start < bytes.end && bytes.end <= FIRST_MIB_BYTES, "{bytes:x?} isn't the first MiB's");
        Some(NonNull::from(&self.low[bytes.start as usize]))
    }

    unsafe fn map(&self, frames: Range<u32>) -> Option<NonNull<u8>> {
        assert!(!frames.is_empty(), "nothing to map");
        for frame in frames.clone() {
            assert!(u64::from(frame) * FRAME_BYTES >= FIRST_MIB_BYTES, "frame {frame:#x} is mapped twice");
            assert!(self.keeps_from_use(frame.into()), "frame {frame:#x} is mapped, where the map allows no table");
        }
        let (start, end) = (u64::from(frames.start) * FRAME_BYTES, u64::from(frames.end) * FRAME_BYTES);
        (start >= HIGH.start && end <= HIGH.end).then(|| NonNull::from(&self.high[(start - HIGH.start) as usize]))
    }
}
