//! The PCI functions that a program drives: found when it first starts, granted to each of its instances, turned on
//! before an instance starts and off when it has ended. A function masters the bus from the time on when the instance
//! says that its device is at rest.
//!
//! Configuration space says where a function's registers are. The program behind the service `pci` keeps it; `init`
//! gives the rights to memory, ports and interrupts.

use crate::clerk::Found;
use crate::size;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::pci::{entries, master_badge};
use bellwire::protocol::{PciBar, PciFunction, PciRequest, PciSignal};
use bellwire::{
    DrivenFunction, Endpoint, Error, FIRST_VECTOR, Interrupt, InterruptWrite, Memory, PAGE_BYTES, PciInterrupt, Ports,
    Process, Result, Rights, Root, Scoped, StartupEntry,
};
use core::fmt;
use manifest::{MOST_PORT_RANGES, MOST_PORTS, Program, Right, Signal};

/// The most handles that all functions of a program take together: half of an instance's table.
const MOST_HANDLES: usize = 32;

/// A program's functions. What was claimed for a function that can't be had is given back: the next start tries again.
#[derive(Debug)]
pub struct Devices {
    functions: Vec<Function>,
    /// The lines of all functions, each once.
    lines: Vec<(u8, Scoped<Interrupt>)>,
    /// The badge of the handle by which the program may let the functions master the bus, if it may.
    master: Option<u16>,
    /// The right to hand the functions' registers on, if the program has that.
    shared: Rights,
}

#[derive(Debug)]
struct Function {
    found: PciFunction,
    memory: Vec<(u8, Scoped<Memory>, u64)>,
    ports: Vec<(u8, Scoped<Ports>, u16, u16)>,
    signal: ClaimedSignal,
}

#[derive(Debug)]
enum ClaimedSignal {
    /// A line of [`Devices::lines`], where other functions may share it.
    Line(u8),
    Message(Scoped<Interrupt>, InterruptWrite),
}

/// The reason why a program doesn't get its functions.
#[derive(Debug)]
pub enum Missing {
    /// The machine has none of them.
    Absent,
    /// The bus doesn't answer now.
    Bus(Error),
    /// A function's registers or interrupt can't be had. The log says why.
    Refused,
}

impl Devices {
    /// Claims the registers and interrupts of a program's functions, which the bus has found.
    pub fn claim(root: &Root, found: Vec<Found>, program: &Program, badge: u16) -> Result<Self, Missing> {
        if found.is_empty() {
            return Err(Missing::Absent);
        }
        let master = program.rights.contains(&Right::Dma).then_some(master_badge(badge));
        let shared = if program.rights.contains(&Right::Share) { Rights::COPY } else { Rights::empty() };
        let mut devices = Self { functions: Vec::new(), lines: Vec::new(), master, shared };
        for (function, bars) in found {
            // The log says why a function can't be had. The program drives the others.
            let _ = devices.claim_function(root, program, function, bars);
        }
        let Self { functions, lines, .. } = &mut devices;
        lines.retain(|(line, _)| functions.iter().any(|function| function.has_line(*line)));
        if devices.functions.is_empty() { Err(Missing::Refused) } else { Ok(devices) }
    }

    /// Returns the program's functions, as `pci` is told of them.
    pub fn driven(&self) -> impl Iterator<Item = DrivenFunction> {
        let master = self.master;
        self.functions.iter().map(move |function| DrivenFunction { address: function.found.address, master })
    }

    fn claim_function(
        &mut self,
        root: &Root,
        program: &Program,
        found: PciFunction,
        bars: Vec<PciBar>,
    ) -> Result<(), Missing> {
        // A driver can't reach a function that answers nowhere, and so can't make it release its line.
        let answers = |bar: &PciBar| matches!(bar, PciBar::Memory { .. } | PciBar::Ports { .. });
        let can =
            if bars.contains(&PciBar::Off) && !bars.iter().any(answers) { Err("firmware gave none") } else { Ok(()) };
        had(can, program, found, format_args!("an address"))?;
        let mut function =
            Function { found, memory: Vec::new(), ports: Vec::new(), signal: self.signal(root, program, found)? };
        for (index, bar) in (0..).zip(bars) {
            match bar {
                PciBar::None => {}
                PciBar::Off => bellwire::println!(
                    "{} doesn't get register {index} of the PCI function {}: firmware left it, or another, without \
                     address",
                    program.name,
                    found.address
                ),
                PciBar::Memory { address, bytes } => {
                    let claimed = claim_memory(root, address, bytes);
                    let claimed = had(claimed, program, found, format_args!("the memory at {address:#x}"))?;
                    function.memory.push((index, Scoped::new(claimed), bytes));
                }
                PciBar::Ports { first, count } => {
                    let what = format_args!("the ports at {first:#x}");
                    let used = self.functions.iter().map(|function| function.ports.len()).sum::<usize>();
                    let used = program.ports.len() + used + function.ports.len();
                    had(has_room_for_ports(used, count), program, found, what)?;
                    let claimed = had(root.ports(first, count), program, found, what)?;
                    function.ports.push((index, Scoped::new(claimed), first, count));
                }
            }
        }
        let handles = self.functions.iter().map(Function::handles).sum::<usize>() + function.handles();
        let can = if handles > MOST_HANDLES { Err("the program's functions have too many together") } else { Ok(()) };
        had(can, program, found, format_args!("registers and interrupt"))?;
        self.functions.push(function);
        Ok(())
    }

    /// Claims the interrupt of a function, unless another function of the program shares it.
    fn signal(&mut self, root: &Root, program: &Program, found: PciFunction) -> Result<ClaimedSignal, Missing> {
        match program.interrupt {
            Signal::Line => {
                let line = had(found.line.ok_or("firmware names none"), program, found, format_args!("the line"))?;
                if !self.lines.iter().any(|(other, _)| *other == line) {
                    let claimed = had(root.line(line), program, found, format_args!("the line {line}"))?;
                    self.lines.push((line, Scoped::new(claimed)));
                }
                Ok(ClaimedSignal::Line(line))
            }
            Signal::Msi => {
                let can = if found.has_messages { Ok(()) } else { Err("it can't send any") };
                had(can, program, found, format_args!("messages"))?;
                let (interrupt, write) = had(root.message_interrupt(), program, found, format_args!("messages"))?;
                Ok(ClaimedSignal::Message(Scoped::new(interrupt), write))
            }
        }
    }

    /// Returns what to ask the bus for before an instance starts: to turn the functions on.
    pub fn turning_on(&self) -> Vec<PciRequest> {
        let requests = self.functions.iter().map(|function| {
            let signal = match &function.signal {
                ClaimedSignal::Line(_) => PciSignal::Line,
                ClaimedSignal::Message(_, write) => PciSignal::Message(*write),
            };
            PciRequest::Enable { function: function.found.address, signal, master: self.master }
        });
        requests.collect()
    }

    /// Returns what to ask the bus for when an instance has ended: to turn the functions off.
    pub fn turning_off(&self) -> Vec<PciRequest> {
        self.functions.iter().map(|function| PciRequest::Disable(function.found.address)).collect()
    }

    /// Grants the functions to an instance, and adds their names to `entries`. `bus` is the service `pci`, which an
    /// instance that may let them master the bus calls.
    pub fn grant(&self, process: &Process, bus: &Endpoint, entries: &mut Vec<StartupEntry>) -> Result<()> {
        if let Some(badge) = self.master {
            entries.push(entries::bus(process.grant_badged(bus, Rights::CALL, badge)?));
        }
        for (index, function) in self.functions.iter().enumerate() {
            entries.push(entries::function(index, function.found.id, function.found.address));
            for (register, memory, bytes) in &function.memory {
                let handle = process.grant(&**memory, Rights::READ | Rights::WRITE | self.shared)?;
                entries.push(entries::memory(index, *register, handle, *bytes));
            }
            for (register, ports, first, count) in &function.ports {
                ports.attach(Some(process))?;
                entries.push(entries::ports(index, *register, *first, *count));
            }
            let (interrupt, kind) = match &function.signal {
                ClaimedSignal::Line(line) => (self.line(*line)?, PciInterrupt::Line(*line)),
                ClaimedSignal::Message(interrupt, _) => (&**interrupt, PciInterrupt::Message),
            };
            let handle = process.grant(interrupt, Rights::INTERRUPT)?;
            entries.push(entries::interrupt(index, handle, kind));
        }
        Ok(())
    }

    /// Returns whether a line, or a message interrupt by its number among the lines, belongs to the functions.
    pub fn have_line(&self, line: u8) -> bool {
        let messages = self.functions.iter().filter_map(|function| match &function.signal {
            ClaimedSignal::Line(_) => None,
            ClaimedSignal::Message(_, write) => Some(write.data),
        });
        self.lines.iter().any(|(claimed, _)| *claimed == line)
            || messages.map(|vector| vector.checked_sub(FIRST_VECTOR.into())).any(|number| number == Some(line.into()))
    }

    fn line(&self, line: u8) -> Result<&Interrupt> {
        let found = self.lines.iter().find(|(other, _)| *other == line);
        found.map(|(_, interrupt)| &**interrupt).ok_or(Error::BadHandle)
    }
}

impl Function {
    /// The handles that an instance gets for the function.
    fn handles(&self) -> usize {
        self.memory.len() + 1
    }

    fn has_line(&self, line: u8) -> bool {
        matches!(self.signal, ClaimedSignal::Line(own) if own == line)
    }
}

/// Returns why an instance that uses a number of ranges of ports couldn't use one more, of `count` ports. A function
/// that an instance can't be granted would keep the program from starting, so such a function is left out.
fn has_room_for_ports(used: usize, count: u16) -> Result<(), &'static str> {
    if u64::from(count) > MOST_PORTS {
        Err("they are more than a range can have")
    } else if used >= MOST_PORT_RANGES {
        Err("the program has as many ranges of ports as it can use")
    } else {
        Ok(())
    }
}

/// Returns what was claimed, or logs why it can't be had.
fn had<T>(
    claim: Result<T, impl fmt::Display>,
    program: &Program,
    function: PciFunction,
    what: fmt::Arguments<'_>,
) -> Result<T, Missing> {
    claim.map_err(|why| {
        bellwire::println!("{} doesn't get {what} of the PCI function {}: {why}", program.name, function.address);
        Missing::Refused
    })
}

/// Claims a function's memory. A page that registers of several functions share goes to the first claim alone.
fn claim_memory(root: &Root, address: u64, bytes: u64) -> Result<Memory, String> {
    let bytes = size::in_blocks(bytes, PAGE_BYTES).map_err(|error| error.to_string())?;
    root.device_memory(address, bytes).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_that_no_instance_could_use_are_refused() {
        assert_eq!(has_room_for_ports(0, 256), Ok(()));
        assert_eq!(has_room_for_ports(MOST_PORT_RANGES - 1, 8), Ok(()));
        assert!(has_room_for_ports(0, 512).is_err(), "a register may say so");
        assert!(has_room_for_ports(MOST_PORT_RANGES, 8).is_err());
    }
}
