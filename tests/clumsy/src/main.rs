//! A driver that gets stuck in every way that a driver can. The shell's `irq LINE` has to find out which way it was.
//!
//! The program replaces the teaching device's driver. The command `edu NUMBER` chooses the way, and the driver stays
//! stuck until it is ended. Its device is a serial port: enabling the transmitter's interrupt raises one each time, and
//! the line stays asserted until the port is read.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod faulty;
mod serial;

use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::{EduCounts, EduRequest, SupervisionRequest, TimerRequest};
use bellwire::{
    Callers, Endpoint, Error, Event, Instant, Interrupt, Port, PortRange, Result, Server, Startup, Thread, Timer,
    Trigger,
};
use core::time::Duration;

bellwire::main!(run);

/// The device's line and first port.
const LINE: u8 = 3;
const PORTS: u16 = 0x2F8;

/// The 8254's line, which the kernel leaves to programs where there is a local APIC.
const CLOCK_LINE: u8 = 0;

/// Below the shell, which asks about it while it is busy.
const PRIORITY: u8 = 10;

/// That of a driver, as the manifest has it.
const HIGH_PRIORITY: u8 = 47;

const STACK_BYTES: usize = 32 << 10;

/// More interrupts than may come unread.
const STORM: u32 = 5000;

/// How many callers are worth a line in the log.
const MANY: u32 = 50;

/// How to get stuck.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Waits for an interrupt that never comes.
    Silent = 1,
    /// Serves an interrupt, and waits for the next.
    Well = 2,
    /// Keeps the message of a level, and waits for others.
    Keep = 3,
    /// Receives the message of an edge, and is busy.
    BusyWithMessage = 4,
    /// Is busy while a message is pending.
    Busy = 5,
    /// Waits for a server's answer.
    Awaits = 6,
    /// Calls an endpoint on which no thread receives.
    Calls = 7,
    /// Receives on another endpoint while a message is pending.
    Elsewhere = 8,
    /// Raises an exception that has no handler.
    Faults = 9,
    /// Leaves a storm unread.
    Storm = 10,
    /// Receives the message of a storm, and is busy.
    BusyWithStorm = 11,
    /// Completes messages, and never quiets the device.
    NotQuiet = 12,
    /// Binds the line, and never receives.
    Deaf = 13,
    /// Executes what only the kernel may.
    Halts = 14,
    /// Writes where nothing is mapped.
    WritesAnywhere = 15,
    /// Panics.
    Panics = 16,
    /// Panics in a second.
    PanicsLater = 17,
    /// Runs for ever, above all but the timer and the drivers that ship.
    Spins = 18,
    /// Has eight timers expire as often as the kernel allows.
    Timers = 19,
    /// Receives what the 8254 says, which somebody else has told to interrupt as often as it can.
    Clock = 20,
    /// Runs for ever, as [`Way::Spins`], once its device has interrupted.
    SpinsLater = 21,
    /// Takes the calls of clients, and never answers.
    Mute = 22,
    /// Doesn't take the calls of clients.
    Away = 23,
}

impl Way {
    const ALL: [Self; 23] = [
        Self::Silent,
        Self::Well,
        Self::Keep,
        Self::BusyWithMessage,
        Self::Busy,
        Self::Awaits,
        Self::Calls,
        Self::Elsewhere,
        Self::Faults,
        Self::Storm,
        Self::BusyWithStorm,
        Self::NotQuiet,
        Self::Deaf,
        Self::Halts,
        Self::WritesAnywhere,
        Self::Panics,
        Self::PanicsLater,
        Self::Spins,
        Self::Timers,
        Self::Clock,
        Self::SpinsLater,
        Self::Mute,
        Self::Away,
    ];
}

fn run(startup: Startup) -> Result<()> {
    let stuck = startup.arguments().find_map(|word| word.strip_prefix("stuck=").map(String::from));
    if let Some(service) = stuck {
        return be_stuck(&startup, &service);
    }
    if startup.arguments().any(|word| word == "serial") {
        return serial::run(&startup);
    }
    let mut clients = startup.server("edu")?;
    let way = way(&mut clients)?;
    match way {
        Way::Mute => return say_nothing(&mut clients),
        Way::Away => return stay_away(),
        _ => {}
    }
    let device = Device::new(startup.ports(PORTS)?);
    let (line, endpoint, timer) = (startup.line(LINE)?, Endpoint::new()?, startup.uses("timer")?);
    let clock = startup.line(CLOCK_LINE)?;
    let priority =
        if matches!(way, Way::Spins | Way::SpinsLater | Way::Timers | Way::Clock) { HIGH_PRIORITY } else { PRIORITY };
    Thread::spawn(priority, STACK_BYTES, move |right| {
        let mut driver = Driver { device, line, clock, server: Server::new(right, endpoint), timer };
        if let Err(error) = driver.get_stuck(way) {
            bellwire::println!("{way:?}: {error}");
        }
    })?;
    loop {
        clients.next()?;
    }
}

/// Takes the place of a service, and takes no calls, or answers none.
fn be_stuck(startup: &Startup, service: &str) -> Result<()> {
    let mut clients = startup.server(service)?;
    if startup.arguments().any(|word| word == "mute") { say_nothing(&mut clients) } else { stay_away() }
}

/// Waits for ever, elsewhere.
fn stay_away() -> Result<()> {
    Endpoint::new()?.call(0, [0; 4]).map(drop)
}

/// Takes calls, and answers none. Logs each notice of `init`'s that a client has ended, and each time that another
/// [`MANY`] callers have given up.
fn say_nothing(clients: &mut Server) -> Result<()> {
    let mut callers = Callers::default();
    let mut gone = 0;
    loop {
        match clients.next()? {
            Event::Call(call) => {
                let client = call.badge;
                if let (SupervisionRequest::SUPERVISOR, Some(SupervisionRequest::ClientEnded { badge, before })) =
                    (client, call.request())
                {
                    bellwire::println!("program {badge} had ended by {before}");
                }
                callers.put_off(call, client);
            }
            Event::CallerGone(caller) => {
                let client = callers.forget(caller);
                gone += u32::from(client.is_some());
                if gone % MANY == 0 {
                    bellwire::println!("{gone} callers have gone");
                }
            }
            _ => {}
        }
    }
}

/// The way that a client asks for. The client has its answer before the way is taken.
fn way(clients: &mut Server) -> Result<Way, Error> {
    loop {
        let Event::Call(call) = clients.next()? else { continue };
        let Some(EduRequest::Raise(number)) = call.request() else { continue };
        call.answer(EduCounts::default().to_words());
        // This sends the answer, and waits for nothing.
        clients.poll()?;
        if let Some(way) = Way::ALL.into_iter().find(|way| *way as u32 == number) {
            return Ok(way);
        }
    }
}

struct Driver {
    device: Device,
    line: Interrupt,
    clock: Interrupt,
    server: Server,
    timer: Endpoint,
}

impl Driver {
    /// Returns only where nothing is left to wait for.
    fn get_stuck(&mut self, way: Way) -> Result<()> {
        match way {
            Way::Halts => faulty::halt(),
            Way::WritesAnywhere => faulty::write_anywhere(),
            Way::Panics => panic!("as it was told"),
            Way::PanicsLater => {
                let then = Instant::now() + Duration::from_secs(1);
                self.timer.request(TimerRequest::SleepUntil(then.cycles()))?;
                panic!("as it was told a second ago")
            }
            Way::Spins => busy(),
            Way::Timers => return self.expire_for_ever(),
            Way::Clock => return self.receive_for_ever(),
            _ => {}
        }
        let trigger = match way {
            // An edge's bind would leave a message.
            Way::Keep | Way::NotQuiet | Way::Deaf => Trigger::Level,
            _ => Trigger::Edge,
        };
        self.line.bind(self.server.endpoint(), 0, trigger)?;
        match way {
            Way::Deaf => return Ok(()),
            Way::Faults => faulty::spawn(self.server.endpoint())?,
            _ => {}
        }
        if trigger == Trigger::Edge {
            // An edge's bind says "poll your device"; the second look completes that.
            while self.server.poll()?.is_some() {}
        }
        match way {
            Way::Silent | Way::Deaf | Way::SpinsLater => {}
            Way::Storm | Way::BusyWithStorm => (0..STORM).for_each(|_| self.device.pulse()),
            _ => self.device.interrupt(),
        }
        match way {
            Way::BusyWithMessage | Way::BusyWithStorm => {
                self.server.next()?;
                busy()
            }
            Way::SpinsLater => {
                self.server.next()?;
                busy()
            }
            Way::Busy | Way::Storm => busy(),
            Way::Awaits => self.timer.request(TimerRequest::SleepUntil(u64::MAX / 2)).map(drop),
            Way::Calls => Endpoint::new()?.call(0, [0; 4]).map(drop),
            Way::Elsewhere | Way::Faults => loop {
                self.server.next_at(&Endpoint::new()?)?;
            },
            Way::Keep => loop {
                self.server.next_keeping()?;
            },
            Way::NotQuiet => loop {
                self.server.next()?;
            },
            _ => loop {
                self.server.next()?;
                self.device.quiet();
            },
        }
    }
}

impl Driver {
    fn expire_for_ever(&mut self) -> Result<()> {
        let period = Duration::from_micros(10);
        let timers = (0..8).map(|badge| Timer::new(self.server.endpoint(), badge)).collect::<Result<Vec<_>>>()?;
        timers.iter().try_for_each(|timer| timer.set_periodic(Instant::now() + period, period))?;
        loop {
            self.server.next()?;
        }
    }
}

impl Driver {
    fn receive_for_ever(&mut self) -> Result<()> {
        self.clock.bind(self.server.endpoint(), 0, Trigger::Edge)?;
        loop {
            self.server.next()?;
        }
    }
}

/// Runs for ever. An emulator takes long for the instruction `pause`, so there is none.
fn busy() -> ! {
    loop {
        core::hint::black_box(());
    }
}

/// The transmitter of a 16550.
struct Device {
    interrupt_enable: Port<u8>,
}

impl Device {
    /// The transmitter is empty.
    const TRANSMITTER: u8 = 1 << 1;
    /// Interrupts reach the line (OUT2).
    const TO_LINE: u8 = 1 << 3;

    fn new(ports: PortRange) -> Self {
        let interrupt_enable = ports.port::<u8>(1);
        interrupt_enable.write(0);
        ports.port::<u8>(4).write(Self::TO_LINE);
        Self { interrupt_enable }
    }

    /// Asserts the line, until the device is quieted: the transmitter has nothing to do.
    fn interrupt(&self) {
        self.interrupt_enable.write(Self::TRANSMITTER);
    }

    fn quiet(&self) {
        self.interrupt_enable.write(0);
    }

    /// An edge.
    fn pulse(&self) {
        self.interrupt();
        self.quiet();
    }
}
