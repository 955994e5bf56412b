//! The console. It shows the shell's output on the screen and on the serial line. It makes one stream for the shell of
//! what a person types at the keyboard or at the other end of that line.
//!
//! Serves `console` as a [`StreamRequest`] stream, and [`ConsoleRequest`]. Input stays in the drivers' own rings until
//! it is read, so back-pressure reaches the sender. The drivers outrank the console, so they tell it of input by
//! `notify`, and it fetches input by calls. The console tells the shell of input in the same way. The screen is
//! refreshed sixty times a second at most.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

mod streams;

use alloc::boxed::Box;
use alloc::vec::Vec;
use bellwire::Screen as Device;
use bellwire::protocol::{CHUNK_BYTES, Chunk, ColourPolicy, ConsoleMode, ConsoleRequest, ConsoleSize, StreamRequest};
use bellwire::stream::Readers;
use bellwire::{Access, Call, Callers, Event, Grants, Instant, Result, Startup, Timer};
use core::time::Duration;
use driver_console::{Colours, Display, FIRST_PORT, Filter, Layout, Motion, Pixels, Screen, Size, Text};
use streams::Streams;

const FRAME: Duration = Duration::from_micros(16_667);

/// The badges of the two timers.
const FRAME_TIMER: u16 = 0;
const LOOK_TIMER: u16 = 1;

/// The size of a console without a screen, until its terminal has said another.
const USUAL_SIZE: ConsoleSize = ConsoleSize { columns: 80, rows: 24 };

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("console")?;
    let frame = Timer::new(server.endpoint(), FRAME_TIMER)?;
    let look = Timer::new(server.endpoint(), LOOK_TIMER)?;
    let mut console = Console {
        screen: screen(&startup),
        streams: Streams::new(startup.uses("serial")?, startup.uses("keyboard")?, server.endpoint())?,
        frame,
        drawing: Drawing::UpToDate,
        look,
        look_at: None,
        writers: Callers::default(),
        filter: Filter::default(),
        policy: ColourPolicy::Auto,
    };
    // The words of the kernel's command line come last, so they decide.
    let policies = startup.arguments().filter_map(|word| ColourPolicy::from_name(word.strip_prefix("colour=")?));
    console.set_colours(policies.last().unwrap_or_default());
    let mut readers = Readers::new(Some(startup.notifies("shell")?));
    // The drivers may have told a predecessor of input that is still there.
    readers.offer(&mut console.streams)?;
    loop {
        match server.next()? {
            Event::Call(call) => match call.request() {
                Some(StreamRequest::Write(chunk)) => console.answer_write(call, chunk)?,
                Some(StreamRequest::Read) => readers.read(call, &mut console.streams),
                Some(StreamRequest::Poll) => readers.poll(call, &mut console.streams),
                None => console.serve(call, &startup),
            },
            Event::Notify(bits) => {
                console.streams.announce(bits);
                readers.offer(&mut console.streams)?;
            }
            Event::Timer(timer) if timer.badge == FRAME_TIMER => console.draw(),
            Event::Timer(_) => {
                console.look_at = None;
                console.streams.look();
                readers.offer(&mut console.streams)?;
            }
            Event::CallerGone(gone) => {
                readers.forget(gone);
                // What a writer that has given up wanted to write isn't written.
                console.writers.forget(gone);
            }
            _ => {}
        }
        console.answer_those_who_waited()?;
        console.follow_keys()?;
        console.set_look()?;
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
    streams: Streams,
    frame: Timer,
    drawing: Drawing,
    /// Expires when a driver has been silent for too long.
    look: Timer,
    look_at: Option<Instant>,
    /// The writers that wait until the serial line has room.
    writers: Callers<Chunk>,
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
    fn answer_write(&mut self, call: Call<'_>, chunk: Chunk) -> Result<()> {
        if !self.writers.is_empty() || !self.streams.has_room() {
            self.writers.put_off(call, chunk);
            return Ok(());
        }
        self.write(chunk.bytes())?;
        call.answer([chunk.bytes().len(), 0, 0, 0]);
        Ok(())
    }

    fn answer_those_who_waited(&mut self) -> Result<()> {
        self.ask_terminal();
        while self.streams.has_room()
            && let Some(writer) = self.writers.take_next()
        {
            // The bytes of a writer that goes at this moment are written, too.
            self.write(writer.wish.bytes())?;
            let _ = writer.reply.answer([writer.wish.bytes().len(), 0, 0, 0]);
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        if let Some(screen) = &mut self.screen {
            screen.write(bytes);
            self.draw_soon()?;
        }
        self.send(bytes);
        Ok(())
    }

    /// Sets the timer to the next look at drivers that may be silent.
    fn set_look(&mut self) -> Result<()> {
        let next = self.streams.next_look();
        if let Some(next) = next
            && self.look_at != Some(next)
        {
            self.look.set(next)?;
            self.look_at = Some(next);
        }
        Ok(())
    }

    fn serve(&mut self, call: Call<'_>, grants: &Grants) {
        match call.request_of(grants) {
            Some(ConsoleRequest::Size) => call.answer(self.size().to_words()),
            Some(ConsoleRequest::SetColours(policy)) => {
                self.set_colours(policy);
                call.answer([0; 4]);
            }
            Some(ConsoleRequest::SetMode(mode)) => {
                self.streams.mode = mode;
                call.answer([0; 4]);
            }
            None => call.refuse(),
        }
    }

    /// Returns the size for which both the screen and the terminal have room.
    fn size(&self) -> ConsoleSize {
        let screen = self.screen.as_ref().map(|screen| {
            let (rows, columns) = screen.size();
            let [columns, rows] = [columns, rows].map(|count| u16::try_from(count).unwrap_or(u16::MAX));
            ConsoleSize { columns, rows }
        });
        let terminal = self.streams.terminal.map(|Size { rows, columns }| ConsoleSize { columns, rows });
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
            self.streams.probe.request();
            self.ask_terminal();
        }
    }

    /// Sends the question to the terminal, if it is to be sent, ahead of the writers that wait. In the mode in which
    /// all bytes pass unchanged, a program would read the answer: the question waits until that mode is over.
    fn ask_terminal(&mut self) {
        let may_send = self.streams.mode == ConsoleMode::Text && self.streams.has_room();
        if may_send && let Some(question) = self.streams.probe.question() {
            self.send(question);
        }
    }

    /// Sends bytes to the serial line, with colours if its terminal is known to have them.
    fn send(&mut self, bytes: &[u8]) {
        let mut out = Vec::with_capacity(CHUNK_BYTES);
        let has_colours = match self.policy {
            ColourPolicy::Auto => self.streams.terminal.is_some(),
            ColourPolicy::On => true,
            ColourPolicy::Off => false,
        };
        if has_colours || self.streams.mode == ConsoleMode::Bytes {
            self.filter.release(&mut out);
            out.extend_from_slice(bytes);
        } else {
            self.filter.take_out_colours(bytes, &mut out);
        }
        self.streams.send(&out);
    }

    /// Carries out the effects of keys. Keys that don't scroll show what was written last.
    fn follow_keys(&mut self) -> Result<()> {
        // Without a screen they have no effect, and mustn't pile up.
        let motions = core::mem::take(&mut self.streams.motions);
        let Some(screen) = &mut self.screen else { return Ok(()) };
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
