//! `ps`: `init`, the programs in the manifest's order, and the time that nobody used.

use super::each;
use crate::{Cell, Column, Command, Failure, Latency, Shell, Style, Table};
use alloc::string::ToString;
use bellwire::protocol::ProgramState;
use bellwire::{ProcessUse, time};

/// The command.
pub struct Programs;

impl Command for Programs {
    const NAME: &str = "ps";
    const PURPOSE: &str = "programs and what they use";
    const HELP: &str = "\
Lists init and the programs: whether they run, how often they were started again, and what of the machine they use. \
CALLS counts system calls. The row (idle) is the time in which nobody ran.";

    fn parse(words: &[&str]) -> Option<Self> {
        words.is_empty().then_some(Self)
    }

    fn run(self, shell: &mut Shell) -> Result<(), Failure> {
        let processes = each(|slot| shell.counters.process(slot))?;
        let mut table = Table::new(&[
            Column::words("NAME", 0),
            Column::words("STATE", 0),
            Column::numbers("RESTARTS", 1),
            Column::numbers("PRIORITY", 4),
            Column::numbers("THREADS", 4),
            Column::numbers("MEMORY", 2),
            Column::numbers("CALLS", 3),
            Column::numbers("CPU TIME", 1),
        ]);
        for program in shell.programs()? {
            let process = processes.iter().find(|process| process.badge == program.badge && !process.ended);
            let style = match program.state {
                ProgramState::Running => Style::Good,
                ProgramState::Waiting => Style::Warning,
                _ => Style::Faint,
            };
            let state = Cell::from(program.state.name()).styled(style);
            table.row(row(program.name.as_str(), state, program.restarts, process));
        }
        for idle in processes.iter().filter(|process| process.badge == ProcessUse::KERNEL) {
            table.row(row("(idle)", Cell::default(), 0, Some(idle)));
        }
        shell.show(&table)
    }
}

fn row(name: &str, state: Cell, restarts: u8, process: Option<&ProcessUse>) -> [Cell; 8] {
    let ProcessUse { priority, threads, frames, calls, cycles, .. } = process.copied().unwrap_or_default();
    let memory = alloc::format!("{}K", frames.0 as usize * bellwire::PAGE_BYTES / 1024);
    let cpu = Latency(time::duration(cycles));
    [
        name.into(),
        state,
        restarts.to_string().into(),
        priority.to_string().into(),
        threads.to_string().into(),
        memory.into(),
        calls.to_string().into(),
        cpu.to_string().into(),
    ]
}
