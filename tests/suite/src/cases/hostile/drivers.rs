//! Drivers that don't do what drivers should: they never serve their line, serve it without looking at the device, or
//! end after each of their calls. The device is the real-time clock, whose line is bound as a level.

use crate::case::{Case, Outcome};
use crate::partner::{FRAMES, Grant, OBJECTS, Partner};
use crate::scene::Scene;
use crate::{check, check_eq, hostile};
use abi::Rights;
use bellwire::{Handle, HowEnded, PortRange, Trigger, raw};
use core::time::Duration;
use suite::bare;
use suite::hostile::{Attempt, MOST_CALLS};
use suite::role::Role;

pub const CASES: &[Case] = hostile!["drivers":
    one_that_never_serves_its_line, one_that_never_serves_its_device, one_that_ends_after_each_call,
];

const BADGE: u16 = 73;

/// Below the case: programs above a bad driver go on.
const PRIORITY: u8 = 20;

/// Starts a bad driver with the clock's line and ports.
fn start(scene: &Scene<'_>, attempt: Attempt, argument: u64) -> Result<Partner, crate::case::Failure> {
    let partner = Partner::trusted(BADGE, PRIORITY, [FRAMES, OBJECTS])?;
    raw::ports_attach(scene.system.clock_ports.raw(), [0, 0, 0, partner.process.raw() as usize])?;
    let line = scene.system.clock_line.raw();
    let grant = Grant { name: "line", handle: line, rights: Rights::INTERRUPT, badge: 0 };
    Ok(scene.system.image.load(partner, Role::Hostile, PRIORITY, &[grant], [attempt as u64, argument])?)
}

/// Makes the clock quiet, as its next driver does.
fn quieten() {
    let clock = PortRange::new(crate::system::CLOCK_PORT, 2);
    clock.port::<u8>(0).write(0x0B);
    let control = clock.port::<u8>(1).read();
    clock.port::<u8>(0).write(0x0B);
    clock.port::<u8>(1).write(control & !0x40);
    clock.port::<u8>(0).write(0x0C);
    clock.port::<u8>(1).read();
}

/// Tears a driver down, quarantined frames too.
fn tear_down(driver: &mut Partner) -> Outcome {
    loop {
        let [left, quarantined, ..] = raw::process_reap(driver.process.raw(), [0; 4])?.words;
        if quarantined != 0 {
            while bare::destroy(quarantined as u32, [0; 4])?.words[0] != 0 {}
            bare::handle_close(quarantined as u32, [0; 4])?;
        }
        if left == 0 {
            break;
        }
    }
    driver.reaped()?;
    Ok(())
}

fn drive_badly(scene: &Scene<'_>, attempt: Attempt) -> Outcome {
    let mut driver = start(scene, attempt, 0)?;
    scene.system.wait_until("the line is bound", || {
        Ok(source(scene)?.is_some_and(|source| source.bound && source.taken > 0))
    })?;
    // Threads above the driver, and the timer, go on.
    for _ in 0..8 {
        scene.system.sleep(Duration::from_micros(300))?;
    }
    scene.ticks(4)?;
    driver.kill(0)?;
    driver.wait()?;
    quieten();
    let left = source(scene)?;
    check!(left.as_ref().is_some_and(|source| !source.bound), "the line stays bound: {left:?}");
    tear_down(&mut driver)?;
    scene.system.check_conservation()?;
    // Its successor gets the line as the firmware has it.
    let endpoint = bellwire::Endpoint::new()?;
    scene.system.clock_line.bind(&endpoint, 1, Trigger::Firmware)?;
    raw::interrupt_unbind(scene.system.clock_line.raw(), [0; 4])?;
    endpoint.destroy()?;
    Ok(())
}

fn source(scene: &Scene<'_>) -> Result<Option<bellwire::Source>, crate::case::Failure> {
    for index in 0.. {
        match scene.system.root.source(index) {
            Ok(Some(source)) if source.line == crate::system::CLOCK_LINE => return Ok(Some(source)),
            Ok(_) => {}
            Err(_) => break,
        }
    }
    Ok(None)
}

fn one_that_never_serves_its_line(scene: &Scene<'_>) -> Outcome {
    drive_badly(scene, Attempt::SilentDriver)
}

fn one_that_never_serves_its_device(scene: &Scene<'_>) -> Outcome {
    drive_badly(scene, Attempt::BlindDriver)
}

fn one_that_ends_after_each_call(scene: &Scene<'_>) -> Outcome {
    let mut last = None;
    let before = scene.system.in_use()?;
    for calls in 0..=MOST_CALLS {
        let mut driver = start(scene, Attempt::ShortLived, calls)?;
        let exit = driver.wait()?;
        let HowEnded::Exited { code } = exit.how else {
            return Err(crate::case::Failure::new(alloc::format!("after {calls} calls: {:?}", exit.how)));
        };
        tear_down(&mut driver)?;
        drop(driver);
        check_eq!(scene.system.in_use()?, before, "after {calls} calls");
        last = Some(code);
    }
    check_eq!(last, Some(1), "the last one makes all calls");
    quieten();
    Ok(())
}
