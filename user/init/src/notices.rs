//! What `init` tells servers: that one of their clients has ended, so that they give back what they keep for it.
//!
//! A server may be stuck, so `init` waits for none: a thread does, which gives one notice after the other. One that a
//! server doesn't take in time goes behind all others and is given again. So a stuck server delays the others' notices
//! for a while, and loses none of its own. (With a thread for each service nothing would be delayed, but a process has
//! few threads, and the stand-ins need them.) A notice may arrive late, when the client was started again. So it says
//! when the client has ended: what the server keeps from later is the new one's.

use crate::server_thread;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::SupervisionRequest;
use bellwire::{Endpoint, Error, Instant, Mutex, Result, Rights, Server};
use core::time::Duration;

/// The time after which the next notice's turn comes.
const PATIENCE: Duration = Duration::from_secs(1);

/// The bit by which the thread is told of a notice.
const BELL: u32 = 1;

/// The notices to all services, and the thread that gives them, which is made with the first and lives as long as
/// `init`.
#[derive(Debug, Default)]
pub struct Notices {
    desk: Arc<Mutex<Desk>>,
    bell: Option<Endpoint>,
}

#[derive(Debug, Default)]
struct Desk {
    /// The services that were ever to be told something, by their names.
    services: Vec<(String, Arc<Endpoint>)>,
    queue: Queue,
}

/// The notices to give, in turn: one of each client to each service at most.
#[derive(Debug, Default)]
struct Queue(Vec<Notice>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Notice {
    /// The service's place among [`Desk::services`].
    service: usize,
    client: u16,
    /// The time at which the client had ended, in cycles.
    before: u64,
}

impl Notices {
    /// Has the thread tell a service that a client had ended by now, however late the service takes the notice.
    pub fn tell(&mut self, name: &str, service: &Endpoint, client: u16) -> Result<()> {
        self.desk.lock().add(name, service, client)?;
        let bell = match &self.bell {
            Some(bell) => bell,
            None => {
                let desk = self.desk.clone();
                self.bell.insert(server_thread::start(move |server| work(server, &desk))?)
            }
        };
        bell.notify(BELL)
    }
}

impl Desk {
    fn add(&mut self, name: &str, service: &Endpoint, client: u16) -> Result<()> {
        let service = match self.services.iter().position(|(other, _)| other == name) {
            Some(place) => place,
            None => {
                self.services.push((name.to_string(), Arc::new(service.copy(Rights::CALL)?)));
                self.services.len() - 1
            }
        };
        self.queue.add(Notice { service, client, before: Instant::now().cycles() });
        Ok(())
    }

    /// Takes the notice whose turn it is, with the endpoint of its service.
    fn take(&mut self) -> Option<(Notice, Arc<Endpoint>)> {
        let notice = self.queue.take()?;
        self.services.get(notice.service).map(|(_, endpoint)| (notice, endpoint.clone()))
    }
}

impl Queue {
    /// Adds a notice, which takes the place of an earlier one of the same client.
    fn add(&mut self, notice: Notice) {
        self.0.retain(|earlier| !earlier.is_of_same(notice));
        self.0.push(notice);
    }

    /// Adds a notice that wasn't taken in time, unless there is a later one of the same client.
    fn add_again(&mut self, notice: Notice) {
        if !self.0.iter().any(|later| later.is_of_same(notice)) {
            self.0.push(notice);
        }
    }

    fn take(&mut self) -> Option<Notice> {
        if self.0.is_empty() { None } else { Some(self.0.remove(0)) }
    }
}

impl Notice {
    fn is_of_same(self, other: Self) -> bool {
        (self.service, self.client) == (other.service, other.client)
    }

    fn request(self) -> SupervisionRequest {
        SupervisionRequest::ClientEnded { badge: self.client, before: self.before }
    }
}

fn work(mut server: Server, desk: &Mutex<Desk>) {
    while server.next().is_ok() {
        give_all(desk);
    }
}

fn give_all(desk: &Mutex<Desk>) {
    loop {
        let next = desk.lock().take();
        let Some((notice, endpoint)) = next else { return };
        // A server that has ended meanwhile has nothing left to give back. Servers that keep nothing refuse.
        if endpoint.request_before(Instant::now() + PATIENCE, notice.request()) == Err(Error::TimedOut) {
            desk.lock().queue.add_again(notice);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn notice(service: usize, client: u16, before: u64) -> Notice {
        Notice { service, client, before }
    }

    #[test]
    fn a_stuck_server_has_one_notice_of_each_client_to_come() {
        let mut queue = Queue::default();
        for time in 0..1000 {
            queue.add(notice(1, 7, time));
            queue.add(notice(1, 8, time));
            queue.add(notice(2, 8, time));
        }
        let all: Vec<_> = core::iter::from_fn(|| queue.take()).collect();
        assert_eq!(all, [notice(1, 7, 999), notice(1, 8, 999), notice(2, 8, 999)]);
    }

    #[test]
    fn one_that_was_not_taken_goes_behind_all_and_is_not_lost() {
        let mut queue = Queue::default();
        queue.add(notice(1, 7, 1));
        queue.add(notice(2, 7, 1));
        let first = queue.take().unwrap();
        queue.add_again(first);
        assert_eq!([queue.take(), queue.take()], [Some(notice(2, 7, 1)), Some(first)]);
        // The client has ended once more meanwhile.
        queue.add(notice(1, 7, 2));
        queue.add_again(first);
        assert_eq!([queue.take(), queue.take()], [Some(notice(1, 7, 2)), None]);
    }
}
