//! The shell: a person types its commands at the keyboard or at the other end of the serial line.
#![cfg_attr(target_os = "none", no_std, no_main)]

use bellwire::Startup;
use shell::{Failure, Shell};

bellwire::main!(run);

fn run(startup: Startup) -> Result<(), Failure> {
    Shell::new(startup)?.run()
}
