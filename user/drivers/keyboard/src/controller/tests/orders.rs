//! Orders to devices that ask for them too often, or answer late or never.

use super::*;

const CAPS_LOCK: [u8; 2] = [0x3A, 0xBA];

/// Lets a device interrupt every other millisecond for ten seconds, and returns how long the driver served nobody else.
fn time_away(controller: &mut Controller<&mut Chip, ()>, device: Device, bytes: &[u8]) -> Duration {
    let (start, mut away) = (controller.chip.ports.now, Duration::ZERO);
    while controller.chip.ports.now - start < Duration::from_secs(10) {
        let before = controller.chip.ports.now;
        match device {
            Device::Keyboard => controller.chip.ports.keyboard.sends.extend(bytes),
            Device::Mouse => controller.chip.ports.mouse.sends.extend(bytes),
        }
        controller.serve(before);
        let spent = controller.chip.ports.now - before;
        assert!(spent < Duration::from_millis(500), "{spent:?} for one interrupt");
        away += spent;
        controller.rest(Duration::from_millis(2));
    }
    away
}

#[test]
fn a_device_that_is_plugged_in_without_end_leaves_time_for_clients() {
    for (device, bytes) in [(Device::Keyboard, &PLUGGED[..1]), (Device::Mouse, &PLUGGED)] {
        let mut chip = Chip::new();
        let mut controller = start(&mut chip).unwrap();
        // It answers no orders.
        controller.chip.ports.keyboard.there = device != Device::Keyboard;
        controller.chip.ports.mouse.there = device != Device::Mouse;
        let away = time_away(&mut controller, device, bytes);
        assert!(away < Duration::from_millis(1500), "{away:?} of ten seconds for the {device:?}");
        assert!(away > Duration::from_millis(500), "the {device:?} is tried again");
    }
}

#[test]
fn a_mouse_that_answers_and_is_never_quiet_does_not_hold_the_driver_up() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.plugs = Some(controller.chip.ports.now);
    let before = controller.chip.ports.now;
    controller.mouse_sends(&PLUGGED);
    let spent = controller.chip.ports.now - before;
    assert!(spent < Duration::from_millis(200), "{spent:?}");
    assert!(controller.chip.ports.mouse.reporting);
}

#[test]
fn an_order_that_is_put_off_is_sent_when_it_is_due() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    // The plug makes contact twice. At the first time the mouse is gone before it can answer.
    controller.chip.ports.mouse = Behind::default();
    controller.mouse_sends(&PLUGGED);
    controller.chip.ports.mouse = Behind { there: true, polite: true, ..Behind::default() };
    controller.chip.ports.mouse.sends.extend(PLUGGED);
    let now = controller.chip.ports.now;
    let Flow::Owes(due) = controller.serve(now) else { panic!("the orders aren't put off") };
    assert_eq!(controller.chip.ports.mouse.orders, []);
    assert!(due - now < Duration::from_secs(2));
    controller.rest(due - now);
    assert_eq!(controller.serve(due), Flow::Drained);
    assert!(controller.chip.ports.mouse.reporting);
}

#[test]
fn the_leds_do_not_wait_for_the_mouse() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.mouse.there = false;
    controller.mouse_sends(&PLUGGED);
    controller.mouse_sends(&PLUGGED);
    let before = controller.chip.ports.now;
    assert!(matches!(controller.keyboard_sends(&CAPS_LOCK), Flow::Owes(_)), "the mouse's orders are put off");
    assert!(controller.chip.ports.now - before < Duration::from_millis(10));
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110]);
}

#[test]
fn leds_that_are_put_off_show_the_last_state() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard.there = false;
    assert_eq!(controller.keyboard_sends(&CAPS_LOCK), Flow::Drained);
    controller.chip.ports.keyboard.there = true;
    let flows = [(); 2].map(|()| controller.keyboard_sends(&CAPS_LOCK));
    let [Flow::Owes(first), Flow::Owes(due)] = flows else { panic!("the orders aren't put off: {flows:?}") };
    assert_eq!(first, due, "further keys don't put them off further");
    controller.rest(due - controller.chip.ports.now);
    assert_eq!(controller.serve(due), Flow::Drained);
    assert_eq!(chip.keyboard.orders[3..], [DEVICE_LEDS, 0b110]);
}

#[test]
fn of_two_devices_the_one_that_is_due_first_is_not_put_off_further() {
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.keyboard.there = false;
    controller.chip.ports.mouse.there = false;
    controller.mouse_sends(&PLUGGED);
    controller.keyboard_sends(&CAPS_LOCK);
    controller.mouse_sends(&PLUGGED);
    controller.chip.ports.mouse = Behind { there: true, polite: true, ..Behind::default() };
    let Flow::Owes(first) = controller.keyboard_sends(&CAPS_LOCK) else { panic!("the orders aren't put off") };
    controller.rest(first - controller.chip.ports.now);
    let Flow::Owes(second) = controller.serve(first) else { panic!("the keyboard's turn has come, too") };
    assert!(controller.chip.ports.mouse.reporting && second > first);
}
