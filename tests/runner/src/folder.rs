//! A folder for one machine's sockets, kernel and modules. It goes with the machine.
//!
//! The folder lies among the system's temporary files because a Unix socket's path holds only 107 bytes. QEMU runs in
//! it, so that a module's path is its name; the kernel and the sockets have names that no module has, with a dot.
//!
//! A runner that is killed leaves its folders behind, and the next runner removes them. It recognises them by their
//! locks: a folder is locked (flock(2)) as long as a process has it, and the system frees the locks of a process that
//! has ended, however it has ended.

use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Result};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};

/// The beginning of all these folders' names.
const PREFIX: &str = "bellwire-machine-";

/// Tells apart the machines of this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// A temporary folder.
pub struct Folder {
    path: PathBuf,
    /// The open folder, which has the lock.
    _lock: File,
}

impl Folder {
    /// Makes an empty folder. The first call of a process removes what killed runners have left.
    pub fn new() -> Result<Folder> {
        static REMOVE_LEFT: Once = Once::new();
        let parent = std::env::temp_dir();
        REMOVE_LEFT.call_once(|| remove_left(&parent));
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Folder::make(parent.join(format!("{PREFIX}{}-{number}", std::process::id())))
    }

    /// Makes a folder with a lock. Another runner may remove it between the two, and then it is made again.
    fn make(path: PathBuf) -> Result<Folder> {
        loop {
            fs::create_dir_all(&path)?;
            let lock = match File::open(&path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => opened?,
            };
            lock.lock()?;
            if is_still(&path, &lock)? {
                return Ok(Folder { path, _lock: lock });
            }
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Whether the path leads to the open folder.
fn is_still(path: &Path, folder: &File) -> Result<bool> {
    let opened = folder.metadata()?;
    Ok(fs::metadata(path).is_ok_and(|found| (found.dev(), found.ino()) == (opened.dev(), opened.ino())))
}

/// Removes the folders of processes that have ended. Folders that can't be removed, as those of another user, stay.
fn remove_left(parent: &Path) {
    for entry in parent.read_dir().into_iter().flatten().flatten() {
        if entry.file_name().to_string_lossy().starts_with(PREFIX) {
            remove_unless_locked(&entry.path());
        }
    }
}

fn remove_unless_locked(path: &Path) {
    let Ok(folder) = File::open(path) else { return };
    match folder.try_lock() {
        Ok(()) => {
            let _ = fs::remove_dir_all(path);
        }
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader};
    use std::process::{Child, ChildStdout, Command, Stdio};

    /// Tells the test's own program to be the runner that gets killed.
    const RUNNER: &str = "BELLWIRE_TEST_FOLDER";

    /// A runner that has made a folder and goes on until it is killed or its input ends.
    struct Runner {
        process: Child,
        folder: PathBuf,
        /// Its output, which it needs up to its end.
        _output: BufReader<ChildStdout>,
    }

    impl Runner {
        fn start() -> Runner {
            let mut command = Command::new(std::env::current_exe().unwrap());
            command.args(["--exact", "folder::tests::runner_to_be_killed", "--ignored", "--nocapture"]);
            let mut process = command.env(RUNNER, "1").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
            let mut output = BufReader::new(process.stdout.take().unwrap());
            let mut line = String::new();
            while !line.contains("folder: ") {
                line.clear();
                assert!(output.read_line(&mut line).unwrap() > 0, "the runner made no folder");
            }
            let (_, path) = line.trim_end().split_once("folder: ").unwrap();
            Runner { process, folder: path.into(), _output: output }
        }
    }

    #[test]
    fn folders_of_killed_runners_are_removed() {
        let own = Folder::new().unwrap();
        let (mut killed, mut alive) = (Runner::start(), Runner::start());
        fs::write(killed.folder.join("module"), "content").unwrap();
        killed.process.kill().unwrap();
        killed.process.wait().unwrap();
        let is_left = |runner: &Runner| runner.folder.exists();
        remove_left(&std::env::temp_dir());
        assert!(!is_left(&killed), "{} is left", killed.folder.display());
        assert!(is_left(&alive) && own.path().exists(), "a folder that is in use was removed");
        drop(alive.process.stdin.take());
        assert!(alive.process.wait().unwrap().success());
        assert!(!is_left(&alive), "the folder of a runner that has ended by itself is left");
    }

    #[test]
    #[ignore = "part of folders_of_killed_runners_are_removed"]
    fn runner_to_be_killed() {
        if std::env::var_os(RUNNER).is_none() {
            return;
        }
        let folder = Folder::new().unwrap();
        println!("folder: {}", folder.path().display());
        std::io::stdin().read_line(&mut String::new()).unwrap();
    }

    #[test]
    fn a_folder_that_is_removed_before_its_lock_is_made_again() {
        // Not by the prefix: what is unlocked under that may be removed by a test beside this one.
        let path = std::env::temp_dir().join(format!("bellwire-removed-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        let before = File::open(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        assert!(!is_still(&path, &before).unwrap());
        let folder = Folder::make(path).unwrap();
        assert!(!is_still(folder.path(), &before).unwrap(), "it is a folder of its own");
    }
}
