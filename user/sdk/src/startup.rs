//! What a program was granted, by the names that `system.toml` has for it.

use crate::{Endpoint, Error, Interrupt, Memory, OwnedHandle, PortRange, Result, Root, println};
use abi::{StartupBlock, StartupEntry, StartupKind};
use alloc::{format, string::String};

/// The program's grants and arguments. Each handle can be taken once.
#[derive(Clone, Copy, Debug)]
pub struct Startup {
    block: StartupBlock<'static>,
}

/// What there is to draw on.
#[derive(Debug)]
pub enum Screen {
    /// The VGA's text mode: 80 columns and 25 rows of a character and a colour byte.
    Text {
        /// The characters' memory.
        memory: Memory,
    },
    /// Pixels.
    Framebuffer {
        /// The pixels' memory.
        memory: Memory,
        /// Where in the memory the first pixel is.
        offset: usize,
        /// Pixels in a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes from one row to the next.
        pitch: usize,
        /// Bits of a pixel.
        bits: usize,
    },
}

impl Startup {
    /// A program's start, from the block that it was given.
    pub fn new(bytes: &'static [u8]) -> Self {
        Self { block: StartupBlock::new(bytes) }
    }

    /// The endpoint of a service that this program serves.
    pub fn serves(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("serves {service}")).map(Endpoint::from)
    }

    /// The endpoint of a service that this program calls.
    pub fn uses(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("uses {service}")).map(Endpoint::from)
    }

    /// The endpoint of a service that this program only notifies. The entry is called `notify SERVICE`, which leaves
    /// room for the longest service's name.
    pub fn notifies(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("notify {service}")).map(Endpoint::from)
    }

    /// An interrupt line.
    pub fn line(&self, line: u8) -> Result<Interrupt> {
        let entry = self.numbered("line", u64::from(line))?;
        Ok(Interrupt::from_raw(entry.value))
    }

    /// The granted range of I/O ports that starts there. The ports can be used at once.
    pub fn ports(&self, first: u16) -> Result<PortRange> {
        let [first, count] = self.numbered("ports", u64::from(first))?.extra;
        Ok(PortRange::new(first as u16, count as u16))
    }

    /// The device memory that starts at a physical address.
    pub fn device_memory(&self, address: u64) -> Result<Memory> {
        let entry = self.numbered("device-memory", address)?;
        Ok(Memory::from_raw(entry.value))
    }

    /// The memory that the program keeps over its end, if the manifest gives it any (`keeps`): each instance finds
    /// there what the one before has left, and the first one finds zeros.
    pub fn kept(&self) -> Result<Memory> {
        self.handle("kept").map(Memory::from)
    }

    /// The screen, with the right `screen`; an error if the machine has none.
    pub fn screen(&self) -> Result<Screen> {
        if let Some(entry) = self.block.find("text-screen").filter(|entry| entry.kind == StartupKind::Handle) {
            return Ok(Screen::Text { memory: Memory::from_raw(entry.value) });
        }
        let entry = self.find("framebuffer", |entry| entry.kind == StartupKind::Handle)?;
        let [pitch, bits] = self.number("framebuffer-format").ok_or(Error::BadHandle)?;
        let [address, size] = entry.extra;
        Ok(Screen::Framebuffer {
            memory: Memory::from_raw(entry.value),
            offset: address as usize % abi::PAGE_BYTES,
            width: (size >> 32) as usize,
            height: size as u32 as usize,
            pitch: pitch as usize,
            bits: bits as usize,
        })
    }

    /// The kernel's log, with the right `log`. [`crate::println`] uses it by itself.
    pub fn log(&self) -> Result<Root> {
        self.handle("log").map(Root::from)
    }

    /// The kernel's counters, with the right `info`.
    pub fn info(&self) -> Result<Root> {
        self.handle("info").map(Root::from)
    }

    /// A handle by its entry's name.
    pub fn handle(&self, name: &str) -> Result<OwnedHandle> {
        let entry = self.find(name, |entry| entry.kind == StartupKind::Handle)?;
        Ok(OwnedHandle::from_raw(entry.value))
    }

    /// A pair of numbers by its entry's name.
    pub fn number(&self, name: &str) -> Option<[u64; 2]> {
        self.block.find(name).filter(|entry| entry.kind == StartupKind::Number).map(|entry| entry.extra)
    }

    /// The words of the program's arguments.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        self.entries().filter(|entry| entry.kind == StartupKind::Argument).map(|entry| entry.name().into())
    }

    /// Everything there is.
    pub fn entries(&self) -> impl Iterator<Item = StartupEntry> {
        self.block.entries()
    }

    fn numbered(&self, name: &str, number: u64) -> Result<StartupEntry> {
        self.find(name, |entry| entry.extra[0] == number)
    }

    /// A grant that is missing is a mistake in `system.toml`, so the log says which.
    fn find(&self, name: &str, fits: impl Fn(&StartupEntry) -> bool) -> Result<StartupEntry> {
        let found = self.entries().find(|entry| entry.name() == name && fits(entry));
        if found.is_none() {
            println!("nothing is granted as {name:?}");
        }
        found.ok_or(Error::BadHandle)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn startup(entries: &[StartupEntry]) -> Startup {
        let mut bytes = vec![0; 1024];
        let length = StartupBlock::write(entries, &mut bytes).unwrap();
        bytes.truncate(length);
        Startup::new(bytes.leak())
    }

    #[test]
    fn grants_are_found_by_name_and_number() {
        let startup = startup(&[
            StartupEntry::new("ports", StartupKind::Number, 0, [0x60, 1]),
            StartupEntry::new("ports", StartupKind::Number, 0, [0x64, 1]),
            StartupEntry::new("115200", StartupKind::Argument, 0, [0, 0]),
            StartupEntry::new("uses timer", StartupKind::Handle, 9, [0, 0]),
        ]);
        assert_eq!(startup.ports(0x64), Ok(PortRange::new(0x64, 1)));
        assert_eq!(startup.ports(0x3F8), Err(Error::BadHandle));
        assert_eq!(startup.uses("timer").map(Endpoint::into_raw), Ok(9));
        assert_eq!(startup.serves("timer"), Err(Error::BadHandle));
        assert_eq!(startup.arguments().collect::<Vec<_>>(), ["115200"]);
    }

    #[test]
    fn a_framebuffer_has_its_format() {
        let startup = startup(&[
            StartupEntry::new("framebuffer", StartupKind::Handle, 3, [0xFD00_0010, 1024 << 32 | 768]),
            StartupEntry::new("framebuffer-format", StartupKind::Number, 0, [4096, 32]),
        ]);
        let Ok(Screen::Framebuffer { offset, width, height, pitch, bits, .. }) = startup.screen() else { panic!() };
        assert_eq!((offset, width, height, pitch, bits), (16, 1024, 768, 4096, 32));
    }
}
