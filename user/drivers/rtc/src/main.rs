//! The driver of the real-time clock, which runs while the machine is off.
//!
//! Serves `rtc` as [`ClockRequest`]: the date and time, and a count of interrupts that come at a chosen rate.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::{ClockRequest, Ticks};
use bellwire::registers::Registers;
use bellwire::{Endpoint, Event, Instant, PortRange, Result, Startup};
use core::time::Duration;
use driver_rtc::{Chip, FIRST_PORT, Ports, Power, Rate};

/// The time between two looks whether an update is over. It takes 2 milliseconds at most.
const PAUSE: Duration = Duration::from_millis(1);

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("rtc")?;
    let line = startup.line(8)?;
    let century = startup.number("century-register").and_then(|[register, _]| u8::try_from(register).ok());
    let ports = TwoPorts { ports: startup.ports(FIRST_PORT)?, nobody: Endpoint::new()? };
    let Some(mut chip) = Chip::new(ports, century) else {
        bellwire::absent(format_args!("no real-time clock answers at {FIRST_PORT:#x}"));
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
            Event::Call(call) => match call.request_of(&startup) {
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

/// The index port and the data port.
struct TwoPorts {
    ports: PortRange,
    /// An endpoint at which nothing receives.
    nobody: Endpoint,
}

impl Registers for TwoPorts {
    fn read(&mut self, register: u16) -> u8 {
        self.ports.read(register)
    }

    fn write(&mut self, register: u16, value: u8) {
        self.ports.write(register, value);
    }
}

impl Ports for TwoPorts {
    fn pause(&mut self) {
        // No thread takes this call, so it only lets time pass. (A receive would end the right to answer the client
        // that asks for the time.)
        let _ = self.nobody.call_before(Instant::now() + PAUSE, 0, [0; 4]);
    }
}
