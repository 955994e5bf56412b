//! The words of a line, which blanks separate. Quotes and backslashes make words that contain blanks.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

/// The reason why a line can't be taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadQuoting {
    /// A quotation mark has no counterpart.
    Open(char),
    /// Nothing follows the backslash.
    LoneBackslash,
}

impl fmt::Display for BadQuoting {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open(mark) => write!(formatter, "a closing {mark} is missing"),
            Self::LoneBackslash => write!(formatter, "nothing follows the last backslash"),
        }
    }
}

/// Takes a line apart into its words.
///
/// - `'...'` is taken as it is.
/// - In `"..."`, a backslash takes the next `"` or `\` as it is; before any other character it stands for itself.
/// - Elsewhere a backslash takes the next character as it is.
pub fn split(line: &str) -> Result<Vec<String>, BadQuoting> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut rest = line.chars();
    while let Some(character) = rest.next() {
        match character {
            '\'' | '"' => quoted(character, &mut rest, word.get_or_insert_default())?,
            '\\' => word.get_or_insert_default().push(rest.next().ok_or(BadQuoting::LoneBackslash)?),
            blank if blank.is_whitespace() => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    Ok(words)
}

/// Takes the rest of a quotation, the closing mark included.
fn quoted(mark: char, rest: &mut core::str::Chars<'_>, word: &mut String) -> Result<(), BadQuoting> {
    while let Some(character) = rest.next() {
        match character {
            _ if character == mark => return Ok(()),
            '\\' if mark == '"' => match rest.next() {
                Some(taken @ ('"' | '\\')) => word.push(taken),
                Some(other) => word.extend(['\\', other]),
                None => break,
            },
            _ => word.push(character),
        }
    }
    Err(BadQuoting::Open(mark))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        split(line).unwrap()
    }

    #[test]
    fn blanks_separate() {
        assert_eq!(words("  kill \t serial "), ["kill", "serial"]);
        assert!(words(" \t ").is_empty());
    }

    #[test]
    fn quotes_keep_blanks() {
        assert_eq!(words(r#"echo 'a  b' "c  d" e\ f"#), ["echo", "a  b", "c  d", "e f"]);
        assert_eq!(words(r#"a'b c'"d e"f"#), ["ab cd ef"]);
        assert_eq!(words(r#"'' """#), ["", ""]);
    }

    #[test]
    fn backslashes_take_the_next_character() {
        assert_eq!(words(r#"\"a\' "\"\\\n" '\'"#), [r#""a'"#, r#""\\n"#, r"\"]);
    }

    #[test]
    fn what_is_open_is_named() {
        assert_eq!(split("echo 'a"), Err(BadQuoting::Open('\'')));
        assert_eq!(split(r#"echo "a\"#), Err(BadQuoting::Open('"')));
        assert_eq!(split("echo \\"), Err(BadQuoting::LoneBackslash));
    }
}
