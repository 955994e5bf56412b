//! `ps`: `init`, the programs in the manifest's order, the kernel, and the idle time.

use super::holders::{held, processes};
use crate::{Cell, Column, Command, Failure, Latency, Shell, Style, Table, ask};
use alloc::format;
use alloc::string::{String, ToString};
use bellwire::protocol::{ProgramState, ProgramStatus, ProgramsRequest};
use bellwire::{PAGE_BYTES, ProcessUse, time};
use core::time::Duration;

/// The command.
pub struct Programs;

impl Command for Programs {
    const NAME: &str = "ps";
    const PURPOSE: &str = "programs and what they use";
    const HELP: &str = "\
Lists init and the programs: how they are doing, how often they were started again, and what of the machine they use. \
A program is absent if its device isn't there, and stopped until somebody starts it. PRIORITY is that of its highest \
thread; 63 runs first. MEMORY is what it holds, page tables included. CALLS counts system calls. SHARE is the part \
of the CPU that it gets while others want it; with a !, that is used up, and it runs below all others. (idle) is the \
time in which nobody ran.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let processes = processes(shell)?;
        let mut table = Table::new(&[
            Column::words("NAME", 0),
            Column::words("STATE", 0),
            Column::numbers("RESTARTS", 1),
            Column::numbers("PRIORITY", 4),
            Column::numbers("THREADS", 4),
            Column::numbers("MEMORY", 2),
            Column::numbers("CALLS", 3),
            Column::numbers("SHARE", 2),
            Column::numbers("CPU TIME", 1),
        ]);
        for program in shell.programs()? {
            let is_its = |process: &ProcessUse| process.badge == program.badge && !process.ended;
            let style = match program.state {
                ProgramState::Running => Style::Good,
                ProgramState::Waiting => Style::Warning,
                _ => Style::Faint,
            };
            let state = Cell::from(state(shell, &program)?).styled(style);
            let (name, restarts) = (program.name.to_string().into(), program.restarts.to_string().into());
            let Some((slot, process)) = processes.iter().find(|(_, process)| is_its(process)) else {
                let none = || Cell::from("-").styled(Style::Faint);
                table.row([name, state, restarts, none(), none(), none(), none(), none(), none()]);
                continue;
            };
            table.row([
                name,
                state,
                restarts,
                process.priority.to_string().into(),
                process.threads.to_string().into(),
                memory(held(*slot, process, &processes)),
                process.calls.to_string().into(),
                share(process),
                cpu(process),
            ]);
        }
        for (slot, kernel) in processes.iter().filter(|(_, process)| process.badge == ProcessUse::KERNEL) {
            let own = memory(held(*slot, kernel, &processes));
            let none = Cell::default;
            table.row(["(kernel)".into(), none(), none(), none(), none(), own, none(), none(), none()]);
            table.row(["(idle)".into(), none(), none(), none(), none(), none(), none(), none(), cpu(kernel)]);
        }
        shell.show(&table)
    }
}

/// Returns a program's state in words.
fn state(shell: &Shell, program: &ProgramStatus) -> Result<String, Failure> {
    if program.state != ProgramState::Waiting {
        return Ok(program.state.name().into());
    }
    match ask(&shell.programs, ProgramsRequest::Wait { badge: program.badge }) {
        Ok([milliseconds, ..]) => Ok(format!("starts in {}", Latency(Duration::from_millis(milliseconds as u64)))),
        // The program has started meanwhile.
        Err(Failure::Refused(_)) => Ok(program.state.name().into()),
        Err(failure) => Err(failure),
    }
}

fn memory(frames: u32) -> Cell {
    format!("{}K", frames as usize * PAGE_BYTES / 1024).into()
}

/// A process's share of the CPU, marked if it is used up.
fn share(process: &ProcessUse) -> Cell {
    if process.is_over {
        Cell::from(format!("! {}", process.share)).styled(Style::Warning)
    } else {
        process.share.to_string().into()
    }
}

fn cpu(process: &ProcessUse) -> Cell {
    Latency(time::duration(process.cycles)).to_string().into()
}
