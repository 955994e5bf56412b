//! A driver of QEMU's teaching device that has a transfer to memory under way whenever it is ended. Each instance takes
//! the frames to which the instance before had told the device to write, and looks whether the device changes them.
#![cfg_attr(target_os = "none", no_std, no_main)]

extern crate alloc;

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use bellwire::{Access, Endpoint, Event, Instant, Mapping, Memory, PAGE_BYTES, Result, Startup};
use core::time::Duration;
use driver_edu::{Edu, Registers};
use restarts::{BLOCK_BYTES, BLOCKS, Record, TransferRequest, WORDS};

bellwire::main!(run);

const _: () = assert!(WORDS == Edu::<Device>::MOST_BYTES as usize / 4, "watched is what the device writes");

/// Offsets in the kept memory: of the address of the last transfer, and of the record.
const DESTINATION: usize = 0;
const RECORD: usize = 4;

fn run(startup: Startup) -> Result<(), String> {
    let failed = |error: bellwire::Error| error.to_string();
    let mut server = startup.server("transfer").map_err(failed)?;
    let kept = startup.kept().and_then(|memory| memory.map(Access::READ | Access::WRITE)).map_err(failed)?;
    let mut record = Record::from_words([0, 1, 2, 3].map(|word| kept.read::<u32>(RECORD + 4 * word) as usize));
    let before: u32 = kept.read(DESTINATION);
    record.starts += 1;
    let function = startup.pci_devices().next().ok_or("no device")?;
    let registers = function.memory(0).and_then(|memory| memory.map_part(0, PAGE_BYTES, Access::READ | Access::WRITE));
    let mut edu = Edu::new(Device(registers.map_err(failed)?)).map_err(|error| error.to_string())?;
    let blocks = (0..BLOCKS).map(|_| Block::new()).collect::<Result<Vec<_>>>().map_err(failed)?;
    let watched = blocks.iter().find(|block| block.address == before);
    watched.inspect(|block| block.fill());
    come_to_rest(&mut edu)?;
    if let Some(block) = watched {
        record.same_frames += 1;
        record.changed += block.changed();
    }
    // SAFETY: the device is at rest, and is told of memory alone that was made for it.
    unsafe { function.master_bus() }.map_err(failed)?;
    let own = watched.or(blocks.first()).ok_or("no memory")?;
    own.fill();
    edu.write_to_memory(own.address, Edu::<Device>::MOST_BYTES);
    come_to_rest(&mut edu)?;
    record.worked += u32::from(own.changed() == WORDS as u32);
    for (word, value) in record.to_words().into_iter().enumerate() {
        kept.write(RECORD + 4 * word, value as u32);
    }
    kept.write(DESTINATION, own.address);
    edu.write_to_memory(own.address, Edu::<Device>::MOST_BYTES);
    loop {
        if let Event::Call(call) = server.next().map_err(failed)? {
            match call.request() {
                Some(TransferRequest::Record) => call.answer(record.to_words()),
                Some(TransferRequest::Destination) => call.answer([own.address as usize, 0, 0, 0]),
                None => call.refuse(),
            }
        }
    }
}

/// Waits for the end of a transfer, by calls that no thread takes.
fn come_to_rest(edu: &mut Edu<Device>) -> Result<(), String> {
    let nobody = Endpoint::new().map_err(|error| error.to_string())?;
    let pause = || drop(nobody.call_before(Instant::now() + Duration::from_millis(1), 0, [0; 4]));
    edu.come_to_rest(pause).map_err(|error| error.to_string())?;
    nobody.destroy().map_err(|error| error.to_string())
}

/// Memory whose address the device may be told.
struct Block {
    address: u32,
    mapping: Mapping,
}

impl Block {
    fn new() -> Result<Self> {
        let memory = Memory::new(BLOCK_BYTES)?;
        let address = memory.physical_address()? as u32;
        Ok(Self { address, mapping: memory.map(Access::READ | Access::WRITE)? })
    }

    fn fill(&self) {
        restarts::fill(&self.mapping);
    }

    fn changed(&self) -> u32 {
        restarts::changed(&self.mapping)
    }
}

struct Device(Mapping);

impl Registers for Device {
    fn read(&mut self, offset: usize) -> u32 {
        self.0.read(offset)
    }

    fn write(&mut self, offset: usize, value: u32) {
        self.0.write(offset, value);
    }
}
