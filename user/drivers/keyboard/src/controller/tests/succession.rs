//! Drivers that die, and their successors.

use super::*;
use alloc::vec;

/// Starts the driver on what a predecessor has left.
fn succeed(chip: &mut Chip, kept: KeptBytes) -> Controller<&mut Chip, Store<KeptBytes>> {
    let (store, record) = Store::open(kept);
    let restored = record.map(|record| {
        let mut reader = crate::Reader::new(&record);
        (Keys::restore(&mut reader).expect("keys"), Mouse::restore(&mut reader).expect("a mouse"))
    });
    let (keys, mouse) = restored.unwrap_or_default();
    Controller::new(chip, keys, mouse, store).expect("a controller")
}

/// A person types a key, switches the caps lock, which sets LEDs, and types on while that takes its time; the mouse
/// moves. Wherever the driver dies, and even if its successor dies in its start, nothing of it is lost.
#[test]
fn a_driver_may_die_at_each_access_and_its_successor_too() {
    let kept = KeptBytes::new(vec![0; 4096]);
    let seen = Rc::default();
    let mut chip = Chip { deaths: Some(Deaths { kept: kept.clone(), seen: Rc::clone(&seen) }), ..Chip::new() };
    chip.keyboard.polite = true;
    let mut controller = succeed(&mut chip, kept);
    seen.borrow_mut().clear();
    controller.chip.ports.keyboard.sends.extend([KEY_A, KEY_A | 0x80, 0x3A, 0xBA, KEY_B, KEY_B | 0x80]);
    controller.chip.ports.mouse.sends.extend([0x08, 1, 2]);
    assert_eq!(controller.serve(controller.chip.ports.now), Flow::Drained);
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110]);
    for (step, (mut chip, kept)) in seen.take().into_iter().enumerate() {
        let again = Rc::default();
        let kept = KeptBytes::new(kept);
        chip.deaths = Some(Deaths { kept: kept.clone(), seen: Rc::clone(&again) });
        check_successor(&mut chip, kept, step, 0);
        for (next, (mut chip, kept)) in again.take().into_iter().enumerate() {
            check_successor(&mut chip, KeptBytes::new(kept), step, next + 1);
        }
    }
}

#[track_caller]
fn check_successor(chip: &mut Chip, kept: KeptBytes, step: usize, next: usize) {
    let mut controller = succeed(chip, kept);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"aB", "dead at access {step}, then at {next}");
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(controller.chip.ports.keyboard.orders.last(), Some(&0b110), "the LEDs show the lock");
}

/// Each of them serves before it is ended, so the record is at no fault.
#[test]
fn what_was_typed_outlives_any_number_of_drivers_that_work() {
    let kept = KeptBytes::new(vec![0; 4096]);
    let mut chip = Chip::new();
    succeed(&mut chip, kept.clone()).keyboard_sends(&[KEY_A]);
    for number in 0..10 {
        let mut chip = Chip::new();
        assert_eq!(typed(&mut succeed(&mut chip, kept.clone())), b"a", "after {number} more drivers");
    }
}
