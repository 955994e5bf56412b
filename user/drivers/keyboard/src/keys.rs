//! Scan codes become the bytes that a terminal would send, so that whoever reads them needn't care whether a person
//! sits at the keyboard or at the other end of a serial line.

use alloc::collections::VecDeque;
use bellwire::protocol::Chunk;
use bellwire::stream::Source;
use pc_keyboard::layouts::Us104Key;
use pc_keyboard::{DecodedKey, HandleControl, KeyCode, PS2Keyboard, ScancodeSet1};

/// How many bytes wait for a reader at most. Keys beyond that are dropped and counted: a person sees them missing,
/// while leaving them in the controller would hold up the mouse behind them.
const RING_BYTES: usize = 1024;

/// A keyboard with the American layout, behind a controller that translates to scan code set 1.
pub struct Keys {
    decoder: PS2Keyboard<Us104Key, ScancodeSet1>,
    typed: VecDeque<u8>,
    dropped: u32,
}

impl Default for Keys {
    fn default() -> Self {
        Self {
            decoder: PS2Keyboard::new(ScancodeSet1::new(), Us104Key, HandleControl::MapLettersToUnicode),
            typed: VecDeque::with_capacity(RING_BYTES),
            dropped: 0,
        }
    }
}

impl Keys {
    /// A byte from the keyboard. One that belongs to no scan code is ignored, as is the rest of that code.
    pub fn feed(&mut self, byte: u8) {
        let Ok(Some(event)) = self.decoder.add_byte(byte) else { return };
        match self.decoder.process_keyevent(event) {
            Some(DecodedKey::Unicode('\n')) => self.type_bytes(b"\r"),
            Some(DecodedKey::Unicode(character)) => self.type_bytes(character.encode_utf8(&mut [0; 4]).as_bytes()),
            Some(DecodedKey::RawKey(key)) => self.type_bytes(escape_sequence(key)),
            None => {}
        }
    }

    /// How many keys nobody read in time.
    pub fn dropped(&self) -> u32 {
        self.dropped
    }

    fn type_bytes(&mut self, bytes: &[u8]) {
        if self.typed.len() + bytes.len() <= RING_BYTES {
            self.typed.extend(bytes);
        } else {
            self.dropped += 1;
        }
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

/// What a terminal sends for keys that aren't characters (ECMA-48 cursor keys, and xterm's for the rest).
fn escape_sequence(key: KeyCode) -> &'static [u8] {
    match key {
        KeyCode::ArrowUp => b"\x1b[A",
        KeyCode::ArrowDown => b"\x1b[B",
        KeyCode::ArrowRight => b"\x1b[C",
        KeyCode::ArrowLeft => b"\x1b[D",
        KeyCode::Home => b"\x1b[H",
        KeyCode::End => b"\x1b[F",
        KeyCode::PageUp => b"\x1b[5~",
        KeyCode::PageDown => b"\x1b[6~",
        _ => b"",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec::Vec;

    fn typed(codes: &[u8]) -> Vec<u8> {
        let mut keys = Keys::default();
        codes.iter().for_each(|code| keys.feed(*code));
        keys.typed.into()
    }

    #[test]
    fn letters_shift_and_control() {
        // h down and up, shift down, i, shift up, control down, c, control up, return
        let codes = [0x23, 0xA3, 0x2A, 0x17, 0x97, 0xAA, 0x1D, 0x2E, 0xAE, 0x9D, 0x1C, 0x9C];
        assert_eq!(typed(&codes), b"hI\x03\r");
    }

    #[test]
    fn cursor_keys_are_what_a_terminal_sends() {
        assert_eq!(typed(&[0xE0, 0x48, 0xE0, 0xC8, 0xE0, 0x50]), b"\x1b[A\x1b[B");
    }

    #[test]
    fn a_byte_that_is_no_scan_code_changes_nothing() {
        assert_eq!(typed(&[0xFF, 0x1E]), b"a");
    }

    #[test]
    fn keys_that_nobody_reads_are_counted() {
        let mut keys = Keys::default();
        (0..RING_BYTES + 3).for_each(|_| keys.feed(0x1E));
        assert_eq!(keys.dropped(), 3);
    }
}
