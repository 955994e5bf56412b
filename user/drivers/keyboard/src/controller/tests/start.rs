//! The state after the start, whatever there was before.

use super::*;
use crate::controller::orders::{DEVICE_ACKNOWLEDGES, DEVICE_DEFAULTS, TRIES};

#[test]
fn whatever_was_left_becomes_a_known_state() {
    // All off; not translating; everything on; interrupts of a predecessor.
    for left in [0x34, 0x24, 0x04, 0x47, 0x77, 0x00, 0xFF] {
        let mut chip = Chip { configuration: Configuration::from_bits_retain(left), ..Chip::new() };
        assert!(start(&mut chip).unwrap().missing().next().is_none());
        let bits = Configuration::from_bits_retain(0x73);
        assert_eq!(chip.configuration & bits, Configuration::from_bits_retain(0x43), "left as {left:#x}");
        assert!(chip.keyboard.reporting && chip.mouse.reporting);
        assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
        assert_eq!(chip.mouse.orders, [DEVICE_DEFAULTS, DEVICE_REPORT]);
    }
}

#[test]
fn ports_that_nobody_decodes_are_no_controller() {
    for floating in [0xFF, 0x00] {
        let mut chip = Chip { floating: Some(floating), ..Chip::new() };
        let before = chip.now;
        assert_eq!(start(&mut chip).err(), Some(Missing::Ports));
        assert!(chip.now - before < Duration::from_secs(1));
    }
}

#[test]
fn a_controller_that_accepts_nothing_is_given_up() {
    let mut chip = Chip { input_stuck: true, ..Chip::new() };
    assert_eq!(start(&mut chip).err(), Some(Missing::Input));
    assert!(chip.now < Instant::from_cycles(2_000_000_000));
}

#[test]
fn a_controller_that_is_never_empty_is_given_up() {
    let mut chip = Chip { output_stuck: true, ..Chip::new() };
    assert_eq!(start(&mut chip).err(), Some(Missing::Output));
    let mut chip = Chip::new();
    let mut controller = start(&mut chip).unwrap();
    controller.chip.ports.output_stuck = true;
    assert_eq!(controller.serve(controller.chip.ports.now), Flow::Floods);
}

#[test]
fn a_controller_whose_commands_fail_still_gives_its_keys() {
    let mut chip = Chip { commands: Commands::Fail, ..Chip::new() };
    let mut controller = start(&mut chip).unwrap();
    assert_eq!(controller.missing().count(), 2, "the controller, and with it the mouse");
    controller.chip.ports.keyboard.sends.push_back(KEY_A);
    controller.serve(controller.chip.ports.now);
    assert_eq!(typed(&mut controller), b"a");
}

#[test]
fn a_missing_device_doesn_t_stop_the_other_nor_take_long() {
    let mut chip = Chip::without_mouse();
    assert!(time_to_start(&mut chip) < Duration::from_millis(300));
    assert!(chip.configuration.contains(Configuration::MOUSE_INTERRUPT), "one may be plugged in");
    let mut chip = Chip { keyboard: Behind::default(), ..Chip::new() };
    assert!(time_to_start(&mut chip) < Duration::from_millis(300));
    assert!(chip.mouse.reporting);
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no keyboard answers"]);
}

#[test]
fn a_controller_without_a_port_for_a_mouse_sends_none_of_its_orders_to_the_keyboard() {
    let mut chip = Chip { mouse_port: false, configuration: Configuration::from_bits_retain(0x45), ..Chip::new() };
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no mouse answers"]);
    assert_eq!(chip.keyboard.orders, [DEVICE_REPORT, DEVICE_LEDS, 0b010]);
    assert_eq!(chip.configuration.bits(), 0x45, "bit 5 means something else there");
}

#[test]
fn a_device_that_wants_an_order_again_gets_it_a_few_times() {
    let mut chip = Chip::new();
    chip.keyboard.deaf = TRIES - 1;
    assert!(start(&mut chip).unwrap().missing().next().is_none());
    assert!(chip.keyboard.reporting);
    let mut chip = Chip::new();
    chip.keyboard.deaf = 1000;
    assert_eq!(start(&mut chip).unwrap().missing().collect::<Vec<_>>(), ["no keyboard answers"]);
    assert_eq!(chip.keyboard.deaf, 1000 - TRIES);
}

#[test]
fn what_was_typed_before_the_start_is_typed() {
    // One key lies in the controller, others wait in the keyboard, which sends them before or after its answers.
    for polite in [false, true] {
        let mut chip = Chip { output: Some((Device::Keyboard, KEY_A)), ..Chip::new() };
        chip.keyboard.sends.extend([KEY_A | 0x80, KEY_B, KEY_B | 0x80, 0x2A, KEY_A, 0xE0, 0x48]);
        chip.keyboard.polite = polite;
        let mut controller = start(&mut chip).unwrap();
        assert_eq!(typed(&mut controller), b"abA\x1b[1;2A");
    }
}

#[test]
fn a_moving_mouse_loses_nothing_at_the_start_but_the_answers() {
    let mut chip = Chip { output: Some((Device::Mouse, 0x08)), ..Chip::new() };
    // A movement of -6 looks like an answer.
    chip.mouse.sends.extend([1, 2, 0x18, 0xFA, 3]);
    let controller = start(&mut chip).unwrap();
    assert_eq!(controller.mouse.state(), MouseState { packets: 2, x: -5, y: 5, ..Default::default() });
    assert_eq!(controller.missing().next(), None);
}

#[test]
fn half_a_packet_from_before_doesn_t_take_the_mouse_s_answer() {
    let mut chip = Chip::new();
    let mut mouse = Mouse::default();
    mouse.feed(0x08);
    let controller = Controller::new(&mut chip, Keys::default(), mouse, ()).unwrap();
    assert_eq!(controller.missing().next(), None);
    assert_eq!(controller.mouse.state(), MouseState { resyncs: 1, ..Default::default() });
    assert!(chip.mouse.reporting);
}

#[test]
fn answers_to_a_predecessor_s_orders_are_nobody_s() {
    let mut chip = Chip::new();
    chip.keyboard.sends.push_back(DEVICE_ACKNOWLEDGES);
    chip.mouse.sends.extend([DEVICE_ACKNOWLEDGES, DEVICE_ACKNOWLEDGES]);
    let mut controller = start(&mut chip).unwrap();
    assert_eq!(controller.missing().next(), None);
    controller.mouse_sends(&[0x08, 1, 2]);
    assert_eq!(controller.mouse.state(), MouseState { packets: 1, x: 1, y: 2, ..Default::default() });
    assert_eq!(typed(&mut controller), b"");
}
