//! The console: what the shell writes appears on the screen and on the serial line, and what a person types at the
//! keyboard or at the other end of that line reaches the shell as one stream.
//!
//! Serves `console` as a [`StreamRequest`] stream. Input stays in the drivers' own rings until somebody reads it, so
//! back-pressure reaches the sender; the drivers outrank the console, so they tell it of input by `notify`, and it
//! fetches by call. The screen follows what is written sixty times a second at most.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::boxed::Box;
use bellwire::Screen as Device;
use bellwire::protocol::{Chunk, StreamRequest};
use bellwire::stream::{Readers, Source};
use bellwire::{Access, Call, Endpoint, Error, Event, Instant, Result, Server, Startup, Timer};
use core::time::Duration;
use driver_console::{Display, Layout, Pixels, Screen, Text};

const FRAME: Duration = Duration::from_micros(16_667);

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = Server::new(startup.serves("console")?);
    let frame = Timer::new(server.endpoint(), 0)?;
    let inputs = Inputs { streams: [startup.uses("serial")?, startup.uses("keyboard")?], fetched: Chunk::default() };
    let mut console = Console { screen: screen(&startup)?, inputs, frame, drawing: Drawing::UpToDate };
    let mut readers = Readers::new(Some(startup.notifies("shell")?));
    // A predecessor may have been told of input that is still there.
    readers.offer(&mut console.inputs)?;
    loop {
        match server.next()? {
            Event::Call(call) => match call.request() {
                Some(StreamRequest::Write(chunk)) => console.write(call, chunk)?,
                Some(StreamRequest::Read) => readers.read(call, &mut console.inputs)?,
                Some(StreamRequest::Poll) => readers.poll(call, &mut console.inputs),
                None => call.refuse(),
            },
            Event::Notify(_) => readers.offer(&mut console.inputs)?,
            Event::Timer(_) => console.draw(),
            _ => {}
        }
    }
}

/// What there is to draw on; nothing, on a machine without a screen.
fn screen(startup: &Startup) -> Result<Option<Screen<Box<dyn Display>>>> {
    let display: Box<dyn Display> = match startup.screen() {
        Ok(Device::Text { memory }) => {
            Box::new(Text::new(memory.map(Access::READ | Access::WRITE)?, startup.ports(0x3D4)?))
        }
        Ok(Device::Framebuffer { memory, offset, width, height, pitch, bits }) => {
            let memory = memory.map(Access::READ | Access::WRITE)?;
            Box::new(Pixels::new(memory, Layout { offset, width, height, pitch, bits }))
        }
        Err(_) => return Ok(None),
    };
    Ok(Some(Screen::new(display)))
}

/// Where output goes, and where input comes from.
struct Console {
    screen: Option<Screen<Box<dyn Display>>>,
    inputs: Inputs,
    frame: Timer,
    drawing: Drawing,
}

/// Whether the screen shows all that was written.
#[derive(PartialEq)]
enum Drawing {
    UpToDate,
    /// The frame timer is set.
    Due,
}

impl Console {
    fn write(&mut self, call: Call<'_>, chunk: Chunk) -> Result<()> {
        let bytes = chunk.bytes();
        if let Some(screen) = &mut self.screen {
            screen.write(bytes);
            if self.drawing == Drawing::UpToDate {
                self.frame.set(Instant::now() + FRAME)?;
                self.drawing = Drawing::Due;
            }
        }
        self.inputs.send(bytes);
        call.answer([bytes.len(), 0, 0, 0]);
        Ok(())
    }

    fn draw(&mut self) {
        self.drawing = Drawing::UpToDate;
        if let Some(screen) = &mut self.screen {
            screen.refresh();
        }
    }
}

/// The streams of the serial line and the keyboard, and what was fetched from them and not yet read.
struct Inputs {
    streams: [Endpoint; 2],
    fetched: Chunk,
}

impl Inputs {
    /// Sends to the serial line. If its driver dies meanwhile, its successor gets the rest.
    fn send(&self, mut bytes: &[u8]) {
        let [serial, _] = &self.streams;
        while !bytes.is_empty() {
            match serial.request(StreamRequest::Write(Chunk::new(bytes))) {
                Ok([taken, ..]) => bytes = &bytes[taken.min(bytes.len())..],
                Err(Error::Gone) => {}
                Err(_) => return,
            }
        }
    }
}

impl Source for Inputs {
    fn peek(&mut self) -> Chunk {
        for stream in &self.streams {
            if !self.fetched.is_empty() {
                break;
            }
            // A driver that is dead just now has no input; its successor will say when it has some.
            if let Ok(words) = stream.request(StreamRequest::Poll) {
                self.fetched = Chunk::from_words(words);
            }
        }
        self.fetched
    }

    fn consume(&mut self, bytes: usize) {
        self.fetched = Chunk::new(&self.fetched.bytes()[bytes..]);
    }
}
