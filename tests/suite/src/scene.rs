//! The place where hostile programs are tried: beside a witness whose registers must stay as they are, under
//! interrupts, and with an inventory before and after.

use crate::case::{Failure, Outcome};
use crate::partner::{FRAMES, OBJECTS, Partner};
use crate::system::{PRIORITY, System, Withdrawn};
use crate::worker::Worker;
use crate::{check, check_eq};
use abi::{Access, PAGE_BYTES};
use bellwire::{Endpoint, Handle, Instant, KernelCounters, Mapping, Memory, Timer};
use core::cell::Cell;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;
use suite::bare;
use suite::held;
use suite::role::Role;
use suite::witness::{FLOATING_POINT, PAGE, Report};

/// The witness runs when no other thread does, so each attack interrupts it.
const WITNESS_PRIORITY: u8 = 5;
const WITNESS_BADGE: u16 = 99;

/// How often an interrupt wakes a thread above all cases, whichever thread runs then.
const TICK: Duration = Duration::from_micros(150);

/// The environment of a hostile case.
pub struct Scene<'a> {
    /// The environment of every case.
    pub system: &'a System,
    witness: Witness,
    faults: Cell<u32>,
    counts_faults: Cell<bool>,
}

/// Runs a case beside a witness, and checks that it harmed no program and left nothing behind.
pub fn play(system: &System, case: fn(&Scene<'_>) -> Outcome) -> Outcome {
    // The first time may leave a page table or a larger heap behind.
    for last in [false, true] {
        let in_use = system.in_use()?;
        play_once(system, case)?;
        let found = system.in_use()?;
        if found == in_use {
            break;
        }
        check!(!last, "objects in use, this process's quota, free frames: {found:?}, not {in_use:?}");
    }
    Ok(())
}

fn play_once(system: &System, case: fn(&Scene<'_>) -> Outcome) -> Outcome {
    let before = system.root.kernel()?;
    let ticker = Ticker::start()?;
    let scene =
        Scene { system, witness: Witness::start(system)?, faults: Cell::new(0), counts_faults: Cell::new(true) };
    let outcome = case(&scene);
    let Scene { witness, faults, counts_faults, .. } = scene;
    let seen = witness.end(system);
    ticker.end()?;
    outcome?;
    seen?;
    let after = system.root.kernel()?;
    if counts_faults.get() {
        check_eq!(after.faults.wrapping_sub(before.faults), faults.get(), "faults that the kernel has counted");
    }
    let spurious = |counters: &KernelCounters| match system.withdrawn {
        Withdrawn::Quiet => counters.spurious.0,
        Withdrawn::Spurious => 0,
    };
    let others = |counters: &KernelCounters| [counters.nmis, counters.unowned, spurious(counters)];
    check_eq!(others(&after), others(&before), "NMIs, interrupts of nobody, spurious ones");
    Ok(())
}

impl Scene<'_> {
    /// Waits until the witness holds its registers: what comes next interrupts it in that.
    pub fn breathe(&self) -> Outcome {
        self.witness.wait_for_hold(self.system)
    }

    /// Waits until the ticker was woken so often: the program that runs meanwhile is interrupted.
    pub fn ticks(&self, count: u32) -> Outcome {
        let before = TICKS.load(Ordering::Relaxed);
        self.system.wait_until("the ticker ticks", || Ok(TICKS.load(Ordering::Relaxed).wrapping_sub(before) >= count))
    }

    /// A fault has arrived that was meant to; at the end the kernel must have counted as many.
    pub fn note_fault(&self) {
        self.faults.set(self.faults.get().wrapping_add(1));
    }

    /// The culprit is ended while it faults, so the count of its faults isn't known.
    pub fn lose_count_of_faults(&self) {
        self.counts_faults.set(false);
    }
}

/// The witness, as its maker sees it.
struct Witness {
    page: Mapping,
    // After the mapping, whose memory ends with it.
    _partner: Partner,
}

impl Witness {
    fn start(system: &System) -> Result<Self, Failure> {
        let mut partner = Partner::new(WITNESS_BADGE, WITNESS_PRIORITY, [FRAMES, OBJECTS])?;
        let memory = Memory::new(PAGE_BYTES)?;
        let page = memory.map(Access::READ | Access::WRITE)?;
        partner.give(memory, PAGE, Access::READ | Access::WRITE)?;
        let partner = system.image.load(partner, Role::Witness, WITNESS_PRIORITY, &[], [0; 2])?;
        let witness = Self { page, _partner: partner };
        witness.wait_for_hold(system)?;
        Ok(witness)
    }

    fn report(&self) -> &Report {
        // SAFETY: the page is mapped here as long as the mapping lives, and holds nothing but atomic words.
        unsafe { &*(self.page.address() as *const Report) }
    }

    fn wait_for_hold(&self, system: &System) -> Outcome {
        self.wait_until(system, |report| report.holding.load(Ordering::Acquire) != 0)
    }

    fn wait_until(&self, system: &System, mut so: impl FnMut(&Report) -> bool) -> Outcome {
        let start = Instant::now();
        while !so(self.report()) {
            self.check()?;
            check!(start.elapsed() < Duration::from_secs(10), "the witness doesn't get on: {:?}", self.report());
            system.sleep(Duration::from_micros(30))?;
        }
        Ok(())
    }

    fn check(&self) -> Outcome {
        let report = self.report();
        let (expected, found) = (report.expected.load(Ordering::Relaxed), report.found.load(Ordering::Relaxed));
        match report.wrong.load(Ordering::Acquire) {
            0 => Ok(()),
            code => {
                let register = match code - 1 {
                    byte @ FLOATING_POINT.. => alloc::format!("byte {} of floating point", byte - FLOATING_POINT),
                    number => held::NAMES[number as usize].into(),
                };
                Err(Failure::new(alloc::format!("the witness's {register}: {found:#x}, not {expected:#x}")))
            }
        }
    }

    /// Lets it look once more, at what it held throughout the last attack, and ends it.
    fn end(self, system: &System) -> Outcome {
        let rounds = self.report().rounds.load(Ordering::Acquire);
        self.wait_until(system, |report| report.rounds.load(Ordering::Acquire).wrapping_sub(rounds) >= 2)?;
        self.check()
    }
}

/// How often the ticker was woken.
static TICKS: AtomicU32 = AtomicU32::new(0);

/// A thread above all cases that timer interrupts wake, so that attacks are interrupted at any instruction.
struct Ticker {
    worker: Worker,
    timer: Timer,
    endpoint: Endpoint,
}

impl Ticker {
    fn start() -> Result<Self, Failure> {
        extern "C" fn receive(endpoint: usize) {
            while bare::receive(endpoint as u32, [0; 4]).is_ok() {
                TICKS.fetch_add(1, Ordering::Relaxed);
            }
        }
        let endpoint = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 0)?;
        let worker = Worker::start(PRIORITY + 10, receive, endpoint.raw() as usize)?;
        timer.set_periodic(Instant::now() + TICK, TICK)?;
        Ok(Self { worker, timer, endpoint })
    }

    fn end(self) -> Outcome {
        drop(self.worker);
        self.timer.destroy()?;
        self.endpoint.destroy()?;
        Ok(())
    }
}

/// Names functions as hostile cases of a family.
#[macro_export]
macro_rules! hostile {
    ($family:literal: $($(#[$attribute:meta])* $case:ident),+ $(,)?) => {
        &[$($(#[$attribute])* $crate::case::Case {
            name: concat!("hostile::", $family, "::", stringify!($case)),
            run: |system| $crate::scene::play(system, $case),
        }),+]
    };
}
