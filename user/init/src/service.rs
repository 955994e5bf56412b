//! The endpoints of all services.
//!
//! They belong to `init`, so they outlive their servers: a client's handle stays good when the server is started
//! again, and what it sends meanwhile waits.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use bellwire::{Endpoint, Error, Process, Result, Rights, StartupEntry, StartupKind};
use manifest::{INIT_SERVICE, Manifest, Program};

/// What a server may do with its endpoint. Copies let it ask others to notify it.
const SERVER: Rights = Rights::RECEIVE.union(Rights::BIND).union(Rights::NOTIFY).union(Rights::COPY);

/// What a client may do with it.
const CLIENT: Rights = Rights::CALL.union(Rights::NOTIFY);

/// The endpoints by their services' names.
#[derive(Debug)]
pub struct Services {
    endpoints: Vec<(String, Endpoint)>,
}

impl Services {
    /// Makes the endpoints of all services; `own` is that of `init`.
    pub fn new(manifest: &Manifest, own: Endpoint) -> Result<Self> {
        let mut endpoints = Vec::new();
        endpoints.push((String::from(INIT_SERVICE), own));
        for service in manifest.programs.iter().flat_map(|program| &program.serves) {
            endpoints.push((service.clone(), Endpoint::new()?));
        }
        Ok(Self { endpoints })
    }

    /// Grants a process the endpoints that its program serves, uses and notifies, and says under which names.
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

    /// The endpoint of a service, with all rights to it.
    pub fn endpoint(&self, service: &str) -> Result<&Endpoint> {
        let endpoint = self.endpoints.iter().find(|(name, _)| name == service);
        endpoint.map(|(_, endpoint)| endpoint).ok_or(Error::BadHandle)
    }
}
