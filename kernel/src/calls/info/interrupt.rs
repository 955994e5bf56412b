//! What `info` answers about a line, and about a source and its messages.

use super::slot;
use crate::kernel::Kernel;
use crate::machine::{Line, Machine, Trigger};
use crate::objects::source::Source;
use crate::tables::{Link, Name};
use abi::{Error, InterruptFlags, InterruptPart, split};

impl<M: Machine> Kernel<M> {
    /// How a line gets to the CPU, and which source has claimed it.
    #[cold]
    #[inline(never)]
    pub(super) fn line_info(&self, machine: &mut M, index: usize) -> Result<[usize; 4], Error> {
        let line = Line(u8::try_from(index).map_err(|_| Error::BadArgument)?);
        let source = self.lines.source(line);
        let [place, flags] = machine.line_state(line).to_words();
        let claimed = if source.is_some() { source.index() + 1 } else { 0 };
        Ok([place, flags, claimed, 0])
    }

    pub(super) fn interrupt_info(&self, index: usize, part: usize) -> Result<[usize; 4], Error> {
        let part = InterruptPart::from_number(part).ok_or(Error::BadArgument)?;
        let Some(source) = slot(&self.interrupts, index)? else { return Ok([0; 4]) };
        let counters = &source.counters;
        Ok(match part {
            InterruptPart::Source => {
                let level = (source.trigger() == Trigger::Level) as usize;
                let bound = (!source.endpoint().is_none()) as usize;
                let message = M::MESSAGE_LINES.contains(&source.line().0) as usize;
                let holder = if source.holder().is_some() { source.holder() } else { source.owner() };
                let flags = level | (source.is_masked() as usize) << 1 | bound << 2 | message << 3;
                [1, source.line().0 as usize, flags, self.badge_of(holder) as usize]
            }
            InterruptPart::Counts => {
                let delivered = source.delivered();
                [counters.taken, delivered, counters.coalesced, counters.spurious].map(|count| count as usize)
            }
            InterruptPart::More => [counters.dropped, counters.latency_maximum, source.sequence(), counters.completed]
                .map(|count| count as usize),
            InterruptPart::Message => self.message_info(source),
            InterruptPart::Binding => self.binding_info(source, self.bound_endpoint(Link::new(index))),
            InterruptPart::Storm => self.storm_info(Link::new(index)),
            histogram => {
                let first = (histogram as usize - InterruptPart::Histogram0 as usize) * 4;
                let mut words = [0; 4];
                for (word, count) in words.iter_mut().zip(counters.histogram.iter().skip(first)) {
                    *word = *count as usize;
                }
                words
            }
        })
    }

    /// A source's message, pending or received.
    #[cold]
    #[inline(never)]
    fn message_info(&self, source: &Source) -> [usize; 4] {
        let (pending, count, _, flags) = source.pending();
        let pending = pending as usize | (flags.contains(InterruptFlags::STORM) as usize) << 1;
        [pending, count as usize, source.outstanding() as usize, source.counters.replayed as usize]
    }

    /// Where a source's messages go. An endpoint that was destroyed counts as none, even before the source notices.
    #[cold]
    #[inline(never)]
    fn binding_info(&self, source: &Source, endpoint: Name) -> [usize; 4] {
        let (_, _, first, _) = source.pending();
        let [low, high] = split(first.0);
        [self.endpoint_number(endpoint), self.badge_of(source.holder()) as usize, low, high]
    }

    /// How often a source was switched off, and when it comes back if it is off.
    #[cold]
    #[inline(never)]
    fn storm_info(&self, link: Link) -> [usize; 4] {
        let Some(pace) = self.paces.at(link) else { return [0; 4] };
        let [low, high] = if pace.is_off() { split(pace.back().0) } else { [0; 2] };
        [pace.storms() as usize, pace.is_off() as usize, low, high]
    }
}
