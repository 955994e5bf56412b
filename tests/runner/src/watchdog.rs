//! A time limit for a case as a whole: a case that takes longer fails, and its machines are ended.
//!
//! Each wait of a case has a deadline, but a case may wait again and again, or hang in something else. The limit is far
//! beyond what a slow host needs.

use std::any::Any;
use std::cell::RefCell;
use std::fmt::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::console::{Printed, tail};
use crate::process::{Process, WeakProcess};

/// The limit of a case that takes seconds on an idle host.
pub const SHORT: Duration = Duration::from_secs(30 * 60);

/// The limit of a case that takes minutes on an idle host.
pub const LONG: Duration = Duration::from_secs(6 * 60 * 60);

/// How long a case gets to end once its machines are gone.
const GRACE: Duration = Duration::from_secs(10);

thread_local! {
    static MACHINES: RefCell<Option<Arc<Machines>>> = const { RefCell::new(None) };
}

/// The machines that a case has started.
#[derive(Default)]
struct Machines(Mutex<State>);

#[derive(Default)]
struct State {
    started: Vec<Started>,
    limit: Limit,
}

struct Started {
    process: WeakProcess,
    printed: Printed,
}

#[derive(Clone, Copy, Default, Eq, PartialEq)]
enum Limit {
    #[default]
    Ahead,
    Passed,
}

/// Runs a case on a thread of its own and returns its result. A case that panics panics here, too. A case that doesn't
/// end within the limit is an error that names the case and has the end of what its machines printed.
pub fn run<T: Send + 'static>(
    name: &str,
    limit: Duration,
    case: impl FnOnce() -> T + Send + 'static,
) -> Result<T, String> {
    Watched::start(name, case).end_within(limit)
}

/// Adds a machine to those of the case that runs on this thread, if one does.
pub fn add(process: &Process, printed: Printed) {
    MACHINES.with_borrow(|machines| {
        if let Some(machines) = machines {
            machines.add(process, printed);
        }
    });
}

/// A case that runs.
struct Watched<T> {
    name: String,
    machines: Arc<Machines>,
    result: Receiver<Result<T, Box<dyn Any + Send>>>,
}

impl<T: Send + 'static> Watched<T> {
    fn start(name: &str, case: impl FnOnce() -> T + Send + 'static) -> Watched<T> {
        let machines = Arc::new(Machines::default());
        let (sender, result) = channel();
        let shared = Arc::clone(&machines);
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            MACHINES.set(Some(shared));
            let _ = sender.send(catch_unwind(AssertUnwindSafe(case)));
        });
        thread.unwrap_or_else(|error| panic!("can't start a thread for {name}: {error}"));
        Watched { name: name.to_owned(), machines, result }
    }

    fn end_within(self, limit: Duration) -> Result<T, String> {
        match self.result.recv_timeout(limit) {
            Ok(result) => Ok(result.unwrap_or_else(|panic| resume_unwind(panic))),
            Err(_) => {
                let printed = self.machines.end();
                // The case's own message about its machine's end tells nothing more.
                let _ = self.result.recv_timeout(GRACE);
                Err(format!("{} didn't end within {limit:?}. {printed}", self.name))
            }
        }
    }
}

impl Machines {
    fn add(&self, process: &Process, printed: Printed) {
        let mut state = self.lock();
        if state.limit == Limit::Passed {
            drop(state);
            return process.end();
        }
        state.started.retain(|machine| machine.process.upgrade().is_some());
        state.started.push(Started { process: process.downgrade(), printed });
    }

    /// Ends all machines, now and later, and says what they printed last.
    fn end(&self) -> String {
        let mut state = self.lock();
        state.limit = Limit::Passed;
        let mut report = String::new();
        for Started { process, printed } in state.started.drain(..) {
            let Some(process) = process.upgrade() else { continue };
            let text = printed.text();
            let _ = write!(report, "Its machine was ended; the end of the serial log:\n{}\n", tail(&text));
            process.end();
        }
        if report.is_empty() { "It had no machine.".to_owned() } else { report }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Console;
    use crate::process::command;
    use std::process::Stdio;

    /// A process in place of a machine: it prints something, and then nothing for longer than the test takes.
    fn machine() -> (Process, Console) {
        let mut shell = command("sh").unwrap();
        shell.args(["-c", "echo last words; exec sleep 600"]).stdout(Stdio::piped());
        let (process, pipe) = Process::start(shell, |child| child.stdout.take()).unwrap();
        let console = Console::listening(pipe.unwrap());
        add(&process, console.printed());
        (process, console)
    }

    #[test]
    fn a_case_that_hangs_is_named_and_loses_its_machine() {
        let (sender, started) = channel();
        let case = Watched::start("x86_64::boot::hangs", move || {
            let (process, mut console) = machine();
            console.expect("last words").unwrap();
            sender.send(process).unwrap();
            // Only the machine's end ends this.
            console.read_to_end(Duration::MAX / 4).unwrap()
        });
        let process = started.recv().unwrap();
        let why = case.end_within(Duration::ZERO).unwrap_err();
        assert!(why.starts_with("x86_64::boot::hangs didn't end within 0ns"), "{why}");
        assert!(why.contains("last words"), "{why}");
        assert!(!process.wait().unwrap().success());
    }

    #[test]
    fn a_machine_that_is_started_too_late_ends_at_once() {
        let (sender, go) = channel();
        let (result, ended) = channel();
        let case = Watched::start("late", move || {
            go.recv().unwrap();
            let _ = result.send(machine().0.wait().map(|status| status.success()));
        });
        let machines = Arc::clone(&case.machines);
        machines.end();
        sender.send(()).unwrap();
        assert!(!ended.recv().unwrap().unwrap());
        assert_eq!(case.end_within(LONG), Ok(()));
    }

    #[test]
    fn a_case_that_ends_gives_its_result() {
        assert_eq!(run("case", LONG, || 3), Ok(3));
        assert!(catch_unwind(|| run("case", LONG, || panic!("it failed"))).is_err());
    }
}
