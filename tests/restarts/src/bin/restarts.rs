//! Has a driver die over and over, and counts what the system holds before and after.
//!
//! Serves `restarts`: a call with label 0 ends the driver with a transfer under way as often as word 0 says. With label
//! 1 the PCI bus dies each time before the driver does, so that nobody can turn the device off at once.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use abi::InfoItem;
use alloc::string::{String, ToString};
use bellwire::protocol::{Control, ProgramName, ProgramsRequest};
use bellwire::{Endpoint, Error, Event, Result, Root, Startup};
use restarts::{Record, TransferRequest};

bellwire::main!(run);

const DRIVER: &str = "transfer";
const BUS: &str = "pci";

/// What goes on before anything is counted: `init`'s heap grows to what it needs.
const FIRST_ROUNDS: usize = 8;
/// A line of the log stands for this many rounds.
const ROUNDS_A_LINE: usize = 50;

fn run(startup: Startup) -> Result<(), String> {
    let failed = |error: Error| error.to_string();
    let mut server = startup.server("restarts").map_err(failed)?;
    let info = startup.info().map_err(failed)?;
    let system = System {
        programs: startup.uses("programs").map_err(failed)?,
        driver: startup.uses("transfer").map_err(failed)?,
    };
    loop {
        if let Event::Call(call) = server.next().map_err(failed)? {
            let (way, [rounds, ..]) = (call.label, call.words);
            call.answer([0; 4]);
            server.poll().map_err(failed)?;
            system.run(&info, way == 1, rounds).map_err(failed)?;
        }
    }
}

struct System {
    programs: Endpoint,
    driver: Endpoint,
}

impl System {
    fn run(&self, info: &Root, without_bus: bool, rounds: usize) -> Result<()> {
        for _ in 0..FIRST_ROUNDS {
            self.round(without_bus)?;
        }
        let (before, first) = (held(info)?, self.record()?);
        for round in 1..=rounds {
            self.round(without_bus)?;
            if round.is_multiple_of(ROUNDS_A_LINE) {
                bellwire::println!("{round} rounds");
            }
        }
        let (after, last) = (held(info)?, self.record()?);
        bellwire::println!("held {before:?} before, {after:?} after");
        bellwire::println!(
            "{rounds} rounds, {} starts, {} in the same frames, {} words changed, {} devices worked: {}",
            last.starts - first.starts,
            last.same_frames - first.same_frames,
            last.changed - first.changed,
            last.worked - first.worked,
            if before == after { "nothing is lost" } else { "something is lost" }
        );
        Ok(())
    }

    /// Ends the driver while its device is about to write, and starts it anew at once.
    fn round(&self, without_bus: bool) -> Result<()> {
        self.record()?;
        if without_bus {
            self.control(ProgramsRequest::Kill(name(BUS)?))?;
        }
        self.control(ProgramsRequest::Kill(name(DRIVER)?))?;
        if without_bus {
            self.start(BUS)?;
        }
        self.start(DRIVER)
    }

    fn start(&self, program: &str) -> Result<()> {
        // `init` may not have heard of the end yet.
        while self.control(ProgramsRequest::Start(name(program)?))? == Control::Already {}
        Ok(())
    }

    fn control(&self, request: ProgramsRequest) -> Result<Control> {
        self.programs.request(request).map(Control::from_words)
    }

    /// Waits until a transfer is under way.
    fn record(&self) -> Result<Record> {
        loop {
            match self.driver.request(TransferRequest::Record) {
                Err(Error::Gone) => {}
                words => return words.map(Record::from_words),
            }
        }
    }
}

fn name(program: &str) -> Result<ProgramName> {
    ProgramName::new(program).ok_or(Error::BadArgument)
}

/// Processes, threads, endpoints and handles in use, free frames, and what all processes use of their quotas of frames
/// and objects.
fn held(info: &Root) -> Result<[usize; 7]> {
    let [processes, threads, endpoints, handles] = info.info(InfoItem::Kernel, 0, 1)?;
    let [_, free, ..] = info.info(InfoItem::Memory, 0, 0)?;
    let (mut frames, mut objects) = (0, 0);
    for index in 0.. {
        match info.process(index) {
            Ok(Some(process)) => {
                frames += process.frames.0 as usize;
                objects += process.objects.0 as usize;
            }
            Ok(None) => {}
            Err(Error::BadArgument) => break,
            Err(error) => return Err(error),
        }
    }
    Ok([processes, threads, endpoints, handles, free, frames, objects])
}
