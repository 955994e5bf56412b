//! Which I/O ports ring 3 may use: the permission bitmap behind the task state segment.
//!
//! A bit for each of the 64 Ki ports is far too much to copy at a switch, so one bitmap holds the ranges of the process
//! that used ports last. Switching to a process without ports only moves the bitmap out of the segment (one store,
//! which the caller does); switching to another one with ports closes the old ranges and opens the new.

use kernel::machine::{Home, PORT_RANGES, PortRange};
use x86_entry::IO_BITMAP_BYTES;

/// The bitmap's bytes as the CPU reads them (SDM 1, 19.5.2): a set bit refuses. The CPU reads two bytes at a time,
/// hence one more behind the last, all ones; that byte belongs to no port and never changes.
pub type Bytes = [u8; IO_BITMAP_BYTES];

/// The bitmap of a task state segment, which changes by whole ranges.
struct PortBitmap<'a>(&'a mut Bytes);

impl PortBitmap<'_> {
    #[inline(always)]
    fn open(&mut self, range: PortRange) {
        self.change(range, |byte, mask| *byte &= !mask, 0);
    }

    #[inline(always)]
    fn close(&mut self, range: PortRange) {
        self.change(range, |byte, mask| *byte |= mask, 0xFF);
    }

    /// Changes the bits of a range: whole bytes at once, the bits at its ends by a mask.
    #[inline(always)]
    fn change(&mut self, range: PortRange, apply: impl Fn(&mut u8, u8), whole: u8) {
        let first = usize::from(range.first);
        let end = (first + usize::from(range.count)).min(65536);
        if first >= end {
            return;
        }
        let (low_byte, high_byte) = (first / 8, (end - 1) / 8);
        let low_mask = 0xFF << (first % 8);
        let high_mask = 0xFF >> (7 - (end - 1) % 8);
        match self.0.get_mut(low_byte..high_byte + 1) {
            None | Some([]) => {}
            Some([only]) => apply(only, low_mask & high_mask),
            Some([low, between @ .., high]) => {
                apply(low, low_mask);
                between.fill(whole);
                apply(high, high_mask);
            }
        }
    }
}

/// Whether the process that is switched to may use any port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortUse {
    /// The bitmap is to lie within the task state segment.
    Some,
    /// The bitmap is to lie beyond it, which refuses every port.
    None,
}

/// The ranges that the bitmap shows.
#[derive(Clone, Copy, Debug)]
pub struct LoadedPorts {
    process: u16,
    version: u32,
    ranges: [PortRange; PORT_RANGES],
    /// The number of ranges that are open.
    count: u8,
}

impl LoadedPorts {
    /// Nothing is loaded.
    pub const NONE: Self =
        Self { process: 0, version: 0, ranges: [PortRange { first: 0, count: 0 }; PORT_RANGES], count: 0 };

    /// Makes the bitmap that of a process, unless it is already. The work is bounded by the ranges' lengths.
    #[inline(always)]
    pub fn load<S>(&mut self, bitmap: &mut Bytes, home: &Home<S>) -> PortUse {
        if home.port_ranges == 0 {
            return PortUse::None;
        }
        if self.process != home.process || self.version != home.ports_version {
            self.replace(bitmap, home);
        }
        PortUse::Some
    }

    #[cold]
    #[optimize(speed)]
    fn replace<S>(&mut self, bitmap: &mut Bytes, home: &Home<S>) {
        let mut bitmap = PortBitmap(bitmap);
        for &range in self.ranges.iter().take(usize::from(self.count)) {
            bitmap.close(range);
        }
        for (loaded, &range) in self.ranges.iter_mut().zip(&home.ports).take(usize::from(home.port_ranges)) {
            bitmap.open(range);
            *loaded = range;
        }
        self.count = home.port_ranges;
        self.process = home.process;
        self.version = home.ports_version;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(process: u16, version: u32, ranges: &[(u16, u16)]) -> Home<()> {
        let mut ports = [PortRange::default(); PORT_RANGES];
        for (place, &(first, count)) in ports.iter_mut().zip(ranges) {
            *place = PortRange { first, count };
        }
        Home { space: (), ports, process, port_ranges: ranges.len() as u8, ports_version: version }
    }

    const CLOSED: Bytes = [0xFF; IO_BITMAP_BYTES];

    fn assert_open(bitmap: &Bytes, ranges: &[(u16, u16)]) {
        for port in 0..=u16::MAX {
            let is_open = bitmap[usize::from(port) / 8] & 1 << (port % 8) == 0;
            let expected = ranges.iter().any(|&(first, count)| port >= first && port - first < count);
            assert_eq!(is_open, expected, "port {port:#x} of {ranges:?}");
        }
        assert_eq!(bitmap[IO_BITMAP_BYTES - 1], 0xFF);
    }

    #[test]
    fn opens_exactly_the_ranges_of_the_process() {
        let mut bitmap = CLOSED;
        let mut loaded = LoadedPorts::NONE;
        for (version, ranges) in [
            &[(0x60u16, 1u16), (0x64, 1)] as &[_],
            &[(0x3F8, 8)],
            &[(0x3F9, 3), (7, 2), (0, 1)],
            &[(0xFFFF, 1)],
            &[(0xFFF8, 8), (0x3FC, 9)],
            &[(1, 65535)],
            &[(0xF000, 65535)],
        ]
        .iter()
        .enumerate()
        {
            assert_eq!(loaded.load(&mut bitmap, &home(1, version as u32 + 1, ranges)), PortUse::Some);
            assert_open(&bitmap, ranges);
        }
    }

    #[test]
    fn nothing_of_another_process_stays_open() {
        let mut bitmap = CLOSED;
        let mut loaded = LoadedPorts::NONE;
        loaded.load(&mut bitmap, &home(1, 1, &[(0x70, 2)]));
        assert_eq!(loaded.load(&mut bitmap, &home(2, 1, &[])), PortUse::None);
        loaded.load(&mut bitmap, &home(3, 1, &[(0x60, 5)]));
        assert_open(&bitmap, &[(0x60, 5)]);
        loaded.load(&mut bitmap, &home(1, 1, &[(0x70, 2)]));
        assert_open(&bitmap, &[(0x70, 2)]);
    }
}
