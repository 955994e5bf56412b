//! The rules that a manifest must fulfil before an image is made of it. Each error names every program concerned.

use crate::{Budget, Manifest, Program, Quota, Range, Right, Signal};
use alloc::string::String;
use alloc::vec::Vec;
use alloc::{format, vec};

type Result = core::result::Result<(), String>;

/// The endpoint that `init` itself receives on.
pub const INIT_SERVICE: &str = "programs";

/// The endpoint of the program that has PCI's configuration space, which `init` calls.
pub const PCI_SERVICE: &str = "pci";

/// The priority of `init` while it serves.
pub const INIT_PRIORITY: u8 = 40;

/// The share of the CPU that `init` keeps.
pub const INIT_BUDGET: Budget = Budget(50);

/// The objects that `init` adds to a program's: for the mappings that it makes in the process, and the first thread.
pub const INIT_OBJECTS: u16 = 16;

/// The threads of `init` beside those that answer in the place of a service's program, one for each service: the one
/// that serves, the one that asks the PCI bus, and the one that tells servers of their clients' ends.
const INIT_THREADS: usize = 3;

/// Names that programs can't have: files of the image, and entries of the startup block in which `init` finds its
/// modules.
const RESERVED: [&str; 6] = ["init", "kernel", "process", "root", "suite", "system"];

/// The longest name of a program: it travels in three words of a message.
const LONGEST_PROGRAM: usize = 12;

/// The longest name of an endpoint: it travels in an entry of the startup block, which holds 24 bytes for it and for a
/// word that says its kind.
const LONGEST_ENDPOINT: usize = 16;

/// The most ports of a range that the kernel lets a process use.
pub const MOST_PORTS: u64 = abi::PORTS_PER_RANGE as u64;
/// The most ranges of ports that the kernel keeps for a process.
pub const MOST_PORT_RANGES: usize = abi::PORT_RANGES_PER_PROCESS;

/// The most bytes that a program keeps. They are `init`'s memory for as long as the system runs.
const MOST_KEPT_BYTES: u64 = 1 << 20;

/// The highest of the core's priorities, which begin at 0.
const HIGHEST_PRIORITY: u8 = 63;

/// The last line: the ISA lines come first, then as many IOAPIC inputs as one controller can have.
const LAST_LINE: u8 = 239;

/// Ports that the kernel drives itself: the two interrupt controllers and the interval timer.
const KERNEL_PORTS: [Range; 3] = [Range::new(0x20, 0x21), Range::new(0x40, 0x43), Range::new(0xa0, 0xa1)];

/// Where a write is an interrupt (SDM 3A 11.11.1): the kernel claims them for all.
const KERNEL_MEMORY: Range = Range::new(0xfee0_0000, 0xfeef_ffff);

/// Something that can be claimed once, and its owner.
struct Claim<'a> {
    owner: &'a str,
    range: Range,
}

impl Manifest {
    /// Checks the whole manifest. The first violation is the error.
    pub fn check(&self) -> Result {
        let programs = &self.programs;
        for (index, program) in programs.iter().enumerate() {
            check_name("program", &program.name, LONGEST_PROGRAM)?;
            if RESERVED.contains(&program.name.as_str()) {
                return Err(format!(
                    "a program can't be called {:?}: that name means something else to `init` or to the image",
                    program.name
                ));
            }
            if programs[..index].iter().any(|other| other.name == program.name) {
                return Err(format!("two programs are called {:?}", program.name));
            }
            check_values(program)?;
        }
        check_budgets(programs)?;
        check_objects(programs)?;
        check_claims(programs)?;
        check_endpoints(programs)?;
        check_services(programs)?;
        check_pci(programs)
    }
}

fn check_name(what: &str, name: &str, longest: usize) -> Result {
    let plain = |letter: char| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-';
    if name.is_empty() || name.len() > longest || !name.chars().all(plain) {
        return Err(format!(
            "{name:?} is no name for a {what}: 1 to {longest} of the letters a to z, digits and hyphens"
        ));
    }
    Ok(())
}

fn check_values(program: &Program) -> Result {
    let name = &program.name;
    if program.priority > HIGHEST_PRIORITY {
        return Err(format!("{name}: priority {} is over {HIGHEST_PRIORITY}", program.priority));
    }
    if let Some(line) = program.lines.iter().find(|line| **line > LAST_LINE) {
        return Err(format!("{name}: there is no interrupt line {line}"));
    }
    if program.ports.len() > MOST_PORT_RANGES {
        return Err(format!(
            "{name}: a program can have {MOST_PORT_RANGES} ranges of ports, not {}",
            program.ports.len()
        ));
    }
    for range in &program.ports {
        if range.last > 0xffff {
            return Err(format!("{name}: there are no ports {range}; the last one is 0xffff"));
        }
        if range.count() > MOST_PORTS {
            return Err(format!("{name}: a range of ports has {MOST_PORTS} at most; {range} are {}", range.count()));
        }
        if KERNEL_PORTS.iter().any(|kernel| kernel.overlaps(*range)) {
            return Err(format!("{name}: of the ports {range} some are the kernel's own"));
        }
    }
    for range in &program.device_memory {
        if KERNEL_MEMORY.overlaps(*range) {
            return Err(format!("{name}: in the device memory {range} are addresses where a write is an interrupt"));
        }
        if range.first % 4096 != 0 || range.count() % 4096 != 0 {
            return Err(format!("{name}: the device memory {range} isn't whole pages of 4096 bytes"));
        }
    }
    if let Some(Quota(bytes)) = program.keeps
        && !(1..=MOST_KEPT_BYTES).contains(&bytes)
    {
        return Err(format!("{name}: a program keeps 1 byte to {MOST_KEPT_BYTES} bytes, not {bytes}"));
    }
    if let Some(word) =
        program.arguments.iter().find(|word| word.is_empty() || word.len() > 24 || word.contains(char::is_whitespace))
    {
        return Err(format!("{name}: the argument {word:?} isn't one word of 1 to 24 bytes"));
    }
    Ok(())
}

/// Checks that the programs' shares and that of `init` are no more than the CPU.
fn check_budgets(programs: &[Program]) -> Result {
    let total = programs.iter().map(|program| u32::from(program.budget.0)).sum::<u32>() + u32::from(INIT_BUDGET.0);
    if total <= u32::from(Budget::WHOLE.0) {
        return Ok(());
    }
    let shares = programs.iter().map(|program| format!("{} {}", program.name, program.budget)).collect::<Vec<_>>();
    Err(format!("the budgets add up to {}.{} %: init {INIT_BUDGET}, {}", total / 10, total % 10, shares.join(", ")))
}

/// Checks that the kernel has room for all objects that the programs may own, of whatever kind, so that none finds a
/// table full because of others.
fn check_objects(programs: &[Program]) -> Result {
    let all = |program: &Program| usize::from(program.objects.0) + usize::from(INIT_OBJECTS);
    let of_process = abi::OBJECTS_PER_PROCESS as usize;
    let total = programs.iter().map(|program| all(program) + of_process).sum::<usize>();
    if total <= abi::OBJECTS {
        return Ok(());
    }
    let own = programs.iter().map(|program| format!("{} {}", program.name, program.objects.0)).collect::<Vec<_>>();
    Err(format!(
        "the objects add up to {total}, of {} that the kernel has room for: {}, and {} for each program's process",
        abi::OBJECTS,
        own.join(", "),
        usize::from(INIT_OBJECTS) + of_process
    ))
}

/// Checks that `init` can answer in the place of all services' programs at once.
fn check_services(programs: &[Program]) -> Result {
    const MOST: usize = abi::THREADS_PER_PROCESS - INIT_THREADS;
    let services = programs.iter().flat_map(|program| &program.serves).map(String::as_str).collect::<Vec<_>>();
    if services.len() <= MOST {
        return Ok(());
    }
    Err(format!(
        "{} services are more than {MOST}, for which `init` has threads that answer while a program is stopped: {}",
        services.len(),
        services.join(", ")
    ))
}

fn check_claims(programs: &[Program]) -> Result {
    no_conflict("interrupt line", programs, |program| {
        program.lines.iter().map(|line| Range::new(u64::from(*line), u64::from(*line))).collect()
    })?;
    no_conflict("ports", programs, |program| program.ports.clone())?;
    no_conflict("device memory", programs, |program| program.device_memory.clone())
}

fn no_conflict(what: &str, programs: &[Program], claims: impl Fn(&Program) -> Vec<Range>) -> Result {
    let mut granted: Vec<Claim> = Vec::new();
    for program in programs {
        for range in claims(program) {
            if let Some(claim) = granted.iter().find(|claim| claim.range.overlaps(range)) {
                let what =
                    if range.count() == 1 { format!("{what} {}", range.first) } else { format!("{what} {range}") };
                return Err(format!("{} and {} both claim {what}", claim.owner, program.name));
            }
            granted.push(Claim { owner: &program.name, range });
        }
    }
    Ok(())
}

/// Checks that programs with PCI devices come after the program that turns those on, so that it runs when they start.
/// `init` calls that program, so the rule for calls holds for it.
fn check_pci(programs: &[Program]) -> Result {
    let server = programs.iter().position(|program| program.serves.iter().any(|name| name == PCI_SERVICE));
    if let Some(server) = server.map(|server| &programs[server])
        && server.priority < INIT_PRIORITY
    {
        return Err(format!(
            "{} (priority {}) serves {PCI_SERVICE:?} for init (priority {INIT_PRIORITY}): a \
                    server's priority must be at least its callers'",
            server.name, server.priority
        ));
    }
    for (place, program) in programs.iter().enumerate() {
        let name = &program.name;
        if program.pci.is_empty() {
            if program.interrupt == Signal::Msi {
                return Err(format!("{name}: without PCI devices nothing interrupts by messages"));
            }
            if program.rights.contains(&Right::Dma) {
                return Err(format!(
                    "{name}: the right \"dma\" takes PCI devices, since `init` can turn no others off when it has ended"
                ));
            }
            continue;
        }
        let Some(server) = server.filter(|server| *server < place).map(|server| &programs[server]) else {
            return Err(format!("{name} drives PCI devices, and no program before it serves {PCI_SERVICE:?}"));
        };
        if program.rights.contains(&Right::Dma) && server.priority < program.priority {
            return Err(format!(
                "{name} (priority {}) lets its devices master the bus through {PCI_SERVICE:?} of {} (priority {}): a \
                 server's priority must be at least its callers'",
                program.priority, server.name, server.priority
            ));
        }
        if program.interrupt == Signal::Msi && !program.rights.contains(&Right::Dma) {
            return Err(format!(
                "{name}: messages are writes by the device to memory, so interrupt = \"msi\" needs the right \"dma\""
            ));
        }
        for (index, id) in program.pci.iter().enumerate() {
            let others = programs[..place].iter().find(|other| other.pci.contains(id));
            if let Some(other) = others.or_else(|| program.pci[..index].contains(id).then_some(program)) {
                return Err(format!("{} and {name} both claim the PCI device {id}", other.name));
            }
        }
    }
    Ok(())
}

/// The program that receives on an endpoint.
struct Server<'a> {
    endpoint: &'a str,
    name: &'a str,
    priority: u8,
}

/// Checks that every endpoint has one server, and that calls go uphill: a server runs at its callers' priority or
/// above.
fn check_endpoints(programs: &[Program]) -> Result {
    let mut servers = vec![Server { endpoint: INIT_SERVICE, name: "init", priority: INIT_PRIORITY }];
    for program in programs {
        for endpoint in &program.serves {
            check_name("endpoint", endpoint, LONGEST_ENDPOINT)?;
            if let Some(other) = servers.iter().find(|server| server.endpoint == endpoint) {
                return Err(format!("{} and {} both serve {endpoint:?}", other.name, program.name));
            }
            servers.push(Server { endpoint, name: &program.name, priority: program.priority });
        }
    }
    let find = |program: &Program, verb: &str, endpoint: &str| {
        let unknown = || format!("{} {verb} {endpoint:?}, which no program serves", program.name);
        servers.iter().find(|server| server.endpoint == endpoint).ok_or_else(unknown)
    };
    for program in programs {
        for (place, notify) in program.notifies.iter().enumerate() {
            find(program, "notifies", &notify.service)?;
            if program.notifies[..place].iter().any(|other| other.service == notify.service) {
                return Err(format!("{} notifies {:?} twice", program.name, notify.service));
            }
        }
        for endpoint in &program.uses {
            let server = find(program, "uses", endpoint)?;
            if server.priority < program.priority {
                return Err(format!(
                    "{} (priority {}) uses {endpoint:?} of {} (priority {}): a \
                    server's priority must be at least its callers'",
                    program.name, program.priority, server.name, server.priority
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
