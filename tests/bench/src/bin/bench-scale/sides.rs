//! The other sides of the rows: a partner that answers and faults, and the device's driver, each a process of its own.

use abi::{Access, Rights};
use bellwire::{Endpoint, Limits, Memory, PAGE_BYTES, Process, Result, Root, Thread, Trigger, Trust};
use bench::{EDU_ACKNOWLEDGE, threads};
use suite::image::Image;

use crate::device::Device;

/// The priority that the other benches' manifest has.
const SERVER_PRIORITY: u8 = 16;
const DRIVER_PRIORITY: u8 = 49;
/// Below the measuring side's, which handles its faults.
const FAULTING_PRIORITY: u8 = 5;

/// Where the processes have their threads' stacks, and the driver the device's registers.
const STACKS: usize = 0x8000_0000;
const REGISTERS: usize = 0x9000_0000;
const STACK_COUNT: usize = 3;

const LIMITS: Limits = Limits { frames: 32, objects: 32, priority: DRIVER_PRIORITY, trust: Trust::Contained };
/// Their badges, which no process of the population has.
const BADGE: u16 = 10_000;

/// Everything that the rows need of other processes.
pub struct Sides {
    /// Where the partner answers.
    pub partner: Endpoint,
    /// Where its faults arrive.
    pub faults: Endpoint,
    /// Its thread that faults.
    pub faulting: Thread,
    /// Where the driver answers.
    pub driver: Endpoint,
    /// The device.
    pub device: Device,
}

impl Sides {
    /// Makes the processes and starts their threads.
    pub fn new(root: &Root, image: &Image) -> Result<Self> {
        let exits = Endpoint::new()?;
        let partner = Side::new(image, &exits, BADGE)?;
        let echo = Endpoint::new()?;
        let endpoint = partner.process.grant(&echo, Rights::RECEIVE)? as usize;
        partner.start(0, threads::serve as *const () as usize, SERVER_PRIORITY, [endpoint, 0, 0, 0])?;
        let faults = Endpoint::new()?;
        let entry = threads::fault as *const () as usize;
        let faulting = partner.thread(1, entry, FAULTING_PRIORITY, Some((&faults, 0)))?;
        faulting.start([0; 4])?;

        let device = Device::find(root)?;
        let driver = Side::new(image, &exits, BADGE + 1)?;
        let access = Access::READ | Access::WRITE;
        device.memory.map_into(&driver.process, REGISTERS, 0, PAGE_BYTES, access)?;
        let interrupts = Endpoint::new()?;
        let endpoint = driver.process.grant(&interrupts, Rights::RECEIVE | Rights::BIND)? as usize;
        let words = [endpoint, REGISTERS + EDU_ACKNOWLEDGE, 0, 0];
        driver.start(0, threads::drive as *const () as usize, DRIVER_PRIORITY, words)?;
        for (stack, interrupt, trigger) in [(1, &device.line, Trigger::Level), (2, &device.message, Trigger::Edge)] {
            let interrupt = driver.process.grant(interrupt, Rights::INTERRUPT)? as usize;
            let waiting = driver.process.grant(&Endpoint::new()?, Rights::RECEIVE)? as usize;
            let words = [interrupt, endpoint, trigger as usize, waiting];
            driver.start(stack, threads::park as *const () as usize, DRIVER_PRIORITY, words)?;
        }
        Ok(Self { partner: echo, faults, faulting, driver: interrupts, device })
    }
}

/// A process that is one side.
struct Side {
    process: Process,
}

impl Side {
    fn new(image: &Image, exits: &Endpoint, badge: u16) -> Result<Self> {
        let process = Process::new(LIMITS, exits, badge)?;
        image.map_shared(&process)?;
        let bytes = STACK_COUNT * PAGE_BYTES;
        Memory::new(bytes)?.map_into(&process, STACKS, 0, bytes, Access::READ | Access::WRITE)?;
        Ok(Self { process })
    }

    fn thread(&self, stack: usize, entry: usize, priority: u8, faults: Option<(&Endpoint, u8)>) -> Result<Thread> {
        let top = STACKS + (stack + 1) * PAGE_BYTES;
        self.process.thread(entry, top, priority, faults)
    }

    fn start(&self, stack: usize, entry: usize, priority: u8, words: [usize; 4]) -> Result<()> {
        self.thread(stack, entry, priority, None)?.start(words)
    }
}
