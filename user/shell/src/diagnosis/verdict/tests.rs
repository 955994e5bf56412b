//! A line in each of its states, and the sentence about it.

use super::*;
use crate::diagnosis::show::{rows, write};
use crate::diagnosis::{Earlier, Owner};
use alloc::vec::Vec;
use bellwire::LineState;

const ROUTES: [RouteKind; 6] = [
    RouteKind::Missing,
    RouteKind::Pic,
    RouteKind::IoApic,
    RouteKind::Message,
    RouteKind::NonMaskable,
    RouteKind::Kernel,
];

/// A driver of a level-triggered line that has served some interrupts and waits for the next.
fn well() -> Facts {
    let source = Source {
        line: 11,
        level: true,
        bound: true,
        owner: 3,
        taken: 12,
        delivered: 12,
        sequence: 12,
        completions: 12,
        endpoint: 5,
        ..Source::default()
    };
    let flags = LineFlags::LEVEL | LineFlags::ACTIVE_LOW;
    Facts {
        number: 11,
        state: LineState { route: RouteKind::IoApic, vector: 0x2B, controller: 0, input: 11, flags },
        earlier: Earlier { ago: Duration::from_millis(100), ..Earlier::of(Some(&source)) },
        source: Some(source),
        owner: Some(Owner { name: "edu".into(), state: ProgramState::Running }),
        holder: "edu".into(),
        doing: Doing::Waits,
        functions: Vec::from(["00:04.0 1234:11e8".into()]),
        pending_for: Duration::ZERO,
        nmis: 0,
    }
}

fn with(change: impl FnOnce(&mut Facts, &mut Source)) -> Facts {
    let mut facts = well();
    let mut source = facts.source.take().unwrap_or_default();
    change(&mut facts, &mut source);
    facts.source = Some(source);
    facts
}

fn unclaimed(change: impl FnOnce(&mut Facts)) -> Facts {
    let mut facts = Facts { source: None, owner: None, doing: Doing::Nothing, functions: Vec::new(), ..well() };
    facts.state.flags |= LineFlags::MASKED;
    change(&mut facts);
    facts
}

#[track_caller]
fn says(facts: &Facts, verdict: Verdict, sentence: &str) {
    assert_eq!((Verdict::of(facts), verdict.sentence(facts).as_str()), (verdict, sentence));
}

#[test]
fn all_is_well() {
    says(&well(), Verdict::Well, "All is well: 12 came, the last message (12) is completed; it waits for messages.");
    // A driver at work is no fault, as long as it gets on with its messages.
    let at_work = with(|facts, source| {
        (source.outstanding, source.masked, facts.doing) = (13, true, Doing::Runs);
        facts.state.flags |= LineFlags::MASKED;
    });
    assert_eq!(Verdict::of(&at_work), Verdict::Well);
    let next_pends = with(|_, source| (source.pending, source.sequence, source.masked) = (true, 13, true));
    assert_eq!(Verdict::of(&next_pends), Verdict::Well);
    let calls = with(|facts, _| facts.doing = Doing::Awaits("pci".into()));
    says(
        &calls,
        Verdict::Well,
        "All is well: 12 came, the last message (12) is completed; it waits for the answer of pci.",
    );
}

#[test]
fn lines_that_nobody_can_have() {
    let missing = unclaimed(|facts| (facts.number, facts.state) = (200, LineState::default()));
    says(&missing, Verdict::NoSuchLine, "This machine has no line 200: no controller has an input for it.");
    let timer = unclaimed(|facts| (facts.number, facts.state.route) = (0, RouteKind::Kernel));
    says(&timer, Verdict::KernelsOwn, "Line 0 is the kernel's own: its timer interrupts there.");
}

#[test]
fn the_non_maskable_interrupt() {
    let nobodys = unclaimed(|facts| (facts.number, facts.state.route, facts.nmis) = (255, RouteKind::NonMaskable, 2));
    says(&nobodys, Verdict::NonMaskable, "The NMI is no line and is never masked. Nobody has claimed it; 2 came.");
    let claimed = with(|facts, source| {
        (facts.number, facts.state.route, facts.state.flags) = (255, RouteKind::NonMaskable, LineFlags::empty());
        source.level = false;
    });
    assert_eq!(Verdict::of(&claimed), Verdict::Well);
}

#[test]
fn lines_without_an_owner() {
    let nobodys = unclaimed(|facts| facts.number = 5);
    says(&nobodys, Verdict::Unowned, "Nobody owns line 5, so it is masked: no program's manifest has it in its lines.");
    let undriven = unclaimed(|facts| facts.functions = Vec::from(["00:03.0 8086:100e".into()]));
    says(
        &undriven,
        Verdict::Unowned,
        "Nobody owns line 11, so it is masked: no program drives 00:03.0 8086:100e, which is wired to it.",
    );
    let message = unclaimed(|facts| (facts.number, facts.state.route) = (120, RouteKind::Message));
    says(&message, Verdict::Unowned, "No device has message interrupt 120: nobody has claimed it.");
}

#[test]
fn lines_whose_program_does_not_run() {
    for (state, why) in [
        (ProgramState::Stopped, "is stopped (\"start edu\" starts it)"),
        (ProgramState::Waiting, "has died, and is about to be started again"),
        (ProgramState::Ended, "has ended"),
        (ProgramState::Absent, "found no device"),
    ] {
        let facts = with(|facts, source| {
            source.endpoint = 0;
            facts.owner = Some(Owner { name: "edu".into(), state });
        });
        let sentence = format!("edu owns line 11 and {why}; until it binds it, it is masked.");
        says(&facts, Verdict::NotRunning, &sentence);
    }
}

#[test]
fn lines_that_nobody_has_bound() {
    let facts = with(|_, source| source.endpoint = 0);
    says(
        &facts,
        Verdict::NotBound,
        "edu owns line 11 and hasn't bound it to an endpoint; until it does, it is masked.",
    );
    let message = with(|facts, source| {
        (source.endpoint, facts.number, facts.state.route) = (0, 97, RouteKind::Message);
        facts.owner = None;
        facts.holder = "suite".into();
    });
    says(
        &message,
        Verdict::NotBound,
        "suite owns message interrupt 97 and hasn't bound it to an endpoint; until it does, its messages are dropped.",
    );
}

#[test]
fn a_storm() {
    let unread = with(|facts, source| {
        (source.level, source.masked, source.pending, source.sequence) = (false, true, true, 13);
        facts.doing = Doing::Awaits("pci".into());
    });
    says(
        &unread,
        Verdict::Storm,
        "More than 4096 interrupts came unread, so line 11 is masked until edu receives and completes message 13; it \
         waits for the answer of pci.",
    );
    let received = with(|facts, source| {
        (source.level, source.masked, source.outstanding) = (false, true, 13);
        facts.doing = Doing::Runs;
    });
    says(
        &received,
        Verdict::Storm,
        "More than 4096 interrupts came unread, so line 11 is masked until edu completes message 13; it is running.",
    );
}

#[test]
fn a_source_that_is_off() {
    let line = with(|_, source| {
        (source.masked, source.storms, source.off_until) = (true, 3, Some(1));
    });
    says(
        &line,
        Verdict::Off,
        "It interrupts without end, and takes more than edu's share of the CPU. So line 11 is switched off for a \
         while, and it is masked meanwhile: 3 times so far. edu doesn't quiet its device.",
    );
    let back = with(|facts, source| (facts.earlier.was_off, source.storms) = (true, 1));
    assert_eq!(Verdict::of(&back), Verdict::Off, "it was off a moment ago");
    let rows = rows(&line);
    assert!(rows.contains(&("masked", "yes: it came too often (a storm)".into())), "{rows:?}");
    assert!(rows.contains(&("storms", "switched off 3 times".into())), "{rows:?}");
    let message = with(|facts, source| {
        (facts.number, facts.state.route) = (97, RouteKind::Message);
        (source.level, source.message, source.storms, source.off_until) = (false, true, 1, Some(1));
    });
    says(
        &message,
        Verdict::Off,
        "It interrupts without end, and takes more than edu's share of the CPU. So message interrupt 97 is switched \
         off for a while, and its messages are only counted meanwhile: 1 time so far. edu doesn't quiet its device.",
    );
}

#[test]
fn a_driver_that_has_faulted() {
    let facts = with(|facts, _| facts.doing = Doing::Faulted { vector: 14, instruction: 0x40_1000 });
    says(
        &facts,
        Verdict::Faulted,
        "edu can't receive: it has raised page fault (vector 14) at 0x401000, and waits for the handler of its faults.",
    );
}

#[test]
fn messages_that_the_driver_does_not_receive() {
    for (doing, words) in [
        (Doing::Runs, "it is running"),
        (Doing::Ready, "it could run, and others do"),
        (Doing::Elsewhere, "it waits for messages on another endpoint"),
        (Doing::Calls(Some("pci".into())), "it waits until pci takes its call"),
        (Doing::Calls(None), "it calls a service that nobody serves"),
        (Doing::Awaits("pci".into()), "it waits for the answer of pci"),
        (Doing::Stopped, "its thread has ended"),
        (Doing::Nothing, "no thread has ever received there"),
    ] {
        let facts = with(|facts, source| {
            (source.pending, source.sequence, source.unread, source.masked) = (true, 13, 2, true);
            facts.earlier.pending = Some(13);
            facts.doing = doing;
        });
        let sentence = format!("A message of 2 interrupts is pending, and edu doesn't receive it: {words}.");
        says(&facts, Verdict::Pending, &sentence);
    }
    let old = with(|facts, source| {
        (source.pending, source.sequence, source.unread, source.masked) = (true, 13, 1, true);
        (facts.pending_for, facts.doing) = (Duration::from_millis(60), Doing::Ready);
    });
    assert_eq!(Verdict::of(&old), Verdict::Pending, "it came since the first look, and long ago");
    let poll = with(|facts, source| {
        (source.level, source.pending, source.sequence) = (false, true, 13);
        (facts.earlier.pending, facts.doing) = (Some(13), Doing::Runs);
    });
    says(
        &poll,
        Verdict::Pending,
        "A message (poll your device) is pending, and edu doesn't receive it: it is running.",
    );
}

#[test]
fn messages_that_the_driver_does_not_complete() {
    let held = |flags| {
        with(|facts, source| {
            (source.outstanding, source.masked, facts.earlier.outstanding) = (12, true, 12);
            facts.state.flags |= LineFlags::MASKED | flags;
        })
    };
    for (flags, asserted) in [
        (LineFlags::empty(), ""),
        (LineFlags::REQUEST_KNOWN, " The device doesn't assert the line."),
        (LineFlags::REQUEST_KNOWN | LineFlags::REQUESTED, " The device asserts the line."),
    ] {
        let sentence = format!(
            "edu has received message 12 and hasn't completed it, so line 11 is masked; it waits for \
             messages.{asserted}"
        );
        says(&held(flags), Verdict::InService, &sentence);
    }
    let edge = with(|facts, source| {
        (source.level, source.outstanding, facts.earlier.outstanding) = (false, 12, 12);
        facts.doing = Doing::Runs;
    });
    says(&edge, Verdict::InService, "edu has received message 12 and hasn't completed it; it is running.");
}

#[test]
fn lines_that_fire_at_full_speed() {
    let fast = |functions: usize| {
        with(|facts, source| {
            (source.taken, facts.earlier.taken) = (6_000, 1_000);
            (source.outstanding, facts.earlier.pending) = (6_001, Some(1_001));
            facts.functions = (0..functions).map(|number| format!("00:0{number}.0")).collect();
        })
    };
    says(
        &fast(1),
        Verdict::NotQuiet,
        "It fires again as soon as it is completed (50000 a second): edu doesn't quiet its device.",
    );
    says(
        &fast(2),
        Verdict::Shared,
        "It fires again as soon as it is completed (50000 a second): another of the functions on it may hold it \
         (00:00.0, 00:01.0).",
    );
    let edge = with(|facts, source| {
        (source.level, source.taken, facts.earlier.taken) = (false, 6_000, 1_000);
        (source.outstanding, facts.earlier.pending) = (6_001, Some(1_001));
    });
    assert_eq!(Verdict::of(&edge), Verdict::Well, "an edge comes as often as the device wants");
    let at_rest = with(|facts, source| (source.taken, facts.earlier.taken) = (6_000, 1_000));
    assert_eq!(Verdict::of(&at_rest), Verdict::Well, "it is quiet in between");
}

#[test]
fn what_the_controllers_hold_back() {
    let flags = |flags| with(|facts, _| facts.state.flags |= flags);
    says(
        &flags(LineFlags::MASKED),
        Verdict::MaskedByController,
        "The kernel lets line 11 through, and its controller masks it: that is a fault of the kernel.",
    );
    for stuck in [LineFlags::LOCAL_IN_SERVICE, LineFlags::IN_SERVICE, LineFlags::REMOTE_REQUEST] {
        says(
            &flags(stuck),
            Verdict::NotEnded,
            "The CPU has taken line 11, and its controller got no end-of-interrupt: that is a fault of the kernel.",
        );
    }
    for way in [LineFlags::LOCAL_REQUEST, LineFlags::SENDING, LineFlags::LOCAL_REQUEST | LineFlags::REMOTE_REQUEST] {
        says(&flags(way), Verdict::OnItsWay, "The controller has a request of line 11 that the CPU hasn't taken yet.");
    }
    let pic = with(|facts, _| {
        facts.state.route = RouteKind::Pic;
        facts.state.flags |= LineFlags::REQUESTED | LineFlags::REQUEST_KNOWN;
    });
    assert_eq!(Verdict::of(&pic), Verdict::OnItsWay);
    assert_eq!(
        Verdict::of(&flags(LineFlags::REQUESTED)),
        Verdict::Well,
        "an 8259A that delivers nothing proves nothing"
    );
}

#[test]
fn lines_on_which_nobody_waits() {
    for (doing, words) in [
        (Doing::Nothing, "no thread has ever received there"),
        (Doing::Stopped, "its thread has ended"),
        (Doing::Elsewhere, "it waits for messages on another endpoint"),
    ] {
        let facts = with(|facts, _| facts.doing = doing);
        says(&facts, Verdict::NoReceiver, &format!("edu has bound line 11, and {words}."));
    }
}

#[test]
fn a_device_that_has_never_interrupted() {
    let facts = with(|facts, source| (source.taken, source.sequence, facts.earlier.taken) = (0, 0, 0));
    says(
        &facts,
        Verdict::NeverCame,
        "edu is ready, nothing masks line 11, and its device has never interrupted: see whether the device's \
         interrupt is on, and comes this way.",
    );
}

/// Every combination of facts has a sentence, in lines that fit.
#[test]
fn every_combination_has_a_sentence() {
    let doings = [
        Doing::Nothing,
        Doing::Waits,
        Doing::Runs,
        Doing::Ready,
        Doing::Elsewhere,
        Doing::Calls(Some("a-long-name-x".into())),
        Doing::Calls(None),
        Doing::Awaits("a-long-name-x".into()),
        Doing::Faulted { vector: 13, instruction: usize::MAX },
        Doing::Stopped,
    ];
    let mut seen = alloc::collections::BTreeSet::new();
    for route in ROUTES {
        for doing in &doings {
            for bits in 0..1u32 << 12 {
                let bit = |number: u32| bits >> number & 1 != 0;
                let mut facts = with(|facts, source| {
                    source.level = bit(0);
                    source.masked = bit(1);
                    source.pending = bit(2);
                    source.endpoint = u32::from(bit(3)) * 5;
                    (source.outstanding, source.sequence) = (u32::from(bit(4)) * 7, 12);
                    source.message = route == RouteKind::Message;
                    source.taken = if bit(5) { 100_000 } else { 0 };
                    facts.earlier = Earlier { ago: facts.earlier.ago, ..Earlier::default() };
                    if bit(6) {
                        facts.earlier = Earlier { ago: facts.earlier.ago, ..Earlier::of(Some(source)) };
                    } else {
                        facts.earlier.pending = Some(1);
                    }
                    (facts.state.route, facts.doing) = (route, doing.clone());
                    for (number, flag) in [
                        (7, LineFlags::MASKED),
                        (8, LineFlags::REQUESTED),
                        (9, LineFlags::LOCAL_REQUEST),
                        (10, LineFlags::LOCAL_IN_SERVICE),
                    ] {
                        facts.state.flags.set(flag, bit(number));
                    }
                    if bit(11) {
                        facts.functions.push("00:08.0 1234:11e8".into());
                    }
                });
                if bits == 0 {
                    facts.source = None;
                }
                let verdict = Verdict::of(&facts);
                let sentence = verdict.sentence(&facts);
                assert!(sentence.ends_with('.') && sentence.len() > 20, "{sentence}");
                seen.insert(format!("{verdict:?}"));
                if bits % 37 == 0 {
                    let mut shown = String::new();
                    write(&mut shown, &facts, 80).unwrap();
                    assert!(shown.lines().all(|line| plain(line) <= 80), "{shown}");
                    assert!(rows(&facts).iter().all(|(_, text)| !text.is_empty()));
                }
            }
        }
    }
    assert_eq!(seen.len(), 18 - 1, "all but the program that doesn't run: {seen:?}");
}

/// Returns how wide a line is on the screen.
fn plain(line: &str) -> usize {
    let mut inside = false;
    let shown = line.chars().filter(|character| {
        let before = inside;
        inside = match character {
            '\x1b' => true,
            'm' if inside => false,
            _ => inside,
        };
        !before && !inside
    });
    shown.count()
}
