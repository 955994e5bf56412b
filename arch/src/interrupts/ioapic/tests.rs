//! Tests of the IOAPICs' pins.

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
    let mut pins = IoApics::initialise(&madt, 0x20, 7, |_| Some(unsafe { Registers::new(base, size_of_val(&CHIP)) }));
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
