//! The content of the images' files, without booting them.

use std::env::var;
use std::fs;
use std::path::{Path, PathBuf};

use xtask::iso::Disc;
use xtask::{Width, root};

use super::{Case, cases};

pub const CASES: &[Case] = cases![Short: no_image_says_where_it_was_built];

/// Neither a kernel nor a module nor a disc names a folder of the builder: a panic's place is a path from the root of
/// the tree or of a crate.
fn no_image_says_where_it_was_built(width: Width) {
    let mut files = vec![Disc::Shipped.file(width)];
    collect(&width.image_folder(), &mut files);
    assert!(files.len() > 10, "the images aren't there: {files:?}");
    let homes = ["HOME", "CARGO_HOME"].map(var).into_iter().flatten().map(PathBuf::from);
    let folders: Vec<_> = homes.chain([root()]).map(|folder| format!("{}/", folder.display())).collect();
    // Where cargo unpacks crates, whichever folder that is in.
    let folders: Vec<_> =
        folders.into_iter().chain(["registry/src/".to_owned()]).filter(|name| name.len() > 2).collect();
    let mut found = Vec::new();
    for file in &files {
        let content = fs::read(file).unwrap_or_else(|error| panic!("can't read {}: {error}", file.display()));
        for folder in &folders {
            if let Some(at) = content.windows(folder.len()).position(|part| part == folder.as_bytes()) {
                let text = content[at..].iter().take_while(|byte| byte.is_ascii_graphic()).take(100);
                found.push(format!("{}: {}", file.display(), text.map(|&byte| char::from(byte)).collect::<String>()));
            }
        }
    }
    assert!(found.is_empty(), "images name folders of the builder:\n{}", found.join("\n"));
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for path in folder.read_dir().expect("the images were built").flatten().map(|entry| entry.path()) {
        if path.is_dir() { collect(&path, files) } else { files.push(path) }
    }
}
