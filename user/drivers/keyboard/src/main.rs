//! The driver of the PS/2 keyboard and mouse.
//!
//! Serves `keyboard`: the keys as a [`StreamRequest`] stream, the mouse by [`MouseRequest`], and the processor's
//! reset line, which is wired to the same controller, by [`PowerRequest`]. Tells `console` when a key was typed.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::protocol::{MouseRequest, PowerRequest, StreamRequest};
use bellwire::registers::Registers;
use bellwire::stream::Readers;
use bellwire::{Call, Event, PortRange, Result, Server, Startup};
use driver_keyboard::{COMMAND, Controller};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = Server::new(startup.serves("keyboard")?);
    let lines = [startup.line(1)?, startup.line(12)?];
    let ports = TwoPorts { data: startup.ports(0x60)?, command: startup.ports(0x64)? };
    let Some(mut controller) = Controller::new(ports) else { bellwire::absent("no PS/2 controller answers") };
    let mut readers = Readers::new(Some(startup.notifies("console")?));
    for line in &lines {
        server.bind(line, 0)?;
    }
    controller.serve();
    loop {
        match server.next()? {
            Event::Interrupt(_) => controller.serve(),
            Event::Call(call) => answer(call, &mut controller, &mut readers)?,
            _ => {}
        }
        readers.offer(&mut controller.keys)?;
    }
}

fn answer(call: Call<'_>, controller: &mut Controller<TwoPorts>, readers: &mut Readers) -> Result<()> {
    if let Some(MouseRequest::State) = call.request() {
        call.answer(controller.mouse.state().to_words());
    } else if let Some(PowerRequest::Reset) = call.request() {
        controller.reset_machine();
        call.answer([0; 4]);
    } else {
        match call.request() {
            Some(StreamRequest::Read) => readers.read(call, &mut controller.keys)?,
            Some(StreamRequest::Poll) => readers.poll(call, &mut controller.keys),
            Some(StreamRequest::Write(_)) | None => call.refuse(),
        }
    }
    Ok(())
}

/// The controller's two ports, which don't lie side by side: what is between them belongs to others.
struct TwoPorts {
    data: PortRange,
    command: PortRange,
}

impl TwoPorts {
    fn of(&mut self, register: u16) -> &mut PortRange {
        if register == COMMAND { &mut self.command } else { &mut self.data }
    }
}

impl Registers for TwoPorts {
    fn read(&mut self, register: u16) -> u8 {
        self.of(register).port::<u8>(0).read()
    }

    fn write(&mut self, register: u16, value: u8) {
        self.of(register).port::<u8>(0).write(value);
    }
}
