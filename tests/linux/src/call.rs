//! The system calls of Linux that the measurements need, as functions.
//!
//! The numbers and the entry into the kernel differ by width, and stand in a file for each. The arguments are the same
//! (`man 2`, and `include/uapi` of Linux's source for the values).

#[cfg_attr(target_arch = "x86", path = "call/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "call/x86_64.rs")]
mod width;

use core::ffi::CStr;
use core::sync::atomic::AtomicU32;

pub use width::prepare;
use width::{enter, enter_plainly, number};

/// The error of a call that failed (`errno(3)`).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error(pub u16);

/// A module whose file is compressed is no executable.
pub const ENOEXEC: Error = Error(8);

pub type Result<T = ()> = core::result::Result<T, Error>;

/// An open file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct File(usize);

/// The terminal of the kernel's console.
pub const CONSOLE: File = File(1);

/// How a file is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Access {
    Read = 0,
    Write = 1,
    ReadAndWrite = 2,
}

/// How a module's file is stored.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Module {
    Plain = 0,
    /// Linux decompresses it (MODULE_INIT_COMPRESSED_FILE).
    Compressed = 4,
}

/// Which of two processes this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fork {
    Parent,
    Child,
}

pub fn open(path: &CStr, access: Access) -> Result<File> {
    // SAFETY: the path is read only.
    unsafe { call(number::OPEN, [path.as_ptr() as usize, access as usize, 0, 0, 0, 0]) }.map(File)
}

/// Reads at most as much as there is room for.
pub fn read(file: File, buffer: &mut [u8]) -> Result<usize> {
    // SAFETY: the buffer may be written to.
    unsafe { call(number::READ, [file.0, buffer.as_mut_ptr() as usize, buffer.len(), 0, 0, 0]) }
}

pub fn write(file: File, bytes: &[u8]) -> Result<usize> {
    // SAFETY: the bytes are read only.
    unsafe { call(number::WRITE, [file.0, bytes.as_ptr() as usize, bytes.len(), 0, 0, 0]) }
}

/// Reads at a place in the file. On i686 the place has two words, of which the second is the high one and 0.
pub fn read_at(file: File, buffer: &mut [u8], place: usize) -> Result<usize> {
    // SAFETY: the buffer may be written to.
    unsafe { call(number::PREAD, [file.0, buffer.as_mut_ptr() as usize, buffer.len(), place, 0, 0]) }
}

pub fn write_at(file: File, bytes: &[u8], place: usize) -> Result<usize> {
    // SAFETY: the bytes are read only.
    unsafe { call(number::PWRITE, [file.0, bytes.as_ptr() as usize, bytes.len(), place, 0, 0]) }
}

/// The two ends of a pipe: the one to read from, the one to write to.
pub fn pipe() -> Result<(File, File)> {
    let mut ends = [0_u32; 2];
    // SAFETY: there is room for two numbers.
    unsafe { call(number::PIPE, [ends.as_mut_ptr() as usize, 0, 0, 0, 0, 0]) }?;
    Ok((File(ends[0] as usize), File(ends[1] as usize)))
}

/// A counter: what is written is added, and a read waits until it isn't 0, takes all and leaves 0.
pub fn event() -> Result<File> {
    // SAFETY: no memory is involved.
    unsafe { call(number::EVENTFD, [0; 6]) }.map(File)
}

/// Maps a file from its beginning, for reading and writing, so that every process that has it sees what is written.
pub fn map(file: File, bytes: usize) -> Result<*mut u8> {
    map_shared(file.0, bytes, 0)
}

/// Memory that this process and its children share.
pub fn shared_memory(bytes: usize) -> Result<*mut u8> {
    const MAP_ANONYMOUS: usize = 0x20;
    const NO_FILE: usize = usize::MAX;
    map_shared(NO_FILE, bytes, MAP_ANONYMOUS)
}

fn map_shared(file: usize, bytes: usize, flags: usize) -> Result<*mut u8> {
    const PROT_READ_WRITE: usize = 3;
    const MAP_SHARED: usize = 1;
    // SAFETY: where it lies is left to Linux, which takes a place where nothing is.
    unsafe { call(number::MMAP, [0, bytes, PROT_READ_WRITE, MAP_SHARED | flags, file, 0]) }
        .map(|place| place as *mut u8)
}

/// Waits while the word has the value.
pub fn futex_wait(word: &AtomicU32, value: u32) -> Result {
    const FUTEX_WAIT: usize = 0;
    // SAFETY: the word is read only.
    unsafe { call(number::FUTEX, [word.as_ptr() as usize, FUTEX_WAIT, value as usize, 0, 0, 0]) }.map(drop)
}

/// Wakes one that waits for the word.
pub fn futex_wake(word: &AtomicU32) -> Result {
    const FUTEX_WAKE: usize = 1;
    // SAFETY: the word isn't even read.
    unsafe { call(number::FUTEX, [word.as_ptr() as usize, FUTEX_WAKE, 1, 0, 0, 0]) }.map(drop)
}

/// Asks who started this process, which is little work.
#[inline(always)]
pub fn parent() {
    enter_plainly(number::GETPPID);
}

/// Makes a second process of this one, with an address space of its own.
pub fn fork() -> Result<Fork> {
    // SAFETY: the child has a copy of everything; it goes on where the parent does.
    let child = unsafe { call(number::FORK, [0; 6]) }?;
    Ok(if child == 0 { Fork::Child } else { Fork::Parent })
}

/// Ends this process.
pub fn exit() -> ! {
    loop {
        // SAFETY: nothing of this process is used any more.
        unsafe { enter(number::EXIT, [0; 6]) };
    }
}

/// Waits until a child has ended.
pub fn wait() -> Result {
    const ANY: usize = usize::MAX;
    // SAFETY: nothing is asked for that would be written to memory.
    unsafe { call(number::WAIT, [ANY, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Makes this process one that runs before all ordinary ones, until it waits (`sched(7)`, SCHED_FIFO).
pub fn become_real_time(priority: u32) -> Result {
    const SCHED_FIFO: usize = 1;
    // SAFETY: the priority is read only.
    unsafe { call(number::SCHED_SETSCHEDULER, [0, SCHED_FIFO, &raw const priority as usize, 0, 0, 0]) }.map(drop)
}

/// Mounts a file system that needs no device.
pub fn mount(kind: &CStr, place: &CStr) -> Result {
    let kind = kind.as_ptr() as usize;
    // SAFETY: all strings are read only.
    unsafe { call(number::MOUNT, [kind, place.as_ptr() as usize, kind, 0, 0, 0]) }.map(drop)
}

/// Loads a module of the kernel.
pub fn load(file: File, module: Module) -> Result {
    let parameters = c"".as_ptr() as usize;
    // SAFETY: the parameters are read only.
    unsafe { call(number::FINIT_MODULE, [file.0, parameters, module as usize, 0, 0, 0]) }.map(drop)
}

/// Keeps the kernel's own messages off the console, so that lines there are whole.
pub fn silence_kernel() -> Result {
    const CONSOLE_OFF: usize = 6;
    // SAFETY: no memory is involved.
    unsafe { call(number::SYSLOG, [CONSOLE_OFF, 0, 0, 0, 0, 0]) }.map(drop)
}

/// Waits until all that was written to a terminal has been sent (`tcdrain(3)`).
pub fn drain(terminal: File) -> Result {
    const TCSBRK: usize = 0x5409;
    // SAFETY: no memory is involved.
    unsafe { call(number::IOCTL, [terminal.0, TCSBRK, 1, 0, 0, 0]) }.map(drop)
}

/// Switches the machine off.
pub fn power_off() -> Result {
    const MAGIC: [usize; 2] = [0xFEE1_DEAD, 0x2812_1969];
    const POWER_OFF: usize = 0x4321_FEDC;
    // SAFETY: no memory is involved.
    unsafe { call(number::REBOOT, [MAGIC[0], MAGIC[1], POWER_OFF, 0, 0, 0]) }.map(drop)
}

/// Does a system call; the last 4095 values of a word are errors.
///
/// # Safety
/// It may do whatever the call does to the process's memory.
#[inline(always)]
unsafe fn call(number: usize, arguments: [usize; 6]) -> Result<usize> {
    // SAFETY: as the caller says.
    let result = unsafe { enter(number, arguments) };
    if (-4095..0).contains(&result) { Err(Error(result.unsigned_abs() as u16)) } else { Ok(result as usize) }
}
