//! The environment of the cases: the machine's authority, the partner's image, and small helpers.

use crate::case::{Failure, Outcome};
use crate::emulator::Faults;
use crate::partner::Image;
use crate::{check, check_eq};
use abi::{InfoItem, Message, Operation, Options, split};
use alloc::string::ToString;
use bellwire::{
    Endpoint, Error, Handle, Instant, Interrupt, PortRange, Ports, Result, Root, Startup, Timer, raw, time,
};
use core::time::Duration;
use suite::bare;

/// The priority of the thread that runs the cases.
pub const PRIORITY: u8 = 40;

/// The port of QEMU's isa-debug-exit device.
const EXIT_PORT: u16 = 0xF4;

/// The port at which Bochs ends once it has read [`SHUTDOWN`] there (its device `unmapped`).
const SHUTDOWN_PORT: u16 = 0x8900;

/// The bytes that the port awaits.
const SHUTDOWN: &[u8] = b"Shutdown";

/// More than the serial line takes for a full queue: 16 bytes of 87 microseconds.
const SERIAL_PATIENCE: Duration = Duration::from_millis(10);

/// The ports of the real-time clock.
pub const CLOCK_PORT: u16 = 0x70;

/// The line of the real-time clock.
pub const CLOCK_LINE: u8 = 8;

/// The environment of the cases.
pub struct System {
    /// All authority.
    pub root: &'static Root,
    /// What partners are made from.
    pub image: Image,
    /// The real-time clock's line.
    pub clock_line: Interrupt,
    /// The real-time clock's ports.
    pub clock_ports: Ports,
    /// An endpoint at which nothing arrives: for waiting until a deadline.
    pub silent: Endpoint,
    /// The faults of the emulator.
    pub faults: Faults,
    /// The fate of an alarm's request that is withdrawn.
    pub withdrawn: Withdrawn,
}

/// The fate of an alarm's request, if the kernel sets the alarm anew before it has taken the interrupt. The 8254's line
/// falls then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Withdrawn {
    /// The request has no effect: the alarm is a local APIC's, or QEMU's 8259A holds the request.
    Quiet,
    /// The 8259A gives its line 7, as its data sheet has it ("default IR7"): Bochs does so.
    Spurious,
}

impl System {
    /// Takes what the first process gets.
    pub fn new(startup: &Startup) -> core::result::Result<Self, Failure> {
        let root = startup.root()?;
        let module = startup.entries().find(|entry| entry.name() == "partner").ok_or(Error::BadHandle)?;
        let image = Image::read(module.value, module.extra[0] as usize)?;
        root.ports(EXIT_PORT, 4)?.attach(None)?;
        root.ports(SHUTDOWN_PORT, 1)?.attach(None)?;
        let clock_line = root.line(CLOCK_LINE)?;
        let clock_ports = root.ports(CLOCK_PORT, 2)?;
        clock_ports.attach(None)?;
        let withdrawn = Withdrawn::find(root)?;
        Ok(Self { root, image, clock_line, clock_ports, silent: Endpoint::new()?, faults: Faults::find()?, withdrawn })
    }

    /// Ends the machine, whichever emulator it is: each takes no notice of the other's port.
    pub fn end(&self) -> ! {
        // The line may be behind the log.
        while self.root.log_write(&[]).is_ok_and(|waiting| waiting != 0) {
            let _ = self.sleep(Duration::from_millis(1));
        }
        // A UART takes its time for what it was given, also if the machine ends meanwhile; only the kernel may ask it.
        let _ = self.sleep(SERIAL_PATIENCE);
        loop {
            PortRange::new(EXIT_PORT, 4).port::<u32>(0).write(0x10);
            for &byte in SHUTDOWN {
                PortRange::new(SHUTDOWN_PORT, 1).port::<u8>(0).write(byte);
            }
        }
    }

    /// Waits without using the processor.
    pub fn sleep(&self, duration: Duration) -> Outcome {
        let [low, high] = split((Instant::now() + duration).cycles());
        let message = bare::invoke(Operation::Receive, self.silent.raw(), 0, Options::DEADLINE, [low, high, 0, 0]);
        check_eq!(raw::checked(message), Err(Error::TimedOut), "a wait for nothing");
        Ok(())
    }

    /// Asks until it is so, for ten seconds at the most.
    pub fn wait_until(&self, what: &str, mut so: impl FnMut() -> core::result::Result<bool, Failure>) -> Outcome {
        let start = Instant::now();
        while !so()? {
            check!(start.elapsed() < Duration::from_secs(10), "{}", what.to_string());
            self.sleep(Duration::from_micros(500))?;
        }
        Ok(())
    }

    /// How many system calls a process has made.
    pub fn calls_of(&self, badge: u16) -> core::result::Result<u64, Failure> {
        Ok(self.find_process(badge)?.calls)
    }

    /// The process of a badge.
    pub fn find_process(&self, badge: u16) -> core::result::Result<bellwire::ProcessUse, Failure> {
        for index in 0.. {
            match self.root.process(index) {
                Ok(Some(process)) if process.badge == badge => return Ok(process),
                Ok(_) => {}
                Err(_) => break,
            }
        }
        Err(Failure::new(alloc::format!("no process has the badge {badge}")))
    }

    /// Objects in use: processes, threads, endpoints, handles; then this process's quota.
    pub fn in_use(&self) -> Result<([usize; 4], [usize; 4], usize)> {
        let objects = self.root.info(InfoItem::Kernel, 0, 1)?;
        let quota = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 1, 0, 0])?.words;
        let [_, free, ..] = raw::info(abi::NO_HANDLE, [InfoItem::Memory as usize, 0, 0, 0])?.words;
        Ok((objects, quota, free))
    }

    /// Checks that the account of every source is complete: each interrupt that was taken was delivered, coalesced,
    /// spurious or dropped, or its message is pending.
    pub fn check_conservation(&self) -> Outcome {
        for index in 0.. {
            let source = match self.root.source(index) {
                Ok(Some(source)) => source,
                Ok(None) => continue,
                Err(_) => break,
            };
            let accounted = source.delivered + source.coalesced + source.spurious + source.dropped;
            // At most one message is pending, and none where the source isn't bound.
            let pending = source.taken.wrapping_sub(accounted);
            check!(pending <= u32::from(source.bound), "line {}: an interrupt is lost: {source:?}", source.line);
        }
        Ok(())
    }
}

impl Withdrawn {
    /// Tries it: each alarm is due when the next is set.
    fn find(root: &Root) -> Result<Self> {
        const ALARMS: usize = 200;
        let before = root.kernel()?.spurious.0;
        let endpoint = Endpoint::new()?;
        let timer = Timer::new(&endpoint, 1)?;
        for _ in 0..ALARMS {
            raw::timer_set(timer.raw(), [0; 4])?;
        }
        timer.destroy()?;
        endpoint.destroy()?;
        Ok(if root.kernel()?.spurious.0 == before { Withdrawn::Quiet } else { Withdrawn::Spurious })
    }
}

/// Receives what is next, for some seconds at the most.
pub fn receive(endpoint: &Endpoint) -> Result<Message> {
    receive_before(endpoint, Instant::now() + Duration::from_secs(10))
}

/// Receives until a deadline.
pub fn receive_before(endpoint: &Endpoint, deadline: Instant) -> Result<Message> {
    let [low, high] = split(deadline.cycles());
    raw::checked(bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::DEADLINE, [low, high, 0, 0]))
}

/// Receives what is there.
pub fn poll(endpoint: &Endpoint) -> Result<Message> {
    raw::checked(bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::NO_WAIT, [0; 4]))
}

/// Answers the call received last.
pub fn reply(label: u8, words: [usize; 4]) -> Result<()> {
    raw::checked(bare::invoke(Operation::Reply, abi::NO_HANDLE, label, Options::empty(), words)).map(drop)
}

/// The cycles in a count of milliseconds.
pub fn milliseconds(count: u64) -> u64 {
    time::cycles(Duration::from_millis(count))
}
