use super::*;
use alloc::string::String;
use alloc::vec::Vec;

const SHIFT: u8 = 0x2A;
const CONTROL: u8 = 0x1D;
const ALT: u8 = 0x38;
const CAPS_LOCK: u8 = 0x3A;
const NUMBER_LOCK: u8 = 0x45;

fn typed_on(layout: KeyLayout, codes: &[u8]) -> String {
    let mut keys = Keys::new(layout);
    codes.iter().for_each(|code| keys.feed(*code));
    String::from_utf8(keys.typed.into()).unwrap()
}

fn typed(codes: &[u8]) -> String {
    typed_on(KeyLayout::Us, codes)
}

#[test]
fn letters_shift_and_control() {
    // h down and up, shift down, i, shift up, control down, c, control up, return
    let codes = [0x23, 0xA3, 0x2A, 0x17, 0x97, 0xAA, 0x1D, 0x2E, 0xAE, 0x9D, 0x1C, 0x9C];
    assert_eq!(typed(&codes), "hI\x03\r");
}

#[test]
fn keys_that_are_no_characters_are_what_xterm_sends() {
    let keys = [
        (&[0xE0, 0x48][..], "\x1b[A"),
        (&[0xE0, 0x50], "\x1b[B"),
        (&[0xE0, 0x4D], "\x1b[C"),
        (&[0xE0, 0x4B], "\x1b[D"),
        (&[0xE0, 0x47], "\x1b[H"),
        (&[0xE0, 0x4F], "\x1b[F"),
        (&[0xE0, 0x52], "\x1b[2~"),
        (&[0xE0, 0x53], "\x1b[3~"),
        (&[0xE0, 0x49], "\x1b[5~"),
        (&[0xE0, 0x51], "\x1b[6~"),
        (&[0x3B], "\x1bOP"),
        (&[0x3E], "\x1bOS"),
        (&[0x3F], "\x1b[15~"),
        (&[0x44], "\x1b[21~"),
        (&[0x57], "\x1b[23~"),
        (&[0x58], "\x1b[24~"),
        (&[SHIFT, 0x0F], "\x1b[Z"),
        (&[SHIFT, 0xE0, 0x49], "\x1b[5;2~"),
        (&[CONTROL, 0xE0, 0x4D], "\x1b[1;5C"),
        (&[ALT, 0x3B], "\x1b[1;3P"),
        // Pause, print screen and the menu key
        (&[0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0xE0, 0x2A, 0xE0, 0x37, 0xE0, 0xB7, 0xE0, 0xAA, 0xE0, 0x5D], ""),
    ];
    for (codes, bytes) in keys {
        assert_eq!(typed(codes), bytes, "{codes:02x?}");
    }
}

#[test]
fn control_makes_characters_of_signs_too() {
    // [ \ ] @ ^ _ space / ?
    let signs = [&[0x1A][..], &[0x2B], &[0x1B], &[SHIFT, 3], &[SHIFT, 7], &[SHIFT, 0x0C], &[0x39], &[0x35]];
    let bytes: Vec<u8> = signs.iter().flat_map(|sign| typed(&[&[CONTROL][..], sign].concat()).into_bytes()).collect();
    assert_eq!(bytes, [0x1B, 0x1C, 0x1D, 0, 0x1E, 0x1F, 0, 0x1F]);
}

#[test]
fn each_layout_has_its_own_characters() {
    let altgr = [0xE0, 0x38];
    let all = [
        (KeyLayout::Us, &[0x15, 0x2C, 0x27][..], "yz;"),
        (KeyLayout::Uk, &[SHIFT, 4, 0xAA, 0x2B], "£#"),
        (KeyLayout::De, &[0x15, 0x2C, 0x27, 0x28, 0x1A, 0x0C], "zyöäüß"),
        (KeyLayout::Fr, &[0x10, 0x1E, 0x03, 0x0A, SHIFT, 0x0B], "aqéç0"),
        (KeyLayout::Fi, &[0x27, 0x1A], "öå"),
        (KeyLayout::No, &[0x27, 0x28], "øæ"),
        (KeyLayout::Jp, &[SHIFT, 3], "\""),
        (KeyLayout::Dvorak, &[0x1F, 0x20], "oe"),
        (KeyLayout::Dvp, &[0x1F, 0x20], "oe"),
        (KeyLayout::Colemak, &[0x1F, 0x20], "rs"),
    ];
    for (layout, codes, text) in all {
        assert_eq!(typed_on(layout, codes), text, "{}", layout.name());
    }
    assert_eq!(typed_on(KeyLayout::De, &[&altgr[..], &[0x10, 0x12, 0x08, 0x56]].concat()), "@€{|");
    assert_eq!(typed_on(KeyLayout::Fr, &[&altgr[..], &[0x0B, 0x04]].concat()), "@#");
    assert_eq!(typed_on(KeyLayout::De, &[CONTROL, 0x15]), "\x1A", "the key with the Z, not the second last of the row");
    assert_eq!(typed_on(KeyLayout::De, &[CONTROL, ALT, 0x09]), "[", "another way to write AltGr");
}

#[test]
fn a_layout_can_change_while_a_key_is_held() {
    let mut keys = Keys::default();
    [SHIFT, 0x15].into_iter().for_each(|code| keys.feed(code));
    keys.set_layout(KeyLayout::De);
    [0x15, 0xAA, 0x15].into_iter().for_each(|code| keys.feed(code));
    assert_eq!(keys.typed, b"YZz");
}

#[test]
fn locks_switch_once_a_press_and_show_it() {
    let mut keys = Keys::default();
    assert_eq!((keys.leds(), keys.take_led_change()), (0b010, false), "the number lock is on");
    // Held down, it comes again and again.
    [CAPS_LOCK, CAPS_LOCK, CAPS_LOCK, CAPS_LOCK | 0x80, 0x1E].into_iter().for_each(|code| keys.feed(code));
    assert_eq!((keys.leds(), keys.take_led_change(), keys.take_led_change()), (0b110, true, false));
    [CAPS_LOCK, CAPS_LOCK | 0x80, 0x1E].into_iter().for_each(|code| keys.feed(code));
    assert_eq!(keys.leds(), 0b010);
    [0x47, NUMBER_LOCK, NUMBER_LOCK | 0x80, 0x47, 0x53].into_iter().for_each(|code| keys.feed(code));
    assert_eq!(keys.leds(), 0b000);
    assert_eq!(keys.typed, b"Aa7\x1b[H\x1b[3~");
}

#[test]
fn pause_switches_no_lock() {
    let mut keys = Keys::default();
    [0xE1, 0x1D, 0x45, 0xE1, 0x9D, 0xC5, 0x47].into_iter().for_each(|code| keys.feed(code));
    assert_eq!((keys.leds(), keys.take_led_change()), (0b010, false));
    assert_eq!(keys.typed, b"7");
}

#[test]
fn a_keyboard_that_was_plugged_in_holds_nothing() {
    let mut keys = Keys::default();
    // Control is held, caps lock on; the other keyboard comes; a
    [CAPS_LOCK, CAPS_LOCK | 0x80, CONTROL].into_iter().for_each(|code| keys.feed(code));
    keys.take_led_change();
    [SELF_TEST_PASSED, 0x1E].into_iter().for_each(|code| keys.feed(code));
    assert_eq!(keys.typed, b"A");
    assert!(keys.take_led_change(), "its LEDs are off");
}

#[test]
fn a_byte_that_is_no_scan_code_changes_nothing() {
    assert_eq!(typed(&[0xFF, 0x1E]), "a");
    assert_eq!(typed(&[0xE0, 0xE0, 0x1E]), "a");
}

#[test]
fn keys_that_nobody_reads_are_counted() {
    let mut keys = Keys::default();
    (0..RING_BYTES + 3).for_each(|_| keys.feed(0x1E));
    assert_eq!(keys.dropped(), 3);
}

#[test]
fn a_successor_goes_on_in_the_middle_of_a_key() {
    let mut keys = Keys::new(KeyLayout::De);
    // Caps lock and control go down, the number lock goes off, y, half of a cursor key
    let codes = [CAPS_LOCK, CONTROL, NUMBER_LOCK, NUMBER_LOCK | 0x80, 0x2C, 0xE0];
    codes.into_iter().for_each(|code| keys.feed(code));
    let mut record = Record::default();
    keys.save(&mut record);
    let mut successor = Keys::restore(&mut Reader::new(record.bytes())).unwrap();
    assert!(!successor.is_between_codes());
    assert_eq!(successor.leds(), 0b100);
    for keys in [&mut keys, &mut successor] {
        // The rest; caps lock and control go up; y and 7 (home) of the number pad; caps lock goes down
        [0x48, CAPS_LOCK | 0x80, CONTROL | 0x80, 0x2C, 0x47, CAPS_LOCK, 0x2C]
            .into_iter()
            .for_each(|code| keys.feed(code));
        assert_eq!(keys.typed, b"\x19\x1b[1;5AY\x1b[Hy");
    }
    for count in 0..record.bytes().len() {
        assert!(Keys::restore(&mut Reader::new(&record.bytes()[..count])).is_none(), "{count} bytes are no record");
    }
}
