//! The guest: asks each server something that costs little, first alone and then beside the vandal.

use crate::{Service, services, to_guest};
use alloc::format;
use alloc::vec::Vec;
use bellwire::protocol::{
    Chunk, ClockRequest, ConsoleRequest, EduRequest, KeyboardRequest, PciRequest, ProgramsRequest, Request,
    StreamRequest, TimerRequest,
};
use bellwire::{Endpoint, Error, Event, Instant, Result, Startup, time};
use core::time::Duration;

/// How often each server is asked while the vandal doesn't run.
const QUIET_ROUNDS: u32 = 50;

/// How often each server is asked at least while the vandal runs.
const LOUD_ROUNDS: usize = 50;

/// How long the vandal runs between two questions.
const PAUSE: Duration = Duration::from_micros(500);

/// How long a server may take at most.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a server took each time that it was asked, in cycles, and how often it gave no answer.
#[derive(Clone, Default)]
struct Spent {
    cycles: Vec<u64>,
    failures: u32,
}

impl Spent {
    fn ask(&mut self, service: &Service) {
        let start = Instant::now();
        let (label, words) = question(service.name);
        let answer = service.endpoint.call_before(start + PATIENCE, label, words);
        self.cycles.push(Instant::now().cycles().saturating_sub(start.cycles()));
        self.failures += u32::from(answer.is_err());
    }

    fn mean(&self) -> u128 {
        let sum: u64 = self.cycles.iter().sum();
        time::duration(sum / self.cycles.len().max(1) as u64).as_nanos()
    }

    fn median(&self) -> u128 {
        let mut sorted = self.cycles.clone();
        sorted.sort_unstable();
        time::duration(sorted.get(sorted.len() / 2).copied().unwrap_or_default()).as_nanos()
    }
}

/// A request that a server answers at once. `shell` refuses everything, which is an answer too.
fn question(service: &str) -> (u8, [usize; 4]) {
    match service {
        "timer" => TimerRequest::SleepUntil(0).encode(),
        "edu" => EduRequest::Counts.encode(),
        "serial" => StreamRequest::Write(Chunk::default()).encode(),
        "console" => ConsoleRequest::Size.encode(),
        "keyboard" => KeyboardRequest::Layout.encode(),
        "rtc" => ClockRequest::Ticks.encode(),
        "pci" => PciRequest::Get(0).encode(),
        "programs" => ProgramsRequest::Find { badge: 0 }.encode(),
        _ => (0, [0; 4]),
    }
}

pub fn run(startup: Startup) -> Result<()> {
    let services = services(&startup)?;
    let mut server = startup.server("guest")?;
    let nowhere = Endpoint::new()?;
    let mut quiet: Vec<Spent> = services.iter().map(|_| Spent::default()).collect();
    for _ in 0..QUIET_ROUNDS {
        for (spent, service) in quiet.iter_mut().zip(&services) {
            // A call that no thread takes: as much time passes as beside the vandal, which waits meanwhile.
            let _ = nowhere.call_before(Instant::now() + PAUSE, 0, [0; 4]);
            spent.ask(service);
        }
    }
    let mut loud: Vec<Spent> = services.iter().map(|_| Spent::default()).collect();
    let mut lives = 0;
    let mut is_done = false;
    while !is_done || loud.iter().any(|spent| spent.cycles.len() < LOUD_ROUNDS) {
        for (spent, service) in loud.iter_mut().zip(&services) {
            match server.next_before(Instant::now() + PAUSE) {
                Ok(Event::Call(call)) if call.label == to_guest::LIFE => {
                    call.answer([lives, 0, 0, 0]);
                    lives += 1;
                }
                Ok(Event::Call(call)) if call.label == to_guest::DONE => {
                    call.answer([0; 4]);
                    is_done = true;
                }
                Ok(_) | Err(Error::TimedOut) => {}
                Err(error) => return Err(error),
            }
            spent.ask(service);
        }
    }
    let mut report = format!("\r\nguest: the vandal has lived {lives} times\r\n");
    for ((service, quiet), loud) in services.iter().zip(&quiet).zip(&loud) {
        report += &format!(
            "guest: {} took {} ns, beside the vandal {} ns (half of the times {} ns at most), and failed {} times\r\n",
            service.name,
            quiet.mean(),
            loud.mean(),
            loud.median(),
            quiet.failures + loud.failures,
        );
    }
    report += "guest: done\r\n";
    let console = services.iter().find(|service| service.name == "console").ok_or(Error::BadHandle)?;
    let mut rest = report.as_bytes();
    while !rest.is_empty() {
        let [taken, ..] = console.endpoint.request(StreamRequest::Write(Chunk::new(rest)))?;
        rest = rest.get(taken..).unwrap_or_default();
    }
    Ok(())
}
