//! Writing files so that other processes may read them meanwhile.
//!
//! A test boots an image while another one runs a command that builds it anew. So no file is ever missing, empty or
//! half written: each one is made under another name in its folder, and then takes the place of the old one in a single
//! step. A file whose contents wouldn't change stays untouched.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::Result;

/// Makes a folder and those above it.
pub fn create(folder: &Path) -> Result {
    fs::create_dir_all(folder).map_err(|error| format!("can't make {}: {error}", folder.display()))
}

/// Writes a file, and makes its folder first.
pub fn write(file: &Path, content: impl AsRef<[u8]>) -> Result {
    replace(file, |part| {
        fs::write(part, content.as_ref()).map_err(|error| format!("can't write {}: {error}", part.display()))
    })
}

/// Reads a file.
pub fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).map_err(|error| format!("can't read {}: {error}", file.display()))
}

/// Calls `make` to write a file under the name that it is given, and puts that file in the place of `file`.
///
/// If `make` fails, the old file stays, and nothing is left of the new one.
pub fn replace(file: &Path, make: impl FnOnce(&Path) -> Result) -> Result {
    create(file.parent().unwrap_or(file))?;
    let part = Part::of(file);
    make(&part.0)?;
    if let (Ok(old), Ok(new)) = (fs::read(file), fs::read(&part.0))
        && old == new
    {
        return Ok(());
    }
    fs::rename(&part.0, file).map_err(|error| format!("can't replace {}: {error}", file.display()))
}

/// The name under which a file is made. A file of that name is removed when this goes out of scope.
struct Part(PathBuf);

impl Part {
    /// Makes a name in the same folder, since a rename is a single step only there. Processes and threads that write
    /// the same file at the same time have a name each.
    fn of(file: &Path) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let mut name = OsString::from(".");
        name.push(file.file_name().unwrap_or_default());
        name.push(format!(".{}-{}.part", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed)));
        Self(file.with_file_name(name))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // After the rename there is no file of that name.
        let _ = fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use std::thread;

    const BYTES: usize = 1 << 20;

    fn folder(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("xtask-output-{}-{name}", process::id()));
        create(&folder).unwrap();
        folder
    }

    #[test]
    fn a_reader_finds_a_whole_file_at_any_time() {
        let folder = folder("reader");
        let file = folder.join("file");
        write(&file, vec![0; BYTES]).unwrap();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                for round in 0..100u8 {
                    write(&file, vec![round; BYTES]).unwrap();
                }
                done.store(true, Ordering::Relaxed);
            });
            while !done.load(Ordering::Relaxed) {
                let content = read(&file).expect("the file is there");
                assert_eq!(content.len(), BYTES);
                assert!(content.iter().all(|byte| *byte == content[0]), "a mixture of two");
            }
        });
        let left: Vec<_> = fs::read_dir(&folder).unwrap().flatten().map(|entry| entry.file_name()).collect();
        assert_eq!(left, ["file"]);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_fails_leaves_the_old_file() {
        let folder = folder("failure");
        let file = folder.join("file");
        write(&file, "old").unwrap();
        let failed = replace(&file, |part| {
            fs::write(part, "half").unwrap();
            Err("no".to_owned())
        });
        assert_eq!(failed, Err("no".to_owned()));
        assert_eq!(read(&file).unwrap(), b"old");
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(folder).unwrap();
    }

    #[test]
    fn what_is_the_same_stays_untouched() {
        let folder = folder("same");
        let file = folder.join("file");
        write(&file, "content").unwrap();
        let written = fs::metadata(&file).unwrap().modified().unwrap();
        write(&file, "content").unwrap();
        assert_eq!(fs::metadata(&file).unwrap().modified().unwrap(), written);
        fs::remove_dir_all(folder).unwrap();
    }
}
