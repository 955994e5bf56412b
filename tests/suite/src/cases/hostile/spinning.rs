//! A program that never gives the CPU back, at each priority below the case's: programs above it go on.

use crate::case::{Case, Outcome};
use crate::hostile;
use crate::scene::Scene;
use crate::system::PRIORITY;
use core::time::Duration;
use suite::role::Role;

pub const CASES: &[Case] = hostile!["spinning": at_each_priority_below];

fn at_each_priority_below(scene: &Scene<'_>) -> Outcome {
    for priority in 0..PRIORITY {
        let mut spinner = scene.system.image.start(Role::Spin, 74, priority, &[])?;
        // Each wait ends by an interrupt while the program spins.
        for _ in 0..4 {
            scene.system.sleep(Duration::from_micros(200))?;
        }
        scene.ticks(2)?;
        spinner.kill(0)?;
        spinner.wait()?;
    }
    Ok(())
}
