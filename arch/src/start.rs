//! Start-up: brings the machine up, each part after those that it needs, and hands over to the core.

use crate::clock::references::{self, Hpet, Interval, PowerManagement, References};
use crate::clock::time::{Clock, ClockError, ClockFeatures};
use crate::cpu::bell::Bell;
use crate::cpu::cell::CpuCell;
use crate::cpu::features::{self, Instruction, cpuid, features};
use crate::cpu::{segments, unoffered_calls};
use crate::firmware::acpi::{self, FirmwareMemory, KernelWindows, Root, Tables};
use crate::firmware::madt::Madt;
use crate::fpu::FloatingPointFeatures;
use crate::interrupts::apic::{self, LegacyPin, LocalApic};
use crate::interrupts::controller::{Controller, FIRST_VECTOR, SPURIOUS_VECTOR};
use crate::interrupts::ioapic::{self, IoApics};
use crate::interrupts::pic::{self, Pic};
use crate::io::registers::Registers;
use crate::machine::Cpu;
use crate::memory::MemoryMap;
use crate::paging::window::{self, Caching};
use crate::state::state;
use crate::trap::{self, CALL_VECTOR};
use kernel::Kernel;
use raw_cpuid::CpuIdReader;
use x86::controlregs::{Cr4, cr4, cr4_write};
use x86_entry::vector::VectorRange;
use x86_entry::{InterruptDescriptorTable, Smap, TableFiller, WithSmap, WithoutSmap, entry_data};

/// The gates of all vectors.
static GATES: CpuCell<InterruptDescriptorTable> = CpuCell::new(InterruptDescriptorTable::new());

/// What start-up found out of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Prepared {
    /// The cycles that were spent waiting, to measure the clock.
    pub waited: u64,
    /// The real-time clock's register for the century, if the firmware names one.
    pub century_register: Option<u8>,
}

/// Brings the machine up; interrupts stay off.
///
/// # Safety
/// Called once, after [`catch_exceptions`], in ring 0, with interrupts off, on the kernel's own page tables; `root` and
/// `map` are what the firmware says.
pub unsafe fn prepare(root: Root, map: &'static MemoryMap) -> Result<Prepared, ClockError> {
    // SAFETY: the caller's promise; nothing else has borrowed them.
    let (_, cpu) = unsafe { state() };
    if let Some(mut data) = entry_data::<Bell>() {
        // SAFETY: the data is static, and no trap uses it while this code does.
        segments::follow_page_tables(unsafe { data.as_mut() });
    }
    cpu.set_memory_map(map);
    cpu.floating_point.initialise(floating_point_features());
    // SAFETY: the caller vouches for the page tables; nothing but the kernel runs.
    let show = unsafe { KernelWindows::new() };
    let tables = acpi::read(root, &FirmwareMemory::new(map, show));
    // SAFETY: the caller's promise.
    cpu.controller = unsafe { controller(&tables, map) };
    log::info!("interrupts: {}", cpu.controller.name());
    if cpu.controller.has_sure_vectors() {
        trust_vectors();
    }
    let before = crate::clock::time::now();
    cpu.clock = Clock::measure(&mut cpu.controller, clock_features(), &mut references(&tables, map))?;
    let waited = crate::clock::time::now().0.wrapping_sub(before.0);
    let (hertz, _) = cpu.clock.frequency();
    crate::log::journal::set_frequency(hertz);
    Ok(Prepared { waited, century_register: tables.fadt.and_then(|fadt| fadt.century_register) })
}

/// Lets `initialise` set the core up, and runs the first thread that it chooses.
///
/// # Safety
/// Called once, after [`prepare`].
pub unsafe fn run(initialise: impl FnOnce(&mut Kernel<Cpu>, &mut Cpu)) -> ! {
    // SAFETY: the caller's promise; `prepare` keeps nothing borrowed.
    let (kernel, cpu) = unsafe { state() };
    initialise(kernel, cpu);
    crate::log::journal::stop_waiting();
    // SAFETY: the core has switched to a thread, whose context was started.
    unsafe { trap::enter_first() }
}

/// Loads segments, gates and the fast calls' registers. Any later exception of the kernel ends in a crash record.
///
/// # Safety
/// Called once, in ring 0, with interrupts off, on page tables that show the kernel where it runs. `stack_top` is the
/// upper end of a stack, aligned to 16, that is the kernel's for good; it may be the one in use, on which nothing is
/// needed any more once [`run`] leaves it.
pub unsafe fn catch_exceptions(stack_top: usize) {
    features::detect();
    let Some(mut data) = entry_data::<Bell>() else { return };
    // SAFETY: the data is static, and nothing else refers to it before the first trap.
    let data = unsafe { data.as_mut() };
    data.set_cpu_stack::<Bell>(stack_top);
    // SAFETY: the caller's promise; the data is static.
    unsafe { segments::load(data) };
    // SAFETY: nothing else uses the table yet.
    let gates = unsafe { GATES.borrow() };
    if features().smap {
        fill(gates.fill::<Bell, WithSmap>());
    } else {
        fill(gates.fill::<Bell, WithoutSmap>());
    }
    // SAFETY: the selectors that the stubs load were just loaded, and the data that they use is set up.
    unsafe { gates.load() };
    // SAFETY: the caller's promise.
    unsafe { unoffered_calls::take_away() };
    // SAFETY: as above; what the CPU lacks is found out there.
    unsafe { trap::enable_fast_calls(data) };
    if cpuid().get_feature_info().is_some_and(|flags| flags.has_mce()) {
        // SAFETY: ring 0.
        let before = unsafe { cr4() };
        // SAFETY: the CPU has machine checks, and their gate leads to a crash record.
        unsafe { cr4_write(before | Cr4::CR4_ENABLE_MACHINE_CHECK) };
    }
}

/// Fills the gates. An interrupt of an 8259A may be spurious, so its 16 vectors lead to `trap`, which asks the chip;
/// all higher ones lead to the fast path.
fn fill<S: Smap>(mut gates: TableFiller<'_, Bell, S>) {
    gates
        .trap_lowest_48()
        .direct_interrupts(VectorRange::<{ FIRST_VECTOR + pic::PIC_LINES }, { u8::MAX }>)
        .paranoid_gates()
        .system_call_vector::<CALL_VECTOR>();
}

/// Leads the lowest 16 interrupts to the fast path too, on a machine whose lines don't come through the 8259As.
fn trust_vectors() {
    // SAFETY: interrupts are off, and nothing else uses the table; the CPU reads a gate only when it takes a vector.
    let gates = unsafe { GATES.borrow() };
    let lines = VectorRange::<FIRST_VECTOR, { FIRST_VECTOR + pic::PIC_LINES - 1 }>;
    if features().smap {
        gates.fill::<Bell, WithSmap>().direct_interrupts(lines);
    } else {
        gates.fill::<Bell, WithoutSmap>().direct_interrupts(lines);
    }
}

/// Finds and starts the controllers.
///
/// # Safety
/// As for [`prepare`].
unsafe fn controller(tables: &Tables, map: &MemoryMap) -> Controller {
    let pic = Pic::initialise(FIRST_VECTOR);
    // SAFETY: interrupts are off; the APIC's registers are nobody else's.
    let Some(mut local) = (unsafe { local_apic(map) }) else { return Controller::with_pic(pic, None) };
    let lines = tables.madt.as_ref().map(|madt| io_apics(madt, &local, map)).filter(IoApics::has_lines);
    match lines {
        Some(lines) => {
            let retired = pic.retire();
            local.initialise(SPURIOUS_VECTOR, LegacyPin::Unused);
            Controller::with_io_apics(lines, retired, local)
        }
        None => {
            local.initialise(SPURIOUS_VECTOR, LegacyPin::Passes8259);
            Controller::with_pic(pic, Some(local))
        }
    }
}

/// Finds the local APIC, if the CPU has one that the firmware left on.
///
/// # Safety
/// As for [`prepare`].
unsafe fn local_apic(map: &MemoryMap) -> Option<LocalApic> {
    let flags = cpuid().get_feature_info()?;
    // CPUID says no where IA32_APIC_BASE has it off (SDM 3A, 11.4.3).
    if !flags.has_apic() {
        return None;
    }
    if flags.has_x2apic() {
        // SAFETY: the CPU says that it has the mode.
        return Some(unsafe { LocalApic::by_registers() });
    }
    let address = LocalApic::physical_address();
    let local = device(map, address, apic::REGISTER_BYTES).and_then(LocalApic::by_memory);
    if local.is_none() {
        log::warn!("there is no local APIC at {address:#x}, though the CPU says so");
    }
    local
}

fn io_apics(madt: &Madt, local: &LocalApic, map: &MemoryMap) -> IoApics {
    // The IOAPICs address eight bits; the CPU that boots is among the first.
    let destination = local.number() as u8;
    IoApics::initialise(madt, FIRST_VECTOR, destination, |address| device(map, address, ioapic::REGISTER_BYTES))
}

/// Collects the clocks that the firmware's tables name, and the 8254, which every PC had.
fn references(tables: &Tables, map: &MemoryMap) -> References {
    let hpet = tables.hpet.and_then(|address| Hpet::new(device(map, address, references::HPET_BYTES)?));
    let power = tables.fadt.and_then(|fadt| fadt.power_timer).map(PowerManagement::new);
    References { hpet, power, interval: Interval::default() }
}

/// Maps a device's registers where the firmware says that they are, unless the memory map contradicts.
fn device(map: &MemoryMap, address: u64, bytes: usize) -> Option<Registers> {
    const ALIGNMENT: u64 = 16;
    let end = address.checked_add(bytes as u64)?;
    if !address.is_multiple_of(ALIGNMENT) || !map.may_be_device(address..end) {
        return None;
    }
    // SAFETY: it isn't RAM, and the address has no more bits than the CPU.
    let base = unsafe { window::map(address, bytes, Caching::Uncached) }?;
    // SAFETY: the window was just mapped, for good and for this driver alone; the controllers' drivers write nothing
    // that reaches memory.
    Some(unsafe { Registers::new(base.cast(), bytes) })
}

fn floating_point_features() -> FloatingPointFeatures {
    let cpuid = cpuid();
    let flags = cpuid.get_feature_info();
    let has = |test: fn(&raw_cpuid::FeatureInfo) -> bool| flags.as_ref().is_some_and(test);
    // Leaf 0xD: which components XCR0 may enable (SDM 2A, CPUID).
    let components = if has(|flags| flags.has_xsave()) {
        let leaf = Instruction.cpuid2(0xD, 0);
        u64::from(leaf.edx) << 32 | u64::from(leaf.eax)
    } else {
        0
    };
    FloatingPointFeatures {
        fxsave: has(|flags| flags.has_fxsave_fxstor()),
        sse: has(|flags| flags.has_sse()),
        components,
        keeps_addresses: cpuid.get_vendor_info().is_some_and(|vendor| vendor.as_str() != "GenuineIntel"),
    }
}

fn clock_features() -> ClockFeatures {
    let cpuid = cpuid();
    ClockFeatures {
        tsc_deadline: cpuid.get_feature_info().is_some_and(|flags| flags.has_tsc_deadline()),
        invariant: cpuid.get_advanced_power_mgmt_info().is_some_and(|power| power.has_invariant_tsc()),
    }
}
