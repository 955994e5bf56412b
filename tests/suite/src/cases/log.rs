//! Writing to the kernel's log, whose serial line may be slow or stuck.

use crate::case::{Case, Outcome};
use crate::system::System;
use crate::{cases, check};
use bellwire::Instant;
use core::time::Duration;

pub const CASES: &[Case] = cases!["log": a_write_never_waits_for_the_line];

/// A limit for what is broken, not for what is slow: a kernel that waits for a full line takes seconds.
const LONGEST: Duration = Duration::from_secs(1);

/// `whole_suite` has this run while nobody reads the line.
fn a_write_never_waits_for_the_line(system: &System) -> Outcome {
    let mut longest = Duration::ZERO;
    for _ in 0..64 {
        let before = Instant::now();
        system.root.log_write(b"...............\n")?;
        longest = longest.max(before.elapsed());
    }
    check!(longest < LONGEST, "a write of 16 bytes took {longest:?}");
    Ok(())
}
