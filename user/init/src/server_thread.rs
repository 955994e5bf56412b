//! Threads that wait for servers in `init`'s place, since a server may be stuck and `init` waits for none.

use bellwire::{Endpoint, Result, Rights, Scoped, Server, Thread};

const STACK_BYTES: usize = 16 << 10;

/// Starts a thread with a server on an endpoint of its own. Returns the endpoint, by which the thread is told of work.
/// After an error nothing is left behind, so that this can be tried again for as long as there is no room.
pub fn start(work: impl FnOnce(Server) + Send + 'static) -> Result<Endpoint> {
    let told = Scoped::new(Endpoint::new()?);
    let receives = told.copy(Rights::RECEIVE)?;
    Thread::spawn(manifest::INIT_PRIORITY, STACK_BYTES, move |right| work(Server::new(right, receives)))?;
    Ok(told.keep())
}
