//! The population of a large system beside the measured programs: processes whose threads wait with deadlines,
//! interrupts bound to their endpoints, handles, and timers.

use abi::{InfoItem, InterruptPart, Rights};
use bellwire::{Endpoint, Error, Instant, Interrupt, Limits, Process, Result, Root, Thread, Timer, Trust};
use bench::{NEVER_HIGH, threads};
use suite::image::Image;

/// The whole population.
const PROCESSES: usize = 1000;
const THREADS_A_PROCESS: usize = 2;
const HANDLES_A_PROCESS: usize = 10;
/// More than any machine has; what there is gets bound.
const SOURCES: usize = 200;
/// As many as all programs together may have.
const TIMERS: usize = abi::OBJECTS;

/// One process in `READY_EVERY` has a thread that is always ready, at the lowest priority.
const READY_EVERY: usize = 20;
/// Threads begin above who makes them, so that they have come to wait when that goes on, and are put below it then.
const STARTING_PRIORITY: u8 = 20;
/// The priorities below the measuring side's that they have then, from the lowest up.
const PRIORITIES: usize = 9;

/// An address for stack pointers: none of the threads has a stack.
const NO_STACK: usize = 0x1000;

const LIMITS: Limits = Limits { frames: 8, objects: 8, priority: STARTING_PRIORITY, trust: Trust::Contained };

/// The objects made so far.
pub struct Population {
    processes: usize,
    timers: usize,
    sources: usize,
    /// The next line to try, once there are no more messages.
    next_line: usize,
    exits: Endpoint,
    expiries: Endpoint,
}

impl Population {
    /// Nothing.
    pub fn new() -> Result<Self> {
        let (exits, expiries) = (Endpoint::new()?, Endpoint::new()?);
        Ok(Self { processes: 0, timers: 0, sources: 0, next_line: 0, exits, expiries })
    }

    /// Makes the population `percent` of the whole.
    pub fn grow(&mut self, root: &Root, image: &Image, percent: usize) -> Result<()> {
        while self.processes < PROCESSES * percent / 100 {
            self.make_process(root, image, SOURCES * percent / 100)?;
        }
        while self.timers < TIMERS * percent / 100 {
            let timer = Timer::new(&self.expiries, 0)?;
            // The deadlines have no order, as those of many programs.
            let delay = self.timers as u64 * 7919 % TIMERS as u64;
            timer.set(Instant::from_cycles(u64::from(NEVER_HIGH) << 32 | delay << 20))?;
            self.timers += 1;
        }
        Ok(())
    }

    fn make_process(&mut self, root: &Root, image: &Image, most_sources: usize) -> Result<()> {
        let number = self.processes;
        let process = Process::new(LIMITS, &self.exits, number as u16 + 1)?;
        image.map_shared(&process)?;
        let mut handles = 0;
        for thread in 0..THREADS_A_PROCESS {
            let endpoint = Endpoint::new()?;
            let rights = Rights::RECEIVE | Rights::BIND;
            let there = process.grant(&endpoint, rights)? as usize;
            handles += 1;
            let mut interrupt = abi::NO_HANDLE;
            if self.sources < most_sources
                && let Some(source) = self.claim(root)
            {
                interrupt = process.grant(&source, Rights::INTERRUPT)?;
                handles += 1;
            }
            if thread + 1 == THREADS_A_PROCESS {
                for _ in handles..HANDLES_A_PROCESS {
                    process.grant(&endpoint, rights)?;
                }
            }
            let is_ready = thread != 0 && number.is_multiple_of(READY_EVERY) && interrupt == abi::NO_HANDLE;
            let priority = 1 + ((THREADS_A_PROCESS * number + thread) % PRIORITIES) as u8;
            if is_ready {
                start(&process, threads::spin as *const () as usize, 1, [0; 4])?;
            } else {
                let words = [interrupt as usize, there, 0, there];
                let thread = start(&process, threads::park as *const () as usize, STARTING_PRIORITY, words)?;
                thread.set_priority(priority)?;
            }
        }
        self.processes += 1;
        Ok(())
    }

    /// Claims the next free interrupt: messages first, then lines.
    fn claim(&mut self, root: &Root) -> Option<Interrupt> {
        let mut interrupt = root.message_interrupt().map(|(interrupt, _)| interrupt).ok();
        while interrupt.is_none() && self.next_line <= abi::LINE_NMI {
            interrupt = root.line(self.next_line as u8).ok();
            self.next_line += 1;
        }
        self.sources += usize::from(interrupt.is_some());
        interrupt
    }

    /// Counts the processes, threads, bound sources and handles of the machine, as the kernel reports them, and the
    /// timers that were set here. Returns [`Error::Gone`] if any process has ended.
    pub fn count(&self, root: &Root) -> Result<[usize; 5]> {
        if root.kernel()?.exits != 0 {
            return Err(Error::Gone);
        }
        let [processes, threads, _, handles] = root.info(InfoItem::Kernel, 0, 1)?;
        let mut sources = 0;
        for index in 0.. {
            const BOUND: usize = 1 << 2;
            match root.info(InfoItem::Interrupt, index, InterruptPart::Source as usize) {
                Ok([_, _, flags, _]) => sources += usize::from(flags & BOUND != 0),
                Err(Error::BadArgument) => break,
                Err(error) => return Err(error),
            }
        }
        Ok([processes, threads, sources, handles, self.timers])
    }
}

fn start(process: &Process, entry: usize, priority: u8, words: [usize; 4]) -> Result<Thread> {
    let thread = process.thread(entry, NO_STACK, priority, None)?;
    thread.start(words)?;
    Ok(thread)
}
