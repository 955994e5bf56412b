//! A machine that exists only as data: what `arch` is to real hardware, this is to host tests.
//!
//! It does everything that the core can ask of a machine, and notes down what it was asked, so that a test can
//! compare the core's opinion with what the hardware would have been told. What real hardware would punish silently
//! (a page table that wasn't zeroed, tables given back while pages are mapped, a switch to registers that were
//! forgotten) is collected in [`Fake::violations`].
//!
//! Time stands still until a test moves it. Interrupts don't come by themselves either: a test raises or asserts a
//! line, asks [`Fake::take_interrupt`] what the CPU would take, and hands that to the core.

mod lines;
mod paging;
mod registers;

pub use lines::{Controller, LINE_COUNT, LineState, MESSAGE_LINES, Messages};
pub use paging::{AddressSpace, PAGES_PER_TABLE, Space, TABLES_PER_RELEASE};
pub use registers::{Mode, Registers};

use crate::frames::{Frame, FrameRecord, FrameRun, Records};
use crate::machine::{
    FramePart, Home, InterruptWrite, Line, Machine, MapError, Mapping, Masked, Page, PortRange, Time, Trigger,
};
use abi::LineState as LineReport;
use core::ops::Range;
use std::boxed::Box;
use std::collections::{BTreeMap, BTreeSet};
use std::string::String;
use std::vec;
use std::vec::Vec;

/// The frequency of the fake's time.
pub const FREQUENCY: u64 = 1_000_000_000;

/// Device registers stand from this frame on.
pub const DEVICE_FIRST: Frame = Frame(0xF_0000);
/// So many frames of them.
pub const DEVICE_FRAMES: u32 = 64;

/// The machine.
pub struct Fake {
    /// The present time.
    pub time: u64,
    /// When the kernel began.
    pub began: u64,
    /// What the one-shot timer is set to.
    pub armed: Option<Time>,
    /// The interrupt controller and what its lines do.
    pub lines: [LineState; LINE_COUNT],
    /// What the controller does with an edge on a masked line.
    pub controller: Controller,
    /// Whether messages raise interrupts.
    pub messages: Messages,
    /// Lines in the order in which their interrupts were ended.
    pub ended: Vec<Line>,
    /// The address spaces, by their roots.
    pub spaces: BTreeMap<Space, AddressSpace>,
    /// How often each frame was filled with zeros.
    pub zeroed: BTreeMap<Frame, u32>,
    /// The parts that hold zeros of frames that weren't wholly zeroed since anybody could write to them.
    pub partly: BTreeMap<Frame, BTreeSet<FramePart>>,
    /// Frames that hold zeros and that nobody had a chance to write to since.
    pub clean: BTreeSet<Frame>,
    /// The mark of the registers that the next exit resumes, and the process that they belong to.
    pub resumes: Option<(u64, Home<Space>)>,
    /// How often the core switched.
    pub switches: u64,
    /// What was written to the log.
    pub log: Vec<u8>,
    /// Whether the log has left the serial port.
    pub log_released: bool,
    /// What each frame was used for before the present trap, as far as the test tells.
    uses: BTreeMap<Frame, Use>,
    /// The frames that the present trap has written zeros to.
    touched: BTreeSet<Frame>,
    /// What real hardware would have punished.
    pub violations: Vec<String>,
}

/// What a frame is used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// Nothing.
    Free,
    /// A page table, or the root of an address space.
    Table,
    /// A thread's registers.
    Registers,
    /// A memory object that is zeroed.
    Memory,
    /// A memory object, or a page table to be, that isn't zeroed yet.
    Unprepared,
}

impl Default for Fake {
    fn default() -> Self {
        Self {
            time: 1_000,
            began: 0,
            armed: None,
            lines: [LineState::default(); LINE_COUNT],
            controller: Controller::Dropping,
            messages: Messages::Taken,
            ended: Vec::new(),
            spaces: BTreeMap::new(),
            zeroed: BTreeMap::new(),
            partly: BTreeMap::new(),
            clean: BTreeSet::new(),
            resumes: None,
            switches: 0,
            log: Vec::new(),
            log_released: false,
            uses: BTreeMap::new(),
            touched: BTreeSet::new(),
            violations: Vec::new(),
        }
    }
}

impl Fake {
    /// Lets time pass.
    pub fn advance(&mut self, cycles: u64) {
        self.time = self.time.saturating_add(cycles);
    }

    /// Whether the one-shot timer has fired; it has to be set again then.
    pub fn take_timer(&mut self) -> bool {
        let fires = self.armed.is_some_and(|deadline| deadline.0 <= self.time);
        if fires {
            self.armed = None;
        }
        fires
    }

    /// Memory of `frames` frames for a kernel. The core gets all of them but the first.
    pub fn setup(frames: u32, low_end: Frame) -> crate::boot::Setup<impl Iterator<Item = FrameRun>> {
        let records = Box::leak(vec![FrameRecord::default(); frames as usize].into_boxed_slice());
        let zeros = Box::leak(vec![0; Records::words(frames as usize)].into_boxed_slice());
        let records = Records::new(records, zeros);
        let run = FrameRun { first: Frame(1), count: frames - 1 };
        crate::boot::Setup { records, low_end, runs: core::iter::once(run) }
    }

    /// Tells what each frame is used for now that a trap is over.
    pub fn note_uses(&mut self, uses: BTreeMap<Frame, Use>) {
        for frame in core::mem::take(&mut self.touched) {
            if uses.get(&frame) == Some(&Use::Free) {
                self.violation(std::format!("{frame:?} was zeroed, and is nobody's"));
            }
        }
        self.uses = uses;
    }

    fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    /// A frame is handed over that has to be zero: nobody may have written to it since it was zeroed.
    fn expect_clean(&mut self, frame: Frame, purpose: &str) {
        if !self.clean.remove(&frame) {
            self.violation(std::format!("{frame:?} becomes {purpose} without being zeroed"));
        }
    }
}

impl Machine for Fake {
    type Context = Registers;
    type Space = Space;
    const EMPTY_SPACE: Space = Space(Frame(0));
    const MESSAGE_LINES: Range<u8> = MESSAGE_LINES;

    fn now(&mut self) -> Time {
        Time(self.time)
    }

    fn clock(&self) -> (u64, bool) {
        (FREQUENCY, true)
    }

    fn began(&self) -> Time {
        Time(self.began)
    }

    fn arm(&mut self, deadline: Option<Time>) {
        self.armed = deadline;
    }

    fn has_line(&self, line: Line) -> bool {
        lines::index(line).is_some() && !MESSAGE_LINES.contains(&line.0)
    }

    fn configure(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger {
        self.configure_line(line, trigger)
    }

    fn message(&self, line: Line) -> Option<InterruptWrite> {
        self.message_of(line)
    }

    fn mask(&mut self, line: Line) -> Masked {
        self.mask_line(line);
        if self.controller.is_direct() { Masked::Directly } else { Masked::Otherwise }
    }

    fn unmask(&mut self, line: Line) {
        self.unmask_line(line);
    }

    fn end_of_interrupt(&mut self, line: Line) {
        self.end_line(line);
    }

    fn line_state(&mut self, line: Line) -> LineReport {
        self.report(line)
    }

    fn mask_directly(&mut self, line: Line) {
        self.expect_direct(line);
        self.mask_line(line);
    }

    fn unmask_directly(&mut self, line: Line) {
        self.expect_direct(line);
        self.unmask_line(line);
    }

    fn end_directly(&mut self, line: Line) {
        self.expect_direct(line);
        self.end_line(line);
    }

    fn settle(&self, context: &mut Registers, home: &Home<Space>) {
        context.space = Some(home.space);
    }

    fn switch<'a>(&mut self, to: &mut Registers, home: impl FnOnce() -> Option<&'a Home<Space>>) {
        let Some(home) = home() else { return self.violation("switch to a thread of no process") };
        if to.space != Some(home.space) {
            self.violation("switch to registers that weren't told of which process they are");
        }
        if to.mode == Mode::Unset {
            self.violation("switch to registers that were never set up");
        }
        if !self.spaces.contains_key(&home.space) {
            self.violation("switch to an address space that doesn't exist");
        }
        self.switches += 1;
        to.mark = self.switches;
        self.resumes = Some((self.switches, *home));
    }

    fn forget(&mut self, context: &mut Registers) {
        if self.resumes.is_some_and(|(mark, _)| mark == context.mark) {
            self.resumes = None;
        }
        context.mark = 0;
    }

    fn zero(&mut self, frame: Frame, part: FramePart) {
        if let Some(purpose @ (Use::Table | Use::Registers | Use::Memory)) = self.uses.get(&frame) {
            self.violations.push(std::format!("{frame:?} is zeroed although it is in use: {purpose:?}"));
        }
        self.touched.insert(frame);
        let parts = self.partly.entry(frame).or_default();
        parts.insert(part);
        if parts.len() == FramePart::COUNT as usize {
            self.partly.remove(&frame);
            *self.zeroed.entry(frame).or_default() += 1;
            self.clean.insert(frame);
        }
    }

    fn create_space(&mut self, root: Frame) -> Space {
        self.expect_clean(root, "the root of an address space");
        if self.spaces.insert(Space(root), AddressSpace::default()).is_some() {
            self.violation(std::format!("{root:?} is the root of two address spaces"));
        }
        Space(root)
    }

    fn map(
        &mut self,
        space: Space,
        mapping: Mapping,
        pages: usize,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError> {
        self.map_pages(space, mapping, pages, tables)
    }

    fn unmap(&mut self, space: Space, first: Page, pages: usize) {
        (0..pages).filter_map(|number| first.offset(number)).for_each(|page| self.unmap_page(space, page));
    }

    fn release_tables(&mut self, space: Space, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize> {
        self.release_some_tables(space, from, give_back)
    }

    fn log(&mut self, bytes: &[u8]) -> usize {
        self.log.extend_from_slice(bytes);
        0
    }

    fn read_log(&mut self, position: u32, to: &mut [u8]) -> (u32, usize) {
        let from = (position as usize).min(self.log.len());
        let rest = self.log.get(from..).unwrap_or(&[]);
        let length = rest.len().min(to.len());
        for (to, from) in to.iter_mut().zip(rest) {
            *to = *from;
        }
        ((from + length) as u32, length)
    }

    fn release_log(&mut self) {
        self.log_released = true;
    }

    fn is_device_memory(&self, first: Frame, frames: usize) -> bool {
        let end = first.0 as usize + frames;
        first >= DEVICE_FIRST && end <= (DEVICE_FIRST.0 + DEVICE_FRAMES) as usize
    }

    /// The interrupt controllers and the interval timer are the kernel's.
    fn are_free_ports(&self, range: PortRange) -> bool {
        let overlaps =
            |first: u32, end: u32| (range.first as u32) < end && first < range.first as u32 + range.count as u32;
        !overlaps(0x20, 0x22) && !overlaps(0x40, 0x44) && !overlaps(0xA0, 0xA2)
    }
}
