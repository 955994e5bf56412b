//! The machine as the core asks for it: one CPU, its controllers, its clock and its page tables.

use crate::clock::time::{Alarm, Clock, now};
use crate::context::{Extras, ThreadContext};
use crate::cpu::bell::Bell;
use crate::cpu::features::features;
use crate::cpu::io_permission::LoadedPorts;
use crate::cpu::segments::selectors;
use crate::fpu::{Area, FloatingPoint};
use crate::interrupts::controller::{Controller, MESSAGE_LINES, VectorMeaning};
use crate::log::journal;
use crate::memory::MemoryMap;
use crate::paging::{self, PAGE_BITS, Space};
use abi::LineState;
use core::ops::Range;
use core::ptr::NonNull;
use kernel::frames::Frame;
use kernel::machine::{
    FramePart, Home, InterruptWrite, Line, Machine, MapError, Mapping, Masked, Page, PortRange, Time, Trigger,
};
use x86::controlregs::cr3_write;
use x86_entry::{EntryData, entry_data};

mod extras;

/// This CPU.
#[derive(Debug)]
pub struct Cpu {
    pub(crate) controller: Controller,
    pub(crate) clock: Clock,
    pub(crate) floating_point: FloatingPoint,
    ports: LoadedPorts,
    /// The value of CR3: see [`Cpu::loaded_root`].
    #[cfg(target_arch = "x86_64")]
    root: usize,
    /// The extras of the thread that left the kernel last.
    extras: Extras,
    /// The extras of the thread that was switched to and of the one before it, with the selectors that the latter left.
    /// If this isn't 0, the way out has to call [`Cpu::load_extras`]. The switch doesn't, since the fast path through
    /// the core can't keep a message in registers across a call.
    extras_due: u32,
    map: Option<&'static MemoryMap>,
}

impl Cpu {
    /// The value before start-up.
    pub(crate) const ABSENT: Self = Self {
        controller: Controller::ABSENT,
        clock: Clock::STOPPED,
        floating_point: FloatingPoint::OFF,
        ports: LoadedPorts::NONE,
        #[cfg(target_arch = "x86_64")]
        root: 0,
        extras: Extras::empty(),
        extras_due: 0,
        map: None,
    };

    /// Notes which physical memory is RAM.
    pub(crate) fn set_memory_map(&mut self, map: &'static MemoryMap) {
        self.map = Some(map);
    }

    /// Finds out what a device's or timer's vector means.
    #[inline(always)]
    pub(crate) fn identify(&mut self, vector: u8) -> VectorMeaning {
        self.controller.identify(vector)
    }

    /// Tells whether the core's deadline is reached, after the timer fired.
    #[inline(always)]
    pub(crate) fn alarm(&mut self) -> Alarm {
        let alarm = self.clock.fired(&mut self.controller);
        if alarm == Alarm::NotYet {
            self.attend_to_log();
        }
        alarm
    }

    /// Gives the serial line more of the log, after an alarm that wasn't the core's.
    #[cold]
    #[inline(never)]
    fn attend_to_log(&mut self) {
        if self.clock.has_own_alarm() {
            journal::send();
            self.set_log_alarm();
        }
    }

    /// Sets an alarm for the log's next look at the serial line, if the line is behind.
    #[cold]
    #[inline(never)]
    fn set_log_alarm(&mut self) {
        let cycles_of = |microseconds| self.clock.frequency().0 / 1_000_000 * u64::from(microseconds);
        let at = journal::next_send().map(|wait| Time(now().0.wrapping_add(cycles_of(wait))));
        self.clock.set_own_alarm(&mut self.controller, at);
    }

    /// # Safety
    /// `root` is the root of a space that wasn't released.
    #[inline(always)]
    unsafe fn switch_space(&mut self, data: &mut EntryData, root: usize) {
        if root == self.loaded_root(data) {
            return;
        }
        // A task gate's return loads CR3 from the TSS, and the CPU never stores it there: the TSS gets the value first.
        #[cfg(target_arch = "x86")]
        data.set_page_table(root as u32);
        #[cfg(target_arch = "x86_64")]
        {
            self.root = root;
        }
        // SAFETY: every space maps the kernel's half alike, so execution goes on; the caller vouches for the rest.
        unsafe { cr3_write(root as u64) };
    }

    /// Gives the value of CR3. i686 keeps it in the TSS anyway.
    #[inline(always)]
    fn loaded_root(&self, data: &EntryData) -> usize {
        #[cfg(target_arch = "x86")]
        return data.page_table() as usize;
        #[cfg(target_arch = "x86_64")]
        {
            let _ = data;
            self.root
        }
    }
}

impl Machine for Cpu {
    type Context = ThreadContext;
    type Space = Space;
    const EMPTY_SPACE: Space = Space::EMPTY;
    const MESSAGE_LINES: Range<u8> = MESSAGE_LINES;

    #[inline(always)]
    fn now(&mut self) -> Time {
        now()
    }

    fn clock(&self) -> (u64, bool) {
        self.clock.frequency()
    }

    fn began(&self) -> Time {
        journal::began()
    }

    #[inline(always)]
    fn arm(&mut self, deadline: Option<Time>) {
        self.clock.arm(&mut self.controller, deadline);
    }

    fn has_line(&self, line: Line) -> bool {
        self.controller.has_line(line)
    }

    fn configure(&mut self, line: Line, trigger: Option<Trigger>) -> Trigger {
        self.controller.configure(line, trigger)
    }

    fn message(&self, line: Line) -> Option<InterruptWrite> {
        self.controller.message(line)
    }

    fn mask(&mut self, line: Line) -> Masked {
        self.controller.mask(line)
    }

    fn unmask(&mut self, line: Line) {
        self.controller.unmask(line);
    }

    fn end_of_interrupt(&mut self, line: Line) {
        self.controller.end_of_interrupt(line);
    }

    fn line_state(&mut self, line: Line) -> LineState {
        self.controller.line_state(line)
    }

    #[inline(always)]
    fn mask_directly(&mut self, line: Line) {
        self.controller.mask_directly(line);
    }

    #[inline(always)]
    fn unmask_directly(&mut self, line: Line) {
        self.controller.unmask_directly(line);
    }

    #[inline(always)]
    fn end_directly(&mut self, _line: Line) {
        self.controller.end_directly();
    }

    fn settle(&self, context: &mut ThreadContext, home: &Home<Space>) {
        context.root = home.space.physical_root() as usize;
        context.extras.set(Extras::PORTS, home.port_ranges != 0);
        context.extras.set(Extras::FLOATING_POINT, context.area.is_some());
        context.extras.set(Extras::THREAD_POINTER, context.fs_base != 0);
    }

    #[inline(always)]
    fn switch<'a>(&mut self, to: &mut ThreadContext, _home: impl FnOnce() -> Option<&'a Home<Space>>) {
        let Some(mut data) = entry_data::<Bell>() else { return };
        // SAFETY: interrupts are off, and nothing else holds a reference to it.
        let data = unsafe { data.as_mut() };
        // SAFETY: the core switches to no space that it has released.
        unsafe { self.switch_space(data, to.root) };
        // After CR3, so that the way out still has it in a register.
        data.set_current_frame::<Bell>(NonNull::from(&mut to.frame));
        // `self.extras` are those of the thread that left the kernel last, whichever threads were switched to since.
        self.extras_due = selectors() | self.extras.bits() | to.extras.bits();
    }

    fn forget(&mut self, context: &mut ThreadContext) {
        self.floating_point.forget(context.area);
        context.area = Area::NONE;
    }

    fn zero(&mut self, frame: Frame, part: FramePart) {
        // SAFETY: the core asks this for frames that it has taken and given to nobody yet.
        unsafe { paging::zero(frame, part.bytes()) };
    }

    fn create_space(&mut self, root: Frame) -> Space {
        // SAFETY: the core gives a zeroed frame of low memory that is the space's until it is released.
        unsafe { Space::create(root) }
    }

    fn map(
        &mut self,
        space: Space,
        mapping: Mapping,
        pages: usize,
        tables: &mut impl FnMut() -> Option<Frame>,
    ) -> Result<usize, MapError> {
        // SAFETY: the core maps only into spaces that it has, only frames of memory objects, and gives tables zeroed
        // frames of low memory.
        unsafe { space.map(mapping, pages, tables) }
    }

    fn unmap(&mut self, space: Space, first: Page, pages: usize) {
        // SAFETY: the core unmaps only in spaces that it has.
        unsafe { space.unmap(first, pages) };
    }

    fn release_tables(&mut self, space: Space, from: usize, give_back: &mut impl FnMut(Frame)) -> Option<usize> {
        let Some(mut data) = entry_data::<Bell>() else { return Some(from) };
        // SAFETY: interrupts are off, and nothing else holds a reference to it.
        let data = unsafe { data.as_mut() };
        if space.physical_root() as usize == self.loaded_root(data) {
            // SAFETY: the kernel's own space is never released.
            unsafe { self.switch_space(data, Space::EMPTY.physical_root() as usize) };
        }
        // SAFETY: the core releases a space once, when nothing is left in it; the CPU has left it, too.
        unsafe { space.release_tables(from, give_back) }
    }

    fn log(&mut self, bytes: &[u8]) -> usize {
        journal::write(bytes);
        self.set_log_alarm();
        journal::waiting()
    }

    fn read_log(&mut self, position: u32, to: &mut [u8]) -> (u32, usize) {
        journal::read(position, to)
    }

    fn release_log(&mut self) {
        journal::release_serial();
    }

    fn is_device_memory(&self, first: Frame, frames: usize) -> bool {
        let (Some(map), Ok(frames)) = (self.map, u32::try_from(frames)) else { return false };
        let Some(end) = first.0.checked_add(frames) else { return false };
        let range = first.0..end;
        // An address with more bits than the CPU has would be a fault at its first use.
        u64::from(end) <= 1 << (u32::from(features().physical_bits) - PAGE_BITS)
            && !map.available.intersects(range.clone())
            && !map.firmware.intersects(range.clone())
            && !self.controller.has_registers_in(range)
    }

    fn are_free_ports(&self, range: PortRange) -> bool {
        self.controller.are_free_ports(range.first, range.count)
    }
}
