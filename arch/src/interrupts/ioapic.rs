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
mod tests;
