//! The driver of the serial line COM1: bytes in, bytes out, by interrupts alone.
//!
//! Serves `serial` as a [`StreamRequest`] stream, and tells `console` when there is input.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::collections::VecDeque;
use bellwire::protocol::{Chunk, StreamRequest};
use bellwire::stream::Readers;
use bellwire::{Call, Event, PortRange, Reply, Result, Server, Startup};
use driver_serial::Uart;

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = Server::new(startup.serves("serial")?);
    let line = startup.line(4)?;
    let mut ports = startup.ports(0x3F8)?;
    // Until the log has let it go, the UART may be sending; looking for it does no harm to that.
    if !driver_serial::answers(&mut ports) {
        bellwire::absent("no UART answers at 0x3f8");
    }
    startup.log()?.log_release()?;
    let mut port = Port {
        uart: Uart::new(ports),
        readers: Readers::new(Some(startup.notifies("console")?)),
        writers: VecDeque::new(),
    };
    server.bind(&line, 0)?;
    port.uart.serve();
    loop {
        if let Some(fault) = port.uart.fault() {
            bellwire::absent(fault);
        }
        match server.next()? {
            Event::Interrupt(_) => port.uart.serve(),
            Event::Call(call) => port.answer(call)?,
            _ => {}
        }
        port.answer_those_who_waited()?;
    }
}

/// The line, and who waits for it.
struct Port {
    uart: Uart<PortRange>,
    readers: Readers,
    writers: VecDeque<(Reply, Chunk)>,
}

impl Port {
    fn answer(&mut self, call: Call<'_>) -> Result<()> {
        match call.request() {
            Some(StreamRequest::Read) => self.readers.read(call, &mut self.uart)?,
            Some(StreamRequest::Poll) => self.readers.poll(call, &mut self.uart),
            Some(StreamRequest::Write(chunk)) if self.writers.is_empty() && self.uart.has_room() => {
                call.answer([self.uart.write(chunk.bytes()), 0, 0, 0]);
            }
            Some(StreamRequest::Write(chunk)) => self.writers.push_back((call.defer()?, chunk)),
            None => call.refuse(),
        }
        Ok(())
    }

    fn answer_those_who_waited(&mut self) -> Result<()> {
        while self.uart.has_room()
            && let Some((writer, chunk)) = self.writers.pop_front()
        {
            // A writer that has gone meanwhile still gets its bytes sent: it meant to.
            let _ = writer.answer([self.uart.write(chunk.bytes()), 0, 0, 0]);
        }
        self.readers.offer(&mut self.uart)
    }
}
