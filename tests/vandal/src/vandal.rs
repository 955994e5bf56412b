//! The vandal, life by life.

use crate::tricks::handles::OddHandles;
use crate::tricks::{handles, timers};
use crate::{Service, services, to_guest, tricks};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::protocol::{FORBIDDEN, StreamRequest, TimerRequest};
use bellwire::{Endpoint, Error, Instant, Startup};
use core::time::Duration;

/// The most requests that the timer service grants a client.
const MOST_TIMERS: u32 = 10;

pub fn run(startup: Startup) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    let services = services(&startup).map_err(text)?;
    let guest = startup.uses("guest").map_err(text)?;
    let [life, ..] = guest.call(to_guest::LIFE, [0; 4]).map_err(text)?.words;
    match life {
        0 => {
            try_everything(&services)?;
            bellwire::entry::exit(0)
        }
        1..=5 => {
            if life == 1 {
                check_given_back(&services)?;
            }
            die_with_calls(&services, 2 * (life - 1))
        }
        _ => {
            guest.call(to_guest::DONE, [0; 4]).map_err(text)?;
            let nowhere = Endpoint::new().map_err(text)?;
            nowhere.call(0, [0; 4]).map(drop).map_err(text)
        }
    }
}

fn try_everything(services: &[Service]) -> Result<(), String> {
    let text = |error: Error| error.to_string();
    services.iter().try_for_each(try_what_is_forbidden)?;
    services.iter().for_each(tricks::deadlines);
    services.iter().for_each(tricks::every_label);
    services.iter().try_for_each(handles::every_label).map_err(text)?;
    services.iter().try_for_each(tricks::half_open).map_err(text)?;
    services.iter().for_each(tricks::fill_with_replies);
    services.iter().try_for_each(send_handles)?;
    let odd = OddHandles::new().map_err(text)?;
    services.iter().try_for_each(|service| took_none(service, handles::odd(service, &odd)))?;
    services.iter().filter(|service| service.name == "timer").for_each(|timer| timers::fill(timer, &odd));
    drop(odd);
    tricks::with_a_full_table(services).map_err(text)?;
    services.iter().for_each(tricks::notify);
    for (service, seed) in services.iter().zip(0x9E37_79B9..) {
        tricks::noise(service, seed);
    }
    services.iter().try_for_each(tricks::die_in_calls).map_err(text)?;
    ask_for_timers(services)
}

/// What changes a service for its other clients takes a right.
fn try_what_is_forbidden(service: &Service) -> Result<(), String> {
    for (name, (label, words)) in tricks::forbidden() {
        if name != service.name {
            continue;
        }
        let answer = service.endpoint.call(label, words).map_err(|error| error.to_string())?;
        if answer.label != FORBIDDEN {
            return fail(format!("{name} answers the label {label} by {}", answer.label));
        }
    }
    Ok(())
}

/// Ends the whole process, with calls of several threads under way at two services.
fn die_with_calls(services: &[Service], first: usize) -> Result<(), String> {
    let mut threads = Vec::new();
    for service in services.iter().skip(first).take(2) {
        tricks::wait_in_threads(service, &mut threads).map_err(|error| error.to_string())?;
    }
    // A call that no thread takes: the threads begin to wait meanwhile.
    let nobody = Endpoint::new().map_err(|error| error.to_string())?;
    let _ = nobody.call_before(Instant::now() + Duration::from_millis(1), 0, [0; 4]);
    bellwire::entry::exit(0)
}

/// No server but the timer service takes handles.
fn send_handles(service: &Service) -> Result<(), String> {
    took_none(service, handles::all(service))
}

fn took_none(service: &Service, taken: bellwire::Result<Option<String>>) -> Result<(), String> {
    match taken {
        Ok(None) => Ok(()),
        Ok(Some(answer)) => fail(format!("{} answers a handle: {answer}", service.name)),
        Err(error) => fail(error.to_string()),
    }
}

fn ask_for_timers(services: &[Service]) -> Result<(), String> {
    let Some(timer) = services.iter().find(|service| service.name == "timer") else { return Ok(()) };
    let bell = Endpoint::new().map_err(|error| error.to_string())?;
    // What earlier tricks have left.
    timers::stop_all(timer);
    let (granted, end) = timers::ask_for_all(timer, &bell);
    // Fewer would mean that the service's table is full.
    if granted != MOST_TIMERS || end != Some(Error::OverLimit) {
        return fail(format!("the timer service granted {granted} periods, then {end:?}"));
    }
    let too_often = timer.endpoint.request_with_handle(TimerRequest::Every { period: 1, bit: 0 }, &bell);
    if too_often != Err(Error::OverLimit) {
        return fail(format!("a period of a cycle is {too_often:?}"));
    }
    if timer.endpoint.request(StreamRequest::Read) != Err(Error::BadArgument) {
        return fail("the timer service reads".into());
    }
    let stopped = timers::stop_all(timer);
    if stopped != granted {
        return fail(format!("{stopped} periods were stopped, of {granted}"));
    }
    // The next life finds all of it given back, though this one stops nothing.
    let _ = timers::ask_for_all(timer, &bell);
    bell.into_raw();
    Ok(())
}

/// The timer service has given back what the last life had asked for.
fn check_given_back(services: &[Service]) -> Result<(), String> {
    let Some(timer) = services.iter().find(|service| service.name == "timer") else { return Ok(()) };
    let bell = Endpoint::new().map_err(|error| error.to_string())?;
    match timers::ask_for_all(timer, &bell) {
        (MOST_TIMERS, Some(Error::OverLimit)) => Ok(()),
        (granted, end) => fail(format!("the next life is granted {granted} periods, then {end:?}")),
    }
}

/// Says what went wrong where the runner finds it: in the program's end.
fn fail(what: String) -> Result<(), String> {
    Err(format!("vandal failed: {what}"))
}
