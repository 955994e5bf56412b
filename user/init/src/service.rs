//! The endpoints of all services.
//!
//! They belong to `init`, so they outlive their servers: a client's handle stays good when the server is started again,
//! and its calls wait meanwhile.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Process, Result, Rights, StartupEntry, StartupKind};
use manifest::{INIT_SERVICE, Manifest, Program};

/// A server's rights to its endpoint. By a copy it lets others notify it. A copy can neither receive nor bind events,
/// so that no process keeps the service when the server has ended.
const SERVER: Rights = Rights::RECEIVE.union(Rights::BIND).union(Rights::NOTIFY).union(Rights::COPY);

/// The endpoints, by the names of their services.
#[derive(Debug)]
pub struct Services {
    endpoints: Vec<(String, Endpoint)>,
}

impl Services {
    /// Makes the endpoints of all services; `own` is `init`'s endpoint.
    pub fn new(manifest: &Manifest, own: Endpoint) -> Result<Self> {
        let mut endpoints = Vec::new();
        endpoints.push((String::from(INIT_SERVICE), own));
        for service in manifest.programs.iter().flat_map(|program| &program.serves) {
            endpoints.push((service.clone(), Endpoint::new()?));
        }
        Ok(Self { endpoints })
    }

    /// Grants a process the endpoints that its program serves, uses and notifies, and adds their names to `entries`.
    pub fn grant(
        &self,
        program: &Program,
        badge: u16,
        process: &Process,
        entries: &mut Vec<StartupEntry>,
    ) -> Result<()> {
        let mut name = |verb: &str, name: &str, handle| {
            entries.push(StartupEntry::new(&format!("{verb} {name}"), StartupKind::Handle, handle, [0; 2]));
        };
        let serves = program.serves.iter().map(|service| ("serves", service, SERVER));
        let uses = program.uses.iter().map(|service| ("uses", service, Rights::CALL));
        for (verb, service, rights) in serves.chain(uses) {
            name(verb, service, process.grant_badged(self.endpoint(service)?, rights, badge)?);
        }
        for notify in &program.notifies {
            let endpoint = self.endpoint(&notify.service)?;
            name("notify", &notify.service, process.grant_notifier(endpoint, notify.mask())?);
        }
        Ok(())
    }

    /// Returns the endpoint of a service, with all rights to it.
    pub fn endpoint(&self, service: &str) -> Result<&Endpoint> {
        let endpoint = self.endpoints.iter().find(|(name, _)| name == service);
        endpoint.map(|(_, endpoint)| endpoint).ok_or(Error::BadHandle)
    }
}
