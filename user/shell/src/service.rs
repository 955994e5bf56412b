//! Services as commands call them.

use crate::Failure;
use bellwire::protocol::Request;
use bellwire::{Endpoint, Error, Handle};

/// A service that the shell uses.
#[derive(Debug)]
pub struct Service {
    endpoint: Endpoint,
}

impl Service {
    /// A service behind an endpoint.
    pub fn new(endpoint: Endpoint) -> Self {
        Self { endpoint }
    }

    /// Asks the service, with a copy of a handle.
    pub fn ask_with_handle(&self, request: impl Request, handle: &impl Handle) -> Result<[usize; 4], Failure> {
        Ok(self.endpoint.request_with_handle(request, handle)?)
    }
}

/// Asks a service; once more, if it died before it answered: then its successor does. Ctrl-C ends the wait for an answer.
pub fn ask<R: Request + Copy>(service: &Service, request: R) -> Result<[usize; 4], Failure> {
    match service.endpoint.request(request) {
        Err(Error::Gone) => Ok(service.endpoint.request(request)?),
        result => Ok(result?),
    }
}
