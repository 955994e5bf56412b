//! Breaking of text where the terminal's row ends.

use core::fmt::{Result, Write};

/// Writes a line, and breaks it where it is too long. Blanks between words are kept, except where the line breaks.
pub fn wrap(out: &mut impl Write, line: &str, width: usize) -> Result {
    let indent = line.chars().take_while(|character| *character == ' ').count();
    let mut column = 0;
    let mut blanks = 0;
    for word in line.split(' ') {
        if word.is_empty() {
            blanks += 1;
            continue;
        }
        let length = word.chars().count();
        if column > 0 && column + blanks + length > width {
            writeln!(out)?;
            column = 0;
            blanks = indent;
        }
        write!(out, "{:blanks$}{word}", "")?;
        column += blanks + length;
        blanks = 1;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::String;

    fn wrapped(line: &str, width: usize) -> String {
        let mut wrapped = String::new();
        wrap(&mut wrapped, line, width).unwrap();
        wrapped
    }

    #[test]
    fn words_stay_whole() {
        assert_eq!(wrapped("one two three", 7), "one two\nthree\n");
        assert_eq!(wrapped("  one two three", 9), "  one two\n  three\n", "lines begin alike");
        assert_eq!(wrapped("incomprehensible", 7), "incomprehensible\n");
        assert_eq!(wrapped("", 7), "\n");
    }

    #[test]
    fn blanks_between_words_stay() {
        assert_eq!(wrapped("  edu        only says it", 25), "  edu        only says it\n");
        assert_eq!(wrapped("  edu        only says it", 24), "  edu        only says\n  it\n");
        assert_eq!(wrapped("one  two", 5), "one\ntwo\n", "but not where the line breaks");
    }
}
