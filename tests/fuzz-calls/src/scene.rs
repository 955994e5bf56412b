//! A round: `init` makes distrustful programs, which do what they want; now and then it ends one, reaps what has ended
//! and makes another. At the end it takes everything back, and counts.

mod contest;
mod reckoning;
mod storm;

use crate::oracle::things::{Life, ObjectNumber};
use crate::oracle::{STACK_STEP, STACKS};
use crate::program;
use crate::random::Random;
use crate::world::{ENTRY, Tally, World};
use abi::{Kind, ObjectKind, Operation, Options, PAGE_BYTES, Rights};
use kernel::machine::Line;
use kernel::tables::sizes;

/// The line whose interrupt wakes `init`.
const BELL: u8 = 15;
/// How many programs `init` keeps.
const PROGRAMS: usize = if sizes::PROCESSES < 16 { 3 } else { 6 };
/// A program's quota.
const QUOTA: [usize; 2] = if sizes::PROCESSES < 16 { [90, 24] } else { [90, 60] };
/// How many thousandths of the CPU a program may get; most get one of these.
const SHARES: [usize; 4] = [0, 40, 90, 150];
/// The most storms in a round: most of the time no source is bound that can have one.
const STORMS: u64 = 2;
/// The most calls that reaping one process takes.
const SLICES: usize = 100_000;

/// A round.
pub struct Scene {
    pub world: World,
    random: Random,
    supervisor: u32,
    /// What the oracle calls the supervisor's endpoint.
    supervisor_object: ObjectNumber,
    shared: Vec<u32>,
    /// Memory that all programs may read, and some may write.
    memories: Vec<u32>,
    /// `init`'s handles to programs and their badges.
    programs: Vec<(u32, u16)>,
    /// `init`'s handles to threads.
    threads: Vec<u32>,
    next_badge: u16,
    baseline: [usize; 5],
}

/// Runs a round. Returns what happened, or the step and what broke the rules there.
pub fn run(seed: u64, steps: usize) -> Result<Tally, (usize, String)> {
    let mut scene = Scene::new(seed);
    for step in 0..steps {
        scene.step();
        scene.check(step)?;
    }
    scene.take_back();
    scene.check(steps)?;
    Ok(scene.world.tally)
}

impl Scene {
    fn new(seed: u64) -> Self {
        let mut world = World::new();
        let supervisor = world.ask(Operation::EndpointCreate, 0, [0; 4]).words[0] as u32;
        let shared = (0..2).map(|_| world.ask(Operation::EndpointCreate, 0, [0; 4]).words[0] as u32).collect();
        let supervisor_object = world.oracle.grant(0, supervisor as usize).and_then(|grant| grant.object).unwrap_or(0);
        let root = world.init.root;
        let bell = world.ask(Operation::InterruptCreate, root, [BELL as usize, 0, 0, 0]).words[0] as u32;
        world.ask(Operation::InterruptBind, bell, [supervisor as usize, 0xBE11, 0, 0]);
        let mut scene = Self {
            world,
            random: Random::new(seed),
            supervisor,
            supervisor_object,
            shared,
            memories: Vec::new(),
            programs: Vec::new(),
            threads: Vec::new(),
            next_badge: 1,
            baseline: [0; 5],
        };
        for pages in [2, 5] {
            let bytes = pages * PAGE_BYTES;
            let memory = scene.world.ask(Operation::MemoryCreate, 0, [bytes, 0, 0, 0]).words[0] as u32;
            while scene.world.ask(Operation::MemoryPrepare, memory, [0; 4]).words[0] != 0 {}
            scene.memories.push(memory);
        }
        // The first program leaves a frame behind that the next one's root is to be.
        scene.spawn();
        scene.take_back();
        scene.baseline = scene.count();
        scene
    }

    fn check(&mut self, step: usize) -> Result<(), (usize, String)> {
        if self.world.oracle.breaches.is_empty() {
            return Ok(());
        }
        let breaches = self.world.oracle.breaches.join("\n  ");
        Err((step, format!("{breaches}\nthe last steps:\n{}", self.world.trail())))
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..2 => self.world.board.fake.raise(Line(self.random.below(28) as u8)),
            2 => self.world.board.fake.assert(Line(self.random.below(24) as u8)),
            3..5 => self.world.board.fake.release(Line(self.random.below(24) as u8)),
            5..9 => self.world.advance(self.random.below(400_000) as u64),
            9 if self.random.one_in(3) => self.world.board.fake.raise(Line(BELL)),
            10 if self.random.one_in(25) => self.compete(),
            11 if self.world.tally.storms < STORMS => self.storm(),
            _ => {}
        }
        self.world.take_interrupts();
        match self.world.running() {
            None => self.idle(),
            Some(0) => self.supervise(),
            Some(thread) => program::step(&mut self.world, &mut self.random, thread),
        }
    }

    /// No thread can run: what is under way comes to its end, and then somebody must wake `init`.
    fn idle(&mut self) {
        for _ in 0..20 {
            self.world.advance(50_000);
            if self.world.running().is_some() {
                return;
            }
        }
        self.world.oracle.check_quiet();
        self.ring();
    }

    fn ring(&mut self) {
        self.world.board.fake.raise(Line(BELL));
        self.world.take_interrupts();
    }

    /// `init` does one thing, and waits again.
    fn supervise(&mut self) {
        self.receive_all();
        match self.random.below(6) {
            0 if !self.programs.is_empty() => {
                let (process, _) = self.programs[self.random.below(self.programs.len())];
                self.world.ask(Operation::ProcessKill, process, [1, 0, 0, 0]);
            }
            3 if self.random.one_in(8) => self.count_shares(),
            1 | 2 => {
                let endpoint = self.shared[self.random.below(self.shared.len())];
                self.world.ask(Operation::Notify, endpoint, [1 << self.random.below(32), 0, 0, 0]);
            }
            _ => {}
        }
        while self.programs.len() < PROGRAMS && self.world.running() == Some(0) && self.spawn() {}
        if self.world.running() == Some(0) {
            self.world.ask(Operation::Receive, self.supervisor, [0; 4]);
        }
    }

    /// `init` takes all that waits, and reaps what has ended.
    fn receive_all(&mut self) {
        while self.world.running() == Some(0) {
            let message = self.world.ask_with(Operation::Receive, 0, Options::NO_WAIT, self.supervisor, [0; 4]);
            match message.tag.kind() {
                Kind::Error => break,
                Kind::Fault if self.random.one_in(2) => drop(self.world.ask(Operation::Reply, 0, [0; 4])),
                _ => {}
            }
        }
        let dead: Vec<_> = self.programs.iter().copied().filter(|(handle, _)| self.has_ended(*handle)).collect();
        for program in dead {
            if self.reap(program.0) {
                self.programs.retain(|other| *other != program);
            }
        }
    }

    fn has_ended(&self, handle: u32) -> bool {
        let target = self.world.oracle.target_of(0, handle as usize);
        target.is_none_or(|process| self.world.oracle.processes[process].life == Life::Dead)
    }

    /// Reaps a program to its end. Returns false if `init` was interrupted for good.
    fn reap(&mut self, handle: u32) -> bool {
        for _ in 0..SLICES {
            if self.world.running() != Some(0) {
                return false;
            }
            let answer = self.world.ask(Operation::ProcessReap, handle, [0; 4]);
            let Ok([left, quarantined, ..]) = answer.result() else { break };
            if quarantined != 0 {
                self.world.ask(Operation::MemoryInfo, quarantined as u32, [0; 4]);
                while self.world.ask(Operation::Destroy, quarantined as u32, [0; 4]).words[0] != 0 {}
                self.world.ask(Operation::HandleClose, quarantined as u32, [0; 4]);
            }
            if left == 0 {
                self.world.ask(Operation::HandleClose, handle, [0; 4]);
                break;
            }
        }
        true
    }

    /// `init` makes a program of two threads.
    fn spawn(&mut self) -> bool {
        self.next_badge += 1;
        let badge = self.next_badge;
        let dma = if self.random.one_in(2) { Options::DMA } else { Options::empty() };
        let [frames, objects] = QUOTA;
        let words = [frames, objects, self.supervisor as usize, badge as usize];
        let made = (0..8).find_map(|_| {
            let answer = self.world.ask_with(Operation::ProcessCreate, 40, dma, 0, words);
            answer.result().ok().map(|[handle, ..]| handle as u32).filter(|handle| *handle != 0)
        });
        let Some(process) = made else { return false };
        self.programs.push((process, badge));
        let share = SHARES[self.random.below(SHARES.len())];
        if share != 0 {
            self.world.ask(Operation::ProcessShare, process, [share, 0, 0, 0]);
        }
        self.grant_shared(process);
        for _ in 0..2 {
            let faults = [0, self.supervisor, self.shared[0]][self.random.below(3)] as usize;
            let stack = STACKS + self.world.oracle.next_thread() * STACK_STEP;
            let priority = [10, 10, 20][self.random.below(3)];
            let made = self.world.ask(Operation::ThreadCreate, process, [ENTRY, stack, priority, faults]);
            let Ok([thread, ..]) = made.result() else { return false };
            self.world.ask(Operation::ThreadStart, thread as u32, [0; 4]);
            self.threads.push(thread as u32);
        }
        for thread in core::mem::take(&mut self.threads) {
            self.world.ask(Operation::HandleClose, thread, [0; 4]);
        }
        true
    }

    /// Each program may call and notify; one in two may receive, so that programs are each other's servers.
    fn grant_shared(&mut self, process: u32) {
        for endpoint in self.shared.clone() {
            let mut rights = Rights::CALL | Rights::NOTIFY | Rights::COPY;
            if self.random.one_in(2) {
                rights |= Rights::RECEIVE | Rights::BIND;
            }
            let badge = self.random.below(1 << 16);
            self.world.ask(Operation::ProcessGrant, process, [endpoint as usize, rights.bits() as usize, badge, 0]);
        }
        for memory in self.memories.clone() {
            let writes = if self.random.one_in(2) { Rights::WRITE } else { Rights::empty() };
            let rights = Rights::READ | Rights::COPY | writes;
            self.world.ask(Operation::ProcessGrant, process, [memory as usize, rights.bits() as usize, 0, 0]);
        }
        if self.random.one_in(2) {
            let rights = Rights::all_of(ObjectKind::Root) - Rights::DESTROY;
            let words = [self.world.init.root as usize, rights.bits() as usize, 0, 0];
            self.world.ask(Operation::ProcessGrant, process, words);
        }
    }
}
