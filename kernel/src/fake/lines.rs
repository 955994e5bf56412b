//! The fake's interrupt controller: masks, edges that are latched or dropped, levels that re-raise, and messages, which
//! no mask stops.

use super::Fake;
use crate::machine::{InterruptWrite, Line, Trigger};
use abi::{LineFlags, LineState as Report, RouteKind};
use core::ops::Range;

/// How many lines there are: 24 of the controller's, 4 of messages, and the non-maskable one.
pub const LINE_COUNT: usize = 29;
/// The lines that stand for messages.
pub const MESSAGE_LINES: Range<u8> = 24..28;
const NMI: usize = LINE_COUNT - 1;

/// Whether the fake's devices can raise interrupts by a write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Messages {
    /// They can.
    #[default]
    Taken,
    /// Nobody takes such writes.
    Unsupported,
}

/// What becomes of an edge on a masked line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controller {
    /// It is lost, as in an IOAPIC.
    #[default]
    Dropping,
    /// It is kept, and interrupts when the line is unmasked, as in a PIC.
    Latching,
}

impl Controller {
    /// Whether an interrupt may take the fast path: a PIC has to be asked first whether the interrupt was spurious.
    pub fn is_direct(self) -> bool {
        self == Self::Dropping
    }
}

/// One line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineState {
    /// Whether it is kept from interrupting.
    pub masked: bool,
    /// How it signals.
    pub trigger: Trigger,
    /// Whether its device holds it.
    pub asserted: bool,
    /// An edge that the CPU hasn't taken yet.
    pub latched: bool,
    /// Taken and not ended.
    pub in_service: bool,
    /// Interrupts that the CPU took.
    pub taken: u32,
    /// Edges that were lost.
    pub lost: u32,
}

impl Default for LineState {
    fn default() -> Self {
        Self {
            masked: true,
            trigger: Trigger::Edge,
            asserted: false,
            latched: false,
            in_service: false,
            taken: 0,
            lost: 0,
        }
    }
}

pub(super) fn index(line: Line) -> Option<usize> {
    match line {
        Line::NMI => Some(NMI),
        Line(number) if (number as usize) < NMI => Some(number as usize),
        _ => None,
    }
}

fn is_message(line: Line) -> bool {
    MESSAGE_LINES.contains(&line.0)
}

impl Fake {
    /// A line's state; that of line 0 for one that doesn't exist.
    pub fn line(&self, line: Line) -> &LineState {
        &self.lines[index(line).unwrap_or(0)]
    }

    /// An edge on a line.
    pub fn raise(&mut self, line: Line) {
        let controller = self.controller;
        let Some(state) = index(line).map(|index| &mut self.lines[index]) else { return };
        if state.masked && !is_message(line) && controller == Controller::Dropping || state.latched {
            state.lost += 1;
        } else {
            state.latched = true;
        }
    }

    /// The device holds a line until it is released.
    pub fn assert(&mut self, line: Line) {
        if let Some(index) = index(line) {
            self.lines[index].asserted = true;
        }
    }

    /// The device was served.
    pub fn release(&mut self, line: Line) {
        if let Some(index) = index(line) {
            self.lines[index].asserted = false;
        }
    }

    /// The interrupt that the CPU takes now, if there is one.
    pub fn take_interrupt(&mut self) -> Option<Line> {
        let takes = |(index, state): (usize, &LineState)| {
            let signals = match state.trigger {
                Trigger::Edge => state.latched,
                Trigger::Level => state.asserted,
            };
            signals && (!state.masked || is_message(Line(index as u8))) && !state.in_service
        };
        let index = self.lines.iter().take(NMI).enumerate().position(takes)?;
        let state = &mut self.lines[index];
        state.latched = false;
        state.in_service = true;
        state.taken += 1;
        Some(Line(index as u8))
    }

    pub(super) fn configure_line(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger {
        let Some(index) = index(line).filter(|index| *index != NMI) else { return Trigger::Edge };
        // Lines from 16 on are PCI's: the firmware says level.
        let firmware = if index >= 16 { Trigger::Level } else { Trigger::Edge };
        let trigger = if is_message(line) { Trigger::Edge } else { trigger.unwrap_or(firmware) };
        self.lines[index].trigger = trigger;
        trigger
    }

    pub(super) fn message_of(&self, line: Line) -> Option<InterruptWrite> {
        let taken = self.messages == Messages::Taken && is_message(line);
        taken.then_some(InterruptWrite { address: 0xFEE0_1000, data: u32::from(line.0) })
    }

    /// A level is asserted, or an edge waits: what an 8259A's request register has, and nobody can ask an IOAPIC.
    pub(super) fn report(&self, line: Line) -> Report {
        let Some(index) = index(line) else { return Report::default() };
        let state = &self.lines[index];
        let requests = match state.trigger {
            Trigger::Edge => state.latched,
            Trigger::Level => state.asserted,
        };
        let is_pic = self.controller == Controller::Latching;
        let (route, request, in_service) = match line {
            Line::NMI => return Report { route: RouteKind::NonMaskable, vector: 2, ..Report::default() },
            _ if is_message(line) => (RouteKind::Message, LineFlags::LOCAL_REQUEST, LineFlags::LOCAL_IN_SERVICE),
            _ if is_pic => (RouteKind::Pic, LineFlags::REQUESTED, LineFlags::IN_SERVICE),
            _ => (RouteKind::IoApic, LineFlags::LOCAL_REQUEST, LineFlags::LOCAL_IN_SERVICE),
        };
        let mut flags = LineFlags::empty();
        flags.set(LineFlags::LEVEL, state.trigger == Trigger::Level);
        flags.set(LineFlags::MASKED, state.masked && route != RouteKind::Message);
        flags.set(LineFlags::REQUEST_KNOWN, route == RouteKind::Pic);
        flags.set(request, requests && (route == RouteKind::Pic || !flags.contains(LineFlags::MASKED)));
        flags.set(in_service, state.in_service);
        Report { route, vector: abi::FIRST_VECTOR + line.0, controller: 0, input: line.0, flags }
    }

    pub(super) fn expect_direct(&mut self, line: Line) {
        if !self.controller.is_direct() {
            self.violation(std::format!("{line:?} is taken for one that a PIC didn't raise"));
        }
    }

    pub(super) fn mask_line(&mut self, line: Line) {
        match index(line) {
            Some(index) => self.lines[index].masked = true,
            None => self.violation(std::format!("{line:?} is masked but doesn't exist")),
        }
    }

    pub(super) fn unmask_line(&mut self, line: Line) {
        match index(line) {
            Some(index) => self.lines[index].masked = false,
            None => self.violation(std::format!("{line:?} is unmasked but doesn't exist")),
        }
    }

    pub(super) fn end_line(&mut self, line: Line) {
        let Some(index) = index(line) else {
            return self.violation(std::format!("{line:?} is ended but doesn't exist"));
        };
        if !self.lines[index].in_service && line != Line::NMI {
            self.violation(std::format!("{line:?} is ended but isn't in service"));
        }
        self.lines[index].in_service = false;
        self.ended.push(line);
    }
}
