//! The calls about memory objects.

use crate::frames::{Frame, FrameRun, Zone};
use crate::kernel::Kernel;
use crate::machine::Machine;
use crate::objects::memory::{Memory, MemoryKind, Stretch};
use crate::request::{CallResult, DONE, Outcome, Refusal, Request, word};
use crate::tables::Link;
use abi::{Access, BYTES_ZEROED_PER_CALL, Error, ObjectKind, PAGE_BYTES, Rights, join, split};

impl<M: Machine> Kernel<M> {
    pub(super) fn memory_create(&mut self, request: Request) -> CallResult {
        let [bytes, ..] = request.message.words;
        let count = u32::try_from(bytes.div_ceil(PAGE_BYTES)).map_err(|_| Error::BadArgument)?;
        if count == 0 {
            return Err(Error::BadArgument.into());
        }
        let process = self.processes.at_mut(request.process).ok_or(Error::Gone)?;
        process.quota.charge(count, 0).ok_or(Error::NoMemory)?;
        let Some(first) = self.frames.take(count, Zone::Any) else {
            self.refund(request.process, count, 0);
            return Err(Error::NoMemory.into());
        };
        let run = FrameRun { first, count };
        let result = self.create(request, ObjectKind::Memory, |kernel| {
            kernel.memories.insert(Memory::new(MemoryKind::Pool, run, request.process))
        });
        if result.is_err() {
            self.frames.give_back(run);
            self.refund(request.process, count, 0);
        }
        word(result? as usize)
    }

    pub(super) fn memory_device(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [low, high, bytes, _] = request.message.words;
        let address = join(low, high);
        self.find(&request, Rights::ROOT_MEMORY)?;
        let first = u32::try_from(address / PAGE_BYTES as u64).map_err(|_| Error::BadArgument)?;
        let count = u32::try_from(bytes.div_ceil(PAGE_BYTES)).map_err(|_| Error::BadArgument)?;
        let end = first.checked_add(count).ok_or(Error::BadArgument)?;
        let aligned = address.is_multiple_of(PAGE_BYTES as u64) && count != 0;
        if !aligned || !machine.is_device_memory(Frame(first), count as usize) {
            return Err(Error::BadArgument.into());
        }
        let before = self.memories.at(self.memories.last_below(&self.claimed_memory, end as usize));
        if let Some(memory) = before.filter(|memory| first < memory.run().first.0 + memory.run().count) {
            return Err(self.conflict(memory.owner()));
        }
        let run = FrameRun { first: Frame(first), count };
        let handle = self.create(request, ObjectKind::Memory, |kernel| {
            let name = kernel.memories.insert(Memory::new(MemoryKind::Device, run, request.process))?;
            kernel.memories.add(&mut kernel.claimed_memory, name.link());
            Some(name)
        })?;
        word(handle as usize)
    }

    pub(super) fn memory_map(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [address, offset, bytes, process] = request.message.words;
        let stretch = Stretch { address, offset, bytes };
        let target = self.process_or_own(request, process)?;
        let access = Access::from_options(request.message.tag.options()) | Access::READ;
        let mut needs = Rights::READ;
        if access.contains(Access::WRITE) {
            needs |= Rights::WRITE;
        }
        if access.contains(Access::EXECUTE) {
            needs |= Rights::EXECUTE;
        }
        let (memory, _) = self.find_memory(&request, needs)?;
        word(self.map(machine, memory, target, stretch, access)? * PAGE_BYTES)
    }

    /// Zeroes the next part of a memory object. The answer is the number of bytes that are left.
    pub(super) fn memory_prepare(&mut self, machine: &mut M, request: Request) -> CallResult {
        let (memory, _) = self.find_memory(&request, Rights::WRITE)?;
        word((self.prepare(machine, memory) as usize).saturating_mul(BYTES_ZEROED_PER_CALL))
    }

    pub(super) fn memory_unmap(&mut self, machine: &mut M, request: Request) -> CallResult {
        let [address, bytes, _, process] = request.message.words;
        let target = self.process_or_own(request, process)?;
        word(self.unmap(machine, target, address, bytes)? * PAGE_BYTES)
    }

    pub(super) fn memory_seal(&mut self, request: Request) -> CallResult {
        let (memory, _) = self.find_memory(&request, Rights::SEAL)?;
        self.memories.at_mut(memory).ok_or(Error::BadHandle)?.seal()?;
        DONE
    }

    pub(super) fn memory_info(&mut self, request: Request) -> CallResult {
        let (memory, grant) = self.find_memory(&request, Rights::empty())?;
        let memory = self.memories.at_mut(memory).ok_or(Error::BadHandle)?;
        let is_device = memory.kind() == MemoryKind::Device;
        let flags = memory.is_sealed() as usize | (is_device as usize) << 1 | (memory.is_prepared() as usize) << 2;
        let [low, high] = split(if grant.rights.contains(Rights::DMA) { memory.read_address() } else { 0 });
        // Four gigabytes of device registers are one byte too many for a word of 32 bits.
        Ok(Outcome::Return([(memory.run().count as usize).saturating_mul(PAGE_BYTES), flags, low, high]))
    }

    /// Unmaps some pages of the last mapping in the range, which must lie wholly within the range. Returns their
    /// number; 0 when the range has no mapping any more.
    fn unmap(&mut self, machine: &mut M, target: Link, address: usize, bytes: usize) -> Result<usize, Refusal> {
        let end = address.checked_add(bytes).ok_or(Error::BadArgument)?;
        let process = self.processes.at(target).ok_or(Error::Gone)?;
        let link = process.mappings.last_below(&self.mappings, end);
        let Some(range) = self.mappings.at(link) else { return Ok(0) };
        let range_end = range.end();
        if range_end <= address {
            Ok(0)
        } else if range.address >= address && range_end <= end {
            Ok(self.unmap_slice(machine, link))
        } else {
            // A mapping ends as it began, as a whole: cutting it up could need a record that isn't there.
            Err(Error::BadArgument.into())
        }
    }
}
