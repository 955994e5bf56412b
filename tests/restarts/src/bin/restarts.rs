//! Has a driver die over and over, and counts what the system holds before and after.
//!
//! Serves `restarts`: a call with label 0 ends the driver with a transfer under way as often as word 0 says. The label
//! is a [`Way`]. The answer comes at the end: so its caller waits meanwhile, and nobody but those that are watched has
//! work. It carries the [`Record`] of these rounds, or is refused if something was lost, which the log then tells.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use abi::InfoItem;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{Control, ProgramName, ProgramsRequest};
use bellwire::{Access, Endpoint, Error, Event, Instant, Memory, Result, Root, Startup};
use core::time::Duration;
use restarts::{BLOCK_BYTES, BLOCKS, Record, TransferRequest};

bellwire::main!(run);

const DRIVER: &str = "transfer";
const BUS: &str = "pci";

/// What goes on before anything is counted: `init`'s heap grows to what it needs.
const FIRST_ROUNDS: usize = 24;
/// How often in succession the system holds the same where nobody has work.
const READINGS_AT_REST: usize = 10;
/// Longer than the device takes for a transfer.
const TRANSFER: Duration = Duration::from_millis(150);
const BETWEEN_READINGS: Duration = Duration::from_millis(10);

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
            let [rounds, ..] = call.words;
            let Some(way) = Way::from_label(call.label) else {
                call.refuse();
                continue;
            };
            match system.run(&info, way, rounds).map_err(failed)? {
                Some(record) => call.answer(record.to_words()),
                None => call.refuse(),
            }
        }
    }
}

/// How the driver dies, and what comes after.
#[derive(Clone, Copy)]
enum Way {
    /// Its next instance starts at once, and takes the frames.
    Restarted,
    /// The bus dies first, so that nobody can turn the device off at once.
    WithoutBus,
    /// It stays dead until its transfer would have been done, and this program takes the frames.
    Stopped,
}

impl Way {
    fn from_label(label: u8) -> Option<Self> {
        [Self::Restarted, Self::WithoutBus, Self::Stopped].get(usize::from(label)).copied()
    }
}

struct System {
    programs: Endpoint,
    driver: Endpoint,
}

impl System {
    /// Returns what the driver has seen in these rounds; nothing if the system then holds more or less than before.
    fn run(&self, info: &Root, way: Way, rounds: usize) -> Result<Option<Record>> {
        for _ in 0..FIRST_ROUNDS {
            self.round(way)?;
        }
        let (first, before) = (self.record()?, held_at_rest(info)?);
        let mut watched = Watched::default();
        for _ in 0..rounds {
            let round = self.round(way)?;
            watched.same_frames += round.same_frames;
            watched.changed += round.changed;
        }
        let (last, after) = (self.record()?, held_at_rest(info)?);
        bellwire::println!("held {before:?} before, {after:?} after");
        let record = Record {
            starts: last.starts - first.starts,
            same_frames: match way {
                Way::Restarted | Way::WithoutBus => last.same_frames - first.same_frames,
                Way::Stopped => watched.same_frames,
            },
            changed: last.changed - first.changed + watched.changed,
            worked: last.worked - first.worked,
        };
        Ok((before == after).then_some(record))
    }

    /// Ends the driver while its device is about to write, and starts it anew. Returns what this program saw of the
    /// frames.
    fn round(&self, way: Way) -> Result<Watched> {
        self.record()?;
        let mut watched = Watched::default();
        match way {
            Way::Restarted => drop(self.control(ProgramsRequest::Kill(name(DRIVER)?))?),
            Way::WithoutBus => {
                self.control(ProgramsRequest::Kill(name(BUS)?))?;
                self.control(ProgramsRequest::Kill(name(DRIVER)?))?;
                self.start(BUS)?;
            }
            Way::Stopped => {
                let [destination, ..] = self.driver.request(TransferRequest::Destination)?;
                self.control(ProgramsRequest::Stop(name(DRIVER)?))?;
                watched = watch(destination)?;
            }
        }
        self.start(DRIVER)?;
        Ok(watched)
    }

    fn start(&self, program: &str) -> Result<()> {
        // `init` may not have heard of the end yet.
        while self.control(ProgramsRequest::Start(name(program)?))? == Control::Already {}
        Ok(())
    }

    fn control(&self, request: ProgramsRequest) -> Result<Control> {
        self.programs.request(request).and_then(Control::from_words)
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

/// What this program saw of frames that a dead driver had told its device to write to.
#[derive(Default)]
struct Watched {
    /// How often this program had them.
    same_frames: u32,
    /// How many words of them the device has changed.
    changed: u32,
}

/// Takes the frames of a dead driver until its transfer to `destination` would have been done.
fn watch(destination: usize) -> Result<Watched> {
    let memories = (0..BLOCKS).map(|_| Memory::new(BLOCK_BYTES)).collect::<Result<Vec<_>>>()?;
    let mut watched = Watched::default();
    let nobody = Endpoint::new()?;
    for memory in &memories {
        if memory.physical_address()? as usize == destination {
            let block = memory.map(Access::READ | Access::WRITE)?;
            restarts::fill(&block);
            // No thread takes this call, so it only lets time pass.
            drop(nobody.call_before(Instant::now() + TRANSFER, 0, [0; 4]));
            watched = Watched { same_frames: 1, changed: restarts::changed(&block) };
        }
    }
    nobody.destroy()?;
    memories.into_iter().try_for_each(Memory::destroy)?;
    Ok(watched)
}

/// What is held once nobody takes or gives back anything: the bus goes on looking for functions after its driver runs.
fn held_at_rest(info: &Root) -> Result<[usize; 7]> {
    let nobody = Endpoint::new()?;
    let (mut last, mut readings) = (held(info)?, 0);
    while readings < READINGS_AT_REST {
        // No thread takes this call, so it only lets time pass.
        drop(nobody.call_before(Instant::now() + BETWEEN_READINGS, 0, [0; 4]));
        let now = held(info)?;
        readings = if now == last { readings + 1 } else { 0 };
        last = now;
    }
    nobody.destroy()?;
    Ok(last)
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
