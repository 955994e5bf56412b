//! The clerk: a thread that asks the PCI bus what `init` wants of it.
//!
//! The bus is a program that `init` starts, and it may be stuck. So `init` never waits for it: it gives the clerk an
//! order, and goes on. The clerk waits, carries one order out after the other, and notifies `init` of each answer.

use crate::server_thread;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::{PciBar, PciFunction, PciId, PciRequest};
use bellwire::{Endpoint, Error, Instant, Mutex, Result, Rights, Server};
use core::time::Duration;

/// The most base address registers of a function.
const BARS: u8 = 6;

/// The bus counts as gone if an order isn't carried out after this time, however many requests it takes. The next one's
/// turn comes then.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bit by which the clerk is told of an order, and tells of an answer.
const BELL: u32 = 1;

/// A function, and its registers.
pub type Found = (PciFunction, Vec<PciBar>);

/// What `init` wants of the bus.
#[derive(Debug)]
pub enum Order {
    /// Find all functions with one of these numbers.
    Find(Vec<PciId>),
    /// Make these requests, of which none has an answer but that it is done. The first that fails is the last.
    Do(Vec<PciRequest>),
}

/// The thread, which lives as long as `init`.
#[derive(Debug)]
pub struct Clerk {
    bell: Endpoint,
    desk: Arc<Mutex<Desk>>,
}

/// Orders and their answers, each with the badge of the program that it is for.
#[derive(Debug, Default)]
struct Desk {
    orders: VecDeque<(u16, Order)>,
    answers: VecDeque<(u16, Result<Vec<Found>>)>,
}

impl Clerk {
    /// Makes the clerk of a bus. It notifies an endpoint when it has an answer.
    pub fn new(bus: &Endpoint, tell: &Endpoint) -> Result<Self> {
        let (bus, tell) = (bus.copy(Rights::CALL)?, tell.notifier(BELL)?);
        let desk: Arc<Mutex<Desk>> = Arc::default();
        let theirs = desk.clone();
        let bell = server_thread::start(move |server| work(server, &bus, &tell, &theirs))?;
        Ok(Self { bell, desk })
    }

    /// Gives the clerk an order for a program. The clerk carries orders out in turn.
    pub fn give(&self, badge: u16, order: Order) -> Result<()> {
        self.desk.lock().orders.push_back((badge, order));
        self.bell.notify(BELL)
    }

    /// Takes the next answer, with the badge of the program that it is for. Call this when the clerk has notified.
    pub fn take_answer(&self) -> Option<(u16, Result<Vec<Found>>)> {
        self.desk.lock().answers.pop_front()
    }
}

fn work(mut server: Server, bus: &Endpoint, tell: &Endpoint, desk: &Mutex<Desk>) {
    while server.next().is_ok() {
        loop {
            let next = desk.lock().orders.pop_front();
            let Some((badge, order)) = next else { break };
            let answer = carry_out(bus, order);
            desk.lock().answers.push_back((badge, answer));
            if let Err(error) = tell.notify(BELL) {
                bellwire::println!("can't hear of an answer of the PCI bus: {error}");
            }
        }
    }
}

fn carry_out(bus: &Endpoint, order: Order) -> Result<Vec<Found>> {
    let deadline = Instant::now() + PATIENCE;
    let ask = |request| bus.request_before(deadline, request);
    match order {
        Order::Find(wanted) => find(ask, &wanted),
        Order::Do(requests) => {
            requests.into_iter().try_for_each(|request| ask(request).map(drop))?;
            Ok(Vec::new())
        }
    }
}

/// Returns all functions with one of the numbers, and their registers.
fn find(ask: impl Fn(PciRequest) -> Result<[usize; 4]>, wanted: &[PciId]) -> Result<Vec<Found>> {
    let mut functions = Vec::new();
    // No machine has more.
    for index in 0..=u32::from(u16::MAX) {
        let function = match ask(PciRequest::Get(index)) {
            Ok(words) => PciFunction::from_words(words)?,
            Err(Error::BadArgument) => break,
            Err(error) => return Err(error),
        };
        if wanted.contains(&function.id) {
            functions.push(function);
        }
    }
    let registers = |function: &PciFunction| -> Result<Vec<PciBar>> {
        let bars = (0..BARS).map(|index| ask(PciRequest::Bar { function: function.address, index }));
        bars.map(|words| words.and_then(PciBar::from_words)).collect()
    };
    functions.into_iter().map(|function| Ok((function, registers(&function)?))).collect()
}
