//! The driver of QEMU's teaching devices. It shows and tests that interrupts of PCI devices arrive, each once.
//!
//! Serves `edu` as [`EduRequest`]. Functions that share a line are served together. The manifest chooses whether they
//! interrupt by lines or by messages, which makes no difference here.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{EduCounts, EduRequest, OVER_LIMIT, PciAddress};
use bellwire::{
    Access, Call, Caller, CallerGone, Callers, Endpoint, Event, Grants, Instant, Interrupt, InterruptMessage, Mapping,
    PAGE_BYTES, PciDevice, PciInterrupt, Result, Server, Startup,
};
use core::time::Duration;
use driver_edu::{Edu, Registers, Seen, Watch};

bellwire::main!(run);

fn run(startup: Startup) -> Result<(), String> {
    let server = startup.server("edu").map_err(|error| error.to_string())?;
    let watch = Watch::new(server.endpoint()).map_err(|error| error.to_string())?;
    let mut driver = Driver::new(server, watch, startup.grants());
    driver.take_over(startup.grants())?;
    driver.serve()
}

struct Driver {
    server: Server,
    devices: Vec<Device>,
    /// Each interrupt once. The index of an interrupt is its badge.
    sources: Vec<(PciInterrupt, Interrupt)>,
    counts: EduCounts,
    jobs: Jobs,
}

struct Device {
    address: PciAddress,
    edu: Edu<Memory>,
    /// The badge of the device's interrupt.
    source: u16,
    /// Whether the device was served since it was last told to interrupt.
    state: State,
}

#[derive(Clone, Copy, PartialEq)]
enum State {
    Served,
    Raised,
}

/// What a client waits for.
enum Job {
    /// Rounds that are left: in each, all devices interrupt once.
    Raise(u32),
    Factorial(u32),
}

/// What the devices do at this moment.
enum Work {
    Nothing,
    /// A round of interrupts, for a caller unless that has gone.
    Raising(Option<Caller<Job>>),
    /// A factorial, likewise.
    Calculating(Option<Caller<Job>>),
    /// The driver serves no device any more, as [`EduRequest::Hold`] asks.
    Holding,
    /// The driver serves no device any more and tells them to interrupt again, as [`EduRequest::Storm`] asks.
    Storming,
}

/// The callers' work. Clients take turns, round by round, so none of them keeps the devices to itself.
struct Jobs {
    work: Work,
    waiting: Callers<Job>,
    watch: Watch,
    /// What clients may ask.
    grants: Grants,
}

impl Driver {
    fn new(server: Server, watch: Watch, grants: Grants) -> Self {
        let jobs = Jobs { work: Work::Nothing, waiting: Callers::default(), watch, grants };
        Self { server, devices: Vec::new(), sources: Vec::new(), counts: EduCounts::default(), jobs }
    }

    /// Takes all devices over, and binds an interrupt only then: another device may assert the same line.
    fn take_over(&mut self, grants: Grants) -> Result<(), String> {
        let devices: Vec<PciDevice> = grants.pci_devices().collect();
        let found: Result<Vec<_>, String> = devices.iter().map(|device| Ok((device, open(device)?))).collect();
        // A device that doesn't answer may assert the line of the others. When the driver has ended, `init` has all
        // turned off.
        let found = found.unwrap_or_else(|missing| bellwire::absent(missing));
        for (device, edu) in found {
            let shares = |kind: &PciInterrupt| *kind == device.interrupt && *kind != PciInterrupt::Message;
            let source = match self.sources.iter().position(|(kind, _)| shares(kind)) {
                Some(source) => source,
                None => {
                    let badge = self.sources.len();
                    let bound = device.bind(&self.server, badge as u16);
                    let (interrupt, _) = bound.map_err(|error| format!("{}: {error}", device.address))?;
                    self.sources.push((device.interrupt, interrupt));
                    badge
                }
            };
            self.devices.push(Device { address: device.address, edu, source: source as u16, state: State::Served });
            self.counts.devices += 1;
        }
        Ok(())
    }

    fn serve(&mut self) -> Result<(), String> {
        loop {
            // The interrupt that is held must stay masked, even if a client calls meanwhile.
            let event = match self.jobs.work {
                Work::Holding => self.server.next_keeping(),
                _ => self.server.next(),
            };
            match event {
                Ok(Event::Interrupt(interrupt)) => {
                    note(&mut self.counts, interrupt);
                    self.jobs.advance(&mut self.devices, &mut self.counts, interrupt.badge)?;
                }
                Ok(Event::Call(call)) => self.jobs.begin(&mut self.devices, &self.counts, call)?,
                Ok(Event::Timer(_)) => self.jobs.look(&mut self.devices)?,
                Ok(Event::CallerGone(gone)) => self.jobs.forget(gone),
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Maps a device's registers, brings it to rest, and only then lets it write to memory where it interrupts so.
fn open(device: &PciDevice) -> Result<Edu<Memory>, String> {
    let failed = |error: &dyn core::fmt::Display| format!("{}: {error}", device.address);
    let memory = device.memory(0).and_then(|memory| memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE));
    let memory = memory.map_err(|error| failed(&error))?;
    let mut edu = Edu::new(Memory(memory)).map_err(|error| failed(&error))?;
    let nobody = Endpoint::new().map_err(|error| failed(&error))?;
    // No thread takes this call, so it only lets a millisecond pass.
    let pause = || drop(nobody.call_before(Instant::now() + Duration::from_millis(1), 0, [0; 4]));
    edu.come_to_rest(pause).map_err(|error| failed(&error))?;
    nobody.destroy().map_err(|error| failed(&error))?;
    if device.interrupt == PciInterrupt::Message {
        // SAFETY: the device is at rest, and this driver has it calculate and interrupt, never move memory.
        unsafe { device.master_bus() }.map_err(|error| failed(&error))?;
    }
    Ok(edu)
}

impl Jobs {
    /// Serves the devices behind an interrupt, and goes on with the work that clients wait for.
    fn advance(&mut self, devices: &mut [Device], counts: &mut EduCounts, source: u16) -> Result<(), String> {
        match self.work {
            Work::Holding => return Ok(()),
            Work::Storming => {
                raise(devices);
                return Ok(());
            }
            Work::Nothing | Work::Raising(_) | Work::Calculating(_) => {}
        }
        let mut has_calculated = false;
        for device in devices.iter_mut().filter(|device| device.source == source) {
            let causes = device.edu.serve().map_err(|stuck| format!("{}: {stuck}", device.address))?;
            if !causes.is_empty() {
                counts.served = counts.served.wrapping_add(1);
            }
            if causes.was_raised() {
                device.state = State::Served;
            }
            has_calculated |= causes.has_calculated();
        }
        let all_served = devices.iter().all(|device| device.state == State::Served);
        match core::mem::replace(&mut self.work, Work::Nothing) {
            Work::Raising(caller) if all_served => self.end_round(caller, counts),
            Work::Calculating(caller) if has_calculated => {
                let result = devices.first_mut().map_or(0, |device| device.edu.calculated());
                answer(caller, [result as usize, 0, 0, 0]);
            }
            unfinished => self.work = unfinished,
        }
        self.go_on(devices)
    }

    /// Looks whether the devices do what they were told. One whose interrupt doesn't come fails the driver: those who
    /// wait for it would wait for ever, and all others behind them.
    fn look(&mut self, devices: &mut [Device]) -> Result<(), String> {
        let is_calculating = devices.first_mut().is_some_and(|device| device.edu.is_calculating());
        let seen = if is_calculating { Seen::Calculating } else { Seen::Silent };
        if !self.watch.look(seen).map_err(|error| error.to_string())? {
            return Ok(());
        }
        let silent = devices.iter().find(|device| device.state == State::Raised).or(devices.first());
        Err(silent.map_or_else(String::new, |device| format!("{}: its interrupt doesn't come", device.address)))
    }

    /// Ends a round of a caller's job: answers the caller if the job is done, else puts it behind the other clients.
    fn end_round(&mut self, caller: Option<Caller<Job>>, counts: &EduCounts) {
        let Some(mut caller) = caller else { return };
        match &mut caller.wish {
            Job::Raise(left) if *left > 1 => {
                *left -= 1;
                self.waiting.put_back(caller);
            }
            _ => answer(Some(caller), counts.to_words()),
        }
    }

    fn begin(&mut self, devices: &mut [Device], counts: &EduCounts, call: Call<'_>) -> Result<(), String> {
        match call.request_of(&self.grants) {
            Some(EduRequest::Counts | EduRequest::Raise(0)) => call.answer(counts.to_words()),
            // The devices aren't served any more: who asks for work would wait until the driver is ended.
            _ if matches!(self.work, Work::Holding | Work::Storming) => call.refuse(),
            Some(EduRequest::Raise(count)) if count > EduRequest::MOST_ROUNDS => call.answer_as(OVER_LIMIT, [0; 4]),
            Some(EduRequest::Raise(count)) => self.waiting.put_off(call, Job::Raise(count)),
            Some(EduRequest::Factorial(number)) => self.waiting.put_off(call, Job::Factorial(number)),
            Some(request @ (EduRequest::Hold | EduRequest::Storm)) if matches!(self.work, Work::Nothing) => {
                self.work = if request == EduRequest::Hold { Work::Holding } else { Work::Storming };
                raise(devices);
                call.answer(counts.to_words());
            }
            _ => call.refuse(),
        }
        self.go_on(devices)
    }

    /// Begins the next turn, if the devices have nothing to do.
    fn go_on(&mut self, devices: &mut [Device]) -> Result<(), String> {
        let Work::Nothing = self.work else { return Ok(()) };
        let Some(caller) = self.waiting.take_next() else {
            return self.watch.end().map_err(|error| error.to_string());
        };
        self.watch.begin().map_err(|error| error.to_string())?;
        self.work = match caller.wish {
            Job::Raise(_) => {
                raise(devices);
                Work::Raising(Some(caller))
            }
            Job::Factorial(number) => {
                if let Some(device) = devices.first_mut() {
                    device.edu.calculate(number);
                }
                Work::Calculating(Some(caller))
            }
        };
        Ok(())
    }

    /// Forgets a caller that has gone. What the devices have begun for it, they end.
    fn forget(&mut self, gone: CallerGone) {
        if let Work::Raising(caller) | Work::Calculating(caller) = &mut self.work
            && caller.as_ref().is_some_and(|caller| gone.is_of(&caller.reply))
        {
            *caller = None;
        }
        self.waiting.forget(gone);
    }
}

fn raise(devices: &mut [Device]) {
    for device in devices {
        device.state = State::Raised;
        device.edu.raise();
    }
}

/// Answers a caller. One that goes at this moment needs no answer.
fn answer(caller: Option<Caller<Job>>, words: [usize; 4]) {
    if let Some(caller) = caller {
        let _ = caller.reply.answer(words);
    }
}

/// Counts a message. A message that only says "poll your device" stands for no interrupt.
fn note(counts: &mut EduCounts, interrupt: InterruptMessage) {
    counts.messages = counts.messages.wrapping_add(u32::from(interrupt.count != 0));
    counts.interrupts = counts.interrupts.wrapping_add(interrupt.count);
}

/// The registers of a device in the memory of its first base address register.
struct Memory(Mapping);

impl Registers for Memory {
    fn read(&mut self, offset: usize) -> u32 {
        self.0.read(offset)
    }

    fn write(&mut self, offset: usize, value: u32) {
        self.0.write(offset, value);
    }
}
