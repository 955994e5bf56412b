//! The console. It shows the shell's output on the screen and on the serial line. It makes one stream for the shell of
//! what a person types at the keyboard or at the other end of that line.
//!
//! Serves `console` as a [`StreamRequest`] stream, and [`ConsoleRequest`]. Input stays in the drivers' own rings until
//! it is read, so back-pressure reaches the sender. The drivers outrank the console, so they tell it of input by
//! `notify`, and it fetches input by calls. The console tells the shell of input in the same way. The screen is
//! refreshed sixty times a second at most.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod inputs;

use alloc::boxed::Box;
use alloc::vec::Vec;
use bellwire::Screen as Device;
use bellwire::protocol::{CHUNK_BYTES, Chunk, ColourPolicy, ConsoleMode, ConsoleRequest, ConsoleSize, StreamRequest};
use bellwire::stream::Readers;
use bellwire::{Access, Call, Event, Instant, Result, Startup, Timer};
use core::time::Duration;
use driver_console::{Colours, Display, FIRST_PORT, Filter, Layout, Pixels, QUESTION, Screen, Size, Text};
use inputs::{Inputs, Motion};

const FRAME: Duration = Duration::from_micros(16_667);

/// The size of a console without a screen, until its terminal has said another.
const USUAL_SIZE: ConsoleSize = ConsoleSize { columns: 80, rows: 24 };

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("console")?;
    let frame = Timer::new(server.endpoint(), 0)?;
    let mut console = Console {
        screen: screen(&startup),
        inputs: Inputs::new(startup.uses("serial")?, startup.uses("keyboard")?),
        frame,
        drawing: Drawing::UpToDate,
        filter: Filter::default(),
        policy: ColourPolicy::Auto,
    };
    // The words of the kernel's command line come last, so they decide.
    let policies = startup.arguments().filter_map(|word| ColourPolicy::from_name(word.strip_prefix("colour=")?));
    console.set_colours(policies.last().unwrap_or_default());
    let mut readers = Readers::new(Some(startup.notifies("shell")?));
    // The drivers may have told a predecessor of input that is still there.
    readers.offer(&mut console.inputs)?;
    loop {
        match server.next()? {
            Event::Call(call) => match call.request() {
                Some(StreamRequest::Write(chunk)) => console.write(call, chunk)?,
                Some(StreamRequest::Read) => readers.read(call, &mut console.inputs),
                Some(StreamRequest::Poll) => readers.poll(call, &mut console.inputs),
                None => console.serve(call),
            },
            Event::Notify(_) => readers.offer(&mut console.inputs)?,
            Event::Timer(_) => console.draw(),
            Event::CallerGone(gone) => readers.forget(gone),
            _ => {}
        }
        console.follow_keys()?;
    }
}

/// Returns the screen. Logs a line and returns `None` on a machine without one.
fn screen(startup: &Startup) -> Option<Screen<Box<dyn Display>>> {
    let screen = display(startup);
    if screen.is_none() {
        bellwire::println!("there is no screen");
    }
    screen.map(Screen::new)
}

/// Returns the screen's adapter, if it answers.
fn display(startup: &Startup) -> Option<Box<dyn Display>> {
    match startup.screen().ok()? {
        Device::Text { memory } => {
            let memory = memory.map(Access::READ | Access::WRITE).ok()?;
            Some(Box::new(Text::new(memory, startup.ports(FIRST_PORT).ok()?)?))
        }
        Device::Framebuffer { memory, offset, width, height, pitch, bits } => {
            let memory = memory.map(Access::READ | Access::WRITE).ok()?;
            Some(Box::new(Pixels::new(memory, Layout { offset, width, height, pitch, bits })?))
        }
    }
}

/// The console's outputs and inputs.
struct Console {
    screen: Option<Screen<Box<dyn Display>>>,
    inputs: Inputs,
    frame: Timer,
    drawing: Drawing,
    /// The filter of output to the serial line.
    filter: Filter,
    policy: ColourPolicy,
}

/// Whether the screen shows everything that was written.
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
            self.draw_soon()?;
        }
        self.send(bytes);
        call.answer([bytes.len(), 0, 0, 0]);
        Ok(())
    }

    fn serve(&mut self, call: Call<'_>) {
        match call.request() {
            Some(ConsoleRequest::Size) => call.answer(self.size().to_words()),
            Some(ConsoleRequest::SetColours(policy)) => {
                self.set_colours(policy);
                call.answer([0; 4]);
            }
            Some(ConsoleRequest::SetMode(mode)) => {
                self.inputs.mode = mode;
                call.answer([0; 4]);
            }
            None => call.refuse(),
        }
    }

    /// Returns the size for which both the screen and the terminal have room.
    fn size(&self) -> ConsoleSize {
        let screen = self.screen.as_ref().map(|screen| {
            let (rows, columns) = screen.size();
            ConsoleSize { columns: columns as u16, rows: rows as u16 }
        });
        let terminal = self.inputs.terminal.map(|Size { rows, columns }| ConsoleSize { columns, rows });
        let least = |one: ConsoleSize, other: ConsoleSize| ConsoleSize {
            columns: one.columns.min(other.columns),
            rows: one.rows.min(other.rows),
        };
        screen.into_iter().chain(terminal).reduce(least).unwrap_or(USUAL_SIZE)
    }

    fn set_colours(&mut self, policy: ColourPolicy) {
        self.policy = policy;
        if let Some(screen) = &mut self.screen {
            screen.set_colours(if policy == ColourPolicy::Off { Colours::Hidden } else { Colours::Shown });
        }
        if policy != ColourPolicy::Off {
            self.inputs.probe.ask();
            self.send(QUESTION);
        }
    }

    /// Sends bytes to the serial line, with colours if its terminal is known to have them.
    fn send(&mut self, bytes: &[u8]) {
        let mut out = Vec::with_capacity(CHUNK_BYTES);
        let has_colours = match self.policy {
            ColourPolicy::Auto => self.inputs.terminal.is_some(),
            ColourPolicy::On => true,
            ColourPolicy::Off => false,
        };
        if has_colours || self.inputs.mode == ConsoleMode::Bytes {
            self.filter.release(&mut out);
            out.extend_from_slice(bytes);
        } else {
            self.filter.take_out_colours(bytes, &mut out);
        }
        self.inputs.send(&out);
    }

    /// Carries out the effects of keys. Keys that don't scroll show what was written last.
    fn follow_keys(&mut self) -> Result<()> {
        let Some(screen) = &mut self.screen else { return Ok(()) };
        let motions = core::mem::take(&mut self.inputs.motions);
        if motions.is_empty() {
            return Ok(());
        }
        for motion in motions {
            match motion {
                Motion::Scroll(scroll) => screen.scroll(scroll),
                Motion::ToEnd => screen.scroll_to_end(),
            }
        }
        self.draw_soon()
    }

    fn draw_soon(&mut self) -> Result<()> {
        if self.drawing == Drawing::UpToDate {
            self.frame.set(Instant::now() + FRAME)?;
            self.drawing = Drawing::Due;
        }
        Ok(())
    }

    fn draw(&mut self) {
        self.drawing = Drawing::UpToDate;
        if let Some(screen) = &mut self.screen {
            screen.refresh();
        }
    }
}
