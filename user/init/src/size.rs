//! Sizes in memory. The manifest, firmware and the PCI bus give them as 64 bits, whatever the width of addresses is.

use core::fmt;

/// A size that is larger than the address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge {
    bytes: u64,
}

impl fmt::Display for TooLarge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes are more than the processor has addresses for", self.bytes)
    }
}

/// Returns a number of bytes as the kernel takes it.
pub fn addressable(bytes: u64) -> Result<usize, TooLarge> {
    of_width(bytes)
}

/// Returns a number of bytes, rounded up to whole blocks, as the kernel takes it.
pub fn in_blocks(bytes: u64, block: usize) -> Result<usize, TooLarge> {
    addressable(bytes.checked_next_multiple_of(block as u64).ok_or(TooLarge { bytes })?)
}

fn of_width<T: TryFrom<u64>>(bytes: u64) -> Result<T, TooLarge> {
    T::try_from(bytes).map_err(|_| TooLarge { bytes })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_cut_on_32_bits() {
        assert_eq!(of_width::<u32>(u64::from(u32::MAX)), Ok(u32::MAX));
        for bytes in [1 << 32, (1 << 32) + 4096, u64::MAX] {
            assert_eq!(of_width::<u32>(bytes), Err(TooLarge { bytes }));
        }
    }

    #[test]
    fn blocks_are_whole_or_refused() {
        assert_eq!([1, 4096, 4097].map(|bytes| in_blocks(bytes, 4096)), [Ok(4096), Ok(4096), Ok(8192)]);
        assert_eq!(in_blocks(u64::MAX, 4096), Err(TooLarge { bytes: u64::MAX }));
    }
}
