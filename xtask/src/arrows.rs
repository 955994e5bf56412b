//! The directions of the arrows between the rooms of a crate.
//!
//! A crate's `layers.toml` names its rooms from the top: folders, and files that belong together. The code of a room
//! may use the rooms below it. The uses are read from the source: imports, paths, calls of functions and of methods.
//! For a call of a method, the type on which it is called counts. Where that type isn't known, each method of the same
//! name and number of arguments may be meant: then the call is an arrow up only if all of them lie above.
//!
//! Code that is built for tests alone may use anything.

mod calls;
mod infer;
pub mod layers;
mod tokens;
mod tree;
mod types;
mod visit;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::{Result, root};
use calls::Kind;
use layers::{Layers, Rank};
use tree::{Reader, Tree};

/// The crates that have rooms.
pub const CRATES: [&str; 2] = ["kernel", "arch"];

/// What the reader of the source can't see.
const LIMITS: &str = "\
Not seen: calls through function pointers, and those that a macro makes up. A method call on a value of unknown type
counts as an arrow up only if every method of that name lies above. The fields of a shared type (layers.toml names it)
are every room's to read and write: that each has one owner is for the reviewer to see.";

/// The uses between the rooms of a crate.
pub struct Arrows {
    rooms: Vec<String>,
    /// The numbers of calls and of other uses that lead from one room to another.
    counts: BTreeMap<(Rank, Rank), (usize, usize)>,
    /// The arrows that run up, as sentences.
    pub violations: Vec<String>,
}

/// Checks the rooms of all crates below a folder, which is the root of this tree or of a copy.
pub fn check(folder: &Path) -> Result {
    let mut found = Vec::new();
    for name in CRATES {
        found.extend(of_crate(folder, name, None)?.violations);
    }
    if found.is_empty() {
        return Ok(());
    }
    Err(format!("{}\n{} arrows run up (CONTRIBUTING.md has the rooms)", found.join("\n"), found.len()))
}

/// Prints the calls between the rooms of all crates, and the arrows that run up.
pub fn show() -> Result {
    CRATES.iter().try_for_each(|name| show_crate(&root(), name, None))?;
    println!("{LIMITS}");
    Ok(())
}

/// Prints the calls and the arrows that run up for one crate. `table` takes the place of the crate's own table.
pub fn show_crate(folder: &Path, name: &str, table: Option<&Path>) -> Result {
    let arrows = of_crate(folder, name, table)?;
    println!("{name}: calls of functions and methods from each room (left) to the rooms of the columns\n");
    println!("{}", arrows.table());
    for violation in &arrows.violations {
        println!("{violation}");
    }
    println!("{name}: {} arrows run up\n", arrows.violations.len());
    Ok(())
}

fn of_crate(folder: &Path, name: &str, table: Option<&Path>) -> Result<Arrows> {
    let own = folder.join(name).join("layers.toml");
    let table = table.unwrap_or(&own);
    let text = fs::read_to_string(table).map_err(|error| format!("can't read {}: {error}", table.display()))?;
    let layers = Layers::parse(&text).map_err(|error| format!("{}: {error}", table.display()))?;
    let source = folder.join(name).join("src");
    Arrows::read(&format!("{name}/src"), &layers, &|path| fs::read_to_string(source.join(path)).ok())
}

impl Arrows {
    /// Reads a crate. `folder` is the place of its files in messages.
    pub fn read(folder: &str, layers: &Layers, read: Reader) -> Result<Arrows> {
        let tree = Tree::read(read).map_err(|error| format!("{folder}: {error}"))?;
        let ranks = tree.files.iter().map(|file| {
            layers.rank(file).ok_or_else(|| format!("{folder}/{file} lies in no room: add it to layers.toml"))
        });
        let ranks: Vec<Rank> = ranks.collect::<Result<_>>()?;
        if let Some(entry) = layers.empty_entries(&tree.files).first() {
            return Err(format!("{folder}: no file belongs to {entry} in layers.toml"));
        }
        let rooms: Vec<_> = layers.rooms().iter().map(|room| room.name.clone()).collect();
        let mut arrows = Arrows { rooms, counts: BTreeMap::new(), violations: Vec::new() };
        let types = types::Types::read(&tree);
        for usage in calls::usages(&tree, &types) {
            if usage.kind == Kind::Use && usage.what.rsplit("::").next().is_some_and(|name| layers.is_shared(name)) {
                continue;
            }
            let from = ranks[usage.file];
            // Of several targets, the highest one that isn't above counts: nothing worse is known.
            let below = usage.targets.iter().filter(|(file, _)| ranks[*file] >= from);
            let above = usage.targets.iter().max_by_key(|(file, _)| ranks[*file]);
            let Some(&(file, line)) = below.min_by_key(|(file, _)| ranks[*file]).or(above) else { continue };
            let to = ranks[file];
            let (calls, uses) = arrows.counts.entry((from, to)).or_default();
            *if usage.kind == Kind::Call { calls } else { uses } += 1;
            if to < from {
                let verb = if usage.kind == Kind::Call { "calls" } else { "uses" };
                arrows.violations.push(format!(
                    "{folder}/{}:{} ({}) {verb} {}, which is defined above, at {folder}/{}:{line} ({})",
                    tree.files[usage.file],
                    usage.line,
                    arrows.rooms[from],
                    usage.what,
                    tree.files[file],
                    arrows.rooms[to],
                ));
            }
        }
        arrows.violations.sort();
        arrows.violations.dedup();
        Ok(arrows)
    }

    /// Returns how many calls lead from one room to another.
    pub fn calls(&self, from: &str, to: &str) -> usize {
        let rank = |name: &str| self.rooms.iter().position(|room| room == name);
        let counts = rank(from).zip(rank(to)).and_then(|rooms| self.counts.get(&rooms));
        counts.map_or(0, |(calls, _)| *calls)
    }

    /// Returns the table of all calls between rooms. The calls below its diagonal run up.
    pub fn table(&self) -> String {
        let widths: Vec<_> = self.rooms.iter().map(|room| room.len().max(5)).collect();
        let first = self.rooms.iter().map(String::len).max().unwrap_or(0);
        let mut text = " ".repeat(first);
        self.rooms.iter().zip(&widths).for_each(|(room, width)| text += &format!("  {room:>width$}"));
        for (from, room) in self.rooms.iter().enumerate() {
            text += &format!("\n{room:first$}");
            for (to, width) in widths.iter().enumerate() {
                let calls = self.counts.get(&(from, to)).map_or(0, |(calls, _)| *calls);
                let cell = if calls == 0 { ".".to_owned() } else { calls.to_string() };
                text += &format!("  {cell:>width$}");
            }
        }
        text + "\n"
    }
}
