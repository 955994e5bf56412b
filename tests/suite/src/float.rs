//! Floating-point state: filled with a pattern, held while other threads run, and looked at afterwards.
//!
//! Everything between filling and looking is one function in assembly, since a compiler may use any of these
//! registers at any time. x87 registers are filled in full, so that MMX is covered by them.

use core::cell::UnsafeCell;
use core::mem::offset_of;
use core::sync::atomic::AtomicUsize;

/// How much state the CPU has, and the instruction that saves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// x87 (and MMX), by FNSAVE.
    X87,
    /// And SSE, by FXSAVE.
    Sse,
    /// And AVX, by XSAVE.
    Avx,
    /// And AVX-512.
    Avx512,
}

/// The bytes of XSAVE's area with x87, SSE, AVX and AVX-512 (CPUID leaf 0xD says the same on every CPU that has them).
const AREA_BYTES: usize = 2688;

/// A state area, at the alignment that XSAVE needs.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
pub struct Area(pub [u8; AREA_BYTES]);

impl Area {
    /// All bytes 0.
    pub const ZERO: Area = Area([0; AREA_BYTES]);
}

/// The parameters of a function that holds registers.
#[repr(C)]
pub struct Hold {
    /// The contents that the registers get.
    pub filled: *const Area,
    /// The place for the contents that are found.
    pub found: *mut Area,
    /// The contents that the registers have afterwards.
    pub initial: *const Area,
    /// How often the thread still yields meanwhile. It is counted down before each.
    pub yields: *const AtomicUsize,
    /// How long it runs before each.
    pub spins: usize,
}

impl Level {
    /// Detects the level of this CPU and kernel.
    pub fn detect() -> Self {
        let [_, _, ecx, edx] = cpuid(1);
        const OSXSAVE_AND_AVX: u32 = 1 << 27 | 1 << 28;
        const FXSR_AND_SSE: u32 = 1 << 24 | 1 << 25;
        if ecx & OSXSAVE_AND_AVX == OSXSAVE_AND_AVX {
            if enabled_components() & AVX_512 == AVX_512 { Self::Avx512 } else { Self::Avx }
        } else if edx & FXSR_AND_SSE == FXSR_AND_SSE {
            Self::Sse
        } else {
            Self::X87
        }
    }

    /// Where the registers' contents lie in an area: control words and registers, but for reserved bytes.
    pub fn contents(self) -> impl Iterator<Item = core::ops::Range<usize>> {
        let registers = if cfg!(target_pointer_width = "64") { 16 } else { 8 };
        let x87 = match self {
            Self::X87 => (28, 10),
            _ => (32, 16),
        };
        let has = move |level: Self| self as u8 >= level as u8;
        let st = (0..8).map(move |number| x87.0 + number * x87.1).map(|start| start..start + 10);
        let xmm = (0..registers).filter(move |_| has(Self::Sse)).map(|number| 160 + 16 * number..176 + 16 * number);
        let ymm = (0..registers).filter(move |_| has(Self::Avx)).map(|number| 576 + 16 * number..592 + 16 * number);
        let masks = (0..8).filter(move |_| has(Self::Avx512)).map(|number| 1088 + 8 * number..1096 + 8 * number);
        let zmm =
            (0..registers).filter(move |_| has(Self::Avx512)).map(|number| 1152 + 32 * number..1184 + 32 * number);
        // 64-bit mode alone has the upper sixteen.
        let upper = if registers == 16 { 16 } else { 0 };
        let zmm_16 = (0..upper).filter(move |_| has(Self::Avx512)).map(|number| 1664 + 64 * number..1728 + 64 * number);
        let mxcsr = has(Self::Sse).then_some(24..28);
        // Control, status and tags.
        let words = match self {
            Self::X87 => [0..2, 4..6, 8..10],
            _ => [0..2, 2..4, 4..5],
        };
        st.chain(xmm).chain(ymm).chain(masks).chain(zmm).chain(zmm_16).chain(mxcsr).chain(words)
    }

    /// The state that every thread begins with.
    pub fn initial(self) -> Area {
        let mut area = Area::ZERO;
        area.0[..2].copy_from_slice(&0x037F_u16.to_le_bytes());
        match self {
            Self::X87 => area.0[8..10].copy_from_slice(&0xFFFF_u16.to_le_bytes()),
            _ => area.0[24..28].copy_from_slice(&0x1F80_u32.to_le_bytes()),
        }
        area
    }

    /// A state with no register like that of another seed.
    pub fn pattern(self, seed: u8) -> Area {
        let mut area = self.initial();
        for (register, range) in self.contents().enumerate().filter(|(_, range)| range.len() >= 8) {
            for (at, byte) in area.0[range.clone()].iter_mut().enumerate() {
                *byte = seed ^ (register as u8).wrapping_mul(23) ^ (at as u8).wrapping_mul(59);
            }
            if range.start < 160 {
                // A normal number: the upper bit of the significand set, an exponent in the middle.
                area.0[range.start + 7] |= 0x80;
                area.0[range.start + 9] = 0x3F;
            }
        }
        let [low, _, _, _] = (u32::from(seed % 4) << 13).to_le_bytes();
        let rounding = seed % 4;
        area.0[1] = 0x03 | rounding << 2;
        match self {
            Self::X87 => area.0[8..10].fill(0),
            _ => {
                area.0[4] = 0xFF;
                area.0[24] = 0x80 | low;
                area.0[25] = 0x1F | (rounding & 1) << 5 | (rounding & 2) << 5;
            }
        }
        // XSTATE_BV: what the area holds.
        match self {
            Self::Avx512 => area.0[512] = 7 | AVX_512 as u8,
            Self::Avx => area.0[512] = 7,
            Self::X87 | Self::Sse => {}
        }
        area
    }

    /// The offset of the first byte that differs.
    pub fn difference(self, one: &Area, other: &Area) -> Option<usize> {
        self.contents().flatten().find(|at| one.0[*at] != other.0[*at])
    }

    /// Fills the registers, yields and spins, and says what is in them then.
    pub fn hold(self, filled: &Area, yields: usize, spins: usize) -> Area {
        self.hold_for(filled, &AtomicUsize::new(yields), spins)
    }

    /// Does what [`Self::hold`] does, where another thread can watch: once `yields` is less than at the beginning, the
    /// registers are filled. They stay so until it is 0.
    pub fn hold_for(self, filled: &Area, yields: &AtomicUsize, spins: usize) -> Area {
        let mut found = Area::ZERO;
        let initial = self.initial();
        let mut hold = Hold { filled, found: &mut found, initial: &initial, yields, spins: spins.max(1) };
        match self {
            // SAFETY: the areas live throughout, the CPU has the instructions, and the registers are left initial.
            Self::X87 => unsafe { hold_x87(&mut hold) },
            // SAFETY: as above.
            Self::Sse => unsafe { hold_sse(&mut hold) },
            // SAFETY: as above.
            Self::Avx | Self::Avx512 => unsafe { hold_avx(&mut hold) },
        }
        found
    }

    /// The address of a thread's first instructions that note the state it begins with, and end it: no compiler's
    /// instruction comes before.
    pub fn first_instructions(self) -> usize {
        FIRST.clear();
        match self {
            Self::X87 => look_x87 as *const () as usize,
            Self::Sse => look_sse as *const () as usize,
            Self::Avx | Self::Avx512 => look_avx as *const () as usize,
        }
    }
}

/// The state that the last thread with these first instructions found.
pub fn first_state() -> Area {
    FIRST.get()
}

/// The place where that thread stores the state.
#[repr(transparent)]
struct First(UnsafeCell<Area>);

// SAFETY: the one thread that writes it has ended before another looks.
unsafe impl Sync for First {}

impl First {
    fn clear(&self) {
        // SAFETY: no such thread runs.
        unsafe { self.0.get().write_volatile(Area([0xEE; AREA_BYTES])) };
    }

    fn get(&self) -> Area {
        // SAFETY: no such thread runs.
        unsafe { self.0.get().read_volatile() }
    }
}

static FIRST: First = First(UnsafeCell::new(Area::ZERO));

/// The answer of CPUID: eax, ebx, ecx, edx.
pub fn cpuid(leaf: u32) -> [u32; 4] {
    #[cfg(target_arch = "x86")]
    use core::arch::x86::__cpuid;
    #[cfg(target_arch = "x86_64")]
    use core::arch::x86_64::__cpuid;
    let answer = __cpuid(leaf);
    [answer.eax, answer.ebx, answer.ecx, answer.edx]
}

/// The components of AVX-512 in XCR0: mask registers, upper halves, upper registers.
const AVX_512: u32 = 7 << 5;

/// The lower half of XCR0, where the kernel has enabled XSAVE.
fn enabled_components() -> u32 {
    let low: u32;
    // SAFETY: reads a register that every program may read once the kernel has enabled XSAVE.
    unsafe {
        core::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") _, options(nomem, nostack, preserves_flags));
    }
    low
}

const FILLED: usize = offset_of!(Hold, filled);
const FOUND: usize = offset_of!(Hold, found);
const INITIAL: usize = offset_of!(Hold, initial);
const YIELDS: usize = offset_of!(Hold, yields);
const SPINS: usize = offset_of!(Hold, spins);
const YIELD_TAG: u32 = abi::Operation::Yield as u32;
const EXIT_TAG: u32 = abi::Operation::ThreadExit as u32;

#[cfg(target_arch = "x86_64")]
macro_rules! holders {
    ($hold:ident, $look:ident, $save:literal, $restore:literal) => {
        #[unsafe(naked)]
        unsafe extern "sysv64" fn $hold(hold: *mut Hold) {
            core::arch::naked_asm!(
                "push rbx",
                "mov rbx, rdi",
                // The emulator lets XRSTOR and XSAVE by where floating point is off; not so this.
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                "mov rcx, [rbx + {filled}]",
                concat!($restore, " [rcx]"),
                "2:",
                "mov rcx, [rbx + {yields}]",
                "cmp qword ptr [rcx], 0",
                "je 4f",
                "dec qword ptr [rcx]",
                "mov rcx, [rbx + {spins}]",
                "3:",
                "dec rcx",
                "jnz 3b",
                "mov edi, {tag}",
                "xor eax, eax",
                "int 0x80",
                "jmp 2b",
                "4:",
                "mov eax, -1",
                "mov edx, -1",
                "mov rcx, [rbx + {found}]",
                concat!($save, " [rcx]"),
                "mov rcx, [rbx + {initial}]",
                concat!($restore, " [rcx]"),
                "pop rbx",
                "ret",
                filled = const FILLED, found = const FOUND, initial = const INITIAL, yields = const YIELDS,
                spins = const SPINS, tag = const YIELD_TAG,
            )
        }

        #[unsafe(naked)]
        extern "C" fn $look() {
            core::arch::naked_asm!(
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                "lea rcx, [rip + {first}]",
                concat!($save, " [rcx]"),
                "mov edi, {tag}",
                "int 0x80",
                "ud2",
                first = sym FIRST, tag = const EXIT_TAG,
            )
        }
    };
}

#[cfg(target_arch = "x86")]
macro_rules! holders {
    ($hold:ident, $look:ident, $save:literal, $restore:literal) => {
        #[unsafe(naked)]
        unsafe extern "fastcall" fn $hold(hold: *mut Hold) {
            core::arch::naked_asm!(
                "push ebx", "push esi", "push edi", "push ebp",
                "push ecx",
                // The emulator lets XRSTOR and XSAVE by where floating point is off; not so this.
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                "mov ebx, [ecx + {filled}]",
                concat!($restore, " [ebx]"),
                "2:",
                "mov ecx, [esp]",
                "mov ebx, [ecx + {yields}]",
                "cmp dword ptr [ebx], 0",
                "je 4f",
                "dec dword ptr [ebx]",
                "mov ebx, [ecx + {spins}]",
                "3:",
                "dec ebx",
                "jnz 3b",
                "mov eax, {tag}",
                "xor edx, edx",
                "int 0x80",
                "jmp 2b",
                "4:",
                "mov eax, -1",
                "mov edx, -1",
                "mov ebx, [ecx + {found}]",
                concat!($save, " [ebx]"),
                "mov ebx, [ecx + {initial}]",
                concat!($restore, " [ebx]"),
                "pop ecx",
                "pop ebp", "pop edi", "pop esi", "pop ebx",
                "ret",
                filled = const FILLED, found = const FOUND, initial = const INITIAL, yields = const YIELDS,
                spins = const SPINS, tag = const YIELD_TAG,
            )
        }

        #[unsafe(naked)]
        extern "C" fn $look() {
            core::arch::naked_asm!(
                "fnop",
                "mov eax, -1",
                "mov edx, -1",
                "lea ecx, [{first}]",
                concat!($save, " [ecx]"),
                "mov eax, {tag}",
                "int 0x80",
                "ud2",
                first = sym FIRST, tag = const EXIT_TAG,
            )
        }
    };
}

holders!(hold_x87, look_x87, "fnsave", "frstor");
#[cfg(target_arch = "x86")]
holders!(hold_sse, look_sse, "fxsave", "fxrstor");
#[cfg(target_arch = "x86")]
holders!(hold_avx, look_avx, "xsave", "xrstor");
#[cfg(target_arch = "x86_64")]
holders!(hold_sse, look_sse, "fxsave64", "fxrstor64");
#[cfg(target_arch = "x86_64")]
holders!(hold_avx, look_avx, "xsave64", "xrstor64");
