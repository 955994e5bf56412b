//! Sources: nothing that fired is lost, and lines are masked when and only when they have to be.

use crate::dispatch::{DeadlineOf, QUEUE};
use crate::machine::{Line, Trigger};
use crate::objects::event::Event;
use crate::objects::pace::Pace;
use crate::objects::source::SOURCES;
use crate::objects::thread::Thread;
use crate::tables::{Entry, Link};
use crate::tests::world::World;
use abi::InterruptFlags;
use std::vec::Vec;

pub fn check(world: &World) {
    check_conservation(world);
    check_masks(world);
    check_bindings(world);
    check_events(world);
    check_paces(world);
}

/// Taken = delivered + coalesced + spurious + dropped + pending, where each delivery stands in the histogram, or will.
fn check_conservation(world: &World) {
    let kernel = &world.kernel;
    for (link, source) in kernel.interrupts.iter() {
        let counters = &source.counters;
        let in_message = source.is_pending() || kernel.is_off(link) && !source.endpoint().is_none();
        assert!(source.pending().1 == 0 || in_message, "interrupts are counted in no message");
        let histogram: u32 = counters.histogram.iter().sum();
        let name = kernel.interrupts.name(link);
        let holds = |thread: &Thread<_>| thread.raised() != 0 && thread.completes().source == name;
        let waiting = kernel.threads.iter().filter(|(_, thread)| holds(thread)).count() as u32;
        assert_eq!(histogram + waiting, source.delivered(), "{:?}: {counters:?}", source.line());
    }
}

/// A line is masked while it is unbound, while a level's message isn't completed, after a storm, and while it is off.
fn check_masks(world: &World) {
    let kernel = &world.kernel;
    for line in (0..=u8::MAX).map(Line) {
        let claimed = kernel.lines.source(line);
        if !claimed.is_some() {
            let exists = usize::from(line.0) < crate::fake::LINE_COUNT - 1;
            assert!(!exists || world.machine.line(line).masked, "{line:?} is nobody's and not masked");
            continue;
        }
        assert!(kernel.interrupts.live(claimed).is_some(), "a line belongs to a source that is gone");
        let source = kernel.interrupts.at(claimed).unwrap();
        assert_eq!(source.line(), line);
        assert_eq!(source.is_masked(), world.machine.line(line).masked, "{line:?}: core and controller disagree");
        let unread = source.is_pending() || source.outstanding() != 0;
        if source.endpoint().is_none() {
            assert!(source.is_masked() && !unread, "an unbound source isn't at rest");
        } else if kernel.is_off(claimed) {
            assert!(source.is_masked(), "{line:?} is off and not masked");
            assert!(kernel.endpoints.get(source.endpoint()).is_none(), "interrupts of {line:?} find an endpoint");
        } else if source.trigger() == Trigger::Level {
            assert_eq!(source.is_masked(), unread, "{line:?}: {source:?}");
        } else if source.is_masked() {
            let storm = source.pending().3.contains(InterruptFlags::STORM) && source.is_pending();
            assert!(storm || source.outstanding() != 0, "an edge is masked without a storm");
        }
    }
    let claimed = (0..=u8::MAX).filter(|line| kernel.lines.source(Line(*line)).is_some()).count();
    assert_eq!(claimed, kernel.interrupts.used(), "a source has no line");
}

/// A bound source is in its holder's list, and the holder pays for it. A process that isn't buried yet pays for each
/// other one.
fn check_bindings(world: &World) {
    let kernel = &world.kernel;
    let mut listed: Vec<Link> = Vec::new();
    for (link, process) in kernel.processes.iter() {
        let sources = kernel.interrupts.walk::<SOURCES>(process.sources.list());
        assert_eq!(sources.len(), process.sources.count());
        assert!(sources.iter().all(|source| kernel.interrupts.at(*source).unwrap().holder() == link));
        listed.extend(sources);
    }
    for (link, source) in kernel.interrupts.iter() {
        assert_eq!(listed.contains(&link), !source.endpoint().is_none());
        assert_eq!(source.holder(), if source.endpoint().is_none() { Link::NONE } else { source.payer() });
        assert!(kernel.processes.live(source.payer()).is_some(), "nobody pays for a source: {source:?}");
    }
}

/// An event is in the queue that it says it is in, once, and belongs to an object that lives; and an object
/// that has something to say to an endpoint that lives is in its queue.
fn check_events(world: &World) {
    let kernel = &world.kernel;
    let mut queued: Vec<Link> = Vec::new();
    for (endpoint, entry) in kernel.endpoints.iter() {
        // Event slots are never inserted, so their own table doesn't know which are in use.
        let mut link = entry.events().head();
        let mut previous = Link::NONE;
        while link.is_some() {
            let slot = kernel.events.at(link).unwrap();
            assert_eq!(slot.queued_at(), endpoint, "an event is in another queue than it says");
            assert!(!queued.contains(&link), "an event is queued twice");
            queued.push(link);
            previous = link;
            link = kernel.events.next::<QUEUE>(link);
        }
        assert_eq!(entry.events().last(), previous);
    }
    for index in 0..crate::objects::event::EVENTS {
        let link = Link::new(index);
        let slot = kernel.events.at(link).unwrap();
        assert_eq!(slot.queued_at().is_some(), queued.contains(&link), "an event isn't where it says");
    }
    for (link, source) in kernel.interrupts.iter() {
        if kernel.endpoints.get(kernel.bound_endpoint(link)).is_some() {
            assert_eq!(queued.contains(&Event::Interrupt(link).link()), source.is_pending());
        }
    }
    for (link, timer) in kernel.timers.iter() {
        if kernel.endpoints.get(timer.endpoint()).is_some() {
            assert_eq!(queued.contains(&Event::Timer(link).link()), timer.expiries() != 0);
        }
    }
    let live = |link: &Link| {
        kernel
            .interrupts
            .iter()
            .any(|(source, _)| [Event::Interrupt(source).link(), Event::Storm(source).link()].contains(link))
            || kernel.timers.iter().any(|(timer, _)| Event::Timer(timer).link() == *link)
            || kernel
                .processes
                .iter()
                .any(|(process, _)| [Event::Exit(process).link(), Event::Overrun(process).link()].contains(link))
            || kernel.replies.iter().any(|(reply, _)| Event::CallerGone(reply).link() == *link)
    };
    assert!(queued.iter().all(live), "the event of an object that is gone is queued");
}

/// A source that is off comes back: by its deadline, or when its level's message is completed or it is bound.
fn check_paces(world: &World) {
    let kernel = &world.kernel;
    for index in 0..kernel.interrupts.capacity() {
        let link = Link::new(index);
        let pace = kernel.paces.at(link).unwrap();
        let Some(source) = kernel.interrupts.live(link) else {
            assert_eq!(*pace, Pace::EMPTY, "a free source has a pace");
            continue;
        };
        if kernel.is_off(link) {
            let is_set = kernel.deadlines.is_set(DeadlineOf::Source(link));
            let waits = source.trigger() == Trigger::Level && source.outstanding() != 0 || source.endpoint().is_none();
            assert!(is_set || waits, "{:?} never comes back", source.line());
            assert!(source.line() != Line::NMI, "nothing keeps an NMI back");
        } else {
            assert!(pace.endpoint().is_none(), "{:?} is on, and its endpoint is away", source.line());
        }
    }
}
