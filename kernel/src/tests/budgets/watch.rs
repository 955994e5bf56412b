//! The looks at who uses the CPU: none while nothing runs, and none that a fast path pays for.

use super::{WINDOW, park, pass};
use crate::machine::Line;
use crate::tests::world::World;

#[test]
fn the_watch_sleeps_while_nothing_happens_and_wakes_with_the_first_thread() {
    let mut world = World::new();
    let driver = world.spawn_sharing(47, 100);
    let bell = world.bind_for(driver, Line(8));
    park(&mut world);
    while world.is_running(driver.thread) {
        world.receive(bell);
    }
    assert!(world.is_idle());
    assert!(world.machine.armed.is_some());
    pass(&mut world, WINDOW);
    pass(&mut world, WINDOW);
    assert_eq!(world.machine.armed, None, "an idle machine isn't woken");
    // It spins, and the watch sees it.
    world.raise(Line(8));
    assert!(world.is_running(driver.thread));
    assert!(world.machine.armed.is_some());
    pass(&mut world, WINDOW / 4);
    assert!(world.kernel.threads.at(driver.thread).unwrap().is_lowered());
}

#[test]
fn interrupts_that_come_often_stay_on_the_fast_path() {
    let mut world = World::new();
    let driver = world.spawn_sharing(47, 100);
    let bell = world.bind_for(driver, Line(8));
    park(&mut world);
    while world.is_running(driver.thread) {
        world.receive(bell);
    }
    world.raise(Line(8));
    pass(&mut world, 100);
    world.receive(bell);
    let before = world.fast_paths.get("interrupt").copied().unwrap_or(0);
    for _ in 0..500 {
        pass(&mut world, WINDOW / 2);
        world.raise(Line(8));
        assert!(world.is_running(driver.thread));
        pass(&mut world, 100);
        world.receive(bell);
    }
    assert_eq!(world.fast_paths["interrupt"] - before, 500);
}
