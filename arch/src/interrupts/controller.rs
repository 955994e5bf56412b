//! The one controller that the core masks lines at and ends interrupts at, made of all of the machine's.
//!
//! Lines come through the IOAPICs where the CPU has a local APIC and the firmware a MADT, and through the 8259As
//! elsewhere. Both have line n at the vector [`FIRST_VECTOR`] + n, so only this module knows which of them is used.

use crate::interrupts::apic::{LocalApic, LocalBlock};
use crate::interrupts::ioapic::IoApics;
use crate::interrupts::msi;
use crate::interrupts::pic::{self, Arrival, Pic, Presence, RetiredPic};
use crate::interrupts::route;
use crate::io::pc;
use crate::memory::FRAME_BYTES;
use abi::{LineState, RouteKind};
use core::ops::Range;
use kernel::machine::{InterruptWrite, Line, Masked, Trigger};
use x86::apic::xapic::XAPIC_EOI;

/// The vector of line 0: the first after the exceptions.
pub const FIRST_VECTOR: u8 = abi::FIRST_VECTOR;
/// The vector of the local APIC's timer.
pub const TIMER_VECTOR: u8 = 0xF0;
/// The vector at which the local APIC signals that an interrupt went away; its low four bits are set, as the P6
/// family wires them (SDM 3A, 11.9).
pub const SPURIOUS_VECTOR: u8 = 0xFF;

/// The ISA line of the 8254's channel 0.
const PIT_LINE: u8 = 0;

/// The vectors of interrupts that devices raise by a write: what is left between the system call's gate and the
/// kernel's own vectors.
const MESSAGE_VECTORS: Range<u8> = 0x81..0xEF;
/// The numbers of these interrupts as lines.
pub const MESSAGE_LINES: Range<u8> = MESSAGE_VECTORS.start - FIRST_VECTOR..MESSAGE_VECTORS.end - FIRST_VECTOR;

/// The device that raises the timer's interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimerSource {
    /// The local APIC, at [`TIMER_VECTOR`].
    Apic,
    /// The 8254, at line 0, which user programs then can't have.
    Pit,
}

/// What a vector means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VectorMeaning {
    /// A device's interrupt, of this line; the core ends it.
    Line(Line),
    /// The timer's interrupt, which is ended already.
    Timer,
    /// A spurious interrupt of an 8259A, on this line; nothing to end.
    SpuriousPic(Line),
    /// A spurious interrupt of the local APIC; nothing to end.
    SpuriousApic,
}

/// Every interrupt controller of the machine.
#[derive(Debug)]
pub struct Controller {
    /// The IOAPICs, which have no line if `pic` is there.
    pins: IoApics,
    /// The local APIC's registers, if they are memory.
    end: Option<LocalBlock>,
    /// The 8259As, if lines come through them.
    pic: Option<Pic>,
    /// The 8259As, if lines don't come through them.
    retired: Option<RetiredPic>,
    local: Option<LocalApic>,
    timer: TimerSource,
}

impl Controller {
    /// The value before start-up: 8259As that weren't initialised.
    pub const ABSENT: Self = Self::with_pic(Pic::UNTOUCHED, None);

    /// Makes a controller whose lines come through the 8259As, with the local APIC if the CPU has one.
    pub const fn with_pic(pic: Pic, local: Option<LocalApic>) -> Self {
        let timer = if local.is_some() { TimerSource::Apic } else { TimerSource::Pit };
        let end = match &local {
            Some(local) => local.block(),
            None => None,
        };
        Self { pins: IoApics::none(), end, pic: Some(pic), retired: None, local, timer }
    }

    /// Makes a controller whose lines come through the IOAPICs.
    pub const fn with_io_apics(pins: IoApics, retired: RetiredPic, local: LocalApic) -> Self {
        let timer = TimerSource::Apic;
        Self { pins, end: local.block(), pic: None, retired: Some(retired), local: Some(local), timer }
    }

    /// Tells whether lines don't come through the 8259As, whose interrupts can be spurious.
    pub const fn has_sure_vectors(&self) -> bool {
        self.pic.is_none()
    }

    /// The local APIC of this CPU.
    pub const fn local(&mut self) -> Option<&mut LocalApic> {
        self.local.as_mut()
    }

    /// Tells whether the line of the 8254 arrives.
    pub fn can_use_pit(&self) -> bool {
        self.pic.as_ref().map_or(self.pins.has_line(PIT_LINE), |pic| pic.has_line(PIT_LINE))
    }

    /// Makes the 8254 the timer, though there is a local APIC. Line 0 then belongs to the kernel.
    pub fn use_pit(&mut self) {
        self.timer = TimerSource::Pit;
        self.unmask(Line(PIT_LINE));
    }

    /// The device that raises the timer's interrupt.
    pub const fn timer(&self) -> TimerSource {
        self.timer
    }

    /// Tells whether user programs may have these ports. They can't have those of the 8259As and of their edge/level
    /// registers, nor those of the 8254 while it is the timer.
    pub fn are_free_ports(&self, first: u16, count: u16) -> bool {
        let wanted = usize::from(first)..usize::from(first) + usize::from(count);
        let timer_ports = match self.timer {
            TimerSource::Apic => 0,
            TimerSource::Pit => pc::PIT_PORTS,
        };
        let mut taken = [
            (pc::FIRST_PIC, pc::PIC_PORTS),
            (pc::SECOND_PIC, pc::PIC_PORTS),
            (pc::PIC_TRIGGERS, pc::PIC_PORTS),
            (pc::PIT, timer_ports),
        ]
        .into_iter()
        .map(|(first, count)| usize::from(first)..usize::from(first + count));
        wanted.end <= 0x1_0000 && taken.all(|own| own.is_empty() || own.end <= wanted.start || wanted.end <= own.start)
    }

    /// Tells whether registers of a controller lie within these frames, or addresses where a write is an interrupt:
    /// whether also the CPU's own writes there are depends on the chipset.
    pub fn has_registers_in(&self, frames: Range<u32>) -> bool {
        if frames.start < msi::FRAMES.end && msi::FRAMES.start < frames.end {
            return true;
        }
        let local = self.local.as_ref().map(|_| LocalApic::physical_address());
        self.pins
            .addresses()
            .chain(local)
            .any(|address| u32::try_from(address / FRAME_BYTES).is_ok_and(|frame| frames.contains(&frame)))
    }

    /// Names the controllers for the log.
    pub const fn name(&self) -> &'static str {
        let presence = match &self.pic {
            Some(pic) => Some(pic.presence()),
            None => None,
        };
        match (presence, &self.local) {
            (None, _) => "IOAPIC",
            (Some(Presence::There), Some(_)) => "8259 by local APIC",
            (Some(Presence::There), None) => "8259",
            (Some(Presence::Absent), Some(_)) => "messages alone, by local APIC",
            (Some(Presence::Absent), None) => "none",
        }
    }

    /// Finds out what a vector at or above [`FIRST_VECTOR`] means. The timer's interrupt is ended here, since the core
    /// knows no line for it.
    #[inline(always)]
    pub fn identify(&mut self, vector: u8) -> VectorMeaning {
        match vector {
            TIMER_VECTOR => {
                self.end_local();
                return VectorMeaning::Timer;
            }
            SPURIOUS_VECTOR => return VectorMeaning::SpuriousApic,
            _ => {}
        }
        let line = vector.wrapping_sub(FIRST_VECTOR);
        if let Some(pic) = &mut self.pic
            && pic.arrival(line) == Arrival::Spurious
        {
            return VectorMeaning::SpuriousPic(Line(line));
        }
        if line == PIT_LINE && self.timer == TimerSource::Pit {
            self.end_of_interrupt(Line(line));
            return VectorMeaning::Timer;
        }
        VectorMeaning::Line(Line(line))
    }

    /// Tells whether user programs may have the line.
    pub fn has_line(&self, line: Line) -> bool {
        if line == Line::NMI {
            return true;
        }
        if self.is_timer(line) || usize::from(line.0) >= route::VECTOR_LINES {
            return false;
        }
        self.pic.as_ref().map_or(self.pins.has_line(line.0), |pic| pic.has_line(line.0))
    }

    /// Gives the write that raises the interrupt of one of [`MESSAGE_LINES`] on this CPU; nothing without a local APIC,
    /// which takes such writes.
    pub fn message(&self, line: Line) -> Option<InterruptWrite> {
        let local = self.local.as_ref().filter(|_| MESSAGE_LINES.contains(&line.0))?;
        Some(msi::message(u8::try_from(local.number()).ok()?, FIRST_VECTOR + line.0))
    }

    /// Tells how a line gets to the CPU, and what the controllers' registers say of it.
    #[cold]
    #[inline(never)]
    pub fn line_state(&self, line: Line) -> LineState {
        let vector = FIRST_VECTOR.wrapping_add(line.0);
        if line == Line::NMI {
            return LineState { route: RouteKind::NonMaskable, vector: 2, ..LineState::default() };
        }
        if self.is_timer(line) {
            return LineState { route: RouteKind::Kernel, vector, ..LineState::default() };
        }
        let mut state = if MESSAGE_LINES.contains(&line.0) && self.local.is_some() {
            LineState { route: RouteKind::Message, vector, ..LineState::default() }
        } else if !self.has_line(line) {
            return LineState::default();
        } else if let Some(pic) = &self.pic {
            let (controller, input) = (line.0 / 8, line.0 % 8);
            return LineState { route: RouteKind::Pic, vector, controller, input, flags: pic.state(line.0) };
        } else {
            self.pins.state(line.0)
        };
        if let Some(local) = &self.local {
            state.flags |= local.state(vector);
        }
        if let Some(retired) = self.retired.as_ref().filter(|_| state.route == RouteKind::IoApic) {
            state.flags |= retired.requests(line.0);
        }
        state
    }

    /// Sets the trigger of a line (`None`: the firmware's), and returns the trigger that the line has now.
    pub fn configure(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger {
        if line == Line::NMI || self.is_timer(line) || MESSAGE_LINES.contains(&line.0) {
            return Trigger::Edge;
        }
        let Some(pic) = &mut self.pic else {
            self.pins.set_trigger(line.0, trigger);
            return self.pins.trigger(line.0);
        };
        pic.set_trigger(line.0, trigger);
        pic.trigger(line.0)
    }

    /// Masks a line. The line isn't the timer's, which no program can claim.
    pub fn mask(&mut self, line: Line) -> Masked {
        match &mut self.pic {
            Some(pic) => {
                pic.mask(line.0);
                Masked::Otherwise
            }
            None => {
                self.pins.mask(line.0);
                Masked::Directly
            }
        }
    }

    /// Unmasks a line.
    pub fn unmask(&mut self, line: Line) {
        match &mut self.pic {
            Some(pic) => pic.unmask(line.0),
            None => self.pins.unmask(line.0),
        }
    }

    /// Masks a line that isn't an 8259A's, as [`Self::mask`] does.
    #[inline(always)]
    pub fn mask_directly(&self, line: Line) {
        self.pins.mask(line.0);
    }

    /// Unmasks a line that isn't an 8259A's, as [`Self::unmask`] does.
    #[inline(always)]
    pub fn unmask_directly(&self, line: Line) {
        self.pins.unmask(line.0);
    }

    /// Ends an interrupt that didn't come from an 8259A.
    #[inline(always)]
    pub fn end_directly(&mut self) {
        match self.end {
            Some(block) => block.write::<{ XAPIC_EOI as usize }>(0),
            None => self.end_by_register(),
        }
    }

    /// Ends an interrupt where the local APIC's registers are MSRs.
    #[cold]
    fn end_by_register(&mut self) {
        self.end_local();
    }

    /// Ends a line's interrupt. The NMI needs no such call: the next `iret` ends it (SDM 3A, 6.7.1).
    pub fn end_of_interrupt(&mut self, line: Line) {
        match &mut self.pic {
            Some(pic) if line.0 < pic::PIC_LINES => pic.end_of_interrupt(line.0),
            _ => self.end_local(),
        }
    }

    #[inline(always)]
    fn end_local(&mut self) {
        if let Some(local) = &mut self.local {
            local.end_of_interrupt();
        }
    }

    fn is_timer(&self, line: Line) -> bool {
        line.0 == PIT_LINE && self.timer == TimerSource::Pit
    }
}

#[cfg(test)]
mod tests;
