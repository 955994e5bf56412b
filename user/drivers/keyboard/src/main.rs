//! The driver of the PS/2 keyboard and mouse.
//!
//! Serves `keyboard`: the keys as a [`StreamRequest`] stream, their layout by [`KeyboardRequest`], the mouse by
//! [`MouseRequest`], and the processor's reset line, which is wired to the same controller, by [`PowerRequest`] for
//! clients with the right `reset`. Tells `console` when a key was typed. The state of keys and mouse is kept for the
//! driver's successor.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::string::String;
use bellwire::protocol::{KeyLayout, KeyboardRequest, MouseRequest, PowerRequest, StreamRequest};
use bellwire::registers::Registers;
use bellwire::stream::Readers;
use bellwire::{Access, Call, Endpoint, Event, Grants, Instant, Mapping, PortRange, Result, Startup};
use core::time::Duration;
use driver_keyboard::{COMMAND, Controller, DATA, FIRST_PORT, Kept, Keys, Looks, Missing, Mouse, Ports, Reader, Store};

/// How long other programs run between two looks at the controller.
const PAUSE: Duration = Duration::from_micros(100);

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("keyboard")?;
    let lines = [startup.line(1)?, startup.line(12)?];
    // Without kept memory the driver works, but its state is lost at its end.
    let kept = startup.kept().and_then(|memory| memory.map(Access::READ | Access::WRITE));
    let (store, record) = kept.ok().map(|memory| Store::open(KeptMemory(memory))).unzip();
    let restored = record.flatten().and_then(|record| restored(&record));
    let (keys, mouse) = restored.unwrap_or_else(|| (Keys::new(layout(&startup)), Mouse::default()));
    let rest = Endpoint::new()?;
    let [data, command] = [DATA, COMMAND].map(|register| startup.ports(FIRST_PORT + register));
    let ports = TwoPorts { data: data?, command: command?, rest };
    let mut controller = Controller::new(ports, keys, mouse, store).unwrap_or_else(|missing| bellwire::absent(missing));
    for words in controller.missing() {
        bellwire::println!("{words}");
    }
    let mut readers = Readers::new(Some(startup.notifies("console")?));
    for line in &lines {
        server.bind(line, 0)?;
    }
    let mut looks = Looks::default();
    looks.note(controller.serve(Instant::now()), Instant::now());
    loop {
        readers.offer(&mut controller.keys)?;
        // A reader may have taken keys, or a client changed the layout.
        controller.keep();
        if looks.is_broken() {
            controller.silence();
            bellwire::absent(Missing::Output);
        }
        let event = match looks.deadline() {
            Some(deadline) => server.next_before(deadline),
            None => server.next(),
        };
        let mut interrupt = None;
        match event {
            Ok(Event::Interrupt(event)) => interrupt = Some(Instant::from_cycles(event.first)),
            Ok(Event::Call(call)) => answer(call, &startup, &mut controller, &mut readers),
            Ok(Event::CallerGone(gone)) => readers.forget(gone),
            Err(bellwire::Error::TimedOut) => {}
            other => drop(other?),
        }
        if let Some(arrival) = looks.arrival(interrupt, Instant::now()) {
            looks.note(controller.serve(arrival), Instant::now());
        }
    }
}

type Devices = Controller<TwoPorts, Option<Store<KeptMemory>>>;

fn answer(call: Call<'_>, grants: &Grants, controller: &mut Devices, readers: &mut Readers) {
    if let Some(PowerRequest::Reset) = call.request_of(grants) {
        controller.reset_machine();
        call.answer([0; 4]);
    } else if let Some(MouseRequest::State) = call.request() {
        call.answer(controller.mouse.state().to_words());
    } else if let Some(request) = call.request_of(grants) {
        if let KeyboardRequest::SetLayout(layout) = request {
            controller.keys.set_layout(layout);
        }
        call.answer([controller.keys.layout() as usize, 0, 0, 0]);
    } else {
        match call.request() {
            Some(StreamRequest::Read) => readers.read(call, &mut controller.keys),
            Some(StreamRequest::Poll) => readers.poll(call, &mut controller.keys),
            Some(StreamRequest::Write(_)) | None => call.refuse(),
        }
    }
}

/// Returns the layout that the last argument of the form `layout=NAME` names: the kernel's command line comes after the
/// manifest.
fn layout(startup: &Startup) -> KeyLayout {
    let names = startup.arguments().filter_map(|word| word.strip_prefix("layout=").map(String::from));
    let Some(name) = names.last() else { return KeyLayout::default() };
    KeyLayout::from_name(&name).unwrap_or_else(|| {
        bellwire::println!("no layout is called {name}: {} is used", KeyLayout::default().name());
        KeyLayout::default()
    })
}

/// Returns the state that a predecessor has kept, if it is whole.
fn restored(record: &[u8]) -> Option<(Keys, Mouse)> {
    let mut reader = Reader::new(record);
    Some((Keys::restore(&mut reader)?, Mouse::restore(&mut reader)?))
}

struct KeptMemory(Mapping);

impl Kept for KeptMemory {
    fn size(&self) -> usize {
        self.0.len()
    }

    fn read(&self, offset: usize) -> u8 {
        self.0.read(offset)
    }

    fn write(&mut self, offset: usize, byte: u8) {
        self.0.write(offset, byte);
    }
}

/// The controller's two ports, which don't lie side by side: the ports between them belong to other devices.
struct TwoPorts {
    data: PortRange,
    command: PortRange,
    /// An endpoint at which nothing ever arrives, for waits.
    rest: Endpoint,
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

impl Ports for TwoPorts {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn pause(&mut self) {
        // Whatever the outcome, time has passed.
        let _ = self.rest.call_before(Instant::now() + PAUSE, 0, [0; 4]);
    }
}
