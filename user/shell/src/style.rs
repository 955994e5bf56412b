//! Colours, by ECMA-48's "select graphic rendition". Write text through a [`Style`] wherever it has one of the meanings
//! below. The console leaves colours out where they are off, and where the terminal isn't known to have any.

use core::fmt::{self, Display, Write};

/// The meaning of a text, which decides its colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Ordinary text.
    #[default]
    Plain,
    /// The head of a table or a paragraph.
    Heading,
    /// Something that a person would type, or a name.
    Name,
    /// All is as it should be.
    Good,
    /// Worth a look.
    Warning,
    /// Wrong.
    Bad,
    /// Less important than the text around it.
    Faint,
    /// The shell's prompt.
    Prompt,
}

impl Style {
    /// Returns the parameters of the sequence that turns the style on. Bold, black (bright: grey), red, green, yellow
    /// and cyan are in ECMA-48 (8.3.117) and its extension by eight bright colours, which all terminals of today know.
    const fn parameters(self) -> Option<&'static str> {
        match self {
            Self::Plain => None,
            Self::Heading => Some("1"),
            Self::Name => Some("36"),
            Self::Good => Some("32"),
            Self::Warning => Some("33"),
            Self::Bad => Some("1;31"),
            Self::Faint => Some("90"),
            Self::Prompt => Some("1;32"),
        }
    }

    /// Turns the style on. Everything that is written until [`Style::end`] has it.
    pub fn begin(self, out: &mut impl Write) -> fmt::Result {
        self.parameters().map_or(Ok(()), |parameters| write!(out, "\x1b[{parameters}m"))
    }

    /// Turns the style off.
    pub fn end(self, out: &mut impl Write) -> fmt::Result {
        self.parameters().map_or(Ok(()), |_| out.write_str("\x1b[m"))
    }

    /// Returns a value that is shown in this style. Widths in the format string don't count the sequences: pad the
    /// value before.
    pub const fn of<T>(self, value: T) -> Styled<T> {
        Styled { style: self, value }
    }
}

/// A value that is shown in a style.
#[derive(Clone, Copy, Debug)]
pub struct Styled<T> {
    style: Style,
    value: T,
}

impl<T: Display> Display for Styled<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.style.begin(formatter)?;
        self.value.fmt(formatter)?;
        self.style.end(formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::format;

    #[test]
    fn a_style_ends_where_its_text_does() {
        assert_eq!(format!("{} {}", Style::Bad.of("stopped"), Style::Plain.of(7)), "\x1b[1;31mstopped\x1b[m 7");
        assert_eq!(format!("{:>4}|", Style::Name.of("a")), "\x1b[36m   a\x1b[m|");
    }
}
