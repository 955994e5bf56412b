//! Services as commands call them.

use crate::Failure;
use crate::waiter::{Job, Waiter};
use alloc::rc::Rc;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use bellwire::protocol::{Request, outcome};
use bellwire::{Answer, Endpoint, Error, Grants, Handle, Instant};
use core::time::Duration;

/// How long [`Service::ask_briefly`] waits.
const BRIEFLY: Duration = Duration::from_secs(1);

/// A service that the shell uses.
pub struct Service {
    endpoint: Arc<Endpoint>,
    waiter: Rc<Waiter>,
}

/// The endpoints of the services that the manifest lets the shell use. Each is taken from the grants once and stays
/// open.
pub struct Endpoints {
    grants: Grants,
    taken: Vec<(String, Arc<Endpoint>)>,
}

impl Endpoints {
    /// Takes none yet.
    pub fn new(grants: Grants) -> Self {
        Self { grants, taken: Vec::new() }
    }

    /// The endpoint of a service.
    pub fn of(&mut self, name: &str) -> bellwire::Result<Arc<Endpoint>> {
        if let Some((_, endpoint)) = self.taken.iter().find(|(taken, _)| taken == name) {
            return Ok(endpoint.clone());
        }
        let endpoint = Arc::new(self.grants.uses(name)?);
        self.taken.push((name.into(), endpoint.clone()));
        Ok(endpoint)
    }
}

impl Service {
    /// Makes a service of its endpoint and of the waiter that waits for answers.
    pub fn new(endpoint: Arc<Endpoint>, waiter: Rc<Waiter>) -> Self {
        Self { endpoint, waiter }
    }

    /// Asks the service, with the endpoint at which it may notify the shell.
    pub fn ask_for_notices(&self, request: impl Request) -> Result<[usize; 4], Failure> {
        self.waiter.forget_notices()?;
        self.call(request, Some(self.waiter.notifier()))
    }

    /// Asks the service even if Ctrl-C was typed, and waits a second at most. Call this to undo something when a
    /// command ends.
    pub fn ask_briefly(&self, request: impl Request) -> Result<[usize; 4], Failure> {
        Ok(self.endpoint.request_before(Instant::now() + BRIEFLY, request)?)
    }

    /// Calls the service with words that belong to no protocol that the shell knows.
    pub fn call_as_it_is(&self, label: u8, words: [usize; 4]) -> Result<Answer, Failure> {
        self.waiter.call(self.endpoint.clone(), Job { label, words, handle: None })
    }

    fn call(&self, request: impl Request, handle: Option<Arc<dyn Handle>>) -> Result<[usize; 4], Failure> {
        let (label, words) = request.encode();
        let answer = self.waiter.call(self.endpoint.clone(), Job { label, words, handle })?;
        outcome(answer.label)?;
        Ok(answer.words)
    }
}

/// Asks a service. If the service dies before it answers, asks its successor, once. Ctrl-C ends the wait for an answer.
pub fn ask<R: Request + Copy>(service: &Service, request: R) -> Result<[usize; 4], Failure> {
    match service.call(request, None) {
        Err(Failure::Refused(Error::Gone)) => service.call(request, None),
        result => result,
    }
}
