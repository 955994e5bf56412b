//! The endpoints of all services.
//!
//! They belong to `init`, so they outlive their servers: a client's handle stays good when the server is started again,
//! and its calls wait meanwhile.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Process, Result, Rights, StartupEntry, StartupKind};
use manifest::{INIT_SERVICE, Manifest, Program};

/// A server's rights to its endpoint. By a copy it lets others notify it.
const SERVER: Rights = Rights::RECEIVE.union(Rights::BIND).union(Rights::NOTIFY).union(Rights::COPY);

/// A client's rights to an endpoint.
const CLIENT: Rights = Rights::CALL.union(Rights::NOTIFY);

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
        let serves = program.serves.iter().map(|name| ("serves", name, SERVER));
        let uses = program.uses.iter().map(|name| ("uses", name, CLIENT));
        let notifies = program.notifies.iter().map(|name| ("notify", name, Rights::NOTIFY));
        for (verb, name, rights) in serves.chain(uses).chain(notifies) {
            let handle = process.grant_badged(self.endpoint(name)?, rights, badge)?;
            entries.push(StartupEntry::new(&format!("{verb} {name}"), StartupKind::Handle, handle, [0; 2]));
        }
        Ok(())
    }

    /// Returns the endpoint of a service, with all rights to it.
    pub fn endpoint(&self, service: &str) -> Result<&Endpoint> {
        let endpoint = self.endpoints.iter().find(|(name, _)| name == service);
        endpoint.map(|(_, endpoint)| endpoint).ok_or(Error::BadHandle)
    }
}
