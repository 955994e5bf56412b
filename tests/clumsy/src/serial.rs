//! A driver of the serial line that gets stuck when a certain byte comes. The driver that is started then works.
//!
//! It polls the UART: no interrupt has to find it.

use crate::{busy, say_nothing, stay_away};
use bellwire::protocol::StreamRequest;
use bellwire::stream::{Readers, Source};
use bellwire::{Access, Callers, Endpoint, Error, Event, Instant, Result, Startup};
use core::time::Duration;
use driver_serial::{COM1, Uart};

/// The byte that has the driver get stuck (ENQ).
const GET_STUCK: u8 = 0x05;

const PERIOD: Duration = Duration::from_millis(1);

pub fn run(startup: &Startup) -> Result<()> {
    let mut server = startup.server("serial")?;
    let kept = startup.kept()?.map(Access::READ | Access::WRITE)?;
    let lives = kept.read::<u8>(0);
    kept.write::<u8>(0, 1);
    let log = startup.log()?;
    let nobody = Endpoint::new()?;
    let pause = || drop(nobody.call_before(Instant::now() + PERIOD, 0, [0; 4]));
    while log.log_write(&[])? != 0 {
        pause();
    }
    log.log_release()?;
    let mut uart = Uart::new(startup.ports(COM1)?, pause);
    let mut readers = Readers::new(Some(startup.notifies("console")?));
    let mut writers = Callers::default();
    let mut look_at = Instant::now();
    loop {
        match server.next_before(look_at) {
            Ok(Event::Call(call)) => match call.request() {
                Some(StreamRequest::Read) => readers.read(call, &mut uart),
                Some(StreamRequest::Poll) => readers.poll(call, &mut uart),
                Some(StreamRequest::Write(chunk)) => writers.put_off(call, chunk),
                None => call.refuse(),
            },
            Ok(Event::CallerGone(gone)) => {
                readers.forget(gone);
                writers.forget(gone);
            }
            Ok(_) => {}
            Err(Error::TimedOut) => {
                look_at = Instant::now() + PERIOD;
                uart.look();
            }
            Err(error) => return Err(error),
        }
        if lives == 0 && uart.peek().bytes().contains(&GET_STUCK) {
            break;
        }
        while uart.has_room()
            && let Some(writer) = writers.take_first()
        {
            let _ = writer.reply.answer([uart.write(writer.wish.bytes()), 0, 0, 0]);
        }
        readers.offer(&mut uart)?;
    }
    let way = |word| startup.arguments().any(|argument| argument == word);
    if way("spins") {
        busy()
    } else if way("mute") {
        say_nothing(&mut server)
    } else {
        stay_away()
    }
}
