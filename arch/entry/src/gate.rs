//! What the gates of both widths share.

/// The least privileged ring that may reach a gate by an instruction. Hardware may reach every gate (SDM 3A 6.12.1.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum PrivilegeLevel {
    /// Ring 0 alone.
    Ring0 = 0,
    /// Ring 3 and ring 0.
    Ring3 = 3,
}

/// A ring between 0 and 3, which no gate of this crate names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoSuchPrivilege;

/// One of the seven stacks in an x86_64 TSS's interrupt stack table (SDM 3A 6.14.5).
///
/// The names count as the CPU does, from 1: `One` is `ist[0]` of the TSS.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names are the numbers")]
pub enum InterruptStackIndex {
    One = 1,
    Two,
    Three,
    Four,
    Five,
    Six,
    Seven,
}

impl InterruptStackIndex {
    /// Every stack, in order.
    const ALL: [Self; 7] = [Self::One, Self::Two, Self::Three, Self::Four, Self::Five, Self::Six, Self::Seven];

    /// Returns the stack for an index that counts from 0, as those of the crate `x86_64` do: 0 is [`Self::One`].
    pub const fn from_zero_based(index: u16) -> Option<Self> {
        if index < 7 { Some(Self::ALL[index as usize]) } else { None }
    }

    /// Returns the index that counts from 0 (SDM 3A 6.14.5): the stack's place in the TSS, and its index for the crate
    /// `x86_64`.
    pub const fn zero_based(self) -> u16 {
        self as u16 - 1
    }
}
