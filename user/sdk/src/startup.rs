//! What a program was granted, by the names that `system.toml` has for it.

use crate::{
    Endpoint, Error, Handle, Interrupt, Memory, Mutex, OwnedHandle, PortRange, ReceiveRight, Result, Root, Server, log,
    pci, println,
};
use abi::{StartupBlock, StartupEntry, StartupKind};
use alloc::boxed::Box;
use alloc::vec::Vec;
use alloc::{format, string::String};
use core::cell::RefCell;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// What the first thread begins with: the program's [`Grants`], and the thread's right to receive.
///
/// ```no_run
/// # use bellwire::{Result, Startup};
/// fn run(startup: Startup) -> Result<()> {
///     let mut server = startup.server("counter")?;
///     let line = startup.line(5)?;
///     server.bind(&line, 0)?;
///     loop {
///         server.next()?;
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Startup {
    grants: Grants,
    right: RefCell<Option<ReceiveRight>>,
}

impl Startup {
    pub(crate) fn new(grants: Grants, right: ReceiveRight) -> Self {
        Self { grants, right: RefCell::new(Some(right)) }
    }

    /// Makes the first thread's server, for a service that this program serves. A thread has one server, so this is
    /// [`Error::Busy`] the second time; [`Server::next_at`] waits at further endpoints.
    pub fn server(&self, service: &str) -> Result<Server> {
        // The right first: a grant that was taken and not used would be lost.
        let right = self.receive_right()?;
        match self.serves(service) {
            Ok(endpoint) => Ok(Server::new(right, endpoint)),
            Err(error) => {
                self.right.replace(Some(right));
                Err(error)
            }
        }
    }

    /// The first thread's right to receive. [`Error::Busy`] where it was taken.
    pub fn receive_right(&self) -> Result<ReceiveRight> {
        self.right.take().ok_or_else(|| {
            println!("the first thread has a server already");
            Error::Busy
        })
    }

    /// The grants, which other threads may have too.
    pub fn grants(&self) -> Grants {
        self.grants
    }
}

impl Deref for Startup {
    type Target = Grants;

    fn deref(&self) -> &Grants {
        &self.grants
    }
}

/// The program's grants and arguments. Copies are the same grants. Each handle can be taken once, since the taker
/// owns it; the second time is [`Error::Busy`]. What the manifest doesn't grant is [`Error::BadHandle`]. Both errors
/// come with a line in the log that names the grant.
#[derive(Clone, Copy, Debug)]
pub struct Grants {
    block: StartupBlock<'static>,
    /// The handles that somebody has taken.
    taken: &'static Mutex<Vec<u32>>,
}

/// A screen.
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
        /// Pixels of a row.
        width: usize,
        /// Rows.
        height: usize,
        /// Bytes from one row to the next.
        pitch: usize,
        /// Bits of a pixel.
        bits: usize,
    },
}

impl Grants {
    /// Makes a program's grants from the block that it was given.
    ///
    /// # Safety
    /// The handles that the block names are this process's, nobody owns them yet, and no other `Grants` were made from
    /// it.
    pub unsafe fn new(bytes: &'static [u8]) -> Self {
        Self { block: StartupBlock::new(bytes), taken: Box::leak(Box::default()) }
    }

    /// The endpoint of a service that this program serves.
    pub fn serves(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("serves {service}")).map(Endpoint::from)
    }

    /// The endpoint of a service that this program calls.
    pub fn uses(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("uses {service}")).map(Endpoint::from)
    }

    /// The endpoint of a service that this program notifies, with the bit that the manifest says. The entry is called
    /// `notify SERVICE`, which leaves room for the longest service's name.
    pub fn notifies(&self, service: &str) -> Result<Endpoint> {
        self.handle(&format!("notify {service}")).map(Endpoint::from)
    }

    /// An interrupt line.
    pub fn line(&self, line: u8) -> Result<Interrupt> {
        self.take(self.numbered("line", u64::from(line))?).map(Interrupt::from)
    }

    /// The granted range of I/O ports that starts there. The ports can be used at once.
    pub fn ports(&self, first: u16) -> Result<PortRange> {
        let [first, count] = self.numbered("ports", u64::from(first))?.extra;
        Ok(PortRange::new(narrow(first)?, narrow(count)?))
    }

    /// The device memory that starts at a physical address.
    pub fn device_memory(&self, address: u64) -> Result<Memory> {
        self.take(self.numbered("device-memory", address)?).map(Memory::from)
    }

    /// The memory that the program keeps over its end, if the manifest gives it any (`keeps`): each instance finds
    /// there what the one before has left, and the first one finds zeros.
    pub fn kept(&self) -> Result<Memory> {
        self.handle("kept").map(Memory::from)
    }

    /// The screen, with the right `screen`; an error if the machine has none.
    pub fn screen(&self) -> Result<Screen> {
        if let Some(entry) = self.block.find("text-screen").filter(|entry| entry.kind == StartupKind::Handle) {
            return Ok(Screen::Text { memory: self.take(entry)?.into() });
        }
        let entry = self.find("framebuffer", |entry| entry.kind == StartupKind::Handle)?;
        let [pitch, bits] = self.number("framebuffer-format").ok_or(Error::BadHandle)?;
        let [address, size] = entry.extra;
        Ok(Screen::Framebuffer {
            memory: self.take(entry)?.into(),
            offset: narrow(address % abi::PAGE_BYTES as u64)?,
            width: narrow(size >> 32)?,
            height: narrow(size & u64::from(u32::MAX))?,
            pitch: narrow(pitch)?,
            bits: narrow(bits)?,
        })
    }

    /// The kernel's log, with one of the rights `log`, `log-read` and `log-line`. [`crate::println`] uses the same
    /// handle by itself, so nobody owns it.
    pub fn log(&self) -> Result<&'static Root> {
        self.find("log", |entry| entry.kind == StartupKind::Handle)?;
        log::root().ok_or(Error::BadHandle)
    }

    /// All authority over the machine, which the first process has. [`crate::println`] uses the same handle.
    pub fn root(&self) -> Result<&'static Root> {
        self.find("root", |entry| entry.kind == StartupKind::Handle)?;
        log::root().ok_or(Error::BadHandle)
    }

    /// The kernel's counters, with the right `info`.
    pub fn info(&self) -> Result<Root> {
        self.handle("info").map(Root::from)
    }

    /// A handle by its entry's name. That by which a program lets a device master the bus is
    /// [`crate::PciDevice::master_bus`]'s alone.
    pub fn handle(&self, name: &str) -> Result<OwnedHandle> {
        self.take(self.find(name, |entry| entry.kind == StartupKind::Handle)?)
    }

    /// A pair of numbers by its entry's name.
    pub fn number(&self, name: &str) -> Option<[u64; 2]> {
        self.block.find(name).filter(|entry| entry.kind == StartupKind::Number).map(|entry| entry.extra)
    }

    /// The words of the program's arguments.
    pub fn arguments(&self) -> impl Iterator<Item = String> {
        self.entries().filter(|entry| entry.kind == StartupKind::Argument).map(|entry| entry.name().into())
    }

    /// All entries of the startup block.
    pub fn entries(&self) -> impl Iterator<Item = StartupEntry> {
        self.block.entries()
    }

    /// Gives an entry's handle to the caller, once.
    pub(crate) fn take(&self, entry: StartupEntry) -> Result<OwnedHandle> {
        self.take_for_now(entry).map(Taken::keep)
    }

    /// Gives an entry's handle to the caller, for as long as it keeps the [`Taken`].
    pub(crate) fn take_for_now(&self, entry: StartupEntry) -> Result<Taken> {
        if entry.kind != StartupKind::Handle || entry.name() == pci::BUS {
            return Err(Error::BadHandle);
        }
        let mut taken = self.taken.lock();
        if taken.contains(&entry.value) {
            drop(taken);
            println!("{:?} was taken already", entry.name());
            return Err(Error::Busy);
        }
        taken.push(entry.value);
        drop(taken);
        Ok(Taken { grants: *self, handle: ManuallyDrop::new(OwnedHandle::installed(entry.value as usize)) })
    }

    fn numbered(&self, name: &str, number: u64) -> Result<StartupEntry> {
        self.find(name, |entry| entry.extra[0] == number)
    }

    /// Finds an entry. A grant that is missing is a mistake in `system.toml`, so the log says which.
    pub(crate) fn find(&self, name: &str, fits: impl Fn(&StartupEntry) -> bool) -> Result<StartupEntry> {
        let found = self.entries().find(|entry| entry.name() == name && fits(entry));
        if found.is_none() {
            println!("nothing is granted as {name:?}");
        }
        found.ok_or(Error::BadHandle)
    }
}

/// A number of the startup block as what it stands for. One that is too large is no grant.
pub fn narrow<T: TryFrom<u64>>(number: u64) -> Result<T> {
    T::try_from(number).map_err(|_| Error::BadHandle)
}

/// A handle that somebody has taken. Others can take it once this is dropped.
#[must_use = "the handle can be taken again when this is dropped"]
pub struct Taken {
    grants: Grants,
    handle: ManuallyDrop<OwnedHandle>,
}

impl Taken {
    /// Nobody can take it any more.
    pub fn keep(mut self) -> OwnedHandle {
        // SAFETY: `self` is forgotten, so that nothing uses the handle twice.
        let handle = unsafe { ManuallyDrop::take(&mut self.handle) };
        core::mem::forget(self);
        handle
    }

    /// The handle's number.
    pub fn raw(&self) -> u32 {
        self.handle.raw()
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        self.grants.taken.lock().retain(|taken| *taken != self.handle.raw());
    }
}

/// Without `unsafe` no block makes handles:
///
/// ```compile_fail,E0133
/// let grants = bellwire::Grants::new(&[]);
/// ```
///
/// A program's grants may go to another thread. The right to receive stays where it is:
///
/// ```no_run
/// # use bellwire::{Grants, Startup, Thread};
/// # fn run(startup: Startup) {
/// let grants: Grants = startup.grants();
/// let _ = Thread::spawn(10, 4096, move |_| drop(grants.uses("timer")));
/// # }
/// ```
///
/// ```compile_fail,E0277
/// # use bellwire::{Startup, Thread};
/// # fn run(startup: Startup) {
/// let _ = Thread::spawn(10, 4096, move |_| drop(startup.server("counter")));
/// # }
/// ```
#[cfg(doctest)]
struct OneOwner;

#[cfg(test)]
pub(crate) mod tests;
