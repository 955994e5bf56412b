//! What the kernel and `init` know, as tables.

use crate::Latency;
use crate::shell::{Failure, Shell};
use crate::terminal::ask;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{ClockRequest, DateTime, ProgramStatus, ProgramsRequest};
use bellwire::{Error, Instant, MemoryUse, ProcessUse, Result, Source, time};
use core::fmt::Write;

/// `ps`: `init`, the programs in the manifest's order, and the time that nobody used.
pub fn programs(shell: &mut Shell) -> Result<(), Failure> {
    let processes: Vec<_> = each(|slot| shell.counters.process(slot))?;
    let programs: Vec<_> = (0..)
        .map_while(|index| ask(&shell.programs, ProgramsRequest::Get(index)).ok())
        .map(ProgramStatus::from_words)
        .collect();
    writeln!(shell.terminal, "NAME          STATE    RESTARTS  PRIORITY  THREADS  MEMORY     CALLS   CPU TIME")?;
    for program in &programs {
        let process = processes.iter().find(|process| process.badge == program.badge && !process.ended);
        row(shell, program.name.as_str(), program.state.name(), program.restarts, process)?;
    }
    for idle in processes.iter().filter(|process| process.badge == ProcessUse::KERNEL) {
        row(shell, "(idle)", "", 0, Some(idle))?;
    }
    Ok(())
}

fn row(shell: &mut Shell, name: &str, state: &str, restarts: u8, process: Option<&ProcessUse>) -> Result<(), Failure> {
    let ProcessUse { priority, threads, frames, calls, cycles, .. } = process.copied().unwrap_or_default();
    let memory = alloc::format!("{}K", frames.0 as usize * bellwire::PAGE_BYTES / 1024);
    let cpu = Latency(time::duration(cycles));
    Ok(writeln!(
        shell.terminal,
        "{name:<14}{state:<9}{restarts:>8}{priority:>10}{threads:>9}{memory:>8}{calls:>10}{cpu:>11}"
    )?)
}

/// `irq`: a row for each source, just as wide as a text screen, then what belongs to none.
pub fn interrupts(shell: &mut Shell) -> Result<(), Failure> {
    let sources: Vec<_> = each(|index| shell.counters.source(index))?;
    writeln!(shell.terminal, "LINE KIND  OWNER           COUNT COALESCED SPURIOUS DROPPED    P50    P99    MAX")?;
    for source in &sources {
        let Source { line, taken, coalesced, spurious, dropped, .. } = *source;
        let line = if usize::from(line) == bellwire::LINE_NMI { "NMI".to_string() } else { line.to_string() };
        let kind = match source {
            Source { message: true, .. } => "msi",
            Source { level: true, .. } => "level",
            _ => "edge",
        };
        let owner = name_of(shell, source.owner);
        let [middle, high, longest] = [source.percentile(50), source.percentile(99), source.longest.into()]
            .map(|cycles| Latency(time::duration(cycles)));
        writeln!(
            shell.terminal,
            "{line:<5}{kind:<6}{owner:<12}{taken:>9}{coalesced:>10}{spurious:>9}{dropped:>8}{middle:>7}{high:>7}{longest:>7}"
        )?;
    }
    let kernel = shell.counters.kernel()?;
    let (pic, apic) = kernel.spurious;
    Ok(writeln!(
        shell.terminal,
        "spurious vectors: {pic} of the PIC, {apic} of the APIC; {} of lines without owner; {} NMIs",
        kernel.unowned, kernel.nmis
    )?)
}

fn name_of(shell: &Shell, badge: u16) -> String {
    match ask(&shell.programs, ProgramsRequest::Find { badge }) {
        Ok(words) => ProgramStatus::from_words(words).name.to_string(),
        Err(_) => alloc::format!("#{badge}"),
    }
}

/// `mem`: the machine's memory, and what its holders have of it.
pub fn memory(shell: &mut Shell) -> Result<(), Failure> {
    let MemoryUse { frames, free, held } = MemoryUse::of_machine()?;
    let kibibytes = |frames: u32| frames as usize * (bellwire::PAGE_BYTES / 1024);
    let (total, free, held) = (kibibytes(frames), kibibytes(free), kibibytes(held));
    Ok(writeln!(shell.terminal, "{total} KiB in all, {free} KiB free, {held} KiB held by programs")?)
}

/// `time`: the clock on the wall, and the one that started with the machine.
pub fn time(shell: &mut Shell) -> Result<(), Failure> {
    let date = DateTime::from_words(ask(&shell.clock, ClockRequest::Time)?);
    let up = time::duration(Instant::now().cycles());
    let (minutes, seconds) = (up.as_secs() / 60, up.as_secs() % 60);
    let (hours, minutes) = (minutes / 60, minutes % 60);
    let millis = up.subsec_millis();
    Ok(writeln!(shell.terminal, "{date}, up {hours}:{minutes:02}:{seconds:02}.{millis:03}")?)
}

/// `log`: all of the kernel's log that is still there.
pub fn log(shell: &mut Shell) -> Result<(), Failure> {
    let mut position = 0;
    loop {
        let (next, count, bytes) = shell.log.log_read(position)?;
        if count == 0 {
            return Ok(shell.terminal.flush()?);
        }
        for byte in &bytes[..count] {
            match byte {
                b'\r' => {}
                byte => shell.terminal.write_char(char::from(*byte))?,
            }
        }
        position = next;
    }
}

/// Everything in a table of slots, of which some are free.
fn each<T>(mut slot: impl FnMut(usize) -> Result<Option<T>>) -> Result<Vec<T>> {
    let mut all = Vec::new();
    for index in 0.. {
        match slot(index) {
            Ok(Some(found)) => all.push(found),
            Ok(None) => {}
            Err(Error::BadArgument) => break,
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}
