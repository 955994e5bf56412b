//! What a client can ask the timer service for, which alone takes handles.

use super::MANY;
use super::handles::OddHandles;
use crate::Service;
use alloc::vec::Vec;
use bellwire::protocol::TimerRequest;
use bellwire::{Endpoint, Error, Instant};
use core::time::Duration;

/// Asks the timer service for as much as it grants. Returns how many periods and sleeps that was, and why no more.
pub fn ask_for_all(service: &Service, bell: &Endpoint) -> (u32, Option<Error>) {
    let period = bellwire::time::cycles(Duration::from_millis(5));
    let mut granted = 0;
    for bit in (0..32).cycle().take(MANY) {
        match service.endpoint.request_with_handle(TimerRequest::Every { period, bit }, bell) {
            Ok(_) => granted += 1,
            Err(error) => return (granted, Some(error)),
        }
    }
    (granted, None)
}

/// More numbers than the timer service has given out.
const NUMBERS: u32 = 16_384;

/// Stops requests by all numbers, those of others among them. Returns how many that were.
pub fn stop_all(service: &Service) -> u32 {
    let stops = |number: &u32| service.endpoint.request(TimerRequest::Stop(*number)).is_ok();
    (0..NUMBERS).filter(stops).count() as u32
}

/// Has the timer service take more odd handles of each kind than its table has room for: in requests that it refuses,
/// in requests that it grants, and in those that it can't notify. All of them are over in the end.
pub fn fill(timer: &Service, odd: &OddHandles) {
    let period = bellwire::time::cycles(Duration::from_millis(1));
    for handle in &odd.handles {
        for _ in 0..MANY {
            let _ = timer.endpoint.request_with_handle(TimerRequest::Stop(0), handle);
            let _ = timer.endpoint.request_with_handle(TimerRequest::SleepUntil(0), handle);
            let every = TimerRequest::Every { period, bit: 0 };
            if let Ok([number, ..]) = timer.endpoint.request_with_handle(every, handle) {
                let _ = timer.endpoint.request(TimerRequest::Stop(number as u32));
            }
        }
        // These end when they expire, if the handle can't notify.
        let every = TimerRequest::Every { period, bit: 0 };
        let numbers: Vec<_> = (0..3).filter_map(|_| timer.endpoint.request_with_handle(every, handle).ok()).collect();
        let _ = timer.endpoint.request(TimerRequest::SleepUntil(Instant::now().cycles() + 2 * period));
        for [number, ..] in numbers {
            let _ = timer.endpoint.request(TimerRequest::Stop(number as u32));
        }
    }
}
