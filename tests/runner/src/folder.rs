//! A folder for one machine's sockets and modules, gone with the machine.
//!
//! It lies among the system's temporary files because a Unix socket's path holds only 107 bytes. QEMU runs in it, so
//! that a module's path is its name; the sockets have names that no module has, with a dot.

use std::fs;
use std::io::Result;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// Tells apart the machines of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A temporary folder.
pub struct Folder(PathBuf);

impl Folder {
    /// Makes an empty one.
    pub fn new() -> Result<Folder> {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bellwire-{}-{number}", std::process::id()));
        // A process that had this number before may have been killed.
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path)?;
        Ok(Folder(path))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
