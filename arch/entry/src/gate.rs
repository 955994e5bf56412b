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

/// One of the seven stacks in an x86_64 TSS's interrupt stack table (SDM 3A 6.14.5).
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
