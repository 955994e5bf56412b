//! The fake's interrupt controller: masks, edges that are latched or dropped, levels that re-raise.

use super::Fake;
use crate::machine::{Line, Trigger};

/// How many lines there are: 24 of the controller's, and the non-maskable one.
pub const LINE_COUNT: usize = 25;
const NMI: usize = LINE_COUNT - 1;

/// What becomes of an edge on a masked line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Controller {
    /// It is lost, as in an IOAPIC.
    #[default]
    Dropping,
    /// It is kept, and interrupts when the line is unmasked, as in a PIC.
    Latching,
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

impl Fake {
    /// A line's state; that of line 0 for one that doesn't exist.
    pub fn line(&self, line: Line) -> &LineState {
        &self.lines[index(line).unwrap_or(0)]
    }

    /// An edge on a line.
    pub fn raise(&mut self, line: Line) {
        let controller = self.controller;
        let Some(state) = index(line).map(|index| &mut self.lines[index]) else { return };
        if state.masked && controller == Controller::Dropping || state.latched {
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
        let takes = |state: &LineState| {
            let signals = match state.trigger {
                Trigger::Edge => state.latched,
                Trigger::Level => state.asserted,
            };
            signals && !state.masked && !state.in_service
        };
        let index = self.lines.iter().take(NMI).position(takes)?;
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
        self.lines[index].trigger = trigger.unwrap_or(firmware);
        self.lines[index].trigger
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
