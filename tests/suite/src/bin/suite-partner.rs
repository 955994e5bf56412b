//! A partner: another process, which the conductor makes as often as it needs one. Its first argument is its role.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use abi::{Access, Kind, Operation, Options};
use alloc::vec::Vec;
use bellwire::{
    Call, Endpoint, Error, Event, Handle, Instant, InterruptMessage, Limits, Memory, OwnedHandle, Process, Reply,
    Result, Server, Startup, Timer, Trust,
};
use core::time::Duration;
use suite::bare;
use suite::role::{self, Role};
use suite::{code, float, hostile, safe};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let argument = startup.arguments().next().unwrap_or_default();
    let role = Role::ALL.into_iter().find(|role| role.name() == argument).ok_or(Error::BadArgument)?;
    match role {
        Role::Echo => echo(startup),
        Role::Clock => clock(startup),
        Role::Wait => wait(),
        Role::Spin => loop {
            core::hint::spin_loop();
        },
        Role::Fault => fault(startup),
        Role::Nest => nest(),
        Role::Float => float(startup),
        Role::Claim => claim(startup),
        Role::Device => device(),
        Role::Witness => suite::witness::run(),
        Role::Hostile => hostile::run(&startup),
        Role::Overflow => safe::overflow(priority(&startup)),
        Role::Grow => safe::grow(),
        Role::Join => safe::spawn_and_join(priority(&startup)),
        Role::GiveUp => safe::give_up_calls(priority(&startup), startup.receive_right()?),
        Role::Stale => safe::keep_a_stale_reply(priority(&startup)),
        Role::Timers => timers(),
        // Its first thread is the lower one.
        Role::Allocate => safe::allocate_in_two_threads(priority(&startup) + 1),
    }
}

/// The first thread's priority, as the conductor tells it.
fn priority(startup: &Startup) -> u8 {
    startup.number("numbers").unwrap_or_default()[0] as u8
}

/// Eight timers of the shortest period.
fn timers() -> Result<()> {
    let endpoint = Endpoint::new()?;
    let period = Duration::from_micros(10);
    let timers: Vec<Timer> = (0..8).map(|badge| Timer::new(&endpoint, badge)).collect::<Result<_>>()?;
    timers.iter().try_for_each(|timer| timer.set_periodic(Instant::now() + period, period))?;
    loop {
        bare::receive(endpoint.raw(), [0; 4])?;
    }
}

fn wait() -> Result<()> {
    let endpoint = Endpoint::new()?;
    loop {
        bare::receive(endpoint.raw(), [0; 4])?;
    }
}

/// Answers, and keeps what it has to keep.
fn echo(startup: Startup) -> Result<()> {
    let endpoint = startup.handle("service").map(Endpoint::from)?;
    let own = endpoint.raw();
    let mut server = Server::new(startup.receive_right()?, endpoint).taking_handles();
    let mut held: Option<Reply> = None;
    let mut filling: Vec<OwnedHandle> = Vec::with_capacity(abi::PAGE_BYTES / 8);
    loop {
        let Event::Call(mut call) = server.next()? else { continue };
        let [word, ..] = call.words;
        match call.label {
            role::ECHO => {
                let words = call.words;
                call.answer_as(7, words);
            }
            role::BADGE => {
                let words = [call.badge as usize, call.handle.is_some() as usize, 0, 0];
                call.answer(words);
            }
            role::NOTIFY => {
                if let Some(handle) = call.handle.take() {
                    let _ = handle.as_kind::<Endpoint>().attempt(|endpoint| endpoint.notify(word as u32));
                }
                call.answer([0; 4]);
            }
            role::BACK => match call.handle.take() {
                Some(handle) => call.answer_with_handle([1, 2, 3], handle.vouch_for()),
                None => call.refuse(),
            },
            role::DIE => return Ok(()),
            // A caller whose deadline has passed meanwhile leaves nothing to hold.
            role::HOLD => held = call.defer(),
            role::RELEASE => {
                if let Some(reply) = held.take() {
                    let _ = reply.answer([word, 0, 0, 0]);
                }
                call.answer([0; 4]);
            }
            role::DROP => {
                held = None;
                call.answer([0; 4]);
            }
            role::FILL => {
                let failure = loop {
                    match bare::handle_copy(own, [usize::MAX, 0, 0, 0]) {
                        Ok(message) => filling.push(bare::owned(message.words[0])),
                        Err(error) => break error,
                    }
                };
                call.answer([filling.len(), failure as usize, 0, 0]);
            }
            role::EMPTY => {
                filling.clear();
                call.answer([0; 4]);
            }
            role::SWAP => swap(call)?,
            _ => call.refuse(),
        }
    }
}

fn swap(mut call: Call<'_>) -> Result<()> {
    let Some(handle) = call.handle.take() else {
        call.refuse();
        return Ok(());
    };
    let [word, ..] = call.words;
    let mapping = Memory::from(handle.vouch_for()).map(Access::READ | Access::WRITE)?;
    let before: u32 = mapping.read(0);
    mapping.write::<u32>(0, word as u32);
    call.answer([before as usize, 0, 0, 0]);
    Ok(())
}

/// The real-time clock's registers A to C, and the interrupts that it raises.
mod rtc {
    use bellwire::{Port, PortRange};

    pub struct Device {
        index: Port<u8>,
        data: Port<u8>,
    }

    impl Device {
        pub const fn new() -> Self {
            let range = PortRange::new(0x70, 2);
            Self { index: range.port(0), data: range.port(1) }
        }

        pub fn read(&self, register: u8) -> u8 {
            self.index.write(register);
            self.data.read()
        }

        pub fn write(&self, register: u8, value: u8) {
            self.index.write(register);
            self.data.write(value);
        }
    }
}

/// A driver as it should be: one system call for each interrupt. The driver uses the bare calls, so that they can be
/// counted.
fn clock(startup: Startup) -> Result<()> {
    let endpoint = startup.handle("service").map(Endpoint::from)?;
    let line = startup.handle("line").map(bellwire::Interrupt::from)?;
    let device = rtc::Device::new();
    line.bind(&endpoint, 3, Default::default())?;
    let (mut interrupts, mut messages, mut skipped, mut odd) = (0, 0, 0, 0);
    let (mut sequence, mut stamp) = (None, 0);
    let mut answer = [0; 4];
    loop {
        let message = bare::invoke(Operation::ReplyReceive, endpoint.raw(), 0, Options::empty(), answer);
        answer = match (message.tag.kind(), message.tag.label()) {
            (Kind::Interrupt, _) => {
                let interrupt = InterruptMessage::from_message(&message);
                device.read(0x0C);
                interrupts += interrupt.count as usize;
                messages += 1;
                skipped += sequence.is_some_and(|last: u32| last.wrapping_add(1) != interrupt.sequence) as usize;
                odd += (interrupt.first <= stamp || interrupt.first > Instant::now().cycles()) as usize;
                odd += (interrupt.badge != 3) as usize;
                sequence = Some(interrupt.sequence);
                stamp = interrupt.first;
                [0; 4]
            }
            (Kind::Call, role::COUNTS) => [interrupts, messages, skipped, odd],
            (Kind::Call, role::START) => {
                device.write(0x0A, 0x26);
                device.write(0x0B, device.read(0x0B) | 0x40);
                device.read(0x0C);
                [0; 4]
            }
            (Kind::Call, role::STOP) => {
                device.write(0x0B, device.read(0x0B) & !0x40);
                device.read(0x0C);
                [0; 4]
            }
            _ => [0; 4],
        };
    }
}

/// Raises the exception whose number it is told.
fn fault(startup: Startup) -> Result<()> {
    match startup.number("numbers") {
        Some([0, _]) => code::divide_by_zero(),
        Some([6, _]) => code::undefined(),
        Some([13, _]) => code::halt(),
        Some([3, _]) => code::breakpoint(),
        Some([14, address]) => {
            // SAFETY: none: the write is to end this process.
            unsafe { (address as usize as *mut u8).write_volatile(1) };
        }
        _ => {}
    }
    Ok(())
}

/// Makes a child and a grandchild, so to speak, none of which has a thread, and waits.
fn nest() -> Result<()> {
    let exits = Endpoint::new()?;
    let limits = Limits { frames: 16, objects: 16, priority: 0, trust: Trust::Contained };
    let child = Process::new(limits, &exits, 1)?;
    let second = Process::new(limits, &exits, 2)?;
    let memory = Memory::new(abi::PAGE_BYTES)?;
    memory.map_into(&child, 0x0040_0000, 0, abi::PAGE_BYTES, Access::READ)?;
    let result = wait();
    drop((child, second));
    result
}

/// Claims, and waits with what it has.
fn claim(startup: Startup) -> Result<()> {
    let root = startup.root()?;
    let [line, ports] = startup.number("numbers").unwrap_or_default();
    let claimed = (root.line(line as u8)?, root.ports(0x300, ports as u16)?);
    let result = wait();
    drop(claimed);
    result
}

/// Knows where its memory is, as the driver of a device that writes there by itself.
fn device() -> Result<()> {
    let memory = Memory::new(3 * abi::PAGE_BYTES)?;
    if memory.physical_address().is_err() {
        return Err(Error::MissingRight);
    }
    wait()
}

/// Holds a pattern while it yields and is interrupted.
fn float(startup: Startup) -> Result<()> {
    let [seed, rounds] = startup.number("numbers").unwrap_or_default();
    let level = float::Level::detect();
    let pattern = level.pattern(seed as u8);
    for round in 0..rounds {
        let found = level.hold(&pattern, 50, 200);
        if level.difference(&pattern, &found).is_some() {
            bellwire::entry::exit(1000 + round as usize);
        }
    }
    Ok(())
}
