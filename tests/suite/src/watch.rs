//! The first thread: starts the thread that runs the cases, and sees to it that a case that faults or hangs fails
//! alone.
//!
//! Words of the command line choose the cases, `only=PART` of their names, and how often each runs, `times=COUNT`.

use crate::case::{Case, Verdict};
use crate::cases::ALL;
use crate::system::{PRIORITY, System, receive_before};
use crate::worker::{Worker, begin};
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Instant, Kind, Startup, println};
use core::sync::atomic::{AtomicUsize, Ordering};
use core::time::Duration;
use spin::Once;
use suite::report::line;

static SYSTEM: Once<System> = Once::new();
static CHOSEN: Once<Vec<&'static Case>> = Once::new();
static DONE: Once<Endpoint> = Once::new();

/// The case that is running, then the number of cases.
static CURRENT: AtomicUsize = AtomicUsize::new(0);
static PASSED: AtomicUsize = AtomicUsize::new(0);
static FAILED: AtomicUsize = AtomicUsize::new(0);
static IGNORED: AtomicUsize = AtomicUsize::new(0);

/// How long one case may take before it counts as hung. The limit is for broken kernels, far beyond a slow machine.
const PATIENCE: Duration = Duration::from_secs(20);

const STACK_BYTES: usize = 128 << 10;

pub fn run(startup: Startup) -> bellwire::Result<()> {
    let system = match System::new(&startup) {
        Ok(system) => SYSTEM.call_once(|| system),
        Err(failure) => {
            println!("the suite can't begin: {failure}");
            return Err(Error::BadHandle);
        }
    };
    CHOSEN.call_once(|| choose(&startup));
    let done = Endpoint::new()?;
    let done = DONE.call_once(|| done);
    while CURRENT.load(Ordering::Relaxed) < cases().len() {
        if let Err(failure) = watch(system, done) {
            let at = CURRENT.fetch_add(1, Ordering::Relaxed);
            FAILED.fetch_add(1, Ordering::Relaxed);
            let name = cases().get(at).map_or("?", |case| case.name);
            line(system.root, format_args!("test {name} ... FAILED: {failure}"));
        }
    }
    let [passed, failed, ignored] = [&PASSED, &FAILED, &IGNORED].map(|count| count.load(Ordering::Relaxed));
    line(system.root, format_args!("suite: {passed} passed, {failed} failed, {ignored} ignored"));
    system.end()
}

/// Runs cases until the last one, or one that doesn't end by itself.
fn watch(system: &System, done: &Endpoint) -> core::result::Result<(), String> {
    let error = |error: Error| alloc::format!("the runner can't run: {error}");
    let worker = Worker::prepare(PRIORITY, begin as *const () as usize, Some((done, 0)), STACK_BYTES).map_err(error)?;
    let argument = system as *const System as usize;
    worker.begin(run_cases, argument).map_err(error)?;
    loop {
        let before = CURRENT.load(Ordering::Relaxed);
        match receive_before(done, Instant::now() + PATIENCE) {
            Ok(message) if message.tag.kind() == Kind::Fault => {
                let [code, address, instruction, _] = message.words;
                let vector = message.tag.label();
                return Err(alloc::format!(
                    "faults: {vector}, code {code:#x}, address {address:#x}, at {instruction:#x}"
                ));
            }
            Ok(_) => return Ok(()),
            Err(Error::TimedOut) if CURRENT.load(Ordering::Relaxed) != before => {}
            Err(error) => return Err(alloc::format!("doesn't end ({error})")),
        }
    }
}

extern "C" fn run_cases(argument: usize) {
    // SAFETY: `watch` passes the system, which is never dropped.
    let system = unsafe { &*(argument as *const System) };
    while let Some(case) = cases().get(CURRENT.load(Ordering::Relaxed)) {
        let outcome = (case.run)(system).and_then(|()| system.check_conservation());
        match outcome {
            Ok(()) => {
                PASSED.fetch_add(1, Ordering::Relaxed);
                line(system.root, format_args!("test {} ... ok", case.name));
            }
            Err(reason) if reason.verdict() == Verdict::Ignored => {
                IGNORED.fetch_add(1, Ordering::Relaxed);
                line(system.root, format_args!("test {} ... ignored: {}", case.name, reason.text()));
            }
            Err(failure) => {
                FAILED.fetch_add(1, Ordering::Relaxed);
                line(system.root, format_args!("test {} ... FAILED: {failure}", case.name));
            }
        }
        CURRENT.fetch_add(1, Ordering::Relaxed);
    }
    if let Some(done) = DONE.get() {
        let _ = done.notify(1);
    }
}

fn choose(startup: &Startup) -> Vec<&'static Case> {
    let value = |name: &str| startup.arguments().find_map(|word| word.strip_prefix(name).map(String::from));
    let part = value("only=").unwrap_or_default();
    let times = value("times=").and_then(|word| word.parse().ok()).unwrap_or(1);
    let chosen = ALL.iter().copied().flatten().filter(|case| case.name.contains(&part));
    chosen.flat_map(|case| core::iter::repeat_n(case, times)).collect()
}

fn cases() -> &'static [&'static Case] {
    CHOSEN.get().map_or(&[], |chosen| chosen)
}
