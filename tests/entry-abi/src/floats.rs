//! Floating-point state as XSAVE lays it out, and the state that programs are interrupted with.

/// Where the standard format of XSAVE has things (SDM 1, table 10-2 and 13.4).
const CONTROL: usize = 0;
const STATUS: usize = 2;
const TAGS: usize = 4;
const MXCSR: usize = 24;
const STACK: usize = 32;
const XMM: usize = 160;
const HEADER: usize = 512;
const YMM_UPPER: usize = 576;

/// Registers of the SSE kind.
const VECTORS: usize = if cfg!(target_arch = "x86_64") { 16 } else { 8 };

/// x87, SSE and AVX: the components that the start code enables, and all of the header's bits that get set here.
const COMPONENTS: u8 = 0b111;

/// The control word: all exceptions masked, rounding up, which no kernel has.
const KNOWN_CONTROL: u16 = 0x0B7F;
/// The stack's top is register 5.
const KNOWN_STATUS: u16 = 5 << 11;
/// The registers in use, a bit each.
const KNOWN_TAGS: u8 = 0b1110_0000;
/// All exceptions masked, rounding towards zero, no flag raised.
pub const KNOWN_MXCSR: u32 = 0x7F80;

/// A state.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub struct Floats([u8; 2048]);

impl Floats {
    /// Nothing.
    pub const fn new() -> Self {
        Self([0; 2048])
    }

    /// A state that differs from a clean one everywhere.
    pub fn known() -> Self {
        let mut floats = Self::new();
        floats.0[CONTROL..][..2].copy_from_slice(&KNOWN_CONTROL.to_le_bytes());
        floats.0[STATUS..][..2].copy_from_slice(&KNOWN_STATUS.to_le_bytes());
        floats.0[TAGS] = KNOWN_TAGS;
        floats.0[MXCSR..][..4].copy_from_slice(&KNOWN_MXCSR.to_le_bytes());
        for register in 0..8 {
            // A normal number: the integer bit is set.
            let value = &mut floats.0[STACK + register * 16..][..10];
            value.copy_from_slice(&[register as u8 + 1, 2, 3, 4, 5, 6, 7, 0x80, register as u8, 0x40]);
        }
        for register in 0..VECTORS {
            floats.0[XMM + register * 16..][..16].fill(0x30 + register as u8);
            floats.0[YMM_UPPER + register * 16..][..16].fill(0x70 + register as u8);
        }
        floats.0[HEADER] = COMPONENTS;
        floats
    }

    /// MXCSR.
    pub fn mxcsr(&self) -> u32 {
        u32::from_le_bytes([self.0[MXCSR], self.0[MXCSR + 1], self.0[MXCSR + 2], self.0[MXCSR + 3]])
    }

    fn same(&self, other: &Self, place: usize, bytes: usize) -> bool {
        self.0[place..][..bytes] == other.0[place..][..bytes]
    }

    /// The first part of x87 that isn't as in `before`.
    pub fn changed_x87(&self, before: &Self) -> Option<&'static str> {
        let parts = [(CONTROL, 2, "x87 control word"), (STATUS, 2, "x87 status word"), (TAGS, 1, "x87 tag word")];
        let registers = (0..8).any(|register| !self.same(before, STACK + register * 16, 10));
        let part = parts.into_iter().find(|&(place, bytes, _)| !self.same(before, place, bytes));
        part.map(|(_, _, name)| name).or(registers.then_some("x87 registers"))
    }

    /// Names a part of SSE that isn't as in `before`.
    pub fn changed_sse(&self, before: &Self) -> Option<&'static str> {
        let changed = !self.same(before, XMM, VECTORS * 16);
        changed.then_some("xmm registers").or(self.changed_mxcsr(before))
    }

    /// Whether MXCSR isn't as in `before`.
    pub fn changed_mxcsr(&self, before: &Self) -> Option<&'static str> {
        (self.mxcsr() != before.mxcsr()).then_some("MXCSR")
    }

    /// Names a part of AVX that isn't as in `before`.
    pub fn changed_avx(&self, before: &Self) -> Option<&'static str> {
        (!self.same(before, YMM_UPPER, VECTORS * 16)).then_some("upper halves of the ymm registers")
    }

    /// The first part of all that isn't as in `before`.
    pub fn changed(&self, before: &Self) -> Option<&'static str> {
        self.changed_x87(before).or(self.changed_sse(before)).or(self.changed_avx(before))
    }
}
