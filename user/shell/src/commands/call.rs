//! `call`: sends a message to any service that the manifest lets the shell use.

use crate::{Command, Failure, Shell};
use alloc::format;
use alloc::string::String;
use bellwire::protocol::{ABSENT, FORBIDDEN, OVER_LIMIT, REFUSED};
use core::fmt::Write;

/// A message and the service that gets it.
pub struct Call {
    service: String,
    label: u8,
    words: [usize; 4],
}

impl Command for Call {
    const NAME: &str = "call";
    const ARGUMENTS: &str = "NAME LABEL [WORDS]";
    const PURPOSE: &str = "send a message to a service, show the answer";
    const HELP: &str = "\
Calls the service NAME with a label (0 to 255) and up to four words, and prints the label and the words of its answer. \
Label 0 says that it was done, 1 that the service doesn't understand it or refuses it, 2 that nobody serves it, 3 that \
the shell has as much of it as one client may, 4 that the shell hasn't the right to it. \
Numbers may be hexadecimal (0x2f8). It is for a driver that has no command of its own yet: the shell may call each \
service that its entry in the manifest lists under \"uses\".

  call counter 0";

    fn parse(words: &[&str]) -> Option<Self> {
        let [service, label, rest @ ..] = words else { return None };
        let mut words = [0; 4];
        if rest.len() > words.len() {
            return None;
        }
        for (place, word) in words.iter_mut().zip(rest) {
            *place = number(word)? as usize;
        }
        Some(Self { service: (*service).into(), label: number(label)?.try_into().ok()?, words })
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let service = shell.service(&self.service).map_err(|_| {
            let name = &self.service;
            Failure::because(format!("the shell may not call {name}: its entry's \"uses\" doesn't list it"))
        })?;
        let answer = service.call_as_it_is(self.label, self.words)?;
        Ok(writeln!(shell, "{}", shown(answer.label, answer.words))?)
    }
}

/// Returns an answer as text, with the meaning of its label unless that is plain.
fn shown(label: u8, [first, second, third, fourth]: [usize; 4]) -> String {
    let meaning = match label {
        REFUSED => " (not understood, or refused)",
        ABSENT => " (nobody serves it)",
        OVER_LIMIT => " (too much of it for one client)",
        FORBIDDEN => " (the shell hasn't the right)",
        _ => "",
    };
    format!("label {label}, words {first} {second} {third} {fourth}{meaning}")
}

/// Reads a number as a person types it. It has 32 bits at most, as all words have.
fn number(word: &str) -> Option<u32> {
    match word.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => word.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_or_hexadecimal() {
        let call = Call::parse(&["counter", "0x1", "7", "0xffffffff"]).expect("a call");
        assert_eq!((call.service.as_str(), call.label, call.words), ("counter", 1, [7, 0xFFFF_FFFF, 0, 0]));
        for words in
            [&["counter"][..], &["counter", "256"], &["counter", "x"], &["counter", "1", "2", "3", "4", "5", "6"]]
        {
            assert!(Call::parse(words).is_none(), "{words:?}");
        }
    }

    #[test]
    fn what_a_label_means_is_said() {
        assert_eq!(shown(0, [6, 0, 0, 0]), "label 0, words 6 0 0 0");
        assert_eq!(shown(1, [0; 4]), "label 1, words 0 0 0 0 (not understood, or refused)");
        assert_eq!(shown(2, [0; 4]), "label 2, words 0 0 0 0 (nobody serves it)");
        assert_eq!(shown(3, [1, 2, 3, 4]), "label 3, words 1 2 3 4 (too much of it for one client)");
        assert_eq!(shown(4, [0; 4]), "label 4, words 0 0 0 0 (the shell hasn't the right)");
        assert_eq!(shown(5, [0; 4]), "label 5, words 0 0 0 0");
    }
}
