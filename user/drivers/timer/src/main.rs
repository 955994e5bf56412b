//! The timer service: deadlines and periods for clients that have no timer object of their own, or want many.
//!
//! Serves `timer` as [`TimerRequest`], with one timer of the kernel's, which is always set to the next deadline. What
//! one client can ask for is bounded, and given back when the client ends.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::{OVER_LIMIT, SupervisionRequest, TimerRequest};
use bellwire::{Call, CallerGone, Endpoint, Event, Instant, Reply, Result, Sent, Startup, Timer, time};
use driver_timer::{Client, REQUESTS, Schedule, Weight, is_seldom_enough};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("timer")?.taking_handles();
    let alarm = Timer::new(server.endpoint(), 0)?;
    let mut schedule = Schedule::default();
    loop {
        match server.next()? {
            Event::Call(call) => admit(call, &mut schedule),
            Event::CallerGone(gone) => schedule.remove(|entry| entry.waits_as(gone)),
            _ => {}
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

fn admit(mut call: Call<'_>, schedule: &mut Schedule<Entry>) {
    let client = call.badge;
    if let Some(SupervisionRequest::ClientEnded { badge, before }) = call.request() {
        if client != SupervisionRequest::SUPERVISOR {
            return call.refuse();
        }
        schedule.remove(|entry| entry.client.had_ended(badge, before));
        return call.answer([0; 4]);
    }
    let asks = Client { badge: client, since: Instant::now().cycles() };
    let has_room_for = |schedule: &Schedule<Entry>, wanted| {
        let held = schedule.iter().map(|entry| (entry.client.badge, entry.weight()));
        schedule.has_room()
            && REQUESTS.has_room(schedule.iter().map(|entry| entry.client.badge), client)
            && is_seldom_enough(held, client, wanted, time::frequency())
    };
    match call.request() {
        Some(TimerRequest::SleepUntil(due)) if due <= Instant::now().cycles() => call.answer([0; 4]),
        Some(TimerRequest::SleepUntil(due)) => {
            if !has_room_for(schedule, Weight::Once) {
                return call.answer_as(OVER_LIMIT, [0; 4]);
            }
            if let Some(sleeper) = call.defer() {
                // There is room.
                let _ = schedule.add(due, |_| Entry { client: asks, wants: Wants::Answer(sleeper) });
            }
        }
        Some(TimerRequest::Every { period, bit }) if period > 0 => {
            if !has_room_for(schedule, Weight::Every(period)) {
                return call.answer_as(OVER_LIMIT, [0; 4]);
            }
            let Some(handle) = call.handle.take() else { return call.refuse() };
            let wants = Wants::Notice { endpoint: handle.as_kind(), bits: 1 << bit, period };
            let due = Instant::now().cycles().saturating_add(period);
            if let Some(reply) = call.defer() {
                // There is room.
                let tell = |number| reply.answer([number as usize, 0, 0, 0]);
                let _ = schedule.add_told(due, Entry { client: asks, wants }, tell);
            }
        }
        Some(TimerRequest::Stop(number)) => match schedule.take(number, |entry| entry.client.badge == client) {
            Some(_) => call.answer([0; 4]),
            None => call.refuse(),
        },
        _ => call.refuse(),
    }
}

/// Something that is due, and its client.
struct Entry {
    client: Client,
    wants: Wants,
}

enum Wants {
    /// The answer to a call, once.
    Answer(Reply),
    /// A notification every period.
    Notice { endpoint: Sent<Endpoint>, bits: u32, period: u64 },
}

impl Entry {
    fn weight(&self) -> Weight {
        match self.wants {
            Wants::Answer(_) => Weight::Once,
            Wants::Notice { period, .. } => Weight::Every(period),
        }
    }

    /// Tells whether the entry is that of a caller that has gone.
    fn waits_as(&self, gone: CallerGone) -> bool {
        matches!(&self.wants, Wants::Answer(reply) if gone.is_of(reply))
    }

    /// Answers or notifies the client. Returns the next deadline of a period, unless the client is gone.
    fn ring(self, due: u64) -> Option<(u64, Self)> {
        match self.wants {
            Wants::Answer(reply) => {
                let _ = reply.answer([0; 4]);
                None
            }
            Wants::Notice { ref endpoint, bits, period } => {
                endpoint.attempt(|endpoint| endpoint.notify(bits)).ok()?;
                // Missed periods become one notification, as they would in the notify word anyhow.
                let missed = Instant::now().cycles().saturating_sub(due) / period;
                Some((due.saturating_add((missed + 1).saturating_mul(period)), self))
            }
        }
    }
}
