//! One page that leads to the reference of every package, since cargo makes a folder of docs for each target.

use std::path::{Path, PathBuf};

use crate::{Result, Width, output, root};

/// The packages at which readers of the reference begin, and why.
const FIRST: [(&str, &str); 3] = [
    ("bellwire", "the SDK: what a driver imports"),
    ("x86_entry", "interrupt entry for any kernel"),
    ("kernel", "the portable core"),
];

/// Returns the file of the index.
pub fn file() -> PathBuf {
    root().join("target/doc/index.html")
}

/// Writes the index of all docs that were built.
pub fn write() -> Result {
    let mut folders = vec![("host".to_owned(), root().join("target/doc"))];
    for width in Width::ALL {
        for target in [width.user_target(), width.kernel_target()] {
            let folder = root().join("target").join(&target).join("doc");
            folders.push((target, folder));
        }
    }
    let mut page = "<!doctype html>\n<meta charset=\"utf-8\">\n<title>Bellwire: the reference</title>\n\
                    <style>body { font-family: sans-serif; margin: 2em; max-width: 60em }</style>\n\
                    <h1>Bellwire</h1>\n<ul>\n"
        .to_owned();
    for (name, what) in FIRST {
        let found = folders.iter().find(|(_, folder)| folder.join(name).join("index.html").exists());
        let (_, folder) = found.ok_or_else(|| format!("the docs of {name} weren't built"))?;
        page += &format!("<li>{}: {what}</li>\n", link(folder, name));
    }
    page += "</ul>\n";
    for (target, folder) in &folders {
        let links: Vec<_> = crates(folder)?.iter().map(|name| link(folder, name)).collect();
        page += &format!("<h2>{target}</h2>\n<p>{}</p>\n", links.join(", "));
    }
    output::write(&file(), page)
}

/// Returns a link from the index, relative so that the folder can be served or moved.
fn link(folder: &Path, name: &str) -> String {
    let target = folder.strip_prefix(root().join("target")).unwrap_or(folder);
    format!("<a href=\"../{}/{name}/index.html\">{name}</a>", target.display())
}

/// Returns the crates that have docs in a folder.
fn crates(folder: &Path) -> Result<Vec<String>> {
    let entries = folder.read_dir().map_err(|error| format!("can't list {}: {error}", folder.display()))?;
    let folders = entries.flatten().filter(|entry| entry.path().join("all.html").exists());
    let mut names: Vec<_> = folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    Ok(names)
}
