//! Processes that end with the runner, even with one that is killed.
//!
//! Linux sends a process the signal of `PR_SET_PDEATHSIG` (prctl(2)) when the *thread* that started it ends. So a
//! single thread, which lives as long as the runner, starts all of them. `setpriv` sets the signal, then a shell checks
//! whether the runner is still the parent. Without that check, a process whose runner was killed before the signal was
//! set would go on.

use std::env;
use std::io::{Error, ErrorKind, Result};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::thread;

/// Runs the program of the arguments if the parent is the process that argument 0 names.
const RUN_IF_PARENT_LIVES: &str = r#"test "$PPID" = "$0" && exec "$@""#;

/// A running process; its clones are the same one.
#[derive(Clone, Debug)]
pub struct Process(Arc<Mutex<Child>>);

/// A process that doesn't stay in memory for this value's sake.
#[derive(Clone, Debug)]
pub struct WeakProcess(Weak<Mutex<Child>>);

/// A command that runs the program, for [`Process::start`]. The caller adds arguments, folder, and pipes.
pub fn command(program: &str) -> Result<Command> {
    if !is_installed(program) {
        return Err(Error::new(ErrorKind::NotFound, format!("can't run {program}: it isn't installed")));
    }
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "sh", "-c", RUN_IF_PARENT_LIVES, &std::process::id().to_string(), program]);
    Ok(command)
}

impl Process {
    /// Starts a command of [`command`]. `take` takes the child's pipes.
    pub fn start<Pipes>(command: Command, take: impl FnOnce(&mut Child) -> Pipes) -> Result<(Process, Pipes)> {
        let (answer, child) = channel();
        let gone = || Error::other("the thread that starts processes has ended");
        starter().send(Order { command, answer }).map_err(|_| gone())?;
        let mut child = child.recv().map_err(|_| gone())?.map_err(|error| {
            let what = format!("can't run setpriv (of util-linux), which starts all emulators: {error}");
            Error::new(error.kind(), what)
        })?;
        let pipes = take(&mut child);
        Ok((Process(Arc::new(Mutex::new(child))), pipes))
    }

    /// Waits for the end. Call this only when the process is known to end soon, as when its output has ended: nothing
    /// else can kill it meanwhile.
    pub fn wait(&self) -> Result<ExitStatus> {
        self.child().wait()
    }

    /// Kills the process and waits for its end.
    pub fn end(&self) {
        let mut child = self.child();
        let _ = child.kill();
        let _ = child.wait();
    }

    /// The process's number, for signals.
    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// A reference for a list that doesn't keep the process.
    pub fn downgrade(&self) -> WeakProcess {
        WeakProcess(Arc::downgrade(&self.0))
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WeakProcess {
    /// The process, if a value of it still exists.
    pub fn upgrade(&self) -> Option<Process> {
        self.0.upgrade().map(Process)
    }
}

/// An order to the thread that starts processes.
struct Order {
    command: Command,
    answer: Sender<Result<Child>>,
}

fn starter() -> &'static Sender<Order> {
    static STARTER: OnceLock<Sender<Order>> = OnceLock::new();
    STARTER.get_or_init(|| {
        let (sender, orders) = channel();
        thread::spawn(move || start_all(orders));
        sender
    })
}

fn start_all(orders: Receiver<Order>) {
    for Order { mut command, answer } in orders {
        let child = command.spawn();
        // The command holds the child's ends of pipes.
        drop(command);
        let _ = answer.send(child);
    }
}

fn is_installed(program: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    program.contains('/') && Path::new(program).exists()
        || env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::process::Stdio;
    use std::time::Duration;

    /// Tells the test's own program to be the runner that gets killed.
    const RUNNER: &str = "BELLWIRE_TEST_RUNNER";

    /// How long the killed runner's child may take to end. The limit only ends a test that has failed.
    const DEADLINE: Duration = Duration::from_secs(60);

    #[test]
    fn a_process_ends_with_a_killed_runner() {
        let mut runner = Command::new(env::current_exe().unwrap());
        runner.args(["--exact", "process::tests::runner_to_be_killed", "--ignored", "--nocapture"]);
        let mut runner = runner.env(RUNNER, "1").stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(runner.stdout.take().unwrap());
        let mut line = String::new();
        while !line.contains("started") {
            line.clear();
            assert!(output.read_line(&mut line).unwrap() > 0, "the runner started nothing");
        }
        runner.kill().unwrap();
        runner.wait().unwrap();
        // The runner's child has the pipe, too: the pipe ends when the child has ended.
        let (ended, end) = channel();
        thread::spawn(move || ended.send(output.read_to_end(&mut Vec::new())));
        assert!(end.recv_timeout(DEADLINE).is_ok(), "the runner was killed, its child goes on");
    }

    #[test]
    #[ignore = "part of a_process_ends_with_a_killed_runner"]
    fn runner_to_be_killed() {
        if env::var_os(RUNNER).is_none() {
            return;
        }
        let mut child = command("sh").unwrap();
        child.args(["-c", "echo started; exec sleep 600"]);
        let (process, ()) = Process::start(child, |_| ()).unwrap();
        process.wait().unwrap();
    }

    #[test]
    fn a_process_outlives_the_thread_that_wanted_it() {
        let start = || {
            let mut cat = command("cat").unwrap();
            cat.stdin(Stdio::piped()).stdout(Stdio::piped());
            Process::start(cat, |child| (child.stdin.take(), child.stdout.take())).unwrap()
        };
        let (process, (input, output)) = thread::spawn(start).join().unwrap();
        input.unwrap().write_all(b"still here").unwrap();
        let mut text = String::new();
        output.unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, "still here");
        assert!(process.wait().unwrap().success());
    }
}
