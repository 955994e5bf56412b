//! Text that is broken where the terminal ends.

use alloc::string::String;
use core::fmt::{Result, Write};

/// Writes a line, in several where it is too long.
pub fn wrap(out: &mut impl Write, line: &str, width: usize) -> Result {
    let indent: String = line.chars().take_while(|character| *character == ' ').collect();
    let mut column = 0;
    for word in line.split_whitespace() {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > width {
            writeln!(out)?;
            column = 0;
        }
        let before = if column == 0 { indent.as_str() } else { " " };
        write!(out, "{before}{word}")?;
        column += before.len() + length;
    }
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
