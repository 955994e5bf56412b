//! Which clients may reset the machine. A server knows a client by its badge alone, so `init` tells each server the
//! badges of the programs with the right `reset`.

use crate::Grants;
use abi::{StartupEntry, StartupKind};

/// The name of the entry that holds the badge of a program with the right `reset`.
const RESETS: &str = "resets";

/// Makes the entry for a program that may reset the machine, for [`Grants::may_reset`].
pub fn entry(badge: u16) -> StartupEntry {
    StartupEntry::new(RESETS, StartupKind::Number, 0, [badge.into(), 0])
}

impl Grants {
    /// Tells whether the client with a badge may reset the machine: the manifest gives its program the right `reset`.
    /// Ask before you answer a [`crate::protocol::PowerRequest`].
    pub fn may_reset(&self, badge: u16) -> bool {
        let is_its = |entry: StartupEntry| {
            entry.name() == RESETS && entry.kind == StartupKind::Number && entry.extra[0] == u64::from(badge)
        };
        self.entries().any(is_its)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::StartupBlock;

    #[test]
    fn the_named_badges_alone_may_reset() {
        let all = [entry(8), StartupEntry::new("clock", StartupKind::Number, 0, [3, 0]), entry(0x1_00)];
        let mut bytes = vec![0; 512];
        let length = StartupBlock::write(&all, &mut bytes).unwrap();
        bytes.truncate(length);
        // SAFETY: no entry holds a handle.
        let grants = unsafe { Grants::new(bytes.leak()) };
        let may: Vec<u16> = (0..=u16::MAX).filter(|&badge| grants.may_reset(badge)).collect();
        assert_eq!(may, [8, 0x100]);
    }
}
