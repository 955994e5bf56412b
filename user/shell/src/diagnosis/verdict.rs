//! The verdict on the facts, as a sentence.

use super::{Doing, Facts};
use crate::Style;
use crate::commands::counted;
use alloc::format;
use alloc::string::String;
use bellwire::protocol::ProgramState;
use bellwire::{LineFlags, RouteKind, Source};
use core::time::Duration;

/// The time in which a driver in order receives a message, however busy other programs are.
const PROMPT: Duration = Duration::from_millis(50);

/// The reason why interrupts of a line don't come, or that nothing is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The machine has no such line.
    NoSuchLine,
    /// The line is the kernel's.
    KernelsOwn,
    /// The line is the NMI, and no program has claimed it.
    NonMaskable,
    /// No program has claimed the line.
    Unowned,
    /// The line's program doesn't run.
    NotRunning,
    /// The line's program runs, and hasn't bound the line.
    NotBound,
    /// Too many interrupts came unread, so the line is masked.
    Storm,
    /// The source interrupts more often than its budget allows, so it is, or just was, off for a while.
    Off,
    /// The driver has raised an exception.
    Faulted,
    /// A message is pending, and the driver doesn't receive it.
    Pending,
    /// The driver has received a message and doesn't complete it.
    InService,
    /// The line fires again as soon as it is completed, and other functions are wired to it.
    Shared,
    /// The line fires again as soon as it is completed.
    NotQuiet,
    /// The controller masks the line, and the kernel doesn't.
    MaskedByController,
    /// The CPU has taken the interrupt, and its controller has got no end-of-interrupt.
    NotEnded,
    /// The controller has a request that the CPU hasn't taken yet.
    OnItsWay,
    /// No thread receives on the endpoint to which the line is bound.
    NoReceiver,
    /// Everything is ready for the interrupt, and it has never come.
    NeverCame,
    /// The interrupt comes.
    Well,
}

impl Verdict {
    /// Returns the first thing that is wrong on the way between driver and device. The search begins at the driver,
    /// since a fault there shows everywhere before it on the way.
    pub fn of(facts: &Facts) -> Self {
        match facts.state.route {
            RouteKind::Missing => return Self::NoSuchLine,
            RouteKind::Kernel => return Self::KernelsOwn,
            RouteKind::Pic | RouteKind::IoApic | RouteKind::Message | RouteKind::NonMaskable => {}
        }
        let Some(source) = &facts.source else {
            return if facts.state.route == RouteKind::NonMaskable { Self::NonMaskable } else { Self::Unowned };
        };
        if source.endpoint == 0 {
            return match &facts.owner {
                Some(owner) if owner.state != ProgramState::Running => Self::NotRunning,
                _ => Self::NotBound,
            };
        }
        Self::at_driver(facts, source).unwrap_or_else(|| Self::at_controller(facts, source))
    }

    fn at_driver(facts: &Facts, source: &Source) -> Option<Self> {
        let earlier = &facts.earlier;
        let is_old = earlier.pending == Some(source.sequence) || facts.pending_for >= PROMPT;
        let still_pending = source.pending && is_old;
        let still_outstanding = source.outstanding != 0 && earlier.outstanding == source.outstanding;
        match facts.doing {
            _ if source.off_until.is_some() || earlier.was_off => Some(Self::Off),
            _ if source.masked && !source.level && !source.message => Some(Self::Storm),
            Doing::Faulted { .. } => Some(Self::Faulted),
            _ if still_pending => Some(Self::Pending),
            _ if still_outstanding => Some(Self::InService),
            _ if facts.is_restless() => Some(if facts.functions.len() > 1 { Self::Shared } else { Self::NotQuiet }),
            _ => None,
        }
    }

    fn at_controller(facts: &Facts, source: &Source) -> Self {
        let flags = facts.state.flags;
        let has = |flag| flags.contains(flag);
        let requested = match facts.state.route {
            RouteKind::Pic => has(LineFlags::REQUESTED),
            _ => has(LineFlags::LOCAL_REQUEST) || has(LineFlags::SENDING),
        };
        // An IOAPIC that waits for an end, without a local APIC that has the vector, waits for good.
        let waits_for_end = has(LineFlags::REMOTE_REQUEST) && !requested && !source.masked;
        let taken = has(LineFlags::IN_SERVICE) || has(LineFlags::LOCAL_IN_SERVICE) || waits_for_end;
        if has(LineFlags::MASKED) && !source.masked {
            Self::MaskedByController
        } else if taken {
            Self::NotEnded
        } else if requested && !source.masked {
            Self::OnItsWay
        } else if matches!(facts.doing, Doing::Nothing | Doing::Stopped | Doing::Elsewhere) {
            Self::NoReceiver
        } else if source.taken == 0 {
            Self::NeverCame
        } else {
            Self::Well
        }
    }

    /// Returns the style that shows how bad the verdict is.
    pub const fn style(self) -> Style {
        match self {
            Self::Well => Style::Good,
            Self::KernelsOwn | Self::NonMaskable | Self::NeverCame | Self::OnItsWay | Self::NoSuchLine => {
                Style::Warning
            }
            _ => Style::Bad,
        }
    }

    /// Returns the verdict as a sentence.
    pub fn sentence(self, facts: &Facts) -> String {
        let (number, holder, line) = (facts.number, &facts.holder, facts.name());
        let empty = Source::default();
        let source = facts.source.as_ref().unwrap_or(&empty);
        let doing = &facts.doing;
        match self {
            Self::NoSuchLine => format!("This machine has no line {number}: no controller has an input for it."),
            Self::KernelsOwn => format!("Line {number} is the kernel's own: its timer interrupts there."),
            Self::NonMaskable => {
                format!("The NMI is no line and is never masked. Nobody has claimed it; {}.", came(facts.nmis))
            }
            Self::Unowned if facts.is_message() => {
                format!("No device has message interrupt {number}: nobody has claimed it.")
            }
            Self::Unowned if facts.functions.is_empty() => {
                format!("Nobody owns line {number}, so it is masked: no program's manifest has it in its lines.")
            }
            Self::Unowned => format!(
                "Nobody owns line {number}, so it is masked: no program drives {}, which is wired to it.",
                facts.functions.join(" or ")
            ),
            Self::NotRunning => {
                let Some(owner) = &facts.owner else { return String::new() };
                let name = &owner.name;
                let why = match owner.state {
                    ProgramState::Stopped => format!("is stopped (\"start {name}\" starts it)"),
                    ProgramState::Waiting => "has died, and is about to be started again".into(),
                    ProgramState::Ended => "has ended".into(),
                    ProgramState::Absent => "found no device".into(),
                    ProgramState::Running => "runs".into(),
                };
                format!("{name} owns {line} and {why}; until it binds it, {}.", silent(facts))
            }
            Self::NotBound => {
                let name = facts.owner.as_ref().map_or(holder.as_str(), |owner| owner.name.as_str());
                format!("{name} owns {line} and hasn't bound it to an endpoint; until it does, {}.", silent(facts))
            }
            Self::Storm => {
                let until = match source.pending {
                    true => format!("receives and completes message {}", source.sequence),
                    false => format!("completes message {}", source.outstanding),
                };
                format!("More than 4096 interrupts came unread, so {line} is masked until {holder} {until}; {doing}.")
            }
            Self::Off => {
                let kept = if facts.is_message() { "its messages are only counted" } else { "it is masked" };
                let times = counted(source.storms, "time", "times");
                format!(
                    "It interrupts without end, and takes more than {holder}'s share of the CPU. So {line} is switched \
                     off for a while, and {kept} meanwhile: {times} so far. {holder} doesn't quiet its device."
                )
            }
            Self::Faulted => format!("{holder} can't receive: {doing}, and waits for the handler of its faults."),
            Self::Pending => {
                let unread = match source.unread {
                    0 => "A message (poll your device)".into(),
                    count => format!("A message of {}", interrupts(count)),
                };
                format!("{unread} is pending, and {holder} doesn't receive it: {doing}.")
            }
            Self::InService if source.masked => format!(
                "{holder} has received message {} and hasn't completed it, so {line} is masked; {doing}.{}",
                source.outstanding,
                asserted(facts)
            ),
            Self::InService => {
                format!("{holder} has received message {} and hasn't completed it; {doing}.", source.outstanding)
            }
            Self::Shared => format!(
                "It fires again as soon as it is completed ({} a second): another of the functions on it may hold it \
                 ({}).",
                facts.rate(),
                facts.functions.join(", ")
            ),
            Self::NotQuiet => format!(
                "It fires again as soon as it is completed ({} a second): {holder} doesn't quiet its device.",
                facts.rate()
            ),
            Self::MaskedByController => {
                format!("The kernel lets {line} through, and its controller masks it: that is a fault of the kernel.")
            }
            Self::NotEnded => {
                format!(
                    "The CPU has taken {line}, and its controller got no end-of-interrupt: that is a fault of the \
                     kernel."
                )
            }
            Self::OnItsWay => format!("The controller has a request of {line} that the CPU hasn't taken yet."),
            Self::NoReceiver => format!("{holder} has bound {line}, and {doing}."),
            Self::NeverCame => format!(
                "{holder} is ready, nothing masks {line}, and its device has never interrupted: see whether the \
                 device's interrupt is on, and comes this way."
            ),
            Self::Well => {
                let last = if source.outstanding != 0 { "at work" } else { "completed" };
                format!(
                    "All is well: {}, the last message ({}) is {last}; {doing}.",
                    came(source.taken),
                    source.sequence
                )
            }
        }
    }
}

/// Returns what happens to interrupts of a source that isn't bound.
fn silent(facts: &Facts) -> &'static str {
    match facts.state.route {
        RouteKind::Message => "its messages are dropped",
        RouteKind::NonMaskable => "nobody is told of it",
        _ => "it is masked",
    }
}

/// Returns whether the device asserts the line now, as far as the controllers tell.
fn asserted(facts: &Facts) -> &'static str {
    let flags = facts.state.flags;
    match (flags.contains(LineFlags::REQUEST_KNOWN), flags.contains(LineFlags::REQUESTED)) {
        (true, true) => " The device asserts the line.",
        (true, false) => " The device doesn't assert the line.",
        (false, _) => "",
    }
}

fn came(count: u32) -> String {
    match count {
        0 => "none came".into(),
        1 => "one came".into(),
        count => format!("{count} came"),
    }
}

pub fn interrupts(count: u32) -> String {
    format!("{count} {}", if count == 1 { "interrupt" } else { "interrupts" })
}

#[cfg(test)]
mod tests;
