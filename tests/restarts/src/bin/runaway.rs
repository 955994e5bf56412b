//! Answers one call, and then loops for ever. Its manifest says that `init` is to start it again for that.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::{Event, Result, Startup};

bellwire::main!(run);

fn run(startup: Startup) -> Result<()> {
    let mut server = startup.server("runaway")?;
    let Event::Call(call) = server.next()? else { return Ok(()) };
    call.answer([0; 4]);
    // A poll sends the answer.
    server.poll()?;
    loop {
        core::hint::spin_loop();
    }
}
