//! The first instructions, the same on both widths: they check that memory and CPU suffice for the code that follows.
//!
//! They run in 32-bit protected mode without paging, on a CPU that may be a 486 with less memory than the image takes.
//! So they are assembly of the 386's instruction set that ends in one line on COM1 and the text screen, or goes on at
//! `prepare_paging` with the loader's magic number in `edi` and the address of its information in `ebp`.

use core::arch::global_asm;
use core::mem::offset_of;

use arch::io::pc::COM1;
use arch::log::screen::TextMode;

use super::TO_PHYSICAL;
use super::stack::{BOOT_STACK, Stack};

/// Bits of CPUID leaf 1, `edx` (Intel SDM volume 2, CPUID): what compiled code and the kernel take for granted.
const FPU: u32 = 1 << 0;
const PSE: u32 = 1 << 3;
const TSC: u32 = 1 << 4;
const MSR: u32 = 1 << 5;
const PAE: u32 = 1 << 6;
const CX8: u32 = 1 << 8;
const PGE: u32 = 1 << 13;
const CMOV: u32 = 1 << 15;
/// Programs for x86_64 use SSE2, whose state takes FXSAVE; those for i686 run without. 0 ends the table.
const FXSR: u32 = if cfg!(target_arch = "x86_64") { 1 << 24 } else { 0 };

/// A row of `required_features`: bits of CPUID leaf 1, `edx`, and the physical address of the line to end with if the
/// CPU lacks one. A row without bits ends the table.
#[repr(C)]
struct RequiredFeature {
    bits: u32,
    line: u32,
}

/// A row of `serial_settings`: a value to write to a port. Port 0 ends the table.
#[repr(C, packed)]
struct SerialSetting {
    port: u16,
    value: u8,
}

/// COM1's registers (National Semiconductor PC16550D data sheet). While `LINE_CONTROL` has `DIVISOR_LATCH`, the first
/// two ports hold the divisor.
const DATA: u16 = COM1;
const INTERRUPT_ENABLE: u16 = COM1 + 1;
const FIFO_CONTROL: u16 = COM1 + 2;
const LINE_CONTROL: u16 = COM1 + 3;
const MODEM_CONTROL: u16 = COM1 + 4;
const LINE_STATUS: u16 = COM1 + 5;
const DIVISOR_LATCH: u8 = 0x80;
const TRANSMITTER_EMPTY: u8 = 0x20;

/// A text cell is a character, then its colours: here white on black.
const CELL_BYTES: usize = 2;
const WHITE_ON_BLACK: u8 = 0x0F;

/// The end of a stack in memory that every PC has. Printing the last line pushes a few words there.
const SPARE_STACK: u32 = 0x7000;

/// EFLAGS.ID can be changed only where there is a `cpuid` instruction.
const FLAGS_ID: u32 = 1 << 21;

global_asm!(
    ".pushsection .boot.text, \"ax\"",
    ".code32",
    ".globl start",
    "start:",
    "cli",
    "cld",
    "mov edi, eax",
    "mov ebp, ebx",
    // Is the image in memory to its end? Its last word isn't used yet; nothing may be pushed before this is known.
    "mov esp, {spare_stack}",
    "mov ebx, offset image_end_physical - 4",
    "mov esi, offset no_memory",
    "mov eax, 0x5A0FF0A5",
    "mov [ebx], eax",
    "cmp [ebx], eax",
    "jne cannot_start",
    "not eax",
    "mov [ebx], eax",
    "cmp [ebx], eax",
    "jne cannot_start",
    "mov dword ptr [ebx], 0",
    "mov esp, offset {stack} + {stack_size} + {to_physical}",
    // Is there a cpuid instruction?
    "pushfd",
    "pop eax",
    "mov ecx, eax",
    "xor eax, {flags_id}",
    "push eax",
    "popfd",
    "pushfd",
    "pop eax",
    "xor eax, ecx",
    "mov esi, offset no_cpuid",
    "test eax, {flags_id}",
    "jz cannot_start",
    // Does leaf 1 have every feature of the table?
    "mov eax, 1",
    "cpuid",
    "mov ebx, offset required_features",
    "2:",
    "mov eax, [ebx + {bits}]",
    "test eax, eax",
    "jz prepare_paging",
    "test edx, eax",
    "mov esi, [ebx + {line}]",
    "jz cannot_start",
    "add ebx, {required_feature_bytes}",
    "jmp 2b",
    // Ends with the line at esi, on serial and screen.
    "cannot_start:",
    "mov edi, {text_screen}",
    "mov ebx, offset serial_settings",
    "2:",
    "movzx edx, word ptr [ebx + {port}]",
    "test edx, edx",
    "jz 3f",
    "mov al, [ebx + {value}]",
    "out dx, al",
    "add ebx, {serial_setting_bytes}",
    "jmp 2b",
    "3:",
    "push esi",
    "mov esi, offset cannot_start_prefix",
    "call print",
    "pop esi",
    "call print",
    "mov esi, offset line_end",
    "call print",
    "4:",
    "hlt",
    "jmp 4b",
    "print:",
    "lodsb",
    "test al, al",
    "jz 4f",
    "cmp al, 32",
    "jb 2f",
    "mov [edi], al",
    "mov byte ptr [edi + 1], {white_on_black}",
    "add edi, {cell_bytes}",
    "2:",
    "mov ah, al",
    // The wait is bounded, since there may be no chip: an absent one reads 0xFF, a stuck one must not stop the screen.
    "mov ecx, 0x100000",
    "mov edx, {line_status}",
    "3:",
    "in al, dx",
    "test al, {transmitter_empty}",
    "loopz 3b",
    "mov edx, {data}",
    "mov al, ah",
    "out dx, al",
    "jmp print",
    "4:",
    "ret",
    ".popsection",
    ".pushsection .boot.rodata, \"a\"",
    "required_features:",
    ".long {fpu}, no_fpu, {pse}, no_pse, {tsc}, no_tsc, {msr}, no_msr",
    ".long {pae}, no_pae, {cx8}, no_cx8, {pge}, no_pge, {cmov}, no_cmov",
    ".long {fxsr}, no_fxsr, 0",
    // COM1: no interrupts, divisor 1 (115200 baud), eight bits without parity, buffers on.
    ".macro setting port, value",
    ".short \\port",
    ".byte \\value",
    ".endm",
    "serial_settings:",
    "setting {interrupt_enable}, 0",
    "setting {line_control}, {divisor_latch}",
    "setting {data}, 1",
    "setting {interrupt_enable}, 0",
    "setting {line_control}, 3",
    "setting {fifo_control}, 7",
    "setting {modem_control}, 3",
    ".purgem setting",
    ".short 0",
    "cannot_start_prefix: .asciz \"Bellwire can't start: \"",
    "line_end: .asciz \"\\r\\n\"",
    "no_memory: .asciz \"too little memory: it ends within the kernel's image\"",
    "no_cpuid: .asciz \"this CPU has no CPUID instruction\"",
    "no_fpu: .asciz \"this CPU has no floating-point unit\"",
    "no_pse: .asciz \"this CPU has no large pages (PSE)\"",
    "no_tsc: .asciz \"this CPU has no time stamp counter (TSC)\"",
    "no_msr: .asciz \"this CPU has no model-specific registers (MSR)\"",
    "no_pae: .asciz \"this CPU has no physical address extension (PAE)\"",
    "no_cx8: .asciz \"this CPU has no CMPXCHG8B instruction\"",
    "no_pge: .asciz \"this CPU has no global pages (PGE)\"",
    "no_fxsr: .asciz \"this CPU has no FXSAVE instruction\"",
    "no_cmov: .asciz \"this CPU has no conditional moves (CMOV)\"",
    ".popsection",
    stack = sym BOOT_STACK,
    stack_size = const size_of::<Stack>(),
    spare_stack = const SPARE_STACK,
    to_physical = const TO_PHYSICAL,
    flags_id = const FLAGS_ID,
    bits = const offset_of!(RequiredFeature, bits),
    line = const offset_of!(RequiredFeature, line),
    required_feature_bytes = const size_of::<RequiredFeature>(),
    port = const offset_of!(SerialSetting, port),
    value = const offset_of!(SerialSetting, value),
    serial_setting_bytes = const size_of::<SerialSetting>(),
    data = const DATA,
    interrupt_enable = const INTERRUPT_ENABLE,
    fifo_control = const FIFO_CONTROL,
    line_control = const LINE_CONTROL,
    divisor_latch = const DIVISOR_LATCH,
    modem_control = const MODEM_CONTROL,
    line_status = const LINE_STATUS,
    transmitter_empty = const TRANSMITTER_EMPTY,
    text_screen = const TextMode::PHYSICAL_ADDRESS,
    white_on_black = const WHITE_ON_BLACK,
    cell_bytes = const CELL_BYTES,
    fpu = const FPU,
    pse = const PSE,
    tsc = const TSC,
    msr = const MSR,
    pae = const PAE,
    cx8 = const CX8,
    pge = const PGE,
    cmov = const CMOV,
    fxsr = const FXSR,
);
