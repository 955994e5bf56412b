//! A client of QEMU's debugger stub: the part of GDB's remote protocol that stops a CPU at chosen instructions.
//!
//! The machine runs only between [`Gdb::resume`] or [`Gdb::step`] and the stop that these wait for. So an event at a
//! stop, such as an interrupt that QEMU's monitor raises, comes between two known instructions.
//!
//! QEMU looks for interrupts before breakpoints: an interrupt that is pending at a breakpoint is taken first, and the
//! breakpoint is met when the interrupted code goes on there.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader, Error, ErrorKind, Read, Result, Write};
use std::ops::Range;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::rc::Rc;

use crate::console::DEADLINE;

/// Asks QEMU for a stub at this socket, to which [`Gdb::connect`] connects.
pub const ARGUMENTS: [&str; 4] =
    ["-chardev", "socket,id=gdb,path=gdb.socket,server=on,wait=off", "-gdb", "chardev:gdb"];

/// The socket's name in the machine's folder.
pub const SOCKET: &str = "gdb.socket";

/// How many bytes are asked for at a time; QEMU answers 4 KiB at the most, and memory takes two digits a byte.
const PIECE: usize = 0x400;

/// The stub of one machine.
pub struct Gdb {
    stream: UnixStream,
    reader: BufReader<UnixStream>,
    layout: Rc<Layout>,
}

/// Where each register lies in the stub's answer.
struct Layout {
    registers: Vec<(String, Range<usize>)>,
}

/// All registers of the CPU, as they were at a stop.
#[derive(Clone)]
pub struct Registers {
    layout: Rc<Layout>,
    bytes: Vec<u8>,
}

/// Whether the CPU may take interrupts during a single step.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Interrupts {
    /// QEMU's default: neither maskable nor non-maskable ones, and time stands still.
    HeldBack,
    /// The CPU takes interrupts as usual.
    Taken,
}

impl Gdb {
    /// Connects to the stub, which stops the machine.
    pub fn connect(socket: &Path) -> Result<Gdb> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(DEADLINE))?;
        let reader = BufReader::new(stream.try_clone()?);
        let mut gdb = Gdb { stream, reader, layout: Rc::new(Layout { registers: Vec::new() }) };
        // QEMU takes writes of single registers only from those who have read the description.
        let target = gdb.read_description("target.xml")?;
        let included = attribute(&target, "xi:include", "href").next().ok_or_else(|| broken(&target))?;
        let description = gdb.read_description(&included)?;
        gdb.layout = Rc::new(Layout::read(&description).ok_or_else(|| broken(&description))?);
        Ok(gdb)
    }

    /// Stops the CPU before these instructions from now on.
    pub fn insert(&mut self, addresses: &[u64]) -> Result<()> {
        self.change_breakpoints('Z', addresses)
    }

    /// Stops it there no more.
    pub fn remove(&mut self, addresses: &[u64]) -> Result<()> {
        self.change_breakpoints('z', addresses)
    }

    /// Lets the machine run up to a breakpoint, and returns the registers there; or nothing if the machine ends before.
    pub fn resume(&mut self) -> Result<Option<Registers>> {
        self.send("c")?;
        self.stopped()
    }

    /// Lets the CPU execute one instruction, as [`Gdb::resume`] does many.
    pub fn step(&mut self, interrupts: Interrupts) -> Result<Option<Registers>> {
        // Bits of QEMU's own: 1 steps, 2 holds interrupts back, 4 stops timers.
        let how = match interrupts {
            Interrupts::HeldBack => "Qqemu.sstep=7",
            Interrupts::Taken => "Qqemu.sstep=1",
        };
        self.ask(how)?;
        self.send("s")?;
        self.stopped()
    }

    /// Lets the machine run on without breakpoints, for good.
    pub fn release(&mut self) -> Result<()> {
        self.ask("D").map(drop)
    }

    fn stopped(&mut self) -> Result<Option<Registers>> {
        match self.receive() {
            Ok(reply) if reply.starts_with(['T', 'S']) => self.registers().map(Some),
            Ok(reply) if reply.starts_with(['W', 'X']) => Ok(None),
            Ok(reply) => Err(broken(&reply)),
            Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The registers as they are.
    pub fn registers(&mut self) -> Result<Registers> {
        let answer = self.ask("g")?;
        let bytes = from_hex(&answer).ok_or_else(|| broken(&answer))?;
        Ok(Registers { layout: Rc::clone(&self.layout), bytes })
    }

    /// Puts all general registers, flags and the instruction pointer back.
    pub fn restore(&mut self, registers: &Registers) -> Result<()> {
        let layout = Rc::clone(&self.layout);
        // The general registers stand before the segment registers, which can't be written in this way.
        let general = layout.registers.iter().take_while(|(name, _)| name != "cs");
        general.map(|(name, _)| name).try_for_each(|name| self.set(name, registers.get(name)))
    }

    /// Changes a register.
    pub fn set(&mut self, name: &str, value: u64) -> Result<()> {
        let (number, (_, place)) = self.layout.find(name);
        let bytes = &value.to_le_bytes()[..place.len()];
        self.demand(&format!("P{number:x}={}", to_hex(bytes)))
    }

    /// Reads memory at an address of the CPU.
    pub fn read(&mut self, address: u64, count: usize) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        while bytes.len() < count {
            let some = PIECE.min(count - bytes.len());
            let answer = self.ask(&format!("m{:x},{some:x}", address + bytes.len() as u64))?;
            bytes.extend(from_hex(&answer).filter(|bytes| bytes.len() == some).ok_or_else(|| broken(&answer))?);
        }
        Ok(bytes)
    }

    /// Writes memory at an address of the CPU.
    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        self.demand(&format!("M{address:x},{:x}:{}", bytes.len(), to_hex(bytes)))
    }

    /// Writes memory, or a device's registers, at a physical address.
    pub fn write_physical(&mut self, address: u64, bytes: &[u8]) -> Result<()> {
        self.demand("Qqemu.PhyMemMode:1")?;
        self.write(address, bytes)?;
        self.demand("Qqemu.PhyMemMode:0")
    }

    /// All requests go out before the first answer is read: there may be hundreds.
    fn change_breakpoints(&mut self, change: char, addresses: &[u64]) -> Result<()> {
        for some in addresses.chunks(64) {
            let requests: String = some.iter().map(|address| packet(&format!("{change}0,{address:x},1"))).collect();
            self.stream.write_all(requests.as_bytes())?;
            for address in some {
                let answer = self.receive()?;
                if answer != "OK" {
                    return Err(Error::other(format!("{change} at {address:#x}: {answer:?}")));
                }
            }
        }
        Ok(())
    }

    fn read_description(&mut self, name: &str) -> Result<String> {
        let mut text = String::new();
        loop {
            let answer = self.ask(&format!("qXfer:features:read:{name}:{:x},{PIECE:x}", text.len()))?;
            match answer.split_at_checked(1) {
                Some(("m", piece)) => text.push_str(piece),
                Some(("l", piece)) => return Ok(text + piece),
                _ => return Err(broken(&answer)),
            }
        }
    }

    fn demand(&mut self, request: &str) -> Result<()> {
        let answer = self.ask(request)?;
        if answer == "OK" { Ok(()) } else { Err(Error::other(format!("{request}: {answer:?}"))) }
    }

    fn ask(&mut self, request: &str) -> Result<String> {
        self.send(request)?;
        self.receive()
    }

    /// No answer is acknowledged: QEMU takes the next request for that, and any byte while the machine runs stops it.
    fn send(&mut self, request: &str) -> Result<()> {
        self.stream.write_all(packet(request).as_bytes())
    }

    /// Reads an answer, between `$` and `#`; before it stands the acknowledgement of the request.
    fn receive(&mut self) -> Result<String> {
        let mut before = Vec::new();
        self.reader.read_until(b'$', &mut before)?;
        let mut answer = Vec::new();
        self.reader.read_until(b'#', &mut answer)?;
        let mut sum = [0; 2];
        self.reader.read_exact(&mut sum)?;
        answer.pop();
        if String::from_utf8_lossy(&sum) != format!("{:02x}", checksum(&answer)) {
            return Err(broken(&String::from_utf8_lossy(&answer)));
        }
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

impl Registers {
    /// The value of a register of at most 64 bits; upper bytes of longer ones are left out.
    pub fn get(&self, name: &str) -> u64 {
        let (_, (_, place)) = self.layout.find(name);
        let bytes = &self.bytes[place.clone()];
        bytes.iter().take(8).rev().fold(0, |value, byte| value << 8 | u64::from(*byte))
    }

    /// The instruction pointer.
    pub fn instruction(&self) -> u64 {
        self.get(if self.layout.has("rip") { "rip" } else { "eip" })
    }

    /// The stack pointer.
    pub fn stack(&self) -> u64 {
        self.get(if self.layout.has("rsp") { "rsp" } else { "esp" })
    }

    /// The privilege level.
    pub fn ring(&self) -> u64 {
        self.get("cs") & 3
    }

    /// Every register that isn't the same in the other set, with both values.
    pub fn differences(&self, other: &Registers) -> Vec<(String, String, String)> {
        let all = self.layout.registers.iter();
        let differ = all.filter(|(_, place)| self.bytes[place.clone()] != other.bytes[place.clone()]);
        let value = |bytes: &[u8]| to_hex(&bytes.iter().rev().copied().collect::<Vec<_>>());
        differ
            .map(|(name, place)| (name.clone(), value(&self.bytes[place.clone()]), value(&other.bytes[place.clone()])))
            .collect()
    }
}

impl Layout {
    /// Reads a description: registers stand in it in the order of the answer, each with its bits.
    fn read(description: &str) -> Option<Layout> {
        let description = &without_comments(description);
        let names = attribute(description, "reg ", "name");
        let bits = attribute(description, "reg ", "bitsize");
        let mut end = 0;
        let mut registers = Vec::new();
        for (name, bits) in names.zip(bits) {
            let start = end;
            end += bits.parse::<usize>().ok()? / 8;
            registers.push((name, start..end));
        }
        (!registers.is_empty()).then_some(Layout { registers })
    }

    fn has(&self, name: &str) -> bool {
        self.registers.iter().any(|(register, _)| register == name)
    }

    fn find(&self, name: &str) -> (usize, &(String, Range<usize>)) {
        let found = self.registers.iter().enumerate().find(|(_, (register, _))| register == name);
        found.unwrap_or_else(|| panic!("this CPU has no register {name}"))
    }
}

/// Some registers stand in QEMU's descriptions as comments.
fn without_comments(text: &str) -> String {
    let mut pieces = text.split("<!--");
    let first = pieces.next().unwrap_or_default().to_owned();
    pieces.filter_map(|piece| piece.split_once("-->")).fold(first, |text, (_, piece)| text + piece)
}

/// The values of an attribute of every element of a kind, as `<reg name="eax" bitsize="32"/>` has them.
fn attribute(text: &str, element: &str, attribute: &str) -> impl Iterator<Item = String> {
    let (element, attribute) = (format!("<{element}"), format!("{attribute}=\""));
    let values: Vec<_> = text
        .split(&element)
        .skip(1)
        .filter_map(|rest| {
            let (inside, _) = rest.split_once('>')?;
            let (_, value) = inside.split_once(&attribute)?;
            Some(value.split_once('"')?.0.to_owned())
        })
        .collect();
    values.into_iter()
}

fn packet(content: &str) -> String {
    format!("${content}#{:02x}", checksum(content.as_bytes()))
}

fn checksum(content: &[u8]) -> u8 {
    content.iter().fold(0, |sum: u8, byte| sum.wrapping_add(*byte))
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    text.as_bytes().chunks(2).map(digits).collect()
}

fn broken(answer: &str) -> Error {
    Error::new(ErrorKind::InvalidData, format!("the debugger stub answered {answer:?}"))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const DESCRIPTION: &str = r#"<?xml version="1.0"?><feature name="org.gnu.gdb.i386.core">
        <flags id="i386_eflags" size="4"><field name="CF" start="0" end="0"/></flags>
        <reg name="eax" bitsize="32" type="int32" regnum="0"/><reg name="eip" bitsize="32" type="code_ptr"/>
        <!-- <reg name="ss_base" bitsize="32"/> -->
        <reg name="st0" bitsize="80" type="i387_ext"/></feature>"#;

    /// Plays QEMU: answers requests one after the other.
    fn stub(answers: Vec<String>) -> Gdb {
        let (mut qemu, stream) = UnixStream::pair().unwrap();
        thread::spawn(move || {
            let mut requests = BufReader::new(qemu.try_clone().unwrap());
            for answer in answers {
                requests.read_until(b'#', &mut Vec::new()).unwrap();
                requests.read_exact(&mut [0; 2]).unwrap();
                qemu.write_all(format!("+{}", packet(&answer)).as_bytes()).unwrap();
            }
            // The fake stub ends at the next request, not before that request is sent.
            let _ = requests.read_until(b'#', &mut Vec::new());
            let _ = requests.read_exact(&mut [0; 2]);
        });
        let reader = BufReader::new(stream.try_clone().unwrap());
        Gdb { stream, reader, layout: Rc::new(Layout::read(DESCRIPTION).unwrap()) }
    }

    #[test]
    fn a_description_says_where_registers_lie() {
        let mut gdb = stub(vec!["78563412".to_owned() + "00100000" + "00000000000000000080", "OK".to_owned()]);
        let registers = gdb.registers().unwrap();
        assert_eq!((registers.get("eax"), registers.instruction()), (0x1234_5678, 0x1000));
        gdb.set("eip", 1).unwrap();
    }

    #[test]
    fn a_long_description_comes_in_pieces() {
        let mut gdb = stub(vec!["m<reg ".to_owned(), "lname=\"eax\"/>".to_owned()]);
        assert_eq!(gdb.read_description("x.xml").unwrap(), "<reg name=\"eax\"/>");
    }

    #[test]
    fn the_end_of_the_machine_ends_the_wait() {
        assert!(stub(vec!["W00".to_owned()]).resume().unwrap().is_none());
        assert!(stub(Vec::new()).resume().unwrap().is_none());
    }

    #[test]
    fn a_refused_breakpoint_is_named() {
        let error = stub(vec!["OK".to_owned(), "E22".to_owned()]).insert(&[1, 0x1234]).unwrap_err();
        assert!(error.to_string().contains("0x1234"), "{error}");
    }
}
