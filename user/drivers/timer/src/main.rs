//! The timer service: deadlines and periods for clients that have no timer object of their own, or want many.
//!
//! Serves `timer` as [`TimerRequest`], with one timer of the kernel's, which is always set to the next deadline.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::TimerRequest;
use bellwire::{Call, Endpoint, Event, Instant, Reply, Result, Startup, Timer};
use driver_timer::Schedule;

/// The most entries of one client.
const ENTRIES_PER_CLIENT: usize = 64;

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("timer")?;
    let alarm = Timer::new(server.endpoint(), 0)?;
    let mut schedule = Schedule::default();
    loop {
        if let Event::Call(call) = server.next()? {
            admit(call, &mut schedule)?;
        }
        while let Some((due, number, entry)) = schedule.take_due(Instant::now().cycles()) {
            if let Some((next, entry)) = entry.ring(due) {
                schedule.put_back(next, number, entry);
            }
        }
        if let Some(due) = schedule.next_due() {
            alarm.set(Instant::from_cycles(due))?;
        }
    }
}

fn admit(mut call: Call<'_>, schedule: &mut Schedule<Entry>) -> Result<()> {
    let client = call.badge;
    let has_room = schedule.count(|entry| entry.client == client) < ENTRIES_PER_CLIENT;
    match call.request() {
        Some(TimerRequest::SleepUntil(due)) if has_room => {
            let sleeper = Wants::Answer(call.defer()?);
            // Without room the entry is dropped here, and with it the right to answer, so the caller gets an error.
            let _ = schedule.add(due, |_| Entry { client, wants: sleeper });
        }
        Some(TimerRequest::Every { period, bit }) if has_room && period >= TimerRequest::SHORTEST_PERIOD => {
            let Some(handle) = call.handle.take() else { return Ok(()) };
            let wants = Wants::Notice { endpoint: Endpoint::from(handle), bits: 1 << bit, period };
            match schedule.add(Instant::now().cycles().saturating_add(period), |_| Entry { client, wants }) {
                Ok(number) => call.answer([number as usize, 0, 0, 0]),
                Err(_) => call.refuse(),
            }
        }
        Some(TimerRequest::Stop(number)) => match schedule.take(number, |entry| entry.client == client) {
            Some(_) => call.answer([0; 4]),
            None => call.refuse(),
        },
        _ => call.refuse(),
    }
    Ok(())
}

/// Something that is due, and its client.
struct Entry {
    client: u16,
    wants: Wants,
}

enum Wants {
    /// The answer to a call, once.
    Answer(Reply),
    /// A notification every period.
    Notice { endpoint: Endpoint, bits: u32, period: u64 },
}

impl Entry {
    /// Answers or notifies the client. Returns the next deadline of a period, unless the client is gone.
    fn ring(self, due: u64) -> Option<(u64, Self)> {
        match self.wants {
            Wants::Answer(reply) => {
                let _ = reply.answer([0; 4]);
                None
            }
            Wants::Notice { ref endpoint, bits, period } => {
                endpoint.notify(bits).ok()?;
                // Missed periods become one notification, as they would in the notify word anyhow.
                let missed = Instant::now().cycles().saturating_sub(due) / period;
                Some((due.saturating_add((missed + 1).saturating_mul(period)), self))
            }
        }
    }
}
