//! i686: into a program and out of a trap.
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::{offset_of, size_of};

use super::{DONE, Program, Ring, Trap};
use crate::console::Text;
use crate::floats::Floats;
use crate::segments::SELECTORS;

/// All registers, as the stubs push them.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Registers {
    /// edi, esi, ebp, esp (in the stub, and so without meaning), ebx, edx, ecx, eax.
    pub general: [usize; 8],
    /// ds, es, fs, gs.
    pub segments: [usize; 4],
    pub vector: usize,
    pub error_code: usize,
    pub instruction: usize,
    pub code: usize,
    pub flags: usize,
    pub stack: usize,
    pub stack_segment: usize,
}

/// The names of [`Registers::general`] and [`Registers::segments`].
const NAMES: [&str; 8] = ["edi", "esi", "ebp", "esp", "ebx", "edx", "ecx", "eax"];
const SEGMENTS: [&str; 4] = ["ds", "es", "fs", "gs"];

/// The places in [`Registers::general`]: the order in which `pushad` leaves the registers (SDM 2B, PUSHAD).
const EDI: usize = 0;
const ESI: usize = 1;
const EBP: usize = 2;
const ESP: usize = 3;
const EBX: usize = 4;
const EDX: usize = 5;
const ECX: usize = 6;
const EAX: usize = 7;

/// The places in [`Registers::segments`].
const DS: usize = 0;
const ES: usize = 1;
const FS: usize = 2;
const GS: usize = 3;

/// The offset of a general register.
const fn general(place: usize) -> usize {
    offset_of!(Registers, general) + place * size_of::<usize>()
}

/// The offset of a segment register.
const fn segment(place: usize) -> usize {
    offset_of!(Registers, segments) + place * size_of::<usize>()
}

/// The register by which programs read memory.
pub fn data_register(registers: &mut Registers) -> &mut usize {
    &mut registers.general[EDX]
}

impl Registers {
    /// Nothing.
    const EMPTY: Self = Self {
        general: [0; 8],
        segments: [0; 4],
        vector: 0,
        error_code: 0,
        instruction: 0,
        code: 0,
        flags: 0,
        stack: 0,
        stack_segment: 0,
    };

    /// Values that nothing has by chance.
    pub fn known(ring: Ring, instruction: usize, stack: usize) -> Self {
        let general = core::array::from_fn(|index| 0xA5C3_0F00 + index);
        let (code, data) = match ring {
            Ring::Zero => (SELECTORS.kernel_code, SELECTORS.kernel_data),
            Ring::Three => (SELECTORS.user_code, SELECTORS.user_data),
        };
        let (code, data): (usize, usize) = (code.into(), data.into());
        let segments = [data, data, data, 0];
        Self { general, segments, instruction, code, flags: 2, stack, stack_segment: data, ..Self::EMPTY }
    }

    /// General registers, stack pointer and segments must be as `before`.
    pub fn check_kept(&self, before: &Self, except: &[usize]) -> Result<(), Text> {
        for (index, (now, before)) in self.general.iter().zip(&before.general).enumerate() {
            if now != before && index != ESP && !except.contains(&index) {
                return Err(Text::new(format_args!("{} changed", NAMES[index])));
            }
        }
        for (index, (now, before)) in self.segments.iter().zip(&before.segments).enumerate() {
            if now != before {
                return Err(Text::new(format_args!("{} changed", SEGMENTS[index])));
            }
        }
        let segments = (self.code, self.stack_segment) == (before.code, before.stack_segment);
        if self.stack != before.stack || !segments {
            return Err(Text::new(format_args!("the stack pointer or a segment changed")));
        }
        Ok(())
    }
}

#[repr(C)]
struct State {
    kernel_stack: usize,
    keeps_floats: usize,
    trapped_at: usize,
    loaded: Registers,
    trapped: Registers,
    floats_in: Floats,
    floats_out: Floats,
}

struct Shared(UnsafeCell<State>);

// SAFETY: one CPU; `run` and its assembly use it in turns.
unsafe impl Sync for Shared {}

static STATE: Shared = Shared(UnsafeCell::new(State {
    kernel_stack: 0,
    keeps_floats: 0,
    trapped_at: 0,
    loaded: Registers::EMPTY,
    trapped: Registers::EMPTY,
    floats_in: Floats::new(),
    floats_out: Floats::new(),
}));

/// Runs a program until it traps.
pub fn run(program: &Program) -> Trap {
    let state = STATE.0.get();
    let floats = program.floats.unwrap_or(Floats::new());
    // SAFETY: no assembly of this file runs.
    unsafe { (*state).loaded = program.registers };
    // SAFETY: as above.
    unsafe { (*state).keeps_floats = program.floats.is_some().into() };
    // SAFETY: as above.
    unsafe { (*state).floats_in = floats };
    // SAFETY: as above.
    unsafe { (*state).floats_out = Floats::new() };
    // SAFETY: the registers are those of a program, and a trap comes back here.
    unsafe { enter() };
    // SAFETY: it has come back.
    let mut registers = unsafe { (*state).trapped };
    if registers.code & 3 == 0 {
        // Without a change of rings the CPU pushes neither: the stack pointer was right above the flags.
        // SAFETY: as above.
        registers.stack = unsafe { (*state).trapped_at } + offset_of!(Registers, stack);
        registers.stack_segment = SELECTORS.kernel_data.into();
    }
    // SAFETY: as above.
    Trap { registers, floats: unsafe { (*state).floats_out } }
}

/// `iretd` pops a stack pointer on the way to another ring only: ring 0's is loaded before it.
#[unsafe(naked)]
unsafe extern "C" fn enter() {
    naked_asm!(
        "push ebx\n push ebp\n push esi\n push edi",
        "mov [{state} + {kernel_stack}], esp",
        "cmp dword ptr [{state} + {keeps_floats}], 0",
        "je 2f",
        "mov eax, -1",
        "mov edx, -1",
        "xrstor [{state} + {floats_in}]",
        "2:",
        "test byte ptr [{state} + {loaded} + {code}], 3",
        "jz 3f",
        "push dword ptr [{state} + {loaded} + {stack_segment}]",
        "push dword ptr [{state} + {loaded} + {stack}]",
        "jmp 4f",
        "3: mov esp, [{state} + {loaded} + {stack}]",
        "4: push dword ptr [{state} + {loaded} + {flags}]",
        "push dword ptr [{state} + {loaded} + {code}]",
        "push dword ptr [{state} + {loaded} + {instruction}]",
        "mov edi, [{state} + {loaded} + {edi}]",
        "mov esi, [{state} + {loaded} + {esi}]",
        "mov ebp, [{state} + {loaded} + {ebp}]",
        "mov ebx, [{state} + {loaded} + {ebx}]",
        "mov edx, [{state} + {loaded} + {edx}]",
        "mov ecx, [{state} + {loaded} + {ecx}]",
        "mov eax, [{state} + {loaded} + {eax}]",
        "mov es, word ptr [{state} + {loaded} + {es}]",
        "mov fs, word ptr [{state} + {loaded} + {fs}]",
        "mov gs, word ptr [{state} + {loaded} + {gs}]",
        "mov ds, word ptr [{state} + {loaded} + {ds}]",
        "iretd",
        state = sym STATE,
        kernel_stack = const offset_of!(State, kernel_stack),
        keeps_floats = const offset_of!(State, keeps_floats),
        floats_in = const offset_of!(State, floats_in),
        loaded = const offset_of!(State, loaded),
        edi = const general(EDI),
        esi = const general(ESI),
        ebp = const general(EBP),
        ebx = const general(EBX),
        edx = const general(EDX),
        ecx = const general(ECX),
        eax = const general(EAX),
        ds = const segment(DS),
        es = const segment(ES),
        fs = const segment(FS),
        gs = const segment(GS),
        instruction = const offset_of!(Registers, instruction),
        code = const offset_of!(Registers, code),
        flags = const offset_of!(Registers, flags),
        stack = const offset_of!(Registers, stack),
        stack_segment = const offset_of!(Registers, stack_segment),
    )
}

/// Flags with everything clear that a program may have set.
const CLEAN_FLAGS: u32 = 1 << 1;
static CLEAN_MXCSR: u32 = 0x1F80;

/// The end of a run: notes the registers, which the stub has begun to push, and returns from [`enter`].
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        // LLVM assembles Intel syntax's `push ds` as a 16-bit push.
        "push 0\n push 0\n push 0\n push 0",
        "mov word ptr [esp + {ds} - {segments}], ds",
        "mov word ptr [esp + {es} - {segments}], es",
        "mov word ptr [esp + {fs} - {segments}], fs",
        "mov word ptr [esp + {gs} - {segments}], gs",
        "pushad",
        "push {clean_flags}",
        "popfd",
        "mov eax, {kernel_data}",
        "mov ss, eax",
        "mov ds, eax",
        "mov es, eax",
        "mov [{state} + {trapped_at}], esp",
        "mov esi, esp",
        "mov edi, offset {state} + {trapped}",
        "mov ecx, {words}",
        "rep movsd",
        "cmp dword ptr [{state} + {keeps_floats}], 0",
        "je 2f",
        "mov eax, -1",
        "mov edx, -1",
        "xsave [{state} + {floats_out}]",
        "fninit",
        "ldmxcsr [{clean_mxcsr}]",
        "2:",
        "mov esp, [{state} + {kernel_stack}]",
        "pop edi\n pop esi\n pop ebp\n pop ebx",
        "ret",
        ds = const segment(DS),
        es = const segment(ES),
        fs = const segment(FS),
        gs = const segment(GS),
        segments = const offset_of!(Registers, segments),
        clean_flags = const CLEAN_FLAGS,
        clean_mxcsr = sym CLEAN_MXCSR,
        state = sym STATE,
        kernel_stack = const offset_of!(State, kernel_stack),
        keeps_floats = const offset_of!(State, keeps_floats),
        trapped_at = const offset_of!(State, trapped_at),
        floats_out = const offset_of!(State, floats_out),
        trapped = const offset_of!(State, trapped),
        words = const size_of::<Registers>() / size_of::<usize>(),
        kernel_data = const SELECTORS.kernel_data,
    )
}

#[unsafe(naked)]
unsafe extern "C" fn stub_of<const VECTOR: usize>() {
    naked_asm!(
        ".if {error_code} == 0",
        "push 0",
        ".endif",
        "push {vector}",
        "jmp {leave}",
        error_code = const x86_entry::vector::pushes_error_code(VECTOR) as usize,
        vector = const VECTOR,
        leave = sym leave,
    )
}

/// The harness's stub for a vector: all exceptions and [`DONE`] have one.
pub fn stub(vector: u8) -> Option<usize> {
    macro_rules! stubs {
        ($($vector:literal)*) => { [$(stub_of::<$vector> as *const () as usize),*] };
    }
    let exceptions = stubs!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    match vector {
        DONE => Some(stub_of::<{ DONE as usize }> as *const () as usize),
        _ => exceptions.get(usize::from(vector)).copied(),
    }
}
