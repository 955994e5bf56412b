//! Firmware that lies, and a loader that leaves things on. The debugger stub stops the machine at the kernel's first
//! instruction, when the firmware's work is done, and changes what it left. The kernel reports what it refuses, and
//! starts with the rest.

use runner::gdb::{Gdb, Registers};
use runner::machine::{Direct, Hardware, Machine};
use xtask::Width;
use xtask::build::kernel;

use super::shell::{PROMPT, ask};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    a_root_pointer_of_revision_1_ends_after_20_bytes,
    the_rsdt_serves_where_the_xsdt_is_bad,
    a_bad_root_table_leaves_the_8259,
    a_bad_madt_leaves_the_8259,
    a_madt_that_is_cut_short_gives_what_it_has,
    bad_tables_without_end_cost_a_few_lines,
    tables_outside_the_memory_map_are_not_read,
    a_timer_without_registers_is_one_line,
    an_ioapic_that_is_not_there_leaves_the_8259,
    clocks_that_are_not_there_leave_the_8254,
    fast_calls_that_a_loader_left_are_off,
    long_mode_that_a_loader_left_enabled_is_no_obstacle,
];

/// Where a BIOS puts the root pointer.
const BIOS: u64 = 0xF_0000;
const BIOS_BYTES: usize = 0x1_0000;
/// Memory that is free when the kernel starts, and that the kernel hands out to no program.
const FREE: u64 = 0x8_0000;
/// The bytes of a table's header.
const HEADER_BYTES: usize = 36;
const HALF_A_GIBIBYTE: u32 = 512 << 20;
/// A length whose table would reach from RAM to behind the addresses of 31 bits.
const TWO_GIBIBYTES: u32 = 0x7FFF_0000;

const BY_IOAPIC: &str = "interrupts: IOAPIC\r\n";
const BY_8259: &str = "interrupts: 8259 by local APIC\r\n";

/// The firmware's tables in a machine that stands at the kernel's first instruction.
struct Firmware {
    gdb: Gdb,
    /// Where the root pointer is.
    pointer: u64,
}

impl Firmware {
    fn read(&mut self, address: u64, count: usize) -> Vec<u8> {
        self.gdb.read(address, count).expect("the stub reads memory")
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        // The stub takes no packet of more than 4 KiB.
        const PIECE: usize = 0x400;
        for (piece, address) in bytes.chunks(PIECE).zip((address..).step_by(PIECE)) {
            self.gdb.write(address, piece).expect("the stub writes memory");
        }
    }

    /// The RSDT's address.
    fn rsdt(&mut self) -> u64 {
        word(&self.read(self.pointer + 16, 4), 0).into()
    }

    /// A whole table.
    fn table(&mut self, address: u64) -> Vec<u8> {
        let header = self.read(address, HEADER_BYTES);
        self.read(address, word(&header, 4) as usize)
    }

    /// Where the table of a name is.
    fn find(&mut self, name: &[u8; 4]) -> u64 {
        let rsdt = self.rsdt();
        let rsdt = self.table(rsdt);
        let entries = rsdt[HEADER_BYTES..].chunks_exact(4).map(|entry| u64::from(word(entry, 0)));
        let mut entries = entries.collect::<Vec<_>>().into_iter();
        entries.find(|&entry| self.read(entry, 4) == name).expect("the firmware has the table")
    }

    /// Puts bytes into a table, whose checksum then is right.
    fn change(&mut self, address: u64, at: usize, bytes: &[u8]) {
        let mut table = self.table(address);
        table[at..at + bytes.len()].copy_from_slice(bytes);
        self.write(address, &summed(table, 9));
    }

    /// A root pointer of revision 2 instead of the firmware's: with this XSDT, and the RSDT as it was.
    fn set_xsdt(&mut self, xsdt: u64) {
        let mut pointer = self.read(self.pointer, 36);
        pointer[15] = 2;
        pointer[20..24].copy_from_slice(&36u32.to_le_bytes());
        pointer[24..32].copy_from_slice(&xsdt.to_le_bytes());
        let first = summed(pointer[..20].to_vec(), 8);
        pointer[..20].copy_from_slice(&first);
        self.write(self.pointer, &summed(pointer, 32));
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

/// The bytes with a checksum at `at` that makes their sum 0.
fn summed(mut bytes: Vec<u8>, at: usize) -> Vec<u8> {
    let sum = bytes.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    bytes[at] = bytes[at].wrapping_sub(sum);
    bytes
}

/// The address of the kernel's first instruction.
fn entry(width: Width) -> u64 {
    let file = std::fs::read(kernel(width)).expect("the kernel was built");
    word(&file, 24).into()
}

/// Boots a machine up to the kernel's first instruction.
#[track_caller]
pub fn at_the_entry(width: Width, hardware: Hardware, modules: Direct) -> (Machine, Gdb, Registers) {
    let (machine, mut gdb) = hardware.debug(modules);
    let entry = [entry(width)];
    gdb.insert(&entry).expect("a breakpoint");
    let registers = gdb.resume().expect("the stub answers").expect("the kernel starts");
    gdb.remove(&entry).expect("no breakpoint");
    (machine, gdb, registers)
}

/// Boots with changed tables.
#[track_caller]
fn boot(width: Width, arguments: &[&str], change: impl FnOnce(&mut Firmware)) -> Machine {
    let (machine, mut gdb, _) = at_the_entry(width, Hardware::new(width).with(arguments), Direct::shipped());
    let bios = gdb.read(BIOS, BIOS_BYTES).expect("the stub reads memory");
    let is_pointer = |place: &&[u8]| place.starts_with(b"RSD PTR ") && summed(place[..20].to_vec(), 8) == place[..20];
    let place = (0..BIOS_BYTES - 36).step_by(16).find(|&at| is_pointer(&&bios[at..at + 36]));
    let mut firmware = Firmware { gdb, pointer: BIOS + place.expect("the firmware has a root pointer") as u64 };
    change(&mut firmware);
    firmware.gdb.release().expect("the machine runs");
    machine
}

/// Expects these lines of the log, then a prompt that answers.
#[track_caller]
fn comes_up(mut machine: Machine, lines: &[&str]) {
    lines.iter().for_each(|line| drop(machine.expect(line)));
    machine.expect(PROMPT);
    assert_eq!(ask(&mut machine, "sleep 10"), "");
}

fn a_root_pointer_of_revision_1_ends_after_20_bytes(width: Width) {
    let machine = boot(width, &[], |firmware| {
        let mut pointer = firmware.read(firmware.pointer, 36);
        pointer[15] = 1;
        let mut pointer = summed(pointer[..20].to_vec(), 8);
        pointer.extend([0xFF; 16]);
        firmware.write(firmware.pointer, &pointer);
    });
    comes_up(machine, &[BY_IOAPIC]);
}

fn the_rsdt_serves_where_the_xsdt_is_bad(width: Width) {
    comes_up(boot(width, &[], |firmware| firmware.set_xsdt(0)), &[BY_IOAPIC]);
    for length in [12, HALF_A_GIBIBYTE, TWO_GIBIBYTES] {
        let machine = boot(width, &[], |firmware| {
            let mut table = vec![0; HEADER_BYTES];
            table[..4].copy_from_slice(b"XSDT");
            table[4..8].copy_from_slice(&u32::to_le_bytes(length));
            firmware.write(FREE, &table);
            firmware.set_xsdt(FREE);
        });
        let line = format!("warning: firmware: the XSDT at {FREE:#x} says that it has {length} bytes\r\n");
        comes_up(machine, &[&line, BY_IOAPIC]);
    }
    // In RAM that is handed out, and where there is no memory.
    for address in [0x200_0000, 0x8_0000_0000, 1 << 60] {
        let machine = boot(width, &[], |firmware| firmware.set_xsdt(address));
        comes_up(machine, &[&format!("warning: firmware: the XSDT at {address:#x} "), BY_IOAPIC]);
    }
}

fn a_bad_root_table_leaves_the_8259(width: Width) {
    for length in [0, 12, HALF_A_GIBIBYTE, TWO_GIBIBYTES] {
        let machine = boot(width, &[], |firmware| {
            let rsdt = firmware.rsdt();
            firmware.write(rsdt + 4, &length.to_le_bytes());
        });
        comes_up(
            machine,
            &["warning: firmware: the RSDT at ", &format!("says that it has {length} bytes\r\n"), BY_8259],
        );
    }
}

fn a_bad_madt_leaves_the_8259(width: Width) {
    for length in [12, HALF_A_GIBIBYTE, TWO_GIBIBYTES] {
        let machine = boot(width, &[], |firmware| {
            let madt = firmware.find(b"APIC");
            firmware.write(madt + 4, &length.to_le_bytes());
        });
        comes_up(
            machine,
            &["warning: firmware: the MADT at ", &format!("says that it has {length} bytes\r\n"), BY_8259],
        );
    }
    let machine = boot(width, &[], |firmware| {
        let madt = firmware.find(b"APIC");
        firmware.write(madt + 40, &[0xA5]);
    });
    comes_up(machine, &["warning: firmware: the MADT at ", "has a wrong checksum\r\n", BY_8259]);
}

/// The IOAPIC's entry stands before the one whose length leads beyond the table.
fn a_madt_that_is_cut_short_gives_what_it_has(width: Width) {
    let machine = boot(width, &[], |firmware| {
        let madt = firmware.find(b"APIC");
        let table = firmware.table(madt);
        let (mut at, mut last) = (44, 0);
        while at < table.len() {
            last = at;
            at += usize::from(table[at + 1]);
        }
        firmware.change(madt, last + 1, &[0xFF]);
    });
    comes_up(machine, &["warning: firmware: 1 entries of the MADT are cut short, ", BY_IOAPIC]);
}

fn bad_tables_without_end_cost_a_few_lines(width: Width) {
    let mut machine = boot(width, &[], |firmware| {
        let madt = firmware.find(b"APIC");
        firmware.write(madt + 40, &[0xA5]);
        let mut table = vec![0; HEADER_BYTES];
        table[..4].copy_from_slice(b"XSDT");
        table.extend(madt.to_le_bytes().repeat(256));
        let length = u32::try_from(table.len()).expect("a short table");
        table[4..8].copy_from_slice(&length.to_le_bytes());
        firmware.write(FREE, &summed(table, 9));
        firmware.set_xsdt(FREE);
    });
    let log = machine.expect(BY_8259);
    let lines = log.matches("has a wrong checksum").count();
    // Four of the XSDT, and one of the RSDT.
    assert_eq!(lines, 5, "{log}");
    comes_up(machine, &[]);
}

/// What no region of the memory map lists may be a device's registers, or nothing at all.
fn tables_outside_the_memory_map_are_not_read(width: Width) {
    let devices = ["-device", "edu,addr=5"];
    for address in [0xC000_0000, 0xFEBF_0000u64] {
        let machine = boot(width, &devices, |firmware| firmware.set_xsdt(address));
        let line =
            format!("warning: firmware: the XSDT at {address:#x} isn't in memory that the firmware can have\r\n");
        comes_up(machine, &[&line, BY_IOAPIC]);
    }
}

fn a_timer_without_registers_is_one_line(width: Width) {
    let machine = boot(width, &[], |firmware| {
        let hpet = firmware.find(b"HPET");
        firmware.change(hpet, 44, &[0; 8]);
    });
    comes_up(machine, &["warning: firmware: the HPET at ", " names registers that can't be\r\n", BY_IOAPIC]);
}

/// Its registers are said to be where nothing is, or in RAM.
fn an_ioapic_that_is_not_there_leaves_the_8259(width: Width) {
    for address in [0xFEC8_0000u32, 0x300_0000] {
        let machine = boot(width, &[], |firmware| {
            let madt = firmware.find(b"APIC");
            let table = firmware.table(madt);
            // Entries begin behind the local APIC's address and the flags.
            let mut at = 44;
            while table[at] != 1 {
                at += usize::from(table[at + 1]);
            }
            firmware.change(madt, at + 4, &address.to_le_bytes());
        });
        comes_up(machine, &[&format!("warning: firmware: there is no IOAPIC at {address:#x}\r\n"), BY_8259]);
    }
}

fn clocks_that_are_not_there_leave_the_8254(width: Width) {
    let machine = boot(width, &["-M", "q35"], |firmware| {
        let fadt = firmware.find(b"FACP");
        let timer = 76;
        firmware.change(fadt, timer, &0x9990u32.to_le_bytes());
        if firmware.table(fadt).len() >= 220 {
            firmware.change(fadt, 208 + 4, &0x9990u64.to_le_bytes());
        }
        let hpet = firmware.find(b"HPET");
        firmware.change(hpet, 44, &0xFED8_0000u64.to_le_bytes());
    });
    comes_up(machine, &[BY_IOAPIC, " MHz by the 8254, timer: local APIC"]);
}

/// A loader has used both kinds of fast calls. Programs of the suite try the kind that the kernel doesn't offer. On
/// x86_64 that takes a CPU of Intel's, since AMD's have no `sysenter` there.
fn fast_calls_that_a_loader_left_are_off(width: Width) {
    const SYSENTER: [(u32, u64); 3] = [(0x174, 8), (0x175, 0x9_0000), (0x176, FREE)];
    const SYSCALL: [(u32, u64); 3] = [(0xC000_0080, 1), (0xC000_0081, 0x10_0008 << 32 | FREE), (0xC000_0084, 0)];
    let hardware = match width {
        Width::I686 => Hardware::new(width),
        Width::X86_64 => Hardware::new(width).with(&["-cpu", "max,vendor=GenuineIntel"]),
    };
    let image = Direct::suite().command_line("log=plain only=other");
    let (mut machine, mut gdb, registers) = at_the_entry(width, hardware, image);
    write_registers(&mut gdb, &registers, width, SYSENTER.into_iter().chain(SYSCALL));
    gdb.release().expect("the machine runs");
    let (text, exit) = machine.output();
    let passed = ["faults::other_fast_entries", "instructions::the_other_widths_instructions"];
    let has_passed = |name: &&str| text.contains(&format!("{name} ... ok"));
    assert!(passed.iter().all(has_passed) && text.contains(" passed, 0 failed, "), "{exit:?}:\n{text}");
}

/// A 64-bit loader leaves long mode by turning paging off, and may leave it enabled: then paging would begin it again.
fn long_mode_that_a_loader_left_enabled_is_no_obstacle(width: Width) {
    const EFER: (u32, u64) = (0xC000_0080, 1 << 8);
    let hardware = Hardware::new(width).with_long_mode();
    let (machine, mut gdb, registers) = at_the_entry(width, hardware, Direct::shipped());
    write_registers(&mut gdb, &registers, Width::X86_64, [EFER]);
    gdb.release().expect("the machine runs");
    comes_up(machine, &[BY_IOAPIC]);
}

/// Has the machine write model-specific registers as a loader does, and return to the kernel's first instruction.
/// `emulated` is the width whose emulator runs the machine.
fn write_registers(
    gdb: &mut Gdb,
    registers: &Registers,
    emulated: Width,
    values: impl IntoIterator<Item = (u32, u64)>,
) {
    let mut code = Vec::new();
    for (register, value) in values {
        // mov ecx, REGISTER; mov eax, LOW; mov edx, HIGH; wrmsr
        code.extend([&[0xB9][..], &register.to_le_bytes(), &[0xB8], &(value as u32).to_le_bytes(), &[0xBA]].concat());
        code.extend([&((value >> 32) as u32).to_le_bytes()[..], &[0x0F, 0x30]].concat());
    }
    let end = FREE + code.len() as u64;
    gdb.write(FREE, &code).expect("the stub writes memory");
    let name = if emulated == Width::I686 { "eip" } else { "rip" };
    gdb.set(name, FREE).expect("the stub sets registers");
    gdb.insert(&[end]).expect("a breakpoint");
    gdb.resume().expect("the stub answers").expect("the loader's code ends");
    gdb.remove(&[end]).expect("no breakpoint");
    gdb.restore(registers).expect("the stub sets registers");
}
