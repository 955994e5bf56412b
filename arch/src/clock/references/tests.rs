//! Measurements on a machine of fakes, which the host may stop at any access.

use core::cell::{Cell, RefCell};

use proptest::prelude::*;

use super::*;

const CYCLE_HERTZ: u64 = 2_600_000_000;
/// What reading the time stamp counter takes, and what an access to a chip takes, in cycles.
const CYCLES_TO_READ: u64 = 40;
const CYCLES_TO_ACCESS: u64 = 3_000;

/// The time of the machine, which goes on while the host has stopped it.
#[derive(Default)]
struct World {
    now: Cell<u64>,
    accesses: Cell<u64>,
    /// The accesses before which the host stops the machine, each with the number of cycles.
    stops: RefCell<Vec<(u64, u64)>>,
}

impl World {
    fn stopped_at(stops: &[(u64, u64)]) -> Self {
        let world = Self::default();
        world.now.set(1 << 40);
        world.stops.replace(stops.to_vec());
        world
    }

    fn pass(&self, cycles: u64) {
        let access = self.accesses.get();
        self.accesses.set(access + 1);
        let stopped: u64 = self.stops.borrow().iter().filter(|(at, _)| *at == access).map(|(_, cycles)| cycles).sum();
        self.now.set(self.now.get() + stopped + cycles);
    }

    fn cycles(&self) -> u64 {
        self.pass(CYCLES_TO_READ);
        self.now.get()
    }
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Fault {
    None,
    Missing,
    StandsStill,
    RunsBackward,
    /// Its rate changes in the middle of a measurement.
    Changes,
}

struct Fake<'a> {
    world: &'a World,
    hertz: u64,
    /// What it says about its rate.
    says: Option<u64>,
    bits: u32,
    fault: Fault,
    started: u64,
    /// Whether it counts once and then has run out.
    once: bool,
}

impl<'a> Fake<'a> {
    fn new(world: &'a World, hertz: u64, bits: u32) -> Self {
        Self { world, hertz, says: Some(hertz), bits, fault: Fault::None, started: 0, once: false }
    }

    fn hpet(world: &'a World) -> Self {
        Self::new(world, 14_318_180, 32)
    }

    fn power(world: &'a World) -> Self {
        Self::new(world, 3_579_545, 24)
    }

    fn interval(world: &'a World) -> Self {
        Self { once: true, ..Self::new(world, 1_193_182, 16) }
    }

    fn local(world: &'a World) -> Self {
        Self { says: None, ..Self::new(world, 62_500_000, 32) }
    }

    fn with(self, fault: Fault) -> Self {
        Self { fault, ..self }
    }
}

impl Reference for Fake<'_> {
    fn name(&self) -> &'static str {
        "the fake"
    }

    fn hertz(&self) -> Option<u64> {
        self.says
    }

    fn bits(&self) -> u32 {
        self.bits
    }

    fn start(&mut self) -> Option<()> {
        self.world.pass(CYCLES_TO_ACCESS);
        self.started = self.world.now.get();
        (self.fault != Fault::Missing).then_some(())
    }

    fn count(&mut self) -> Option<u32> {
        self.world.pass(CYCLES_TO_ACCESS / 2);
        let elapsed = self.world.now.get() - if self.once { self.started } else { 0 };
        let hertz = match self.fault {
            Fault::Changes if self.world.now.get() - self.started > CYCLE_HERTZ / 130 => self.hertz * 2,
            _ => self.hertz,
        };
        let counted = u128::from(elapsed) * u128::from(hertz) / u128::from(CYCLE_HERTZ);
        self.world.pass(CYCLES_TO_ACCESS / 2);
        if self.once && counted >> self.bits != 0 {
            return None;
        }
        Some(match self.fault {
            Fault::StandsStill => 0xFF,
            Fault::RunsBackward => (counted as u32).wrapping_neg(),
            _ => counted as u32,
        })
    }
}

fn run(world: &World, references: &mut [Fake<'_>]) -> Vec<Result<Ratio, MeasureError>> {
    let mut all: Vec<_> = references.iter_mut().map(|reference| reference as &mut dyn Reference).collect();
    measure(&mut all, &mut || world.cycles())
}

/// How many parts in a million a rate is off.
fn off(hertz: u64, right: u64) -> u64 {
    (u128::from(hertz.abs_diff(right)) * 1_000_000 / u128::from(right)) as u64
}

#[track_caller]
fn is_right(ratio: &Result<Ratio, MeasureError>, reference: &Fake<'_>) {
    let ratio = ratio.as_ref().expect("it was measured");
    let rate = ratio.rate(reference.hertz);
    assert!(rate.least <= CYCLE_HERTZ && CYCLE_HERTZ <= rate.most, "{rate:?}");
    assert!(off(rate.hertz(), CYCLE_HERTZ) < 500, "{} hertz", rate.hertz());
    assert!(off(ratio.reference_hertz(CYCLE_HERTZ), reference.hertz) < 500, "{}", ratio.reference_hertz(CYCLE_HERTZ));
}

#[test]
fn all_references_measure_in_ten_milliseconds() {
    let world = World::stopped_at(&[]);
    let mut references = [Fake::hpet(&world), Fake::power(&world), Fake::interval(&world), Fake::local(&world)];
    let ratios = run(&world, &mut references);
    ratios.iter().zip(&references).for_each(|(ratio, reference)| is_right(ratio, reference));
    let waited = (world.now.get() - (1 << 40)) * 1000 / CYCLE_HERTZ;
    assert!((10..=11).contains(&waited), "{waited} ms");
}

/// At every access of the measurement's beginning, at every one around its middle and its end, and at some between.
#[test]
fn a_stop_anywhere_changes_nothing() {
    let world = World::stopped_at(&[]);
    run(&world, &mut [Fake::power(&world), Fake::interval(&world)]);
    let all = world.accesses.get();
    let places = (0..40).chain((40..all).step_by(397)).chain(all / 2 - 30..all / 2 + 30).chain(all - 30..all);
    for at in places {
        // From a time slice to so long that the 24 bits wrap around unseen.
        for milliseconds in [4, 60, 3_000, 4_687] {
            let world = World::stopped_at(&[(at, milliseconds * CYCLE_HERTZ / 1000)]);
            let mut references = [Fake::power(&world), Fake::interval(&world)];
            let ratios = run(&world, &mut references);
            for (ratio, reference) in ratios.iter().zip(&references) {
                let ratio = ratio.as_ref().unwrap_or_else(|error| panic!("{at}, {milliseconds} ms: {error}"));
                let hertz = ratio.rate(reference.hertz).hertz();
                assert!(off(hertz, CYCLE_HERTZ) < 500, "{at}, {milliseconds} ms: {hertz}");
            }
        }
    }
}

#[test]
fn what_does_not_count_says_nothing() {
    for (fault, error) in [
        (Fault::Missing, MeasureError::Missing),
        (Fault::StandsStill, MeasureError::StandsStill),
        (Fault::RunsBackward, MeasureError::Jumps),
        (Fault::Changes, MeasureError::Unsteady),
    ] {
        let world = World::stopped_at(&[]);
        let mut references = [Fake::hpet(&world).with(fault), Fake::power(&world), Fake::interval(&world).with(fault)];
        let ratios = run(&world, &mut references);
        assert_eq!((&ratios[0], &ratios[2]), (&Err(error), &Err(error)));
        is_right(&ratios[1], &references[1]);
        let waited = (world.now.get() - (1 << 40)) * 1000 / CYCLE_HERTZ;
        assert!(waited < 200, "{error}: {waited} ms");
    }
}

#[test]
fn a_time_stamp_counter_that_stands_still_ends_the_measurement() {
    let world = World::stopped_at(&[]);
    let mut reference = Fake::power(&world);
    let ratios = measure(&mut [&mut reference], &mut || 7);
    assert_eq!(ratios, [Err(MeasureError::TooSlow)]);
}

fn said(by: &'static str, megahertz: u64) -> NamedRate {
    NamedRate { by, rate: Rate { least: megahertz * 999_700, most: megahertz * 1_000_300 } }
}

#[test]
fn the_majority_counts_else_the_better_one() {
    let [right, wrong] = [said("a", 2600), said("b", 2900)];
    assert_eq!(choose(&[]), None);
    assert_eq!(choose(&[right]), Some(right));
    assert_eq!(choose(&[right, wrong]), Some(right));
    assert_eq!(choose(&[wrong, right]), Some(wrong));
    assert_eq!(choose(&[wrong, right, said("c", 2601)]), Some(right));
    assert_eq!(choose(&[said("zero", 0), right]), Some(right));
    assert_eq!(choose(&[said("zero", 0), said("zero", 0), right]), Some(right));
    assert_eq!(choose(&[said("zero", 0)]), None, "0 MHz is no clock");
}

/// A real-time clock whose registers change as the real one's do.
fn clock(world: &World, register: u8) -> u8 {
    world.pass(CYCLES_TO_ACCESS);
    let second = world.now.get() / CYCLE_HERTZ;
    let into = world.now.get() % CYCLE_HERTZ;
    match register {
        // 244 microseconds before the change, and 1984 during it.
        0x0A => u8::from(!(CYCLE_HERTZ / 504..CYCLE_HERTZ - CYCLE_HERTZ / 4098).contains(&into)) << 7,
        _ if into < CYCLE_HERTZ / 504 => 0x3A,
        _ => (second % 60 / 10 * 16 + second % 10) as u8,
    }
}

#[test]
fn the_real_time_clock_measures_too() {
    let world = World::stopped_at(&[]);
    let rate = rtc::measure(|number| clock(&world, number), &mut || world.cycles()).expect("it ticks").rate;
    assert!(off(rate.hertz(), CYCLE_HERTZ) < 1000, "{rate:?}");
    for at in (0..800_000).step_by(300_001) {
        let world = World::stopped_at(&[(at, CYCLE_HERTZ / 3), (at + 100_000, 2 * CYCLE_HERTZ)]);
        let rate = rtc::measure(|number| clock(&world, number), &mut || world.cycles()).expect("it ticks").rate;
        assert!(off(rate.hertz(), CYCLE_HERTZ) < 1000, "{at}: {rate:?}");
    }
}

#[test]
fn a_real_time_clock_that_is_not_there_or_stands_still_is_given_up() {
    for value in [0xFF, 0x12] {
        let world = World::stopped_at(&[]);
        let never = |_| {
            world.pass(CYCLES_TO_ACCESS);
            value
        };
        assert_eq!(rtc::measure(never, &mut || world.cycles()), None);
        assert!(world.now.get() - (1 << 40) <= (1 << 34) + CYCLE_HERTZ);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    /// A host as busy as one can be: what is measured is right all the same.
    #[test]
    fn many_stops_change_nothing(
        stops in proptest::collection::vec((0..4_000u64, 1..30_000_000u64), 0..60),
    ) {
        let world = World::stopped_at(&stops);
        let mut references = [Fake::hpet(&world), Fake::power(&world), Fake::interval(&world), Fake::local(&world)];
        let ratios = run(&world, &mut references);
        for (ratio, reference) in ratios.iter().zip(&references) {
            if let Ok(ratio) = ratio {
                let rate = ratio.rate(reference.hertz);
                prop_assert!(off(rate.hertz(), CYCLE_HERTZ) < 1000, "{rate:?}");
            } else {
                // The 8254's 55 ms may be over too often.
                prop_assert!(reference.once, "{ratio:?}");
            }
        }
    }
}
