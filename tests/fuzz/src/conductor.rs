//! Runs steps one after the other, and looks at what they did.

use crate::batch::Batch;
use crate::counters::{InUse, check_sources};
use crate::launch::{self, LOAD_MXCSR, LOAD_X87};
use crate::load;
use crate::memory::Shared;
use crate::tally::Tally;
use crate::victim::{self, Surroundings, Victim, WARD_BADGE};
use crate::watchdog::Watchdog;
use crate::witness::{self, Witness};
use abi::{Kind, Message, Operation, Options, PAGE_BYTES, Register, split};
use alloc::format;
use alloc::string::String;
use bellwire::{Endpoint, Error, Handle, Instant, Root, Thread, raw};
use core::time::Duration;
use fuzz::fault::{Fault, are_a_programs};
use fuzz::layout::{BATCH_STEPS, CODE, CODE_BYTES, DATA, DESK, LAUNCH};
use fuzz::step::{Launch, Machine, Plan, Step};
use fuzz::values;
use suite::float::Level;
use suite::report::line;

/// The counters are checked once in this count of steps.
const CHECKED: u64 = 8 * BATCH_STEPS as u64;
/// The progress is reported once in this count of steps.
const REPORTED: u64 = 32 * BATCH_STEPS as u64;
/// After this count of consecutive steps that had to be stopped, something else in the victim takes its time.
const STUCK: usize = 3;

/// The steps to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Run {
    /// The seed of everything.
    pub seed: u64,
    /// The first step.
    pub first: u64,
    /// The count of steps.
    pub steps: u64,
}

/// How a step left its victim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum After {
    Usable,
    Useless,
}

/// Runs steps.
pub struct Conductor {
    surroundings: Surroundings,
    witness: Witness,
    watchdog: Option<Watchdog>,
    /// A word that holds the step's number, for a person or the runner to read when the kernel has stopped.
    place: Shared<u64>,
    /// An endpoint at which nothing arrives, for waiting.
    silent: Endpoint,
    floating: usize,
    machine: Machine,
    in_use: Option<InUse>,
    /// The results so far.
    pub tally: Tally,
    stopped_in_a_row: usize,
}

type Outcome<T = ()> = Result<T, String>;

impl Conductor {
    /// Takes the machine.
    pub fn new(root: &'static Root, machine: Machine) -> bellwire::Result<Self> {
        let watchdog = Watchdog::find(root)?;
        let surroundings = Surroundings::new(root)?;
        let witness = Witness::new(&surroundings.events)?;
        let floating = if Level::detect() == Level::X87 { LOAD_X87 } else { LOAD_X87 | LOAD_MXCSR };
        Ok(Self {
            surroundings,
            witness,
            watchdog,
            place: Shared::new(0)?,
            silent: Endpoint::new()?,
            floating,
            machine,
            in_use: None,
            tally: Tally::default(),
            stopped_in_a_row: 0,
        })
    }

    /// The machine.
    pub fn root(&self) -> &Root {
        self.surroundings.root
    }

    /// The physical address at which the present step's number stands.
    pub fn place(&self) -> bellwire::Result<u64> {
        self.place.memory.physical_address()
    }

    /// How often the witnesses looked, and how often the watchdog was started.
    pub fn looks(&self) -> ([usize; 2], u32) {
        (self.witness.rounds(), self.watchdog.as_ref().map_or(0, |watchdog| watchdog.count))
    }

    /// Runs all steps. The failure is of the step whose number stands at the place.
    pub fn run(&mut self, run: Run) -> Result<(), (u64, String)> {
        let mut batch = None;
        let mut victim = None;
        for number in run.first..run.first + run.steps {
            self.place.write(&number);
            let step = Step { seed: run.seed, number };
            let done = number - run.first;
            self.step(step, &mut batch, &mut victim).map_err(|why| (number, why))?;
            if done % CHECKED == CHECKED - 1 || done + 1 == run.steps {
                self.check(&mut batch, &mut victim).map_err(|why| (number, why))?;
            }
            if done % REPORTED == REPORTED - 1 {
                line(self.root(), format_args!("fuzz: {} steps", done + 1));
            }
        }
        Ok(())
    }

    fn step(&mut self, step: Step, batch: &mut Option<Batch>, victim: &mut Option<Victim>) -> Outcome {
        if batch.as_ref().is_none_or(|batch| batch.number != step.batch()) {
            self.end(batch, victim).map_err(said("the last batch doesn't end"))?;
            *batch = Some(Batch::new(step, self.machine).map_err(said("no batch can be made"))?);
        }
        let Some(batch) = batch else { return Ok(()) };
        let plan = step.plan();
        if let Some(nanoseconds) = plan.pause {
            self.pause(nanoseconds)?;
        }
        let (ready, thread) = match self.prepare(step, &plan, batch, victim.take()) {
            Ok(both) => both,
            Err(error) => return Err(format!("no victim can be made: {error}")),
        };
        let after = self.watch(step, plan, batch, &thread)?;
        // A thread that ended itself or its process is gone already.
        let _ = thread.destroy();
        if after == After::Useless || self.stopped_in_a_row >= STUCK {
            self.tally.victims += 1;
            self.stopped_in_a_row = 0;
            ready.bury().map_err(said("the victim can't be taken down"))?;
        } else {
            *victim = Some(ready);
        }
        Ok(())
    }

    /// A thread with the step's registers, in the victim that there is or, if it has taken all that it may, in another.
    fn prepare(
        &mut self,
        step: Step,
        plan: &Plan,
        batch: &Batch,
        victim: Option<Victim>,
    ) -> bellwire::Result<(Victim, Thread)> {
        let victim = match victim {
            Some(victim) => match victim.thread(&self.surroundings, launch::STEP) {
                Ok(thread) => return self.load(step, plan, batch, victim, thread),
                Err(_) => {
                    self.tally.victims += 1;
                    victim.bury()?;
                    Victim::new(&self.surroundings, &batch.code)?
                }
            },
            None => Victim::new(&self.surroundings, &batch.code)?,
        };
        let thread = victim.thread(&self.surroundings, launch::STEP)?;
        self.load(step, plan, batch, victim, thread)
    }

    /// Loads the registers and starts the thread, which runs once this one waits.
    fn load(
        &mut self,
        step: Step,
        plan: &Plan,
        batch: &Batch,
        victim: Victim,
        thread: Thread,
    ) -> bellwire::Result<(Victim, Thread)> {
        let mut registers = plan.registers.clone();
        let words = match plan.launch {
            Launch::Code { floating } => {
                registers.flags &= !values::TRAP;
                victim.put(&self.surroundings, &registers, &batch.data);
                [0, 0, 0, floating * self.floating]
            }
            Launch::Calls => {
                victim.put(&self.surroundings, &registers, &batch.data);
                load::load(&thread, step, &registers)?
            }
        };
        if let Some(nanoseconds) = plan.timer {
            self.witness.wake_in(nanoseconds)?;
        }
        if let (Some(microseconds), Some(watchdog)) = (plan.non_maskable, &mut self.watchdog) {
            watchdog.start(microseconds);
        }
        thread.start(words)?;
        Ok((victim, thread))
    }

    /// Waits for what becomes of the step, and lets it go on after faults as often as is planned.
    fn watch(&mut self, step: Step, mut plan: Plan, batch: &Batch, thread: &Thread) -> Outcome<After> {
        let mut retries = plan.retries;
        loop {
            let patience = Duration::from_nanos(plan.patience as u64);
            let message = match receive_before(&self.surroundings.events, Instant::now() + patience) {
                Ok(message) => message,
                Err(Error::TimedOut) => {
                    self.tally.stop();
                    self.stopped_in_a_row += 1;
                    return Ok(After::Usable);
                }
                Err(error) => return Err(format!("nothing can be received: {error}")),
            };
            let badge = message.tag.badge();
            match message.tag.kind() {
                Kind::Exit if badge == WARD_BADGE => {}
                Kind::Exit if badge == victim::BADGE => {
                    self.tally.exit(message.tag.label());
                    self.stopped_in_a_row = 0;
                    return Ok(After::Useless);
                }
                Kind::Fault if badge == victim::BADGE => {
                    self.stopped_in_a_row = 0;
                    let fault = fault(&message);
                    self.tally.fault(&fault);
                    check_flags(thread)?;
                    batch.explains(step, &fault)?;
                    if is_of_missing_memory(&fault) {
                        return Ok(After::Useless);
                    }
                    if retries == 0 {
                        return Ok(After::Usable);
                    }
                    retries -= 1;
                    load::retry(thread, step, &mut plan, &fault).map_err(said("the thread can't go on"))?;
                }
                Kind::Fault if badge == witness::BADGE => {
                    let fault = fault(&message);
                    return Err(format!("{} ({fault:x?})", self.witness.finding(fault.instruction)));
                }
                _ => return Err(format!("an unexpected message: {message:x?}")),
            }
        }
    }

    /// Takes the victim down and compares all counters.
    fn check(&mut self, batch: &mut Option<Batch>, victim: &mut Option<Victim>) -> Outcome {
        self.end(batch, victim).map_err(said("the batch doesn't end"))?;
        // The witness below all others gets its turn.
        self.pause(50_000)?;
        self.witness.check_life()?;
        check_sources(self.root())?;
        let now = InUse::now(self.root()).map_err(said("the counters can't be read"))?;
        match self.in_use {
            Some(before) if before != now => Err(format!("something isn't given back: {now:?}, before {before:?}")),
            _ => {
                self.in_use = Some(now);
                Ok(())
            }
        }
    }

    fn end(&mut self, batch: &mut Option<Batch>, victim: &mut Option<Victim>) -> bellwire::Result<()> {
        if let Some(victim) = victim.take() {
            victim.bury()?;
        }
        if let Some(batch) = batch.take() {
            batch.end()?;
        }
        Ok(())
    }

    /// Lets the witness below all others run.
    fn pause(&self, nanoseconds: usize) -> Outcome {
        match receive_before(&self.silent, Instant::now() + Duration::from_nanos(nanoseconds as u64)) {
            Err(Error::TimedOut) => Ok(()),
            other => Err(format!("where nothing arrives there came {other:x?}")),
        }
    }
}

fn fault(message: &Message) -> Fault {
    let [error, address, instruction, _] = message.words;
    Fault { vector: message.tag.label(), error, address, instruction }
}

/// The flags that a faulting thread's frame has must be ones that a program can have.
fn check_flags(thread: &Thread) -> Outcome {
    let flags = thread.register(Register::Flags).map_err(said("the flags can't be read"))?;
    if are_a_programs(flags) { Ok(()) } else { Err(format!("no program can have the flags {flags:x}")) }
}

/// A page is missing that each step needs: an earlier one unmapped it.
fn is_of_missing_memory(fault: &Fault) -> bool {
    const PAGE_FAULT: u8 = 14;
    const PRESENT: usize = 1;
    let pages = [(CODE, CODE_BYTES), (LAUNCH, PAGE_BYTES), (DESK, PAGE_BYTES), (DATA, PAGE_BYTES)];
    let is_in = |(start, bytes): &(usize, usize)| (*start..*start + *bytes).contains(&fault.address);
    fault.vector == PAGE_FAULT && fault.error & PRESENT == 0 && pages.iter().any(is_in)
}

fn receive_before(endpoint: &Endpoint, deadline: Instant) -> bellwire::Result<Message> {
    let [low, high] = split(deadline.cycles());
    let words = [low, high, 0, 0];
    // SAFETY: this thread has no server.
    raw::checked(unsafe { raw::invoke_any(Operation::Receive, endpoint.raw(), 0, Options::DEADLINE, words) })
}

fn said(what: &str) -> impl Fn(Error) -> String {
    move |error| format!("{what}: {error}")
}
