//! What the devices send while the driver works.

use super::*;

#[test]
fn keys_between_an_order_and_its_answer_are_typed() {
    let mut chip = Chip::new();
    chip.keyboard.polite = true;
    let mut controller = start(&mut chip).unwrap();
    // The LEDs change, and the next key is faster than the answer.
    controller.chip.ports.keyboard.sends.extend([0x3A, 0xBA]);
    controller.serve(controller.chip.ports.now);
    controller.chip.ports.keyboard.sends.extend([KEY_A]);
    controller.set_leds();
    assert_eq!(typed(&mut controller), b"A");
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110, DEVICE_LEDS, 0b110]);
}

#[test]
fn each_device_gets_its_own_bytes() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard.sends.extend([KEY_A]);
    controller.mouse_sends(&[0x08, 5, 6]);
    assert_eq!(typed(&mut controller), b"a");
    assert_eq!((controller.mouse.state().x, controller.mouse.state().y), (5, 6));
}

#[test]
fn a_packet_may_come_in_parts_but_not_after_a_rest() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    for byte in [0x08, 1, 2] {
        controller.rest(Duration::from_millis(2));
        controller.mouse_sends(&[byte]);
    }
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    for half in [&[0x08][..], &[0x08, 9]] {
        controller.mouse_sends(half);
        controller.rest(Duration::from_millis(100));
        controller.mouse_sends(&[0x08, 1, 2, 0x08, 1, 2]);
    }
    assert_eq!(controller.mouse.state(), MouseState { packets: 5, x: 5, y: 10, resyncs: 2, ..Default::default() });
}

#[test]
fn a_driver_that_is_late_breaks_no_packet() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.mouse_sends(&[0x08]);
    // The device raises its interrupt in time, and the driver runs much later.
    let arrival = controller.chip.ports.now + Duration::from_millis(1);
    controller.rest(Duration::from_secs(1));
    controller.chip.ports.mouse.sends.extend([1, 2]);
    controller.serve(arrival);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
}

#[test]
fn a_mouse_that_was_plugged_in_is_told_to_report() {
    let mut chip = Chip::without_mouse();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.mouse = Behind { there: true, polite: true, ..Behind::default() };
    controller.rest(Duration::from_secs(1));
    controller.mouse_sends(&[0xAA, 0x00]);
    assert!(controller.chip.ports.mouse.reporting);
    controller.rest(Duration::from_millis(10));
    controller.mouse_sends(&[0x08, 1, 2]);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(controller.missing().next(), None);
}

#[test]
fn a_keyboard_that_was_plugged_in_types_and_has_its_leds() {
    let mut chip = Chip { keyboard: Behind::default(), ..Chip::new() };
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard = Behind { there: true, sends: VecDeque::from([0xAA]), ..Behind::default() };
    controller.serve(controller.chip.ports.now);
    assert_eq!(controller.missing().next(), None);
    controller.chip.ports.keyboard.sends.push_back(KEY_A);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"a");
    assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
}
