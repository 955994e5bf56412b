//! The machine on which the core runs: the core's own fake, with contents in its frames, and a list of what each trap
//! did to it.

use abi::{BYTES_ZEROED_PER_CALL, LineState};
use core::ops::Range;
use kernel::fake::{Fake, Registers, Space};
use kernel::frames::Frame;
use kernel::machine::{
    FramePart, Home, InterruptWrite, Line, Machine, MapError, Mapping, Masked, Page, PortRange, Time, Trigger,
};
use std::collections::BTreeMap;

/// Something that the core did to the machine.
#[derive(Clone, Copy, Debug)]
pub enum Effect {
    /// Zeros were written.
    Zeroed(Frame, FramePart),
    /// An address space begins to exist.
    Space(Space),
    /// A frame became a page table.
    Table(Space, Frame),
    /// A page was mapped.
    Mapped(Space, Mapping),
    /// A page that was mapped isn't any more.
    Unmapped(Space, Page),
    /// A page table, or an address space's root, is free again.
    Released(Space, Frame),
    /// A line's way to signal was set.
    Configured(Line),
    /// A line may interrupt again.
    Unmasked(Line),
}

/// The parts of a frame whose contents are told apart: those that the core zeroes at once.
pub const PARTS: usize = FramePart::COUNT as usize;

/// The number of a part within its frame.
pub fn part_number(part: FramePart) -> usize {
    part.bytes().start / BYTES_ZEROED_PER_CALL
}

/// The machine.
#[derive(Default)]
pub struct Board {
    /// What it does.
    pub fake: Fake,
    /// What the present trap did.
    pub effects: Vec<Effect>,
    /// The stamp that was written to each part of each frame last; 0 for zeros. Others hold what firmware left.
    contents: BTreeMap<Frame, [u64; PARTS]>,
}

/// What a frame holds that nobody has written to.
const RUBBISH: [u64; PARTS] = [u64::MAX; PARTS];

impl Board {
    /// What a part of a frame holds.
    pub fn content(&self, frame: Frame, part: usize) -> u64 {
        self.contents.get(&frame).unwrap_or(&RUBBISH)[part]
    }

    /// A program writes to a part of a frame.
    pub fn write(&mut self, frame: Frame, part: usize, stamp: u64) {
        self.contents.entry(frame).or_insert(RUBBISH)[part] = stamp;
    }
}

impl Machine for Board {
    type Context = Registers;
    type Space = Space;
    const EMPTY_SPACE: Space = Fake::EMPTY_SPACE;
    const MESSAGE_LINES: Range<u8> = Fake::MESSAGE_LINES;

    fn now(&mut self) -> Time {
        self.fake.now()
    }

    fn clock(&self) -> (u64, bool) {
        self.fake.clock()
    }

    fn began(&self) -> Time {
        self.fake.began()
    }

    fn arm(&mut self, deadline: Option<Time>) {
        self.fake.arm(deadline);
    }

    fn has_line(&self, line: Line) -> bool {
        self.fake.has_line(line)
    }

    fn configure(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger {
        self.effects.push(Effect::Configured(line));
        self.fake.configure(line, trigger)
    }

    fn message(&self, line: Line) -> Option<InterruptWrite> {
        self.fake.message(line)
    }

    fn mask(&mut self, line: Line) -> Masked {
        self.fake.mask(line)
    }

    fn unmask(&mut self, line: Line) {
        self.effects.push(Effect::Unmasked(line));
        self.fake.unmask(line);
    }

    fn end_of_interrupt(&mut self, line: Line) {
        self.fake.end_of_interrupt(line);
    }

    fn line_state(&mut self, line: Line) -> LineState {
        self.fake.line_state(line)
    }

    fn mask_directly(&mut self, line: Line) {
        self.fake.mask_directly(line);
    }

    fn unmask_directly(&mut self, line: Line) {
        self.effects.push(Effect::Unmasked(line));
        self.fake.unmask_directly(line);
    }

    fn end_directly(&mut self, line: Line) {
        self.fake.end_directly(line);
    }

    fn settle(&self, context: &mut Registers, home: &Home<Space>) {
        self.fake.settle(context, home);
    }

    fn switch<'a>(&mut self, to: &mut Registers, home: impl FnOnce() -> Option<&'a Home<Space>>) {
        self.fake.switch(to, home);
    }

    fn forget(&mut self, context: &mut Registers) {
        self.fake.forget(context);
    }

    fn zero(&mut self, frame: Frame, part: FramePart) {
        self.effects.push(Effect::Zeroed(frame, part));
        self.write(frame, part_number(part), 0);
        self.fake.zero(frame, part);
    }

    fn create_space(&mut self, root: Frame) -> Space {
        let space = self.fake.create_space(root);
        self.effects.push(Effect::Space(space));
        space
    }

    fn map(
        &mut self,
        space: Space,
        mapping: Mapping,
        pages: usize,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError> {
        let effects = &mut self.effects;
        let mut tables = || tables().inspect(|frame| effects.push(Effect::Table(space, *frame)));
        let mapped = self.fake.map(space, mapping, pages, &mut tables)?;
        let further = (0..mapped).filter_map(|number| {
            let frame = Frame(mapping.frame.0 + number as u32);
            Some(Effect::Mapped(space, Mapping { page: mapping.page.offset(number)?, frame, ..mapping }))
        });
        self.effects.extend(further);
        Ok(mapped)
    }

    fn unmap(&mut self, space: Space, first: Page, pages: usize) {
        let mapped = self.fake.spaces.get(&space);
        let there = |page: &Page| mapped.is_some_and(|entries| entries.pages.contains_key(page));
        let gone = (0..pages).filter_map(|number| first.offset(number)).filter(there);
        self.effects.extend(gone.map(|page| Effect::Unmapped(space, page)));
        self.fake.unmap(space, first, pages);
    }

    fn release_tables(&mut self, space: Space, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize> {
        let effects = &mut self.effects;
        let mut give_back = |frame| {
            effects.push(Effect::Released(space, frame));
            give_back(frame);
        };
        self.fake.release_tables(space, from, &mut give_back)
    }

    fn log(&mut self, bytes: &[u8]) -> usize {
        self.fake.log(bytes)
    }

    fn read_log(&mut self, position: u32, to: &mut [u8]) -> (u32, usize) {
        self.fake.read_log(position, to)
    }

    fn release_log(&mut self) {
        self.fake.release_log();
    }

    fn is_device_memory(&self, first: Frame, frames: usize) -> bool {
        self.fake.is_device_memory(first, frames)
    }

    fn are_free_ports(&self, range: PortRange) -> bool {
        self.fake.are_free_ports(range)
    }
}
