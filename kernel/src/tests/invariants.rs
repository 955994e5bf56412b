//! What holds after every trap, whatever programs and devices do: checked from the outside, against the fake machine
//! and against each other, in the plainest way rather than the core's.

mod budgets;
pub mod memory;
mod objects;
mod sources;
mod threads;

use super::world::World;

/// Panics unless everything holds.
pub fn check(world: &World) {
    let kernel = &world.kernel;
    assert_eq!(world.machine.violations, [""; 0], "the machine was misused");
    kernel.threads.check_slots();
    kernel.processes.check_slots();
    kernel.endpoints.check_slots();
    kernel.interrupts.check_slots();
    kernel.timers.check_slots();
    kernel.memories.check_slots();
    kernel.mappings.check_slots();
    kernel.ports.check_slots();
    kernel.replies.check_slots();
    threads::check(world);
    budgets::check(world);
    sources::check(world);
    objects::check(world);
    memory::check(world);
}
