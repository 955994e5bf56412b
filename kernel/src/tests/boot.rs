//! The first process.

use super::world::{ENTRY, STACK, World};
use crate::fake::Mode;
use abi::Register;

#[test]
fn init_runs_with_what_boot_gave_it() {
    let world = World::new();
    assert!(world.is_running(world.init_thread));
    let context = world.kernel.threads.at(world.init_thread).unwrap().context;
    assert_eq!(context.mode, Mode::User);
    assert_eq!(context.general[Register::Ip as usize], ENTRY);
    assert_eq!(context.general[Register::Sp as usize], STACK);
}

#[test]
fn the_machine_idles_while_init_waits() {
    let mut world = World::new();
    world.park();
    assert!(world.is_idle());
    world.ring();
    world.park();
    assert!(world.is_idle());
}
