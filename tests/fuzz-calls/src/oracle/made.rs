//! Things that calls make, claim, copy and seal.

use super::things::{Being, Call, Detail, Life, MappedPage, ObjectNumber, Process, State};
use super::{Grant, Oracle, STACK_STEP, STACKS, rule};
use crate::board::Effect;
use abi::{Operation, Options, PAGE_BYTES, Rights};
use kernel::fake::Registers;
use kernel::frames::Frame;
use kernel::machine::{Context, PortRange};
use std::collections::BTreeMap;

impl Oracle {
    pub(super) fn claim_line(&mut self, process: usize, handle: usize, line: u8) {
        let before = self.objects.iter().position(|object| {
            let is_it = matches!(object.detail, Detail::Source { line: other, .. } if other == line);
            is_it && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "line {line} was claimed, and is object {before:?}");
        self.make(process, handle, Detail::Source { line, bound: None, holder: process });
    }

    pub(super) fn claim_ports(&mut self, process: usize, handle: usize, first: usize, count: usize) {
        let overlaps = |range: &PortRange| {
            first < range.first as usize + range.count as usize && (range.first as usize) < first + count
        };
        let before = self.objects.iter().position(|object| {
            matches!(&object.detail, Detail::Ports(range) if overlaps(range)) && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "ports {first:#x} were claimed, and are object {before:?}");
        let range = PortRange { first: first as u16, count: count.min(u16::MAX as usize) as u16 };
        self.make(process, handle, Detail::Ports(range));
    }

    pub(super) fn check_claim(&mut self, base: Frame, frames: u32) {
        let before = self.objects.iter().position(|object| {
            let Detail::Memory(memory) = &object.detail else { return false };
            let overlaps =
                memory.base.is_some_and(|other| base.0 < other.0 + memory.frames && other.0 < base.0 + frames);
            memory.is_device && overlaps && object.being == Being::Alive
        });
        rule!(self, before.is_none(), "device memory {base:?} was claimed, and is object {before:?}");
    }

    pub(super) fn seal(&mut self, object: Option<ObjectNumber>) {
        let Some(object) = object else { return };
        let is_it = |page: &MappedPage| page.object == object && page.is_writable;
        let writable = self.processes.iter().any(|process| process.pages.values().any(is_it));
        rule!(self, !writable, "memory {object} was sealed, and is mapped writable");
        if let Detail::Memory(memory) = &mut self.objects[object].detail {
            memory.is_sealed = true;
        }
    }

    pub(super) fn memory_info(&mut self, process: usize, handle: u32, words: [usize; 4]) {
        let [bytes, _, low, high] = words;
        let Some(grant) = self.grant(process, handle as usize) else { return };
        let address = abi::join(low, high);
        let Some(object) = grant.object else {
            // Frames in quarantine: their address was read before.
            let base = Frame((address / PAGE_BYTES as u64) as u32);
            let found = self.objects.iter().rposition(|object| {
                matches!(&object.detail, Detail::Memory(memory) if memory.base == Some(base) && !memory.is_device)
                    && object.being != Being::Gone
            });
            rule!(self, found.is_some(), "{base:?} is in quarantine, and was nobody's");
            if let Some(found) = found {
                self.processes[process].handles.insert(handle, Grant { object: Some(found), ..grant });
                (self.objects[found].owner, self.objects[found].being) = (process, Being::Alive);
            }
            return;
        };
        let Detail::Memory(memory) = &self.objects[object].detail else { return };
        let (frames, is_alive) = (memory.frames, self.objects[object].being == Being::Alive);
        rule!(self, !is_alive || bytes == frames as usize * PAGE_BYTES, "{bytes} bytes are {frames} frames");
        let may = grant.rights.contains(Rights::DMA);
        rule!(self, may || address == 0, "process {process} got an address without the right");
        if may {
            if let Detail::Memory(memory) = &mut self.objects[object].detail {
                memory.is_known = true;
            }
            self.learn_base(object, Frame((address / PAGE_BYTES as u64) as u32));
        }
    }

    pub(super) fn process_made(&mut self, process: usize, call: Call, handle: usize, effects: &[Effect]) {
        let space = effects.iter().find_map(|effect| match effect {
            Effect::Space(space) => Some(*space),
            _ => None,
        });
        let Some(space) = space else {
            return rule!(self, handle == 0, "a process was made without memory");
        };
        let [frames, _, supervisor, badge] = call.message.words;
        let supervisor = if supervisor == 0 { None } else { self.object(process, supervisor) };
        let number = self.processes.len();
        let object = self.make(process, handle, Detail::Process(number));
        let parent = &self.processes[process];
        let dma = call.message.tag.options().contains(Options::DMA);
        let makes = if dma { parent.makes } else { parent.makes - Rights::DMA };
        self.processes.push(Process {
            parent: Some(process),
            object,
            space,
            life: Life::Alive,
            is_reaped: false,
            supervisor,
            badge: badge as u16,
            frames,
            makes,
            handles: BTreeMap::new(),
            stale: Vec::new(),
            pages: BTreeMap::new(),
            ports: Vec::new(),
            loose_ports: Vec::new(),
            quota: None,
            share: None,
            had_threads: false,
            made_at: self.now,
            used_cycles: 0,
            overruns: 0,
        });
        self.spaces.insert(space, number);
    }

    pub(super) fn copied(&mut self, process: usize, operation: Operation, call: Call, handle: usize) {
        let [one, two, three, four] = call.message.words;
        let (target, from, rights, badge, without) = match operation {
            Operation::HandleCopy => (Some(process), call.handle as usize, one, two, three),
            _ => (self.target(process, call.handle as usize), one, two, three, four),
        };
        let (Some(target), Some(grant)) = (target, self.grant(process, from)) else { return };
        let badge = if grant.rights.contains(Rights::BIND) { badge as u16 } else { grant.badge };
        let rights = grant.passed_on().rights & Rights::from_bits_truncate(rights as u32);
        let mask = grant.mask.without(without as u32);
        self.add_handle(target, handle, Grant { rights, badge, mask, ..grant });
    }

    pub(super) fn thread_made(&mut self, process: usize, call: Call, handle: usize) {
        let [entry, stack, _, fault_endpoint] = call.message.words;
        let Some(target) = self.target(process, call.handle as usize) else { return };
        let number = stack.wrapping_sub(STACKS) / STACK_STEP;
        let object = self.make(process, handle, Detail::Thread(number));
        self.objects[object].owner = target;
        let endpoint = if fault_endpoint == 0 { None } else { self.object(process, fault_endpoint) };
        let mut registers = <Registers as Context>::EMPTY;
        Context::start(&mut registers, entry, stack);
        let badge = call.message.tag.label() as u16;
        self.add_thread(number, target, Some(object), (endpoint, badge), registers, State::Stopped);
        if target != process {
            self.processes[target].quota = None;
        }
    }
}
