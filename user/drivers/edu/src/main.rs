//! The driver of QEMU's teaching devices. It shows and tests that interrupts of PCI devices arrive, each once.
//!
//! Serves `edu` as [`EduRequest`]. Functions that share a line are served together. The manifest chooses whether they
//! interrupt by lines or by messages, which makes no difference here.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{EduCounts, EduRequest, PciAddress};
use bellwire::{
    Access, Call, Event, Grants, Interrupt, InterruptMessage, Mapping, PAGE_BYTES, PciDevice, PciInterrupt, Reply,
    Result, Server, Startup,
};
use driver_edu::{Edu, Registers};

bellwire::main!(run);

fn run(startup: Startup) -> Result<(), String> {
    let server = startup.server("edu").map_err(|error| error.to_string())?;
    let mut driver = Driver::new(server);
    driver.take_over(startup.grants())?;
    driver.serve()
}

struct Driver {
    server: Server,
    devices: Vec<Device>,
    /// Each interrupt once. The index of an interrupt is its badge.
    sources: Vec<(PciInterrupt, Interrupt)>,
    counts: EduCounts,
    work: Work,
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

/// The work that a client waits for.
enum Work {
    Nothing,
    Raising {
        left: u32,
        client: Reply,
    },
    Calculating {
        client: Reply,
    },
    /// The driver serves no device any more, as [`EduRequest::Hold`] asks.
    Holding,
}

impl Driver {
    fn new(server: Server) -> Self {
        Self { server, devices: Vec::new(), sources: Vec::new(), counts: EduCounts::default(), work: Work::Nothing }
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
            let event = match self.work {
                Work::Holding => self.server.next_keeping(),
                _ => self.server.next(),
            };
            match event {
                Ok(Event::Interrupt(interrupt)) => {
                    note(&mut self.counts, interrupt);
                    advance(&mut self.work, &mut self.devices, &mut self.counts, interrupt.badge)?;
                }
                Ok(Event::Call(call)) => {
                    begin(&mut self.work, &mut self.devices, &self.counts, call).map_err(|error| error.to_string())?;
                }
                Ok(_) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
}

/// Maps a device's registers and leaves it at rest.
fn open(device: &PciDevice) -> Result<Edu<Memory>, String> {
    let memory = device.memory(0).and_then(|memory| memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE));
    let memory = memory.map_err(|error| format!("{}: {error}", device.address))?;
    Edu::new(Memory(memory)).map_err(|error| format!("{}: {error}", device.address))
}

/// Serves the devices behind an interrupt, and goes on with the work that a client waits for.
fn advance(work: &mut Work, devices: &mut [Device], counts: &mut EduCounts, source: u16) -> Result<(), String> {
    if let Work::Holding = work {
        return Ok(());
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
    match core::mem::replace(work, Work::Nothing) {
        Work::Raising { left: 0 | 1, client } if all_served => answer(client, counts.to_words()),
        Work::Raising { left, client } if all_served => {
            *work = Work::Raising { left: left - 1, client };
            raise(devices);
        }
        Work::Calculating { client } if has_calculated => {
            let result = devices.first_mut().map_or(0, |device| device.edu.calculated());
            answer(client, [result as usize, 0, 0, 0]);
        }
        unfinished => *work = unfinished,
    }
    Ok(())
}

fn begin(work: &mut Work, devices: &mut [Device], counts: &EduCounts, call: Call<'_>) -> Result<()> {
    match (call.request(), &work) {
        (Some(EduRequest::Counts | EduRequest::Raise(0)), _) => call.answer(counts.to_words()),
        (Some(EduRequest::Raise(count)), Work::Nothing) => {
            *work = Work::Raising { left: count, client: call.defer()? };
            raise(devices);
        }
        (Some(EduRequest::Factorial(number)), Work::Nothing) => {
            *work = Work::Calculating { client: call.defer()? };
            if let Some(device) = devices.first_mut() {
                device.edu.calculate(number);
            }
        }
        (Some(EduRequest::Hold), Work::Nothing) => {
            *work = Work::Holding;
            raise(devices);
            call.answer(counts.to_words());
        }
        _ => call.refuse(),
    }
    Ok(())
}

fn raise(devices: &mut [Device]) {
    for device in devices {
        device.state = State::Raised;
        device.edu.raise();
    }
}

/// Answers a client. A client that has gone meanwhile needs no answer.
fn answer(client: Reply, words: [usize; 4]) {
    let _ = client.answer(words);
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
