//! `irq LINE`: looks at a line twice, and says what is wrong with it.

use super::{each, interrupts::name_of};
use crate::diagnosis::{self, Doing, Earlier, Facts, Owner, Thread};
use crate::{Failure, Shell, ask};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::protocol::{PciFunction, PciRequest, ProgramState, ProgramStatus, ProgramsRequest};
use bellwire::{Instant, Source, ThreadState};
use core::time::Duration;

/// The time between the two looks: long enough that a driver at work gets on, and short enough for a person.
const WATCH: Duration = Duration::from_millis(100);

/// Says where the interrupts of a line are stuck, and why.
pub fn explain(shell: &mut Shell, number: u8) -> Result<(), Failure> {
    let began = Instant::now();
    let earlier = Earlier::of(source(shell, number)?.as_ref());
    shell.wait_until(began + WATCH)?;
    let earlier = Earlier { ago: began.elapsed(), ..earlier };
    let facts = gather(shell, number, earlier)?;
    let width = shell.width();
    Ok(diagnosis::write(shell, &facts, width)?)
}

fn source(shell: &Shell, number: u8) -> Result<Option<Source>, Failure> {
    let (_, slot) = shell.counters.line_state(number)?;
    Ok(slot.map(|slot| shell.counters.source(slot)).transpose()?.flatten())
}

fn gather(shell: &Shell, number: u8, earlier: Earlier) -> Result<Facts, Failure> {
    let programs = shell.programs()?;
    let owner = match ask(&shell.programs, ProgramsRequest::OfLine { line: number }) {
        Ok(words) => Some(ProgramStatus::from_words(words)?),
        Err(Failure::Refused(_)) => None,
        Err(failure) => return Err(failure),
    };
    let functions = functions(shell, &programs, number)?;
    // Facts that change are asked last, and the source after its controllers. So a message that comes meanwhile is no
    // contradiction.
    let threads = threads(shell)?;
    let (state, _) = shell.counters.line_state(number)?;
    let source = source(shell, number)?;
    let name = |badge| name_of(&programs, badge);
    let doing = match &source {
        Some(source) if source.endpoint != 0 => diagnosis::doing(source.endpoint, source.owner, &threads, name),
        _ => Doing::Nothing,
    };
    let pending = source.as_ref().filter(|source| source.pending);
    let pending_for = pending.map_or(Duration::ZERO, |source| Instant::now() - Instant::from_cycles(source.first));
    Ok(Facts {
        number,
        state,
        holder: source.as_ref().map_or_else(String::new, |source| name(source.owner)),
        source,
        owner: owner.map(|owner| Owner { name: format!("{}", owner.name), state: owner.state }),
        doing,
        functions,
        earlier,
        pending_for,
        nmis: shell.counters.kernel()?.nmis,
    })
}

fn threads(shell: &Shell) -> Result<Vec<Thread>, Failure> {
    let mut slot = 0;
    Ok(each(|index| {
        slot = index;
        let Some(used) = shell.counters.thread(index)? else { return Ok(None) };
        let fault = match used.state {
            ThreadState::Faulted => Some(shell.counters.thread_fault(slot)?),
            _ => None,
        };
        Ok(Some(Thread { used, fault }))
    })?)
}

/// Returns the PCI functions of a line; none if the bus doesn't answer.
fn functions(shell: &Shell, programs: &[ProgramStatus], number: u8) -> Result<Vec<String>, Failure> {
    let mut functions = Vec::new();
    // A call to a bus that is about to be started again would wait.
    let runs = |program: &ProgramStatus| program.name.as_str() == "pci" && program.state == ProgramState::Running;
    if !programs.iter().any(runs) {
        return Ok(functions);
    }
    for index in 0.. {
        match ask(&shell.bus, PciRequest::Get(index)) {
            Ok(words) => {
                let PciFunction { address, id, line, .. } = PciFunction::from_words(words)?;
                if line == Some(number) {
                    functions.push(format!("{address} {id}"));
                }
            }
            Err(Failure::Interrupted) => return Err(Failure::Interrupted),
            Err(_) => break,
        }
    }
    Ok(functions)
}
