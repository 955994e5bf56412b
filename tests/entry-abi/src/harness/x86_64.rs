//! x86_64: into a program and out of a trap.
use core::arch::naked_asm;
use core::cell::UnsafeCell;
use core::mem::{offset_of, size_of};

use super::{DONE, Program, Ring, Trap};
use crate::console::Text;
use crate::floats::Floats;
use crate::segments::SELECTORS;

/// All registers, as the stubs push them.
#[repr(C, align(16))]
#[derive(Clone, Copy)]
pub struct Registers {
    /// r15 to r8, rbp, rdi, rsi, rdx, rcx, rbx, rax.
    pub general: [usize; 15],
    pub vector: usize,
    pub error_code: usize,
    pub instruction: usize,
    pub code: usize,
    pub flags: usize,
    pub stack: usize,
    pub stack_segment: usize,
}

/// The names of [`Registers::general`].
const NAMES: [&str; 15] =
    ["r15", "r14", "r13", "r12", "r11", "r10", "r9", "r8", "rbp", "rdi", "rsi", "rdx", "rcx", "rbx", "rax"];

/// rdx: programs read memory by it.
const fn data_index() -> usize {
    11
}

/// The register by which programs read memory.
pub fn data_register(registers: &mut Registers) -> &mut usize {
    &mut registers.general[data_index()]
}

impl Registers {
    /// Nothing.
    const EMPTY: Self = Self {
        general: [0; 15],
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
        let general = core::array::from_fn(|index| 0xA5C3_0000_0F0F_0000 + index);
        let (code, stack_segment) = match ring {
            Ring::Zero => (SELECTORS.kernel_code, SELECTORS.kernel_data),
            Ring::Three => (SELECTORS.user_code, SELECTORS.user_data),
        };
        let (code, stack_segment) = (code.into(), stack_segment.into());
        Self { general, instruction, code, flags: 2, stack, stack_segment, ..Self::EMPTY }
    }

    /// General registers, stack pointer and segments must be as `before`.
    pub fn check_kept(&self, before: &Self, except: &[usize]) -> Result<(), Text> {
        for (index, (now, before)) in self.general.iter().zip(&before.general).enumerate() {
            if now != before && !except.contains(&index) {
                return Err(Text::new(format_args!("{} changed", NAMES[index])));
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
    let registers = unsafe { (*state).trapped };
    // SAFETY: as above.
    Trap { registers, floats: unsafe { (*state).floats_out } }
}

#[unsafe(naked)]
unsafe extern "C" fn enter() {
    naked_asm!(
        "push rbx\n push rbp\n push r12\n push r13\n push r14\n push r15",
        "mov [rip + {state} + {kernel_stack}], rsp",
        "cmp dword ptr [rip + {state} + {keeps_floats}], 0",
        "je 2f",
        "mov eax, -1",
        "mov edx, -1",
        "xrstor64 [rip + {state} + {floats_in}]",
        "2:",
        "lea rsp, [rip + {state} + {loaded}]",
        "pop r15\n pop r14\n pop r13\n pop r12\n pop r11\n pop r10\n pop r9\n pop r8",
        "pop rbp\n pop rdi\n pop rsi\n pop rdx\n pop rcx\n pop rbx\n pop rax",
        "add rsp, {instruction} - {vector}",
        "iretq",
        state = sym STATE,
        kernel_stack = const offset_of!(State, kernel_stack),
        keeps_floats = const offset_of!(State, keeps_floats),
        floats_in = const offset_of!(State, floats_in),
        loaded = const offset_of!(State, loaded),
        vector = const offset_of!(Registers, vector),
        instruction = const offset_of!(Registers, instruction),
    )
}

/// Flags with everything clear that a program may have set.
const CLEAN_FLAGS: u32 = 1 << 1;
static CLEAN_MXCSR: u32 = 0x1F80;

/// The end of a run: notes the registers, which the stub has begun to push, and returns from [`enter`].
#[unsafe(naked)]
unsafe extern "C" fn leave() {
    naked_asm!(
        "push rax\n push rbx\n push rcx\n push rdx\n push rsi\n push rdi\n push rbp",
        "push r8\n push r9\n push r10\n push r11\n push r12\n push r13\n push r14\n push r15",
        "push {clean_flags}",
        "popfq",
        "mov rsi, rsp",
        "lea rdi, [rip + {state} + {trapped}]",
        "mov ecx, {words}",
        "rep movsq",
        "cmp dword ptr [rip + {state} + {keeps_floats}], 0",
        "je 2f",
        "mov eax, -1",
        "mov edx, -1",
        "xsave64 [rip + {state} + {floats_out}]",
        "fninit",
        "ldmxcsr [rip + {clean_mxcsr}]",
        "2:",
        "mov eax, {kernel_data}",
        "mov ss, eax",
        "mov rsp, [rip + {state} + {kernel_stack}]",
        "pop r15\n pop r14\n pop r13\n pop r12\n pop rbp\n pop rbx",
        "ret",
        clean_flags = const CLEAN_FLAGS,
        clean_mxcsr = sym CLEAN_MXCSR,
        state = sym STATE,
        kernel_stack = const offset_of!(State, kernel_stack),
        keeps_floats = const offset_of!(State, keeps_floats),
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
