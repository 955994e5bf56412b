//! The PCI functions that a program drives: found when it first starts, granted to each of its instances, turned on
//! before an instance starts and off when it has ended. A function masters the bus from the time on when the instance
//! says that its device is at rest.
//!
//! Configuration space says where a function's registers are. The program behind the service `pci` keeps it; `init`
//! gives the rights to memory, ports and interrupts.

use alloc::vec::Vec;
use bellwire::pci::entries;
use bellwire::protocol::{PciBar, PciFunction, PciId, PciRequest, PciSignal, Request};
use bellwire::{
    DrivenFunction, Endpoint, Error, FIRST_VECTOR, Instant, Interrupt, InterruptWrite, Memory, PAGE_BYTES,
    PciInterrupt, Ports, Process, Result, Rights, Root, StartupEntry,
};
use core::fmt;
use core::time::Duration;
use manifest::{Program, Right, Signal};

/// The most base address registers of a function.
const BARS: u8 = 6;

/// After this time without an answer the bus counts as gone. `init` must not wait for ever, since `init` itself starts
/// the bus again.
const PATIENCE: Duration = Duration::from_secs(5);

/// A program's functions.
#[derive(Debug)]
pub struct Devices {
    functions: Vec<Function>,
    /// The lines of all functions, each once.
    lines: Vec<(u8, Interrupt)>,
    /// The program's badge, if it may let the functions master the bus.
    master: Option<u16>,
    /// The right to hand the functions' registers on, if the program has that.
    shared: Rights,
}

#[derive(Debug)]
struct Function {
    found: PciFunction,
    memory: Vec<(u8, Memory, u64)>,
    ports: Vec<(u8, Ports, u16, u16)>,
    signal: ClaimedSignal,
}

#[derive(Debug)]
enum ClaimedSignal {
    /// A line of [`Devices::lines`], where other functions may share it.
    Line(u8),
    Message(Interrupt, InterruptWrite),
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

/// The service `pci`, as `init` calls it.
#[derive(Clone, Copy, Debug)]
pub struct Bus<'a>(pub &'a Endpoint);

impl Bus<'_> {
    fn ask(self, request: impl Request) -> Result<[usize; 4]> {
        self.0.request_before(Instant::now() + PATIENCE, request)
    }

    /// Returns all functions with one of the program's numbers, and their registers.
    fn find(self, program: &Program) -> Result<Vec<(PciFunction, Vec<PciBar>)>> {
        let wanted = |id: PciId| program.pci.iter().any(|want| (want.vendor, want.device) == (id.vendor, id.device));
        let mut functions = Vec::new();
        // No machine has more.
        for index in 0..=u32::from(u16::MAX) {
            match self.ask(PciRequest::Get(index)) {
                Ok(words) => functions.push(PciFunction::from_words(words)),
                Err(Error::BadArgument) => break,
                Err(error) => return Err(error),
            }
        }
        functions.retain(|function| wanted(function.id));
        let registers = |function: &PciFunction| -> Result<Vec<PciBar>> {
            let bars = (0..BARS).map(|index| self.ask(PciRequest::Bar { function: function.address, index }));
            bars.map(|words| words.map(PciBar::from_words)).collect()
        };
        functions.into_iter().map(|function| Ok((function, registers(&function)?))).collect()
    }
}

impl Devices {
    /// Finds a program's functions and claims their registers and interrupts.
    pub fn claim(root: &Root, bus: Bus<'_>, program: &Program, badge: u16) -> Result<Self, Missing> {
        let found = bus.find(program).map_err(Missing::Bus)?;
        if found.is_empty() {
            return Err(Missing::Absent);
        }
        let master = program.rights.contains(&Right::Dma).then_some(badge);
        let shared = if program.rights.contains(&Right::Share) { Rights::COPY } else { Rights::empty() };
        let mut devices = Self { functions: Vec::new(), lines: Vec::new(), master, shared };
        for (function, bars) in found {
            // The log says why a function can't be had. The program drives the others.
            let _ = devices.claim_function(root, program, function, bars);
        }
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
                    function.memory.push((index, claimed, bytes));
                }
                PciBar::Ports { first, count } => {
                    let claimed =
                        had(root.ports(first, count), program, found, format_args!("the ports at {first:#x}"))?;
                    function.ports.push((index, claimed, first, count));
                }
            }
        }
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
                    self.lines.push((line, claimed));
                }
                Ok(ClaimedSignal::Line(line))
            }
            Signal::Msi => {
                let can = if found.has_messages { Ok(()) } else { Err("it can't send any") };
                had(can, program, found, format_args!("messages"))?;
                let (interrupt, write) = had(root.message_interrupt(), program, found, format_args!("messages"))?;
                Ok(ClaimedSignal::Message(interrupt, write))
            }
        }
    }

    /// Turns the functions on. Call this before an instance starts.
    pub fn enable(&self, bus: Bus<'_>) -> Result<()> {
        for function in &self.functions {
            let signal = match &function.signal {
                ClaimedSignal::Line(_) => PciSignal::Line,
                ClaimedSignal::Message(_, write) => PciSignal::Message(*write),
            };
            bus.ask(PciRequest::Enable { function: function.found.address, signal, master: self.master })?;
        }
        Ok(())
    }

    /// Turns the functions off. When this returns, none of them reaches memory any more.
    pub fn disable(&self, bus: Bus<'_>) -> Result<()> {
        self.functions.iter().try_for_each(|function| {
            bus.ask(PciRequest::Disable(function.found.address))?;
            Ok(())
        })
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
                let handle = process.grant(memory, Rights::READ | Rights::WRITE | self.shared)?;
                entries.push(entries::memory(index, *register, handle, *bytes));
            }
            for (register, ports, first, count) in &function.ports {
                ports.attach(Some(process))?;
                entries.push(entries::ports(index, *register, *first, *count));
            }
            let (interrupt, kind) = match &function.signal {
                ClaimedSignal::Line(line) => (self.line(*line)?, PciInterrupt::Line(*line)),
                ClaimedSignal::Message(interrupt, _) => (interrupt, PciInterrupt::Message),
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
        found.map(|(_, interrupt)| interrupt).ok_or(Error::BadHandle)
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
fn claim_memory(root: &Root, address: u64, bytes: u64) -> Result<Memory> {
    let page = PAGE_BYTES as u64;
    let bytes = usize::try_from(bytes.next_multiple_of(page)).map_err(|_| Error::BadArgument)?;
    root.device_memory(address, bytes)
}
