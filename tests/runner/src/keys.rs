//! Characters as keys of a US keyboard, by QEMU's names.

/// The keys that are held together for a character.
pub fn keys(character: char) -> Option<Vec<&'static str>> {
    let (shift, plain) = match SHIFTED.iter().find(|(shifted, _)| *shifted == character) {
        Some((_, plain)) => (true, *plain),
        None => (character.is_ascii_uppercase(), character.to_ascii_lowercase()),
    };
    let key = KEYS.iter().find(|(of, _)| *of == plain)?.1;
    Some(if shift { vec!["shift", key] } else { vec![key] })
}

const SHIFTED: [(char, char); 21] = [
    ('!', '1'),
    ('@', '2'),
    ('#', '3'),
    ('$', '4'),
    ('%', '5'),
    ('^', '6'),
    ('&', '7'),
    ('*', '8'),
    ('(', '9'),
    (')', '0'),
    ('_', '-'),
    ('+', '='),
    ('{', '['),
    ('}', ']'),
    ('|', '\\'),
    (':', ';'),
    ('"', '\''),
    ('<', ','),
    ('>', '.'),
    ('?', '/'),
    ('~', '`'),
];

const KEYS: [(char, &str); 51] = [
    ('a', "a"),
    ('b', "b"),
    ('c', "c"),
    ('d', "d"),
    ('e', "e"),
    ('f', "f"),
    ('g', "g"),
    ('h', "h"),
    ('i', "i"),
    ('j', "j"),
    ('k', "k"),
    ('l', "l"),
    ('m', "m"),
    ('n', "n"),
    ('o', "o"),
    ('p', "p"),
    ('q', "q"),
    ('r', "r"),
    ('s', "s"),
    ('t', "t"),
    ('u', "u"),
    ('v', "v"),
    ('w', "w"),
    ('x', "x"),
    ('y', "y"),
    ('z', "z"),
    ('0', "0"),
    ('1', "1"),
    ('2', "2"),
    ('3', "3"),
    ('4', "4"),
    ('5', "5"),
    ('6', "6"),
    ('7', "7"),
    ('8', "8"),
    ('9', "9"),
    (' ', "spc"),
    ('\n', "ret"),
    ('\t', "tab"),
    ('\u{8}', "backspace"),
    ('-', "minus"),
    ('=', "equal"),
    ('[', "bracket_left"),
    (']', "bracket_right"),
    ('\\', "backslash"),
    (';', "semicolon"),
    ('\'', "apostrophe"),
    (',', "comma"),
    ('.', "dot"),
    ('/', "slash"),
    ('`', "grave_accent"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_printable_character_has_keys() {
        for character in ' '..='~' {
            assert!(keys(character).is_some(), "{character:?}");
        }
    }

    #[test]
    fn shift_is_held_where_it_must() {
        assert_eq!(keys('A'), Some(vec!["shift", "a"]));
        assert_eq!(keys('?'), Some(vec!["shift", "slash"]));
        assert_eq!(keys('\n'), Some(vec!["ret"]));
    }
}
