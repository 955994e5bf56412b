//! Completion of the word that is being typed.

use crate::typed::Mode;
use crate::{COMMANDS, Entry, Failure, Shell};
use alloc::string::{String, ToString};
use alloc::vec::Vec;

/// Returns how many characters the last word of a text has, and its completions, sorted. Ctrl-C ends the wait for a
/// service that knows completions.
pub fn complete(shell: &Shell, before: &str) -> Result<(usize, Vec<String>), Failure> {
    let (words, word) = last_word(before);
    let mut candidates = match words.split_first() {
        None => COMMANDS.iter().map(|entry| entry.name.to_string()).collect(),
        Some((name, words)) => {
            shell.waiter.set_mode(Mode::Watched);
            let candidates = Entry::find(name).map(|entry| (entry.complete)(shell, words)).unwrap_or_default();
            let checked = shell.waiter.check();
            shell.waiter.set_mode(Mode::Read);
            checked?;
            candidates
        }
    };
    candidates.retain(|candidate| candidate.starts_with(word));
    candidates.sort();
    candidates.dedup();
    Ok((word.chars().count(), candidates))
}

/// Returns the words before the last one, and the last one, which is empty behind a blank.
fn last_word(before: &str) -> (Vec<&str>, &str) {
    let blank = before.char_indices().rfind(|(_, character)| character.is_whitespace());
    let start = blank.map_or(0, |(at, character)| at + character.len_utf8());
    let (others, word) = before.split_at(start);
    (others.split_whitespace().collect(), word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_is_the_one_being_typed() {
        assert_eq!(last_word("ki"), (Vec::new(), "ki"));
        assert_eq!(last_word(" kill  ser"), (["kill"].to_vec(), "ser"));
        assert_eq!(last_word("kill "), (["kill"].to_vec(), ""));
        assert_eq!(last_word("kill\u{3000}ä"), (["kill"].to_vec(), "ä"));
    }
}
