//! Interrupts of a real device, the real-time clock's periodic one, as messages.

use crate::case::{Case, Failure, Outcome};
use crate::partner::{Grant, Partner};
use crate::system::{CLOCK_LINE, CLOCK_PORT, System, poll, receive, receive_before};
use crate::{cases, check, check_eq};
use abi::{InterruptFlags, InterruptMessage, Kind, LineFlags, Message, Operation, Options, Rights};
use bellwire::raw::SafeOperation;
use bellwire::{Endpoint, Error, Handle, Instant, PortRange, Ports, Source, Trigger, raw};
use core::time::Duration;
use suite::bare;
use suite::role::{self, Role};

pub const CASES: &[Case] = cases!["interrupts":
    a_device_interrupt_arrives, one_interrupt_costs_one_system_call, what_is_not_read_adds_up,
    a_kept_interrupt_is_completed_by_name, stale_completions_are_refused, bind_says_what_was_pending,
    a_second_claim_names_the_owner, unbound_lines_are_quiet, a_line_is_bound_once,
    a_dead_driver_leaves_the_line_masked_and_its_successor_serves, destroying_the_source_frees_the_line,
    lines_that_are_not_there_are_refused, a_claim_brings_the_firmwares_trigger_back,
];

/// The clock's registers, driven from the conductor itself. Dropping the value makes the clock quiet again.
struct Clock;

const PERIODIC: u8 = 0x40;

impl Clock {
    /// Starts the periodic interrupt, 1024 times a second, with nothing pending.
    fn start() -> Self {
        Self::write(0x0A, 0x26);
        Self::acknowledge();
        Self::write(0x0B, Self::read(0x0B) | PERIODIC);
        Self::acknowledge();
        Self
    }

    fn read(register: u8) -> u8 {
        PortRange::new(CLOCK_PORT, 2).port::<u8>(0).write(register);
        PortRange::new(CLOCK_PORT, 2).port::<u8>(1).read()
    }

    fn write(register: u8, value: u8) {
        PortRange::new(CLOCK_PORT, 2).port::<u8>(0).write(register);
        PortRange::new(CLOCK_PORT, 2).port::<u8>(1).write(value);
    }

    /// Reads why the device has raised its line, which lets it raise it again. Whether it had.
    fn acknowledge() -> bool {
        Self::read(0x0C) & 0x80 != 0
    }

    /// Stops it.
    fn stop(self) {}
}

impl Drop for Clock {
    fn drop(&mut self) {
        Self::write(0x0B, Self::read(0x0B) & !PERIODIC);
        Self::acknowledge();
    }
}

/// The line bound to an endpoint; both are free again when this is dropped.
struct Bound<'a> {
    system: &'a System,
    endpoint: Endpoint,
}

impl<'a> Bound<'a> {
    fn new(system: &'a System, badge: u16) -> Result<Self, Failure> {
        let endpoint = Endpoint::new()?;
        system.clock_line.bind(&endpoint, badge, Trigger::Firmware)?;
        let bound = Self { system, endpoint };
        // An edge line may have fired before: the bind says so once.
        let message = InterruptMessage::from_message(&poll(&bound.endpoint)?);
        check!(message.flags.contains(InterruptFlags::REPLAYED), "{message:?}");
        // The 8259A keeps one edge that came before.
        check!(message.count <= 1, "{message:?}");
        check_eq!(poll(&bound.endpoint), Err(Error::WouldBlock));
        Ok(bound)
    }

    fn next(&self) -> Result<InterruptMessage, Failure> {
        interrupt(receive(&self.endpoint)?)
    }
}

impl Drop for Bound<'_> {
    fn drop(&mut self) {
        let _ = self.system.clock_line.unbind();
        while bare::destroy(self.endpoint.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

fn interrupt(message: Message) -> Result<InterruptMessage, Failure> {
    if message.tag.kind() == Kind::Interrupt {
        Ok(InterruptMessage::from_message(&message))
    } else {
        Err(Failure::new(alloc::format!("no interrupt but {message:?}")))
    }
}

fn source(system: &System) -> Result<Source, Failure> {
    for index in 0.. {
        match system.root.source(index)? {
            Some(source) if source.line == CLOCK_LINE => return Ok(source),
            _ => {}
        }
    }
    Err(Failure::new("the clock's line is no source".into()))
}

fn a_device_interrupt_arrives(system: &System) -> Outcome {
    let bound = Bound::new(system, 0xC10C)?;
    let before = source(system)?;
    let clock = Clock::start();
    let (mut last_sequence, mut last_stamp, mut count, mut raised) = (None, 0, 0, 0);
    for _ in 0..20 {
        let message = bound.next()?;
        check_eq!((message.badge, message.flags), (0xC10C, InterruptFlags::empty()));
        check!(message.count >= 1);
        check!(message.first > last_stamp && message.first <= Instant::now().cycles(), "the stamp {}", message.first);
        if let Some(last) = last_sequence {
            check_eq!(message.sequence, last + 1);
        }
        (last_sequence, last_stamp) = (Some(message.sequence), message.first);
        count += message.count;
        raised += u32::from(Clock::acknowledge());
    }
    clock.stop();
    let _ = poll(&bound.endpoint).map(|message| count += InterruptMessage::from_message(&message).count);
    let after = source(system)?;
    check_eq!(after.taken - before.taken, count);
    // The emulated device may pulse its line more than once before its register is read, but not without a reason.
    check!(raised >= 10, "the device says that it interrupted {raised} times");
    check!(after.longest > 0 && after.percentile(50) > 0);
    let entries = |source: &Source| source.histogram.iter().sum::<u32>();
    check_eq!(entries(&after) - entries(&before), after.delivered - before.delivered);
    Ok(())
}

/// The clock with its driver in a process of its own.
struct Driver {
    endpoint: Endpoint,
    partner: Partner,
}

const DRIVER: u16 = 0xD1;

impl Driver {
    fn new(system: &System, endpoint: Endpoint) -> Result<Self, Failure> {
        let grants = [
            Grant { name: "service", handle: endpoint.raw(), rights: Rights::all(), badge: 0 },
            Grant { name: "line", handle: system.clock_line.raw(), rights: Rights::INTERRUPT, badge: 0 },
        ];
        let partner = Partner::new(DRIVER, 45, [crate::partner::FRAMES, crate::partner::OBJECTS])?;
        system.clock_ports.attach(Some(&partner.process))?;
        let partner = system.image.load(partner, Role::Clock, 45, &grants, [0; 2])?;
        Ok(Self { endpoint, partner })
    }
}

fn one_interrupt_costs_one_system_call(system: &System) -> Outcome {
    const INTERRUPTS: u32 = 300;
    let endpoint = Endpoint::new()?;
    let driver = Driver::new(system, endpoint)?;
    let call = |label| driver.endpoint.call(label, [0; 4]).map(|answer| answer.words);
    let [interrupts_before, messages_before, ..] = call(role::COUNTS)?;
    let (calls, start) = (system.calls_of(DRIVER)?, source(system)?);
    call(role::START)?;
    system.wait_until("the device interrupts", || Ok(source(system)?.delivered - start.delivered >= INTERRUPTS))?;
    call(role::STOP)?;
    let [interrupts, messages, skipped, odd] = call(role::COUNTS)?;
    let end = source(system)?;
    let calls = system.calls_of(DRIVER)? - calls;
    check_eq!((skipped, odd), (0, 0), "sequence numbers skipped, stamps or badges that are wrong");
    let (interrupts, messages) = (interrupts - interrupts_before, messages - messages_before);
    check_eq!(messages as u32, end.delivered - start.delivered);
    check_eq!(interrupts as u32, end.taken - start.taken);
    check_eq!(end.completions - start.completions, messages as u32);
    // One call for each message, and one for each of the three calls that the driver answered meanwhile.
    check_eq!(calls, messages as u64 + 3, "system calls for {messages} messages and 3 answers");
    driver.partner.kill(0)?;
    driver.endpoint.destroy()?;
    Ok(())
}

/// Only a case of the runner compares the device's own count, where device and processor share a clock.
fn what_is_not_read_adds_up(system: &System) -> Outcome {
    let bound = Bound::new(system, 1)?;
    let before = source(system)?;
    let clock = Clock::start();
    let limit = Instant::now() + Duration::from_secs(10);
    while source(system)?.taken.wrapping_sub(before.taken) < 25 {
        Clock::acknowledge();
        check!(Instant::now() < limit, "the device is silent");
    }
    clock.stop();
    let unread = source(system)?;
    let message = bound.next()?;
    let after = source(system)?;
    let taken = unread.taken - before.taken;
    check_eq!(message.count, taken);
    check_eq!((unread.coalesced - before.coalesced, unread.delivered), (taken - 1, before.delivered));
    check_eq!((after.taken, after.coalesced, after.delivered), (unread.taken, unread.coalesced, before.delivered + 1));
    check_eq!(poll(&bound.endpoint), Err(Error::WouldBlock));
    Ok(())
}

/// Receives without completing what was received last.
fn receive_keeping(endpoint: &Endpoint) -> Result<Message, Error> {
    raw::checked(bare::invoke(Operation::Receive, endpoint.raw(), 0, Options::NO_WAIT | Options::KEEP, [0; 4]))
}

/// Stops the device, and keeps the last of what it sent until then. Nothing is completed by this.
fn keep_last(bound: &Bound<'_>, clock: Clock) -> Result<InterruptMessage, Failure> {
    let mut message = bound.next()?;
    clock.stop();
    loop {
        match receive_keeping(&bound.endpoint) {
            Ok(next) => message = interrupt(next)?,
            Err(Error::WouldBlock) => return Ok(message),
            Err(error) => return Err(error.into()),
        }
    }
}

fn a_kept_interrupt_is_completed_by_name(system: &System) -> Outcome {
    let bound = Bound::new(system, 1)?;
    let before = source(system)?.completions;
    let message = keep_last(&bound, Clock::start())?;
    check_eq!(poll(&bound.endpoint), Err(Error::WouldBlock));
    check_eq!(source(system)?.completions, before, "completions of one that was kept");
    system.clock_line.complete(message.sequence)?;
    check_eq!(source(system)?.completions, before + 1);
    Ok(())
}

fn stale_completions_are_refused(system: &System) -> Outcome {
    let bound = Bound::new(system, 1)?;
    let message = keep_last(&bound, Clock::start())?;
    for wrong in [message.sequence - 1, message.sequence + 1, 0, u32::MAX] {
        check_eq!(system.clock_line.complete(wrong), Err(Error::Stale), "completing {wrong}");
    }
    system.clock_line.complete(message.sequence)?;
    check_eq!(system.clock_line.complete(message.sequence), Err(Error::Stale), "completing twice");
    // Receiving completes: by name it is too late then.
    let clock = Clock::start();
    let message = bound.next()?;
    clock.stop();
    while poll(&bound.endpoint).is_ok() {}
    check_eq!(system.clock_line.complete(message.sequence), Err(Error::Stale), "completing what was completed");
    Ok(())
}

fn bind_says_what_was_pending(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let first = system.clock_line.bind(&endpoint, 1, Trigger::Firmware)?;
    check!(first.count <= 1, "{first:?}");
    let message = interrupt(poll(&endpoint)?)?;
    check_eq!(message.sequence, first.sequence);
    system.clock_line.unbind()?;
    // The line fires while it is masked. The hardware may lose these interrupts, but the driver is told to look.
    let clock = Clock::start();
    let limit = Instant::now() + Duration::from_secs(10);
    while !Clock::acknowledge() {
        check!(Instant::now() < limit, "the device is silent");
    }
    let again = system.clock_line.bind(&endpoint, 1, Trigger::Firmware)?;
    check!(again.sequence >= first.sequence);
    let message = interrupt(receive(&endpoint)?)?;
    check!(message.flags.contains(InterruptFlags::REPLAYED), "{message:?}");
    drop(clock);
    system.clock_line.unbind()?;
    endpoint.destroy()?;
    Ok(())
}

fn a_second_claim_names_the_owner(system: &System) -> Outcome {
    let claim = |words| raw::invoke(SafeOperation::InterruptCreate, system.root.raw(), 0, Options::empty(), words);
    let message = claim([CLOCK_LINE as usize, 0, 0, 0]);
    check_eq!(raw::checked(message), Err(Error::Conflict));
    check_eq!(message.words[0], 0, "the first process's badge");
    // The badge of a process that owns claims until it is torn down.
    const OWNER: u16 = 0x0E0E;
    const PARALLEL: usize = 7;
    let authority = Rights::ROOT_LINES | Rights::ROOT_PORTS;
    let grant = Grant { name: "root", handle: system.root.raw(), rights: authority, badge: 0 };
    let owner = Partner::new(OWNER, 45, [crate::partner::FRAMES, crate::partner::OBJECTS])?;
    let mut owner = system.image.load(owner, Role::Claim, 45, &[grant], [PARALLEL as u64, 8])?;
    let message = claim([PARALLEL, 0, 0, 0]);
    check_eq!((raw::checked(message), message.words[0]), (Err(Error::Conflict), OWNER as usize));
    let message = raw::invoke(SafeOperation::PortsCreate, system.root.raw(), 0, Options::empty(), [0x307, 1, 0, 0]);
    check_eq!((raw::checked(message), message.words[0]), (Err(Error::Conflict), OWNER as usize));
    owner.kill(0)?;
    owner.wait()?;
    owner.reap()?;
    system.root.line(PARALLEL as u8)?.destroy()?;
    system.root.ports(0x300, 8)?.destroy()?;
    let ports = raw::invoke(SafeOperation::PortsCreate, system.root.raw(), 0, Options::empty(), [0x71, 1, 0, 0]);
    check_eq!(raw::checked(ports), Err(Error::Conflict), "ports that overlap");
    let free: Ports = system.root.ports(0x300, 4)?;
    check_eq!(system.root.ports(0x303, 1).map(drop), Err(Error::Conflict), "the last port of a range");
    check_eq!(system.root.ports(0x304, 1).map(Ports::destroy), Ok(Ok(())), "the port behind it");
    free.destroy()?;
    system.root.ports(0x303, 1)?.destroy()?;
    Ok(())
}

fn unbound_lines_are_quiet(system: &System) -> Outcome {
    let bound = Bound::new(system, 1)?;
    let clock = Clock::start();
    bound.next()?;
    Clock::acknowledge();
    system.clock_line.unbind()?;
    let before = source(system)?;
    check!(!before.bound && before.masked);
    let mut raised = 0;
    let limit = Instant::now() + Duration::from_secs(10);
    while raised < 5 {
        raised += u32::from(Clock::acknowledge());
        check!(Instant::now() < limit, "the device is silent");
    }
    drop(clock);
    let after = source(system)?;
    check_eq!(after.taken, before.taken);
    let result = receive_before(&bound.endpoint, Instant::now());
    check!(matches!(result, Err(Error::TimedOut)), "{result:?}");
    Ok(())
}

fn a_line_is_bound_once(system: &System) -> Outcome {
    let bound = Bound::new(system, 1)?;
    let again = system.clock_line.bind(&bound.endpoint, 2, Trigger::Firmware);
    check_eq!(again, Err(Error::Busy));
    let words = [bound.endpoint.raw() as usize, 0, 3, 0];
    check_eq!(raw::interrupt_bind(system.clock_line.raw(), words).map(drop), Err(Error::BadArgument), "a trigger 3");
    Ok(())
}

fn a_dead_driver_leaves_the_line_masked_and_its_successor_serves(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    let client = endpoint.copy(Rights::CALL)?;
    let mut driver = Driver::new(system, endpoint)?;
    for _ in 0..3 {
        client.call(role::START, [0; 4])?;
        let start = source(system)?;
        check_eq!(start.owner, DRIVER, "the owner while it is bound");
        system.wait_until("the device interrupts", || Ok(source(system)?.delivered - start.delivered > 10))?;
        driver.partner.kill(5)?;
        let dead = source(system)?;
        check!(dead.masked && !dead.bound, "the dead driver's line: {dead:?}");
        let Driver { endpoint, mut partner } = driver;
        partner.wait()?;
        partner.reap()?;
        check_eq!(source(system)?.taken, dead.taken, "interrupts after the driver's death");
        driver = Driver::new(system, endpoint)?;
        let [messages, ..] = client.call(role::COUNTS, [0; 4])?.words;
        // The device still runs: what it waits for is the driver that looks.
        client.call(role::STOP, [0; 4])?;
        let _ = messages;
    }
    driver.partner.kill(0)?;
    driver.endpoint.destroy()?;
    Ok(())
}

fn destroying_the_source_frees_the_line(system: &System) -> Outcome {
    const PARALLEL: u8 = 7;
    let line = system.root.line(PARALLEL)?;
    check_eq!(system.root.line(PARALLEL).map(drop), Err(Error::Conflict));
    let raw_line = line.raw();
    line.destroy()?;
    check_eq!(raw::interrupt_unbind(raw_line, [0; 4]).map(drop), Err(Error::BadHandle));
    system.root.line(PARALLEL)?.destroy()?;
    Ok(())
}

fn lines_that_are_not_there_are_refused(system: &System) -> Outcome {
    for line in [2_usize, 200, 256, usize::MAX] {
        let result = raw::interrupt_create(system.root.raw(), [line, 0, 0, 0]).map(drop);
        check_eq!(result, Err(Error::BadArgument), "line {line}");
    }
    Ok(())
}

/// A driver may choose a line's trigger. What the next one gets is the firmware's again.
fn a_claim_brings_the_firmwares_trigger_back(system: &System) -> Outcome {
    let is_level = |line| Ok::<_, Error>(system.root.line_state(line)?.0.flags.contains(LineFlags::LEVEL));
    let mut changed = 0;
    for line in [3, 5, 7, 9, 10, 11] {
        let Ok(claimed) = system.root.line(line) else { continue };
        let firmware = is_level(line)?;
        for trigger in [Trigger::Level, Trigger::Edge] {
            let endpoint = Endpoint::new()?;
            let _ = claimed.bind(&endpoint, 0, trigger)?;
            changed += usize::from(is_level(line)? != firmware);
            endpoint.destroy()?;
        }
        claimed.destroy()?;
        let claimed = system.root.line(line)?;
        check_eq!(is_level(line)?, firmware, "whether line {line} is level-triggered for its next owner");
        claimed.destroy()?;
    }
    check!(changed != 0, "no trigger can be changed");
    Ok(())
}
