//! The driver of the clock that runs while the machine is off.
//!
//! Serves `rtc` as [`ClockRequest`]: the time of day, and interrupts at a chosen rate, which it counts.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::{ClockRequest, Ticks};
use bellwire::{Event, Result, Server, Startup};
use driver_rtc::{Chip, Power, Rate};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = Server::new(startup.serves("rtc")?);
    let line = startup.line(8)?;
    let century = startup.number("century-register").and_then(|[register, _]| u8::try_from(register).ok());
    let Some(mut chip) = Chip::new(startup.ports(0x70)?, century) else {
        bellwire::absent("no real-time clock answers at 0x70");
    };
    if chip.power() == Power::Lost {
        bellwire::println!("the clock's battery is empty, so its time is wrong");
    }
    let mut count = 0u32;
    server.bind(&line, 0)?;
    loop {
        match server.next()? {
            Event::Interrupt(interrupt) => {
                chip.acknowledge();
                count = count.wrapping_add(interrupt.count);
            }
            Event::Call(call) => match call.request() {
                Some(ClockRequest::Time) => match chip.time() {
                    Some(time) => call.answer(time.to_words()),
                    None => call.refuse(),
                },
                Some(ClockRequest::Ticks) => call.answer(Ticks { count, rate: chip.rate().hertz() }.to_words()),
                Some(ClockRequest::Rate(hertz)) => match Rate::new(hertz) {
                    Some(rate) => {
                        chip.set_rate(rate);
                        call.answer(Ticks { count, rate: hertz }.to_words());
                    }
                    None => call.refuse(),
                },
                None => call.refuse(),
            },
            _ => {}
        }
    }
}
