//! A machine as a case sees it: boot it, await what it prints, type, press keys, see how it ends.
//!
//! Every wait ends in the awaited event or in a panic that shows the end of the log; no case needs a sleep.

use std::io::{Error, Result};
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;
use xtask::Width;
use xtask::build::{Set, kernel};

use crate::console::{DEADLINE, Missing, Reader, tail};
use crate::counter::{self, Counts};
use crate::exit::Exit;
use crate::folder::Folder;
use crate::gdb::{self, Gdb};
use crate::keys::keys;
use crate::qemu::{Qemu, Serial};

/// How long QEMU holds each key, and how long it waits before the next, in milliseconds of the machine's time. A PS/2
/// controller holds 16 bytes, so keys may not come faster than a busy machine reads them.
const KEY_MILLISECONDS: u32 = 20;

/// How long to wait before looking again at what announces itself nowhere.
const PAUSE: Duration = Duration::from_millis(50);

/// What a machine boots.
pub enum Image {
    /// The ISO, by way of the BIOS and GRUB.
    Iso,
    /// The kernel by QEMU's own loader, which is quicker.
    Direct(Direct),
    /// What the machine's own firmware finds.
    Firmware,
}

/// What QEMU's loader gets.
pub struct Direct {
    kernel: Option<PathBuf>,
    modules: Modules,
    command_line: String,
}

enum Modules {
    Of(Set),
    Files(Vec<(String, PathBuf)>),
}

impl Direct {
    fn of(modules: Modules) -> Direct {
        Direct { kernel: None, modules, command_line: String::new() }
    }

    /// What the kernel is told: a program of the tests that speaks by the log is read line by line, without times.
    fn kernel_options(&self) -> String {
        let plain = match &self.modules {
            Modules::Of(Set::Shipped | Set::Messages | Set::Clumsy) | Modules::Files(_) => None,
            Modules::Of(_) => Some("log=plain"),
        };
        let words = plain.into_iter().chain([self.command_line.as_str()]).filter(|words| !words.is_empty());
        words.collect::<Vec<_>>().join(" ")
    }

    /// The modules of the shipped image.
    pub fn shipped() -> Direct {
        Direct::of(Modules::Of(Set::Shipped))
    }

    /// The modules of the test suite.
    pub fn suite() -> Direct {
        Direct::of(Modules::Of(Set::Suite))
    }

    /// The modules of the shipped image and the benches.
    pub fn bench() -> Direct {
        Direct::of(Modules::Of(Set::Bench))
    }

    /// The modules of the shipped image, with a device's interrupts as messages.
    pub fn messages() -> Direct {
        Direct::of(Modules::Of(Set::Messages))
    }

    /// The benches of interrupts, with the device's as messages.
    pub fn bench_messages() -> Direct {
        Direct::of(Modules::Of(Set::BenchMessages))
    }

    /// The fuzzer.
    pub fn fuzz() -> Direct {
        Direct::of(Modules::Of(Set::Fuzz))
    }

    /// The bench of large systems.
    pub fn scale() -> Direct {
        Direct::of(Modules::Of(Set::Scale))
    }

    /// The modules of the shipped image, with a driver that gets stuck.
    pub fn clumsy() -> Direct {
        Direct::of(Modules::Of(Set::Clumsy))
    }

    /// Files under the names that the kernel shall see.
    pub fn files(modules: Vec<(String, PathBuf)>) -> Direct {
        Direct::of(Modules::Files(modules))
    }

    /// Another kernel than Bellwire's, without modules.
    pub fn kernel(file: PathBuf) -> Direct {
        Direct { kernel: Some(file), ..Direct::files(Vec::new()) }
    }

    /// Linux, with an archive of its first file system.
    pub fn linux(kernel: PathBuf, archive: PathBuf) -> Direct {
        Direct { kernel: Some(kernel), ..Direct::files(vec![("initramfs".to_owned(), archive)]) }
    }

    /// The kernel's options.
    pub fn command_line(self, command_line: &str) -> Direct {
        Direct { command_line: command_line.to_owned(), ..self }
    }
}

impl From<Direct> for Image {
    fn from(direct: Direct) -> Image {
        Image::Direct(direct)
    }
}

/// The machine before it is switched on.
pub struct Hardware {
    width: Width,
    arguments: Vec<String>,
    serial: Serial,
}

impl Hardware {
    /// The usual machine: a PC with every feature that the emulator has.
    pub fn new(width: Width) -> Hardware {
        let arguments = ["-cpu", "max", "-m", "128M"].map(str::to_owned).to_vec();
        Hardware { width, arguments, serial: Serial::default() }
    }

    /// The machine of the benches: its clock counts instructions, exactly and repeatably.
    pub fn counting(width: Width) -> Hardware {
        let arguments = ["-M", "pc", "-cpu", "max", "-m", "256", "-icount", "shift=0,sleep=off"];
        Hardware { width, arguments: arguments.map(str::to_owned).to_vec(), serial: Serial::default() }
    }

    /// The usual machine, with instructions as its time and a real-time clock that goes by it. An instruction takes 16
    /// nanoseconds, so that a second of the machine is about one of a slow host.
    pub fn timed(width: Width) -> Hardware {
        Hardware::new(width).with(&["-icount", "shift=4,sleep=off", "-rtc", "base=2000-01-01,clock=vm"])
    }

    /// Adds arguments of QEMU; where an option may be given once, the last one counts.
    pub fn with(mut self, arguments: &[&str]) -> Hardware {
        self.arguments.extend(arguments.iter().map(|argument| (*argument).to_owned()));
        self
    }

    /// Has the machine only speak on its serial line, so that nothing of the host makes it wait there: a kernel that
    /// waits executes instructions.
    pub fn speaking(self) -> Hardware {
        Hardware { serial: Serial::Pipe, ..self }
    }

    /// Leaves the serial line out: what the machine says is on its screen alone.
    pub fn without_serial(self) -> Hardware {
        Hardware { serial: Serial::Absent, ..self }
    }

    /// Has a plugin count what the CPU executes, for [`Machine::counts`].
    pub fn counted(mut self) -> Hardware {
        self.arguments.extend(counter::arguments());
        self
    }

    /// Switches it on, stopped before its first instruction, under a debugger.
    #[track_caller]
    pub fn debug(self, image: impl Into<Image>) -> (Machine, Gdb) {
        let machine = self.with(&gdb::ARGUMENTS).with(&["-S"]).boot(image);
        match Gdb::connect(&machine.qemu.folder.file(gdb::SOCKET)) {
            Ok(gdb) => (machine, gdb),
            Err(error) => panic!("QEMU's debugger stub: {error}"),
        }
    }

    /// Switches it on.
    #[track_caller]
    pub fn boot(self, image: impl Into<Image>) -> Machine {
        match self.try_boot(image.into()) {
            Ok(qemu) => Machine { qemu },
            Err(error) => panic!("the machine didn't start: {error}"),
        }
    }

    fn try_boot(mut self, image: Image) -> Result<Qemu> {
        let folder = Folder::new()?;
        if let Some(cpu) = counting_cpu(&self.arguments) {
            self.arguments.extend(["-cpu".to_owned(), cpu]);
        }
        match image {
            Image::Iso => {
                let iso = self.width.iso().display().to_string();
                self.arguments.extend(["-boot", "d", "-cdrom", &iso].map(str::to_owned));
            }
            Image::Firmware => {}
            Image::Direct(direct) => {
                let options = direct.kernel_options();
                let mut names = Vec::new();
                for (name, file) in files(self.width, direct.modules)? {
                    symlink(&file, folder.file(&name))?;
                    names.push(name);
                }
                let kernel = direct.kernel.unwrap_or_else(|| kernel(self.width)).display().to_string();
                self.arguments.extend(["-kernel", &kernel].map(str::to_owned));
                if !options.is_empty() {
                    self.arguments.extend(["-append", &options].map(str::to_owned));
                }
                if !names.is_empty() {
                    self.arguments.extend(["-initrd", &names.join(",")].map(str::to_owned));
                }
            }
        }
        Qemu::start(self.width.qemu(), &self.arguments, self.serial, folder)
    }
}

/// The CPU of a machine whose time is instructions: the one that was asked for, without x2APIC.
///
/// QEMU knows how many instructions have run only where a translated block ends, and lets an instruction that may ask
/// for the time end its block: port access, `rdtsc`, memory of devices, but neither `rdmsr` nor `wrmsr`. Since 9.0
/// these reach the local APIC's timer, by x2APIC; then QEMU says "Bad icount read" and ends.
fn counting_cpu(arguments: &[String]) -> Option<String> {
    arguments.iter().find(|argument| *argument == "-icount")?;
    let cpu = arguments.iter().rposition(|argument| argument == "-cpu").and_then(|place| arguments.get(place + 1))?;
    Some(format!("{cpu},-x2apic"))
}

fn files(width: Width, modules: Modules) -> Result<Vec<(String, PathBuf)>> {
    match modules {
        Modules::Files(files) => Ok(files),
        Modules::Of(set) => {
            let names = set.modules().map_err(Error::other)?;
            Ok(names.into_iter().map(|name| (name.clone(), set.folder(width).join(name))).collect())
        }
    }
}

/// A running machine; it is switched off when it goes out of scope.
pub struct Machine {
    qemu: Qemu,
}

impl Machine {
    /// Boots an image on the usual machine.
    #[track_caller]
    pub fn boot(width: Width, image: impl Into<Image>) -> Machine {
        Hardware::new(width).boot(image)
    }

    /// Waits until the machine prints the text, behind what was awaited before. Returns what it printed up to there.
    #[track_caller]
    pub fn expect(&mut self, text: &str) -> String {
        match self.qemu.console.expect(text) {
            Ok(read) => read,
            Err(Missing::Late) => self.fail(&format!("{text:?} didn't come within {DEADLINE:?}")),
            Err(Missing::Ended) => {
                let exit = self.qemu.wait_exit();
                self.fail(&format!("the machine ended ({exit:?}) before it printed {text:?}"))
            }
        }
    }

    /// Waits for a whole line, behind what was awaited before. Without one it is the caller's to say what failed.
    pub fn line(&mut self) -> std::result::Result<String, Missing> {
        self.qemu.console.expect("\n")
    }

    /// Sends a line by the serial line, as a terminal does.
    #[track_caller]
    pub fn type_line(&mut self, line: &str) {
        self.send(format!("{line}\r").as_bytes());
    }

    /// Sends bytes by the serial line; waits while the machine doesn't take them.
    #[track_caller]
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.qemu.console.send(bytes) {
            self.fail(&format!("the serial line took no bytes: {error}"));
        }
    }

    /// Waits for so many bytes, whatever they are, behind what was awaited before.
    #[track_caller]
    pub fn receive(&mut self, count: usize) -> Vec<u8> {
        match self.qemu.console.receive(count) {
            Ok(bytes) => bytes,
            Err(missing) => self.fail(&format!("{count} bytes didn't come: {missing:?}")),
        }
    }

    /// What was printed so far behind what was awaited.
    pub fn unread(&self) -> String {
        self.qemu.console.unread()
    }

    /// Presses the keys for the text, one after the other.
    #[track_caller]
    pub fn keys(&mut self, text: &str) {
        for character in text.chars() {
            let Some(names) = keys(character) else { panic!("no key gives {character:?}") };
            let keys: Vec<_> = names.iter().map(|name| json!({ "type": "qcode", "data": name })).collect();
            self.command("send-key", json!({ "keys": keys, "hold-time": KEY_MILLISECONDS }));
        }
    }

    /// Raises a non-maskable interrupt on every CPU.
    #[track_caller]
    pub fn nmi(&mut self) {
        self.command("inject-nmi", json!({}));
    }

    /// Runs a command of QEMU's machine protocol.
    #[track_caller]
    pub fn command(&mut self, command: &str, arguments: serde_json::Value) -> serde_json::Value {
        match self.qemu.qmp.execute(command, arguments) {
            Ok(result) => result,
            Err(error) => self.fail(&error.to_string()),
        }
    }

    /// Runs a command of QEMU's monitor for people, and returns what it prints.
    #[track_caller]
    pub fn monitor(&mut self, command: &str) -> String {
        let text = self.command("human-monitor-command", json!({ "command-line": command }));
        text.as_str().unwrap_or("").to_owned()
    }

    /// Waits until the CPU has stopped for good: it halts with interrupts off. A CPU announces that to nobody.
    #[track_caller]
    pub fn expect_halted(&mut self) {
        self.wait_until("the CPU to halt", |machine| is_halted(&machine.monitor("info registers")));
    }

    /// Waits until something is so that announces itself nowhere, and so must be looked at again and again.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, mut is_so: impl FnMut(&mut Machine) -> bool) {
        let deadline = Instant::now() + DEADLINE;
        while !is_so(self) {
            if Instant::now() > deadline {
                self.fail(&format!("waited {DEADLINE:?} for {what}"));
            }
            self.qemu.console.pause(PAUSE);
        }
    }

    /// The lines of the VGA text screen, read from its memory.
    #[track_caller]
    pub fn screen(&mut self) -> Vec<String> {
        let cells = self.memory(0xb8000, 80 * 25 * 2);
        let text = |line: &[u8]| line.chunks(2).map(|cell| char::from(cell[0])).collect::<String>();
        cells.chunks(160).map(|line| text(line).trim_end_matches(['\0', ' ']).to_owned()).collect()
    }

    /// How an emulator came to its end, and what it said.
    #[track_caller]
    pub fn last_words(&mut self) -> String {
        let exit = self.wait_exit();
        format!("{exit:?}: {}", self.qemu.complaints())
    }

    /// The machine's memory, by physical address.
    #[track_caller]
    pub fn memory(&mut self, address: u64, bytes: usize) -> Vec<u8> {
        let file = self.qemu.folder.file("memory.bytes");
        self.command("pmemsave", json!({ "val": address, "size": bytes, "filename": file }));
        match std::fs::read(&file) {
            Ok(content) => content,
            Err(error) => self.fail(&format!("the memory can't be read: {error}")),
        }
    }

    /// Waits until a line of the VGA text screen contains the text.
    #[track_caller]
    pub fn expect_on_screen(&mut self, text: &str) {
        self.wait_until(&format!("{text:?} on the screen"), |machine| {
            machine.screen().iter().any(|line| line.contains(text))
        });
    }

    /// Waits until the machine has ended by itself.
    #[track_caller]
    pub fn wait_exit(&mut self) -> Exit {
        match self.qemu.wait_exit() {
            Ok(exit) => exit,
            Err(error) => self.fail(&format!("the machine didn't end: {error}")),
        }
    }

    /// Waits until the machine has ended by itself, and returns all that it printed. It may take any time, as long as
    /// it prints something now and then.
    #[track_caller]
    pub fn output(&mut self) -> (String, Exit) {
        match self.qemu.console.read_to_end(DEADLINE) {
            Ok(text) => (text, self.wait_exit()),
            Err(missing) => self.fail(&format!("the machine neither ends nor says anything more: {missing:?}")),
        }
    }

    /// Ends the machine if it hasn't ended, and returns what was counted while it ran.
    #[track_caller]
    pub fn counts(&mut self) -> Counts {
        // It fails where the machine has ended already.
        let _ = self.qemu.qmp.execute("quit", json!({}));
        self.wait_exit();
        let report = std::fs::read_to_string(self.qemu.folder.file(counter::FILE)).map_err(|error| error.to_string());
        match report.and_then(|text| Counts::parse(&text)) {
            Ok(counts) => counts,
            Err(error) => self.fail(&format!("nothing was counted: {error}")),
        }
    }

    /// The same of a machine that [can be timed](Hardware::timed) and may hang: one that prints nothing for so long of
    /// its own time, however long that takes here, has no exit.
    #[track_caller]
    pub fn output_unless_silent(&mut self, silence: Duration) -> (String, Option<Exit>) {
        let mut heard = None;
        loop {
            let count = self.qemu.console.count();
            // An emulator that has ended answers nothing.
            let Ok(now) = self.time() else {
                let (text, exit) = self.output();
                return (text, Some(exit));
            };
            match heard {
                Some((before, since)) if before == count => {
                    if now > since + silence {
                        return (self.qemu.console.text(), None);
                    }
                }
                _ => heard = Some((count, now)),
            }
            self.qemu.console.pause(PAUSE);
        }
    }

    /// A file in the machine's folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.qemu.folder.file(name)
    }

    /// The emulator's process, for whoever signals it.
    pub fn process(&self) -> u32 {
        self.qemu.process()
    }

    /// Has what the machine prints read, or not.
    pub fn set_reader(&self, reader: Reader) {
        self.qemu.console.set_reader(reader);
    }

    /// The time of a machine that [can be timed](Hardware::timed), by its real-time clock.
    pub fn time(&mut self) -> Result<Duration> {
        let time = self.qemu.qmp.execute("qom-get", json!({ "path": "/machine", "property": "rtc-time" }))?;
        let units = [("tm_mday", 86_400), ("tm_hour", 3_600), ("tm_min", 60), ("tm_sec", 1)];
        let seconds = units.iter().map(|(unit, seconds)| time[unit].as_u64().map(|count| count * seconds));
        seconds.sum::<Option<u64>>().map(Duration::from_secs).ok_or_else(|| Error::other(format!("no time: {time}")))
    }

    #[track_caller]
    fn fail(&mut self, what: &str) -> ! {
        let shown = tail(&self.qemu.console.text());
        panic!("{what}\nend of the serial log:\n{shown}\nQEMU said: {}", self.qemu.complaints())
    }
}

/// Reads QEMU's list of registers: `HLT=1` among its states, and the interrupt flag off.
fn is_halted(registers: &str) -> bool {
    const INTERRUPT_FLAG: u64 = 1 << 9;
    let value = |name: &str| registers.split_whitespace().find_map(|word| word.strip_prefix(name)?.strip_prefix('='));
    let flags = value("RFL").or(value("EFL")).and_then(|digits| u64::from_str_radix(digits, 16).ok());
    value("HLT") == Some("1") && flags.is_some_and(|flags| flags & INTERRUPT_FLAG == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_machines_that_count_lack_x2apic() {
        assert_eq!(counting_cpu(&Hardware::new(Width::I686).arguments), None);
        let hardware = Hardware::counting(Width::I686).with(&["-cpu", "max,-smap"]);
        assert_eq!(counting_cpu(&hardware.arguments).as_deref(), Some("max,-smap,-x2apic"));
    }

    #[test]
    fn a_cpu_is_halted_only_with_interrupts_off() {
        assert!(is_halted("RIP=0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\nES =0010"));
        assert!(is_halted("EIP=0 EFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n"));
        assert!(!is_halted("RIP=0 RFL=00000246 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=1\n"));
        assert!(!is_halted("RIP=0 RFL=00000046 [---Z-P-] CPL=0 II=0 A20=1 SMM=0 HLT=0\n"));
        assert!(!is_halted("nothing"));
    }
}
