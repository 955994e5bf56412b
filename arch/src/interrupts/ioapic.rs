//! The IOAPICs: where the lines of devices enter, each with its own vector, trigger and mask.
//!
//! The `x86` crate's driver can only make edge-triggered entries and can't mask them again, hence this one. The low
//! word of each entry is kept in memory beside the place where it is written, so that masking is two stores and no read
//! (82093AA data sheet, 3.0). Each interrupt of a level-triggered line masks it.

use crate::firmware::madt::{MAX_IOAPICS, Madt, Polarity};
use crate::interrupts::route::{ISA, MASKED, VECTOR_LINES, redirection, route};
use crate::io::registers::{Block, Registers};
use abi::{LineFlags, LineState, RouteKind};
use kernel::machine::Trigger;

/// The bytes of an IOAPIC's registers that are used.
pub const REGISTER_BYTES: usize = 0x20;

/// The select register's offset.
const SELECT: usize = 0x00;
/// The data register's offset.
const DATA: usize = 0x10;
/// The index of the version register, whose bits 16 to 23 hold the number of the last entry.
const VERSION: u32 = 0x01;
/// The index of the first entry's low word; its high word follows.
const ENTRIES: u32 = 0x10;

/// The registers of one chip that are used.
type Chip = Block<{ REGISTER_BYTES / size_of::<u32>() }>;

/// The place of a line's entry, and its content. A line without an entry has a place where writes have no effect.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
struct Pin {
    chip: Chip,
    /// The index of the entry's low word.
    index: u32,
    /// The entry's low word while the line is masked. A driver waits for the mask, so it takes no more than a store of
    /// this word.
    masked: u32,
}

impl Pin {
    const NOWHERE: Self = Self { chip: Chip::nowhere(), index: 0, masked: 0 };
}

/// How a line signals.
#[derive(Clone, Copy, Debug)]
struct Wiring {
    polarity: Polarity,
    trigger: Trigger,
    /// The firmware's trigger, to go back to.
    firmware_trigger: Trigger,
    /// The chip's number in the firmware's order, and the input of that chip.
    place: (u8, u8),
}

/// All IOAPICs of the machine.
#[derive(Debug)]
pub struct IoApics {
    /// The pins by line, for any number of a line.
    pins: [Pin; 256],
    wirings: [Option<Wiring>; VECTOR_LINES],
    addresses: [u32; MAX_IOAPICS],
}

impl IoApics {
    /// Gives no IOAPIC, where no line arrives.
    pub const fn none() -> Self {
        Self { pins: [Pin::NOWHERE; 256], wirings: [None; VECTOR_LINES], addresses: [0; MAX_IOAPICS] }
    }

    /// Takes over the IOAPICs that the firmware's table names: every input masked, every line routed to the CPU with
    /// this APIC number, line n at vector `base + n`. `map` makes a chip's registers accessible.
    pub fn initialise(madt: &Madt, base: u8, destination: u8, mut map: impl FnMut(u64) -> Option<Registers>) -> Self {
        let mut found = Self::none();
        for (number, entry) in madt.io_apics().iter().enumerate() {
            let window = map(u64::from(entry.address));
            let chip = window.as_ref().and_then(|window| Some((window.block()?, inputs(window)?)));
            let Some((chip, inputs)) = chip else {
                log::warn!("firmware: there is no IOAPIC at {:#x}", entry.address);
                continue;
            };
            for input in 0..inputs {
                write(chip, ENTRIES + 2 * input, MASKED);
            }
            // Lines beyond those of the ISA bus are the inputs of their numbers.
            let end = entry.first_input.saturating_add(inputs) as usize;
            for line in 0..end.clamp(ISA, VECTOR_LINES) {
                let Some(place) = route(madt, line) else { continue };
                let Some(input) = place.input.checked_sub(entry.first_input).filter(|&input| input < inputs) else {
                    continue;
                };
                // Two chips that claim one input: the first has the line, and the second one's entry stays masked.
                if found.wirings[line].is_some() {
                    continue;
                }
                let (index, trigger) = (ENTRIES + 2 * input, place.trigger);
                let low = redirection(base + line as u8, trigger, place.polarity);
                write(chip, index + 1, u32::from(destination) << 24);
                write(chip, index, low | MASKED);
                found.pins[line] = Pin { chip, index, masked: low | MASKED };
                found.wirings[line] = Some(Wiring {
                    polarity: place.polarity,
                    trigger,
                    firmware_trigger: trigger,
                    place: (number as u8, input as u8),
                });
            }
            found.addresses[number] = entry.address;
        }
        found
    }

    /// The physical addresses of the chips' registers.
    pub fn addresses(&self) -> impl Iterator<Item = u64> {
        self.addresses.iter().filter(|&&address| address != 0).map(|&address| u64::from(address))
    }

    /// Tells whether any line arrives here.
    pub fn has_lines(&self) -> bool {
        self.wirings.iter().any(Option::is_some)
    }

    /// Tells whether there is such a line.
    pub fn has_line(&self, line: u8) -> bool {
        self.wirings.get(usize::from(line)).is_some_and(Option::is_some)
    }

    /// How a line signals.
    pub fn trigger(&self, line: u8) -> Trigger {
        self.wirings.get(usize::from(line)).copied().flatten().map_or(Trigger::Edge, |wiring| wiring.trigger)
    }

    /// Sets how a line signals, or goes back to the firmware's trigger. The line is masked afterwards.
    pub fn set_trigger(&mut self, line: u8, trigger: Option<Trigger>) {
        let Some(Some(wiring)) = self.wirings.get_mut(usize::from(line)) else { return };
        let pin = &mut self.pins[usize::from(line)];
        wiring.trigger = trigger.unwrap_or(wiring.firmware_trigger);
        pin.masked = redirection(pin.masked as u8, wiring.trigger, wiring.polarity) | MASKED;
        write(pin.chip, pin.index, pin.masked);
    }

    /// Gives the input of a line, and the content of its entry (82093AA data sheet, 3.2.4).
    pub fn state(&self, line: u8) -> LineState {
        const SENDING: u32 = 1 << 12;
        const ACTIVE_LOW: u32 = 1 << 13;
        const REMOTE_REQUEST: u32 = 1 << 14;
        const LEVEL: u32 = 1 << 15;
        let Some(Some(wiring)) = self.wirings.get(usize::from(line)) else { return LineState::default() };
        let Some(pin) = self.pins.get(usize::from(line)) else { return LineState::default() };
        pin.chip.write::<SELECT>(pin.index);
        let entry = pin.chip.read::<DATA>();
        let mut flags = LineFlags::empty();
        for (bit, flag) in [
            (SENDING, LineFlags::SENDING),
            (ACTIVE_LOW, LineFlags::ACTIVE_LOW),
            (REMOTE_REQUEST, LineFlags::REMOTE_REQUEST),
            (LEVEL, LineFlags::LEVEL),
            (MASKED, LineFlags::MASKED),
        ] {
            flags.set(flag, entry & bit != 0);
        }
        let (controller, input) = wiring.place;
        LineState { route: RouteKind::IoApic, vector: entry as u8, controller, input, flags }
    }

    /// Masks a line, if there is such a line.
    #[inline(always)]
    pub fn mask(&self, line: u8) {
        let pin = &self.pins[usize::from(line)];
        write(pin.chip, pin.index, pin.masked);
    }

    /// Unmasks a line, if there is such a line.
    #[inline(always)]
    pub fn unmask(&self, line: u8) {
        let pin = &self.pins[usize::from(line)];
        write(pin.chip, pin.index, pin.masked & !MASKED);
    }
}

/// Gives the number of the chip's inputs, if there is a chip: its version and its number of inputs make sense, and an
/// entry keeps its mask. An empty bus reads as all ones or zeros.
fn inputs(window: &Registers) -> Option<u32> {
    const MOST_INPUTS: u32 = 240;
    let chip: Chip = window.block()?;
    chip.write::<SELECT>(VERSION);
    let version = window.read(DATA);
    let inputs = (version >> 16 & 0xFF) + 1;
    if matches!(version & 0xFF, 0 | 0xFF) || inputs > MOST_INPUTS {
        return None;
    }
    write(chip, ENTRIES, MASKED);
    let entry = window.read(DATA);
    (entry & MASKED != 0 && entry != u32::MAX).then_some(inputs)
}

#[inline(always)]
fn write(chip: Chip, index: u32, value: u32) {
    chip.write::<SELECT>(index);
    chip.write::<DATA>(value);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::firmware::madt::tests::{QEMU_PC, table};
    use core::ptr::NonNull;

    /// Enough of a chip for a driver that writes: the select register, and the data register, which at first reads as
    /// the version of a chip with 24 inputs.
    const CHIP: [u32; 8] = [0, 0, 0, 0, 23 << 16 | 0x11, 0, 0, 0];

    fn with_chip(check: impl FnOnce(&mut IoApics, &dyn Fn() -> (u32, u32))) {
        let mut chip = CHIP;
        let base = NonNull::from(&mut chip).cast::<u32>();
        let madt = Madt::decode(&table(QEMU_PC));
        // SAFETY: the window covers the array, which outlives it and is only touched through this pointer.
        let mut pins =
            IoApics::initialise(&madt, 0x20, 7, |_| Some(unsafe { Registers::new(base, size_of_val(&CHIP)) }));
        let word = |index: usize| {
            // SAFETY: the index is within the array.
            let word = unsafe { base.add(index) };
            // SAFETY: reads the array through the same pointer as the window does.
            unsafe { word.read_volatile() }
        };
        let last = || (word(SELECT / 4), word(DATA / 4));
        check(&mut pins, &last);
    }

    #[test]
    fn masks_and_unmasks_the_entry_of_the_line() {
        with_chip(|pins, last| {
            pins.unmask(1);
            assert_eq!(last(), (0x12, 0x21));
            pins.mask(1);
            assert_eq!(last(), (0x12, 0x21 | MASKED));
            // Line 0 is wired to input 2.
            pins.unmask(0);
            assert_eq!(last(), (0x14, 0x20));
        });
    }

    #[test]
    fn tells_what_stands_in_the_entry_of_a_line() {
        with_chip(|pins, _| {
            // The data register of this chip is one for all entries: it has what was written last.
            pins.set_trigger(11, Some(Trigger::Level));
            let state = pins.state(11);
            assert_eq!((state.route, state.vector, state.controller, state.input), (RouteKind::IoApic, 0x2B, 0, 11));
            assert_eq!(state.flags, LineFlags::MASKED | LineFlags::LEVEL);
            pins.unmask(11);
            assert_eq!(pins.state(11).flags, LineFlags::LEVEL);
            assert_eq!(pins.state(0).input, 2);
            for line in [2, 24, 95, 96, 255] {
                assert_eq!(pins.state(line), LineState::default());
            }
        });
    }

    #[test]
    fn what_is_no_chip_has_no_lines() {
        for data in [0, u32::MAX, 0xFF_00FF, 0xFE_0011, 23 << 16] {
            let mut chip = [0, 0, 0, 0, data, 0, 0, 0];
            let base = NonNull::from(&mut chip).cast::<u32>();
            // SAFETY: the window covers the array, which outlives it and is only touched through this pointer.
            let window = |_| Some(unsafe { Registers::new(base, size_of_val(&CHIP)) });
            let pins = IoApics::initialise(&Madt::decode(&table(QEMU_PC)), 0x20, 7, window);
            assert!(!pins.has_lines(), "{data:#x}");
            assert_eq!(pins.addresses().count(), 0);
        }
    }

    /// The second chip's entries stay masked.
    #[test]
    fn of_two_chips_with_one_input_the_first_has_the_line() {
        let second = [1, 12, 1, 0, 0, 0x10, 0xC0, 0xFE, 8, 0, 0, 0];
        let madt = Madt::decode(&table(&[QEMU_PC[1], &second]));
        let mut chips = [CHIP; 2];
        let base = NonNull::from(&mut chips).cast::<u32>();
        let window = |address| {
            let first = if address == 0xFEC0_0000 { 0 } else { CHIP.len() };
            // SAFETY: the index is within the two arrays.
            let chip = unsafe { base.add(first) };
            // SAFETY: the window covers one of the arrays, which outlive it and are only touched through this pointer.
            Some(unsafe { Registers::new(chip, size_of_val(&CHIP)) })
        };
        let pins = IoApics::initialise(&madt, 0x20, 7, window);
        let entry = |pins: &IoApics, line: u8| (pins.pins[usize::from(line)].index, pins.has_line(line));
        assert_eq!([23, 24, 31].map(|line| entry(&pins, line)), [(0x3E, true), (0x30, true), (0x3E, true)]);
    }

    #[test]
    fn a_line_without_an_entry_changes_nothing() {
        with_chip(|pins, last| {
            let before = last();
            for line in [2, 24, 95, 96, 255] {
                assert!(!pins.has_line(line));
                pins.unmask(line);
                pins.mask(line);
                pins.set_trigger(line, Some(Trigger::Level));
            }
            assert_eq!(last(), before);
        });
    }

    #[test]
    fn triggers_change_and_mask() {
        with_chip(|pins, last| {
            assert_eq!(
                (pins.trigger(4), pins.trigger(11), pins.trigger(16)),
                (Trigger::Edge, Trigger::Level, Trigger::Level)
            );
            pins.set_trigger(4, Some(Trigger::Level));
            assert_eq!(last(), (0x18, 0x8024 | MASKED));
            pins.unmask(4);
            assert_eq!(last(), (0x18, 0x8024));
            pins.set_trigger(4, None);
            assert_eq!(last(), (0x18, 0x24 | MASKED));
        });
    }
}
