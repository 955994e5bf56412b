//! Translation of scan codes to the bytes that a terminal would send. So a reader needn't care whether a person sits at
//! the keyboard or at the other end of a serial line.

use crate::record::{Reader, Record};
use crate::sequences::{Modifiers, sequence};
use alloc::collections::VecDeque;
use bellwire::protocol::{Chunk, KeyLayout};
use bellwire::stream::Source;
use bitflags::bitflags;
use pc_keyboard::layouts::{
    AnyLayout, Azerty, Colemak, DVP104Key, De105Key, Dvorak104Key, FiSe105Key, Jis109Key, No105Key, Uk105Key, Us104Key,
};
use pc_keyboard::{DecodedKey, EventDecoder, HandleControl, KeyCode, KeyEvent, KeyState, ScancodeSet, ScancodeSet1};

/// The most bytes that wait for a reader. Further keys are dropped and counted: a person sees that they are missing,
/// while in the controller they would hold up the mouse behind them.
const RING_BYTES: usize = 1024;

/// The byte that a keyboard sends when it is plugged in. The release of the left shift key has the same code.
const SELF_TEST_PASSED: u8 = 0xAA;

bitflags! {
    /// Keys and locks that change the meaning of other keys.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Held: u32 {
        const LEFT_SHIFT = 1 << 0;
        const RIGHT_SHIFT = 1 << 1;
        const LEFT_CONTROL = 1 << 2;
        const RIGHT_CONTROL = 1 << 3;
        const LEFT_ALT = 1 << 4;
        const ALT_GRAPH = 1 << 5;
        /// The control key that Pause pretends to hold.
        const PAUSE_CONTROL = 1 << 6;
        /// The key is down: further codes of it are the keyboard's repetition.
        const CAPS_LOCK_KEY = 1 << 7;
        const NUMBER_LOCK_KEY = 1 << 8;
        /// The lock is on.
        const CAPS_LOCK = 1 << 9;
        /// The number lock is off. At the start it is on.
        const NUMBER_LOCK_OFF = 1 << 10;
    }
}

/// The keys that modify others while they are held.
const HELD_KEYS: [(Held, KeyCode); 7] = [
    (Held::LEFT_SHIFT, KeyCode::LShift),
    (Held::RIGHT_SHIFT, KeyCode::RShift),
    (Held::LEFT_CONTROL, KeyCode::LControl),
    (Held::RIGHT_CONTROL, KeyCode::RControl),
    (Held::LEFT_ALT, KeyCode::LAlt),
    (Held::ALT_GRAPH, KeyCode::RAltGr),
    (Held::PAUSE_CONTROL, KeyCode::RControl2),
];

/// The locks: the flag of the key, the flag of the lock, and the key.
const LOCKS: [(Held, Held, KeyCode); 2] = [
    (Held::CAPS_LOCK_KEY, Held::CAPS_LOCK, KeyCode::CapsLock),
    (Held::NUMBER_LOCK_KEY, Held::NUMBER_LOCK_OFF, KeyCode::NumpadLock),
];

/// A keyboard behind a controller that translates to scan code set 1.
pub struct Keys {
    codes: ScancodeSet1,
    events: EventDecoder<AnyLayout>,
    layout: KeyLayout,
    held: Held,
    /// The first byte of a code that isn't complete yet.
    prefix: Option<u8>,
    typed: VecDeque<u8>,
    dropped: u32,
    leds: Leds,
}

/// Whether the LEDs show the locks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Leds {
    Shown,
    Changed,
}

impl Default for Keys {
    fn default() -> Self {
        Self::new(KeyLayout::default())
    }
}

impl Keys {
    /// Makes a keyboard of which no key is held.
    pub fn new(layout: KeyLayout) -> Self {
        Self {
            codes: ScancodeSet1::new(),
            events: EventDecoder::new(of(layout), HandleControl::MapLettersToUnicode),
            layout,
            held: Held::default(),
            prefix: None,
            typed: VecDeque::with_capacity(RING_BYTES),
            dropped: 0,
            leds: Leds::Shown,
        }
    }

    /// Takes a byte from the keyboard. A byte that belongs to no scan code is ignored, as is the rest of its code.
    pub fn feed(&mut self, byte: u8) {
        if byte == SELF_TEST_PASSED && self.is_between_codes() && !self.held.contains(Held::LEFT_SHIFT) {
            self.release_all();
            self.leds = Leds::Changed;
            return;
        }
        let event = self.codes.advance_state(byte);
        self.prefix = (self.prefix.is_none() && matches!(byte, 0xE0 | 0xE1)).then_some(byte);
        if let Ok(Some(event)) = event {
            self.press(event);
        }
    }

    /// Returns whether the next byte begins a code.
    pub fn is_between_codes(&self) -> bool {
        self.prefix.is_none()
    }

    /// Returns the layout.
    pub fn layout(&self) -> KeyLayout {
        self.layout
    }

    /// Changes the layout from the next key on.
    pub fn set_layout(&mut self, layout: KeyLayout) {
        self.layout = layout;
        self.events.change_layout(of(layout));
    }

    /// Returns how many keys were dropped because no program read them in time.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    /// Returns whether the LEDs must be set anew.
    pub fn leds_have_changed(&self) -> bool {
        self.leds == Leds::Changed
    }

    /// Returns whether the LEDs must be set anew, since the last call of this.
    pub fn take_led_change(&mut self) -> bool {
        core::mem::replace(&mut self.leds, Leds::Shown) == Leds::Changed
    }

    /// Returns the LEDs as the keyboard takes them: bit 1 for the number lock, bit 2 for the caps lock.
    pub fn leds(&self) -> u8 {
        let number_lock = u8::from(!self.held.contains(Held::NUMBER_LOCK_OFF));
        number_lock << 1 | u8::from(self.held.contains(Held::CAPS_LOCK)) << 2
    }

    fn press(&mut self, event: KeyEvent) {
        for (key, lock, code) in LOCKS {
            if event.code == code {
                let was_down = self.held.contains(key);
                self.held.set(key, event.state == KeyState::Down);
                if was_down && event.state == KeyState::Down {
                    return;
                }
                // The keyboard sends Pause as the number lock, with a control key held that it doesn't have.
                if event.state == KeyState::Down && !self.held.contains(Held::PAUSE_CONTROL) {
                    self.held.toggle(lock);
                    self.leds = Leds::Changed;
                }
            }
        }
        for (key, code) in HELD_KEYS {
            if event.code == code {
                self.held.set(key, event.state == KeyState::Down);
            }
        }
        match self.events.process_keyevent(event) {
            Some(DecodedKey::Unicode('\n')) => self.type_bytes(b"\r"),
            // The layouts have a character for Delete, which terminals send for another key.
            Some(DecodedKey::Unicode('\u{7F}')) => self.type_key(KeyCode::Delete),
            Some(DecodedKey::Unicode('\t')) if self.held.intersects(Held::LEFT_SHIFT | Held::RIGHT_SHIFT) => {
                self.type_bytes(b"\x1b[Z");
            }
            Some(DecodedKey::Unicode(character)) => {
                let character = self.with_control(character);
                self.type_bytes(character.encode_utf8(&mut [0; 4]).as_bytes());
            }
            Some(DecodedKey::RawKey(key)) => self.type_key(key),
            None => {}
        }
    }

    /// Returns what a character becomes with Control. The layouts do letters; terminals have control characters for
    /// some signs, too. Control and Alt together are another way to type AltGr.
    fn with_control(&self, character: char) -> char {
        let control = self.held.intersects(Held::LEFT_CONTROL | Held::RIGHT_CONTROL);
        if !control || self.held.intersects(Held::LEFT_ALT | Held::ALT_GRAPH) {
            return character;
        }
        match character {
            '@' | '[' | '\\' | ']' | '^' | '_' => char::from(character as u8 & 0x1F),
            ' ' => '\0',
            '/' => '\x1F',
            '?' => '\x7F',
            other => other,
        }
    }

    fn type_key(&mut self, key: KeyCode) {
        let held = |keys: Held, modifier: u8| if self.held.intersects(keys) { modifier } else { 0 };
        let modifiers = held(Held::LEFT_SHIFT | Held::RIGHT_SHIFT, Modifiers::SHIFT)
            | held(Held::LEFT_ALT, Modifiers::ALT)
            | held(Held::LEFT_CONTROL | Held::RIGHT_CONTROL, Modifiers::CONTROL);
        if let Some(bytes) = sequence(key, Modifiers(modifiers)) {
            self.type_bytes(&bytes);
        }
    }

    fn type_bytes(&mut self, bytes: &[u8]) {
        if self.typed.len() + bytes.len() <= RING_BYTES {
            self.typed.extend(bytes);
        } else {
            self.dropped = self.dropped.saturating_add(1);
        }
    }

    /// Forgets the keys that are held. Call this when a new keyboard was plugged in. The locks stay, since the person
    /// set them.
    fn release_all(&mut self) {
        self.held &= Held::CAPS_LOCK | Held::NUMBER_LOCK_OFF;
        self.set_events();
    }

    /// Tells the decoder which keys are held.
    fn set_events(&mut self) {
        self.events = EventDecoder::new(of(self.layout), HandleControl::MapLettersToUnicode);
        let locks = LOCKS.iter().filter(|(_, lock, _)| self.held.contains(*lock)).map(|(_, _, code)| *code);
        let keys = HELD_KEYS.iter().filter(|(key, _)| self.held.contains(*key)).map(|(_, code)| *code);
        for code in locks.chain(keys) {
            self.events.process_keyevent(KeyEvent::new(code, KeyState::Down));
        }
    }

    /// Writes everything that a successor must know to a record.
    pub fn save(&self, record: &mut Record) {
        record.byte(self.layout as u8);
        record.number(self.held.bits());
        record.byte(self.prefix.unwrap_or(0));
        record.number(self.dropped);
        record.number(self.typed.len() as u32);
        self.typed.iter().for_each(|byte| record.byte(*byte));
    }

    /// Makes a keyboard in the state that a predecessor has recorded.
    pub fn restore(reader: &mut Reader<'_>) -> Option<Self> {
        let mut keys = Self::new(KeyLayout::from_number(reader.byte()?.into())?);
        keys.held = Held::from_bits(reader.number()?)?;
        keys.set_events();
        match reader.byte()? {
            0 => {}
            prefix => keys.feed(prefix),
        }
        keys.dropped = reader.number()?;
        let count = reader.number()?;
        for _ in 0..count {
            keys.typed.push_back(reader.byte()?);
        }
        (keys.typed.len() <= RING_BYTES).then_some(keys)
    }
}

impl Source for Keys {
    fn peek(&mut self) -> Chunk {
        self.typed.iter().copied().collect()
    }

    fn consume(&mut self, bytes: usize) {
        self.typed.drain(..bytes);
    }
}

/// Returns the crate's layout of that name.
fn of(layout: KeyLayout) -> AnyLayout {
    match layout {
        KeyLayout::Us => AnyLayout::Us104Key(Us104Key),
        KeyLayout::Uk => AnyLayout::Uk105Key(Uk105Key),
        KeyLayout::De => AnyLayout::De105Key(De105Key),
        KeyLayout::Fr => AnyLayout::Azerty(Azerty),
        KeyLayout::Fi => AnyLayout::FiSe105Key(FiSe105Key),
        KeyLayout::No => AnyLayout::No105Key(No105Key),
        KeyLayout::Jp => AnyLayout::Jis109Key(Jis109Key),
        KeyLayout::Dvorak => AnyLayout::Dvorak104Key(Dvorak104Key),
        KeyLayout::Dvp => AnyLayout::DVP104Key(DVP104Key),
        KeyLayout::Colemak => AnyLayout::Colemak(Colemak),
    }
}

#[cfg(test)]
mod tests;
