//! Making the first process: `init` from module 0, with the root rights and a handle to every other module.
//!
//! What the process gets stands in its startup block, by the names in `docs/boot.md`.

use alloc::vec;
use alloc::vec::Vec;

use abi::{Access, PAGE_BYTES, StartupBlock, StartupEntry, StartupKind, USER_END};
use arch::memory::{address_of, clear_bytes, copy, frames_touching};
use executable::{Executable, Limits, Width};
use kernel::Kernel;
use kernel::boot::BootMemory;
use kernel::frames::{Frame, FrameRun};
use kernel::machine::Machine;
use kernel::tables::Link;

use crate::begin::Known;
use crate::failure::Failure;
use crate::information::{Information, Module};
use crate::view;

/// A segment's memory is one run of frames, and a small machine has room for a run of this size.
const SEGMENT_BYTES: usize = 64 << 20;

/// The address of the startup block. `init` puts the startup blocks of other programs at the same address.
const STARTUP: usize = 0x1000_0000;
/// The end and the size of the first thread's stack. Nothing is mapped below the stack.
const STACK_END: usize = 0xB000_0000;
const STACK_BYTES: usize = 64 << 10;

/// Makes `init` from the first module and hands the others over.
pub fn make<M: Machine>(kernel: &mut Kernel<M>, machine: &mut M, known: &Known) -> Result<(), Failure> {
    let Known { information, prepared } = known;
    let (own, others) = information.modules.split_first().ok_or(Failure::NoModules)?;
    let file = view::bytes(own.physical.clone()).ok_or(Failure::NoRoom)?;
    let limits = Limits { addresses: PAGE_BYTES..USER_END, segment_bytes: SEGMENT_BYTES };
    let program = Executable::parse(file, Width::OWN, &limits);
    let program = program.map_err(|why| Failure::Unloadable(own.name().into(), why))?;

    let first = kernel.boot_process(machine)?;
    let mut maker = Maker { kernel, machine, process: first.process };
    for segment in &program.segments {
        let bytes = file.get(segment.file.clone()).unwrap_or(&[]);
        maker.map(segment.address, segment.bytes, (segment.offset, bytes), segment.access)?;
    }
    maker.map(STACK_END - STACK_BYTES, STACK_BYTES, (0, &[]), Access::READ | Access::WRITE)?;

    let mut entries = vec![
        StartupEntry::new("root", StartupKind::Handle, first.root, [0, 0]),
        StartupEntry::new("process", StartupKind::Handle, first.own, [0, 0]),
    ];
    for module in others {
        entries.push(maker.hand_over(module)?);
    }
    let (hertz, invariant) = maker.machine.clock();
    entries.push(numbers("clock", [hertz, invariant.into()]));
    entries.extend(prepared.century_register.map(|register| numbers("century-register", [register.into(), 0])));
    entries.extend(screen(information));
    let words = own.arguments().chain(information.command_line.split_ascii_whitespace());
    entries.extend(words.map(|word| StartupEntry::new(word, StartupKind::Argument, 0, [0, 0])));

    let mut block = vec![0; (entries.len() + 1) * StartupEntry::BYTES];
    let length = StartupBlock::write(&entries, &mut block).ok_or(Failure::NoRoom)?;
    maker.map(STARTUP, length, (0, block.get(..length).unwrap_or(&[])), Access::READ)?;
    maker.kernel.boot_thread(maker.machine, first.process, program.entry, STACK_END, [STARTUP, length, 0, 0])?;
    Ok(())
}

fn numbers(name: &str, values: [u64; 2]) -> StartupEntry {
    StartupEntry::new(name, StartupKind::Number, 0, values)
}

fn screen(information: &Information) -> Vec<StartupEntry> {
    match information.framebuffer {
        Some(it) => vec![
            numbers("framebuffer", [it.address, u64::from(it.width) << 32 | u64::from(it.height)]),
            numbers("framebuffer-format", [it.pitch.into(), it.bits.into()]),
        ],
        None => vec![numbers("text-screen", [arch::log::screen::TextMode::PHYSICAL_ADDRESS, 0])],
    }
}

struct Maker<'a, M: Machine> {
    kernel: &'a mut Kernel<M>,
    machine: &'a mut M,
    process: Link,
}

impl<M: Machine> Maker<'_, M> {
    /// Maps fresh memory that holds `content` at an offset and is zero elsewhere.
    fn map(&mut self, address: usize, bytes: usize, content: (usize, &[u8]), access: Access) -> Result<(), Failure> {
        let memory = self.kernel.boot_memory(self.machine, self.process, bytes)?;
        let start = address_of(memory.run.first);
        let pages = start..start + u64::from(memory.run.count) * PAGE_BYTES as u64;
        // SAFETY: the frames are the new process's, which doesn't run yet.
        let pages = unsafe { view::bytes_mut(pages) }.ok_or(Failure::NoRoom)?;
        let (offset, content) = content;
        let place = pages.get_mut(offset..).and_then(|rest| rest.get_mut(..content.len()));
        copy(content, place.ok_or(Failure::NoRoom)?);
        Ok(self.kernel.boot_map(self.machine, self.process, memory, address, access)?)
    }

    /// Gives a module's frames to the process. The last one is zeroed beyond the module's end, so that the process
    /// can't read what was there before.
    fn hand_over(&mut self, module: &Module) -> Result<StartupEntry, Failure> {
        let physical = module.physical.clone();
        let frames = frames_touching(physical.clone());
        let tail = physical.end..u64::from(frames.end) * PAGE_BYTES as u64;
        // SAFETY: the boot code took all frames that the module touches, and nothing else is in them.
        clear_bytes(unsafe { view::bytes_mut(tail) }.ok_or(Failure::NoRoom)?);
        let run = FrameRun { first: Frame(frames.start), count: frames.end - frames.start };
        let memory: BootMemory = self.kernel.boot_module(self.process, run)?;
        let handle = self.kernel.boot_grant(self.process, memory)?;
        Ok(StartupEntry::new(module.name(), StartupKind::Handle, handle, [physical.end - physical.start, 0]))
    }
}
