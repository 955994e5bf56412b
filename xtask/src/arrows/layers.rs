//! The rooms of a crate, from the top: `layers.toml` beside its `Cargo.toml`.

use serde::Deserialize;

use crate::Result;

/// The rooms of a crate.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// The rooms, from the top. The code of a room may use that room and the rooms below it.
    #[serde(rename = "room")]
    rooms: Vec<Room>,
    /// Types that every room may name.
    #[serde(default)]
    shared: Vec<Shared>,
}

/// A folder, or files that belong together.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Room {
    /// The name in messages.
    pub name: String,
    /// Files and folders, counted from the crate's source folder: `dispatch` is `dispatch.rs` and all below
    /// `dispatch/`.
    holds: Vec<String>,
}

/// A type that every room may name, since all rooms work on it. Its methods belong to the rooms where they are defined.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Shared {
    #[serde(rename = "type")]
    name: String,
    /// The reason, which each entry must have.
    why: String,
}

/// The index of a room: 0 is the top.
pub type Rank = usize;

impl Layers {
    /// Reads a table.
    pub fn parse(text: &str) -> Result<Layers> {
        let layers: Layers = toml::from_str(text).map_err(|error| error.to_string())?;
        match layers.shared.iter().find(|shared| shared.why.trim().is_empty()) {
            Some(shared) => Err(format!("it isn't said why {} is shared", shared.name)),
            None => Ok(layers),
        }
    }

    /// Returns the rooms, from the top.
    pub fn rooms(&self) -> &[Room] {
        &self.rooms
    }

    /// Returns the room of a file. Of two entries that hold the file, the longer one decides.
    pub fn rank(&self, file: &str) -> Option<Rank> {
        let entries =
            self.rooms.iter().enumerate().flat_map(|(rank, room)| room.holds.iter().map(move |at| (rank, at)));
        entries.filter(|(_, at)| holds(at, file)).max_by_key(|(_, at)| at.len()).map(|(rank, _)| rank)
    }

    /// Returns whether every room may name a type.
    pub fn is_shared(&self, name: &str) -> bool {
        self.shared.iter().any(|shared| shared.name == name)
    }

    /// Returns the entries that hold none of these files.
    pub fn empty_entries(&self, files: &[String]) -> Vec<&str> {
        let entries = self.rooms.iter().flat_map(|room| &room.holds).map(String::as_str);
        entries.filter(|entry| !files.iter().any(|file| holds(entry, file))).collect()
    }
}

fn holds(entry: &str, file: &str) -> bool {
    file.strip_prefix(entry).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_entry_decides() {
        let table = "[[room]]\nname = 'a'\nholds = ['a', 'b/c']\n[[room]]\nname = 'b'\nholds = ['b']\n";
        let layers = Layers::parse(table).expect("a table");
        let ranks = ["a.rs", "a/x.rs", "b/c.rs", "b/c/d.rs", "b/x.rs", "ab.rs"].map(|file| layers.rank(file));
        assert_eq!(ranks, [Some(0), Some(0), Some(0), Some(0), Some(1), None]);
        assert_eq!(layers.empty_entries(&["a.rs".to_owned(), "b/x.rs".to_owned()]), ["b/c"]);
    }

    #[test]
    fn a_shared_type_needs_a_reason() {
        let error = Layers::parse("room = []\n[[shared]]\ntype = 'A'\nwhy = ''\n").expect_err("no reason");
        assert_eq!(error, "it isn't said why A is shared");
    }
}
