//! The facts as rows: a heading, and the facts under it.

use super::verdict::interrupts;
use super::{Doing, Facts, Verdict};
use crate::Latency;
use crate::commands::counted;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::{LineFlags, RouteKind, time};

/// Returns the kind of the line.
fn title(facts: &Facts) -> String {
    let kind = match facts.state.route {
        RouteKind::Missing => return "there is none".into(),
        RouteKind::Kernel => return "the kernel's".into(),
        RouteKind::NonMaskable => return "non-maskable".into(),
        RouteKind::Message => "message (MSI), edge-triggered".to_string(),
        RouteKind::Pic | RouteKind::IoApic => {
            let level = facts.state.flags.contains(LineFlags::LEVEL);
            let low = facts.state.flags.contains(LineFlags::ACTIVE_LOW);
            let trigger = if level { "level-triggered" } else { "edge-triggered" };
            format!("{trigger}, active {}", if low { "low" } else { "high" })
        }
    };
    format!("{kind}, vector {:#x}", facts.state.vector)
}

/// Returns all rows but the verdict.
pub fn rows(facts: &Facts) -> Vec<(&'static str, String)> {
    let mut rows = Vec::from([("line", format!("{}: {}", number(facts), title(facts)))]);
    if matches!(facts.state.route, RouteKind::Missing | RouteKind::Kernel) {
        return rows;
    }
    rows.push(("route", route(facts)));
    if let Some(bits) = bits(facts) {
        rows.push(("bits", bits));
    }
    rows.push(("masked", masked(facts)));
    if let Some(owner) = owner(facts) {
        rows.push(("owner", owner));
    }
    if let Some(source) = &facts.source {
        rows.push(("driver", driver(facts)));
        rows.push(("message", message(facts)));
        let [middle, longest] =
            [source.percentile(50), source.longest.into()].map(|cycles| Latency(time::duration(cycles)));
        rows.push((
            "count",
            format!(
                "{} taken, {} delivered, {} coalesced, {} spurious, {} dropped",
                source.taken, source.delivered, source.coalesced, source.spurious, source.dropped
            ),
        ));
        if source.storms != 0 {
            rows.push(("storms", format!("switched off {}", counted(source.storms, "time", "times"))));
        }
        if source.taken != 0 {
            rows.push((
                "",
                format!("{} a second now; latency {middle} in the middle, {longest} at most", facts.rate()),
            ));
        }
    }
    if !facts.functions.is_empty() {
        rows.push(("wired to", facts.functions.join(", ")));
    }
    rows
}

fn number(facts: &Facts) -> String {
    if facts.state.route == RouteKind::NonMaskable { "NMI".into() } else { facts.number.to_string() }
}

fn route(facts: &Facts) -> String {
    let state = &facts.state;
    match state.route {
        RouteKind::IoApic => format!("input {} of IOAPIC {}, to the local APIC", state.input, state.controller),
        RouteKind::Pic => {
            let which = if state.controller == 0 { "first" } else { "second" };
            format!("input {} of the {which} 8259A", state.input)
        }
        RouteKind::Message => "a write of the device's to the local APIC".into(),
        RouteKind::NonMaskable => "the CPU's own pin".into(),
        RouteKind::Missing | RouteKind::Kernel => String::new(),
    }
}

/// Returns the controllers' mask, request and in-service bits of the line.
fn bits(facts: &Facts) -> Option<String> {
    let has = |flag| if facts.state.flags.contains(flag) { 1 } else { 0 };
    let pic = || {
        let [mask, request, service] = [LineFlags::MASKED, LineFlags::REQUESTED, LineFlags::IN_SERVICE].map(has);
        format!("8259A IMR {mask}, IRR {request}, ISR {service}")
    };
    let local = || {
        let [request, service] = [LineFlags::LOCAL_REQUEST, LineFlags::LOCAL_IN_SERVICE].map(has);
        format!("local APIC IRR {request}, ISR {service}")
    };
    match facts.state.route {
        RouteKind::Pic => Some(pic()),
        RouteKind::Message => Some(local()),
        RouteKind::IoApic => {
            let [mask, sending, remote] = [LineFlags::MASKED, LineFlags::SENDING, LineFlags::REMOTE_REQUEST].map(has);
            let wire = match facts.state.flags.contains(LineFlags::REQUEST_KNOWN) {
                true => format!("; 8259A IRR {}", has(LineFlags::REQUESTED)),
                false => String::new(),
            };
            Some(format!("IOAPIC mask {mask}, sending {sending}, remote IRR {remote}; {}{wire}", local()))
        }
        RouteKind::NonMaskable | RouteKind::Missing | RouteKind::Kernel => None,
    }
}

/// Returns whether the line is masked, and why.
fn masked(facts: &Facts) -> String {
    if matches!(facts.state.route, RouteKind::NonMaskable | RouteKind::Message) {
        return "no: nothing can".into();
    }
    let by_controller = facts.state.flags.contains(LineFlags::MASKED);
    match &facts.source {
        None => "yes: nobody has claimed it".into(),
        Some(source) if source.endpoint == 0 => "yes: nobody has bound it".into(),
        Some(source) if source.off_until.is_some() => "yes: it came too often (a storm)".into(),
        Some(source) if source.masked && source.level => "yes: its level is in service".into(),
        Some(source) if source.masked => "yes: too many came unread (a storm)".into(),
        Some(_) if by_controller => "yes: by the controller alone".into(),
        Some(_) => "no".into(),
    }
}

fn owner(facts: &Facts) -> Option<String> {
    match (&facts.owner, &facts.source) {
        (Some(owner), _) => Some(format!("{} ({})", owner.name, owner.state.name())),
        (None, Some(_)) => Some(facts.holder.clone()),
        (None, None) => None,
    }
}

fn driver(facts: &Facts) -> String {
    match &facts.source {
        Some(source) if source.endpoint == 0 => "none has bound it".into(),
        _ => match &facts.doing {
            Doing::Nothing => "no thread has received its messages yet".into(),
            doing => format!("{}: {doing}", facts.holder),
        },
    }
}

fn message(facts: &Facts) -> String {
    let Some(source) = &facts.source else { return String::new() };
    let last = match source.outstanding {
        0 if source.sequence == 0 => "none was sent".into(),
        0 => format!("{} was the last received, and is completed", source.sequence - u32::from(source.pending)),
        outstanding => format!("{outstanding} is received and not completed"),
    };
    if !source.pending {
        return last;
    }
    let since = Latency(facts.pending_for);
    format!("{} is pending since {since}, for {}; {last}", source.sequence, interrupts(source.unread))
}

/// Writes the whole report for a terminal of `width` columns.
pub fn write(out: &mut impl core::fmt::Write, facts: &Facts, width: usize) -> core::fmt::Result {
    /// The width of the column of headings.
    const WORD: usize = 10;
    let verdict = Verdict::of(facts);
    let mut line = |word: &str, text: &str, style: crate::Style| -> core::fmt::Result {
        let mut word = word;
        for part in wrapped(text, width.saturating_sub(WORD)) {
            writeln!(out, "{}{}", crate::Style::Heading.of(format!("{word:<WORD$}")), style.of(part))?;
            word = "";
        }
        Ok(())
    };
    for (word, text) in rows(facts) {
        line(word, &text, crate::Style::Plain)?;
    }
    line("verdict", &verdict.sentence(facts), verdict.style())
}

/// Breaks a text into lines of `width` columns at most. A longer word has a line of its own.
fn wrapped(text: &str, width: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(core::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_wrapped_between_words() {
        assert_eq!(wrapped("a bc def", 4), ["a bc", "def"]);
        assert_eq!(wrapped("abcdef g", 4), ["abcdef", "g"]);
        assert_eq!(wrapped("", 4), [""]);
    }
}
