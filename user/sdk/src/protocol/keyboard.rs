//! The keyboard: which characters its keys give. What was typed is a stream, see [`super::StreamRequest`].

use super::Request;
use crate::ClientRight;

macro_rules! layouts {
    ($($(#[$doc:meta])* $variant:ident = $number:literal $name:literal,)*) => {
        /// What stands on a keyboard's keys.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(u8)]
        pub enum KeyLayout { $($(#[$doc])* $variant = $number,)* }

        impl KeyLayout {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The word that people write.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }
        }
    };
}

layouts! {
    /// American.
    #[default]
    Us = 0 "us",
    /// British.
    Uk = 1 "uk",
    /// German.
    De = 2 "de",
    /// French.
    Fr = 3 "fr",
    /// Finnish and Swedish.
    Fi = 4 "fi",
    /// Norwegian.
    No = 5 "no",
    /// Japanese, Latin characters only.
    Jp = 6 "jp",
    /// Dvorak.
    Dvorak = 7 "dvorak",
    /// Dvorak for programmers.
    Dvp = 8 "dvp",
    /// Colemak.
    Colemak = 9 "colemak",
}

impl KeyLayout {
    /// The layout of that name, if there is one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|layout| layout.name() == name)
    }

    /// The layout of that number, as messages carry it.
    pub fn from_number(number: usize) -> Option<Self> {
        Self::ALL.get(number).copied()
    }
}

/// What a client asks of the keyboard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyboardRequest {
    /// Which layout it has: word 0 of the answer, see [`KeyLayout::from_number`].
    Layout,
    /// Have that layout from now on. For clients with the right `control`.
    SetLayout(KeyLayout),
}

impl Request for KeyboardRequest {
    fn encode(self) -> (u8, [usize; 4]) {
        match self {
            Self::Layout => (17, [0; 4]),
            Self::SetLayout(layout) => (18, [layout as usize, 0, 0, 0]),
        }
    }

    fn decode(label: u8, words: [usize; 4]) -> Option<Self> {
        match label {
            17 => Some(Self::Layout),
            18 => KeyLayout::from_number(words[0]).map(Self::SetLayout),
            _ => None,
        }
    }

    fn takes(&self) -> Option<ClientRight> {
        matches!(self, Self::SetLayout(_)).then_some(ClientRight::Control)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_have_their_numbers_and_names() {
        for (number, layout) in KeyLayout::ALL.iter().enumerate() {
            assert_eq!(*layout as usize, number);
            assert_eq!(KeyLayout::from_number(number), Some(*layout));
            assert_eq!(KeyLayout::from_name(layout.name()), Some(*layout));
        }
        assert_eq!(KeyLayout::from_number(KeyLayout::ALL.len()), None);
        assert_eq!(KeyLayout::from_name("DE"), None);
    }

    #[test]
    fn requests_survive_the_words() {
        for request in [KeyboardRequest::Layout, KeyboardRequest::SetLayout(KeyLayout::Fr)] {
            let (label, words) = request.encode();
            assert_eq!(KeyboardRequest::decode(label, words), Some(request));
        }
        assert_eq!(KeyboardRequest::decode(18, [99, 0, 0, 0]), None);
    }
}
