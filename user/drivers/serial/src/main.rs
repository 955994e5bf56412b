//! The driver of the serial line COM1. It works by interrupts, and polls where none come.
//!
//! Serves `serial` as a [`StreamRequest`] stream, and tells `console` when there is input.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::{Chunk, StreamRequest};
use bellwire::stream::Readers;
use bellwire::{Call, Callers, Endpoint, Error, Event, Instant, PortRange, Result, Root, Startup};
use core::time::Duration;
use driver_serial::{NextLook, Uart};

bellwire::main!(run);

/// The time that the kernel gets to send what it has logged so far, before this driver takes the line over. A chip that
/// works sends 11 KiB in it; what a stuck one doesn't take stays in the log.
const LOG_PATIENCE: Duration = Duration::from_secs(1);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("serial")?;
    let line = startup.line(4)?;
    let mut ports = startup.ports(driver_serial::COM1)?;
    // The UART may be sending until the log releases it. Looking for the UART doesn't disturb that.
    if !driver_serial::answers(&mut ports) {
        bellwire::absent(format_args!("no UART answers at {:#x}", driver_serial::COM1));
    }
    // The handle is kept: without it, `println` couldn't log why the driver ends.
    let log = startup.log()?;
    if log.log_write(&[])? != 0 {
        await_log(log)?;
    }
    log.log_release()?;
    let nobody = Endpoint::new()?;
    let uart = Uart::new(ports, || pause(&nobody));
    nobody.destroy()?;
    let mut port =
        Port { uart, readers: Readers::new(Some(startup.notifies("console")?)), writers: Callers::default() };
    server.bind(&line, 0)?;
    port.uart.serve();
    let mut reported = false;
    let mut look = NextLook::default();
    loop {
        if let Some(fault) = port.uart.fault() {
            bellwire::absent(fault);
        }
        let event = match look.within(port.uart.patience(), Instant::now()) {
            Some(deadline) => server.next_before(deadline),
            None => server.next(),
        };
        match event {
            Ok(Event::Interrupt(_)) => {
                port.uart.serve();
                look.done();
            }
            Ok(Event::Call(call)) => port.answer(call),
            Ok(Event::CallerGone(gone)) => {
                port.readers.forget(gone);
                // What a writer that has given up wanted to send isn't sent.
                port.writers.forget(gone);
            }
            Ok(_) | Err(Error::TimedOut) => {}
            Err(error) => return Err(error),
        }
        if look.is_due(Instant::now()) {
            port.uart.look();
            look.done();
            if port.uart.is_polled() && !reported {
                bellwire::println!("the interrupt of COM1 doesn't come: it is polled");
                reported = true;
            }
        }
        port.answer_those_who_waited()?;
    }
}

/// Waits until the kernel has sent its log, for [`LOG_PATIENCE`] at most.
fn await_log(log: &Root) -> Result<()> {
    let nobody = Endpoint::new()?;
    let end = Instant::now() + LOG_PATIENCE;
    let mut before = usize::MAX;
    loop {
        let waiting = log.log_write(&[])?;
        if waiting == 0 || Instant::now() >= end {
            break;
        }
        if core::mem::replace(&mut before, waiting) > waiting {
            continue;
        }
        pause(&nobody);
    }
    nobody.destroy()
}

/// Lets a millisecond pass, by a call that no thread takes.
fn pause(nobody: &Endpoint) {
    let _ = nobody.call_before(Instant::now() + Duration::from_millis(1), 0, [0; 4]);
}

/// The line, and who waits for it.
struct Port {
    uart: Uart<PortRange>,
    readers: Readers,
    writers: Callers<Chunk>,
}

impl Port {
    fn answer(&mut self, call: Call<'_>) {
        match call.request() {
            Some(StreamRequest::Read) => self.readers.read(call, &mut self.uart),
            Some(StreamRequest::Poll) => self.readers.poll(call, &mut self.uart),
            Some(StreamRequest::Write(chunk)) if self.writers.is_empty() && self.uart.has_room() => {
                call.answer([self.uart.write(chunk.bytes()), 0, 0, 0]);
            }
            Some(StreamRequest::Write(chunk)) => self.writers.put_off(call, chunk),
            None => call.refuse(),
        }
    }

    fn answer_those_who_waited(&mut self) -> Result<()> {
        while self.uart.has_room()
            && let Some(writer) = self.writers.take_next()
        {
            // The bytes of a writer that goes at this moment are sent, too.
            let _ = writer.reply.answer([self.uart.write(writer.wish.bytes()), 0, 0, 0]);
        }
        self.readers.offer(&mut self.uart)
    }
}
