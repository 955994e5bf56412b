//! The page of code by which i686 programs call the kernel, the fastest way that this CPU has.
//!
//! `sysenter` saves no return address; the kernel always returns to the one instruction of this page that follows it, and
//! the two registers that `sysexit` wants are free for that.

/// `mov ecx, esp; sysenter; ret`: the kernel comes back to the `ret`, with the stack pointer that it found in ecx.
pub const FAST: [u8; 5] = [0x89, 0xE1, 0x0F, 0x34, 0xC3];
/// `int 0x80; ret`.
pub const GATE: [u8; 3] = [0xCD, 0x80, 0xC3];

/// Where `sysexit` returns to.
pub(crate) const RETURN_ADDRESS: usize = abi::CALL_PAGE_I686 as usize + FAST.len() - 1;

/// What the page holds from its first byte on.
pub fn code(has_sysenter: bool) -> &'static [u8] {
    if has_sysenter { &FAST } else { &GATE }
}
