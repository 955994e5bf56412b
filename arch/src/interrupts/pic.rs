//! The two cascaded 8259A interrupt controllers.
//!
//! They deliver the ISA lines where there is no local APIC or no MADT; elsewhere they are moved out of the way of the
//! exceptions and masked. The masks are kept in memory, so that masking a line is one port write. All commands are
//! those of Intel's 8259A data sheet (231468); the edge/level register is that of the PIIX (290562, 2.5.12).

use crate::io::pc;
use crate::io::port::Port;
use abi::LineFlags;
use kernel::machine::Trigger;

/// The lines of both controllers.
pub const PIC_LINES: u8 = 16;
/// The line through which the second controller reaches the first.
pub(super) const CASCADE: u8 = 2;
/// Lines whose devices are edge-triggered in every PC: timer, keyboard, cascade, clock, coprocessor.
const ALWAYS_EDGE: u16 = 1 << 0 | 1 << 1 | 1 << CASCADE | 1 << 8 | 1 << 13;

/// ICW1: initialise, cascaded, ICW4 follows.
const INITIALISE: u8 = 0x11;
/// ICW4: 8086 mode, normal end-of-interrupt.
const MODE_8086: u8 = 0x01;
/// OCW2: specific end-of-interrupt of the line in bits 0 to 2.
const END_OF_INTERRUPT: u8 = 0x60;
/// OCW3: the next read of the command port gives the request register.
const READ_REQUESTS: u8 = 0x0A;
/// OCW3: the next read of the command port gives the in-service register.
const READ_IN_SERVICE: u8 = 0x0B;

/// The cause of a vector that the CPU took.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// A device interrupts.
    Real,
    /// The request was gone when the CPU asked for its vector (8259A data sheet, "Interrupt Sequence").
    Spurious,
}

/// The two controllers.
#[derive(Debug)]
pub struct Pic {
    masked: u16,
    triggers: Triggers,
    presence: Presence,
}

/// The triggers of all lines: a bit is set where the line is level-triggered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Triggers {
    /// Those that the firmware had chosen when the kernel started.
    firmware: u16,
    now: u16,
}

impl Triggers {
    /// Takes what the edge/level registers hold when the kernel starts. A machine without these registers reads as all
    /// ones: then every line is edge-triggered, as on the ISA bus.
    const fn of_firmware(registers: u16) -> Self {
        let firmware = if registers == u16::MAX { 0 } else { registers & !ALWAYS_EDGE };
        Self { firmware, now: firmware }
    }

    /// Sets the trigger of a line, or goes back to the firmware's. Lines that are edge-triggered in every PC stay so.
    const fn set(&mut self, line: u8, trigger: Option<Trigger>) {
        if line >= PIC_LINES {
            return;
        }
        let bit = 1 << line & !ALWAYS_EDGE;
        match trigger {
            Some(Trigger::Edge) => self.now &= !bit,
            Some(Trigger::Level) => self.now |= bit,
            None => self.now = self.now & !bit | self.firmware & bit,
        }
    }

    /// Gives the trigger of a line.
    const fn of(self, line: u8) -> Trigger {
        if line < PIC_LINES && self.now & 1 << line != 0 { Trigger::Level } else { Trigger::Edge }
    }
}

/// Tells whether the chips are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// They keep what is written to their masks.
    There,
    /// Nothing answers.
    Absent,
}

// SAFETY: commands to the 8259As choose which vectors arrive, all of which have a gate; the code runs in ring 0.
const FIRST_COMMAND: Port = unsafe { Port::new(pc::FIRST_PIC) };
// SAFETY: as above.
const FIRST_DATA: Port = unsafe { Port::new(pc::FIRST_PIC + 1) };
// SAFETY: as above.
const SECOND_COMMAND: Port = unsafe { Port::new(pc::SECOND_PIC) };
// SAFETY: as above.
const SECOND_DATA: Port = unsafe { Port::new(pc::SECOND_PIC + 1) };
// SAFETY: the edge/level registers only choose how lines are sensed; the code runs in ring 0.
const LEVEL_FIRST: Port = unsafe { Port::new(pc::PIC_TRIGGERS) };
// SAFETY: as above.
const LEVEL_SECOND: Port = unsafe { Port::new(pc::PIC_TRIGGERS + 1) };

impl Pic {
    /// Before [`Self::initialise`].
    pub const UNTOUCHED: Self =
        Self { masked: u16::MAX, triggers: Triggers { firmware: 0, now: 0 }, presence: Presence::There };

    /// Initialises both controllers: lines 0 to 15 at the 16 vectors from `base` on, all masked but the cascade.
    pub fn initialise(base: u8) -> Self {
        for (command, data, vector, cascade) in
            [(FIRST_COMMAND, FIRST_DATA, base, 1 << CASCADE), (SECOND_COMMAND, SECOND_DATA, base + 8, CASCADE)]
        {
            data.write(0xFF);
            command.write(INITIALISE);
            data.write(vector);
            data.write(cascade);
            data.write(MODE_8086);
            data.write(0xFF);
            command.write(READ_IN_SERVICE);
        }
        let masked = !(1 << CASCADE);
        let keeps = |data: Port, value: u8| {
            data.write(value);
            data.read() == value
        };
        // An empty bus doesn't keep both.
        let both = [FIRST_DATA, SECOND_DATA].into_iter().all(|data| keeps(data, 0xFB) && keeps(data, 0xFF));
        let presence = if both { Presence::There } else { Presence::Absent };
        FIRST_DATA.write(masked as u8);
        let triggers = Triggers::of_firmware(u16::from_le_bytes([LEVEL_FIRST.read(), LEVEL_SECOND.read()]));
        Self { masked, triggers, presence }
    }

    /// Masks every line, the cascade too: the APICs deliver interrupts from now on. What this returns can still be
    /// read.
    pub fn retire(self) -> RetiredPic {
        FIRST_DATA.write(0xFF);
        SECOND_DATA.write(0xFF);
        RetiredPic { pic: self }
    }

    /// Reads what the registers say of a line (8259A data sheet, "Reading the 8259A Status"): those of edge-triggered
    /// lines keep a request that came while the line was masked.
    pub fn state(&self, line: u8) -> LineFlags {
        let (command, data) = if line < 8 { (FIRST_COMMAND, FIRST_DATA) } else { (SECOND_COMMAND, SECOND_DATA) };
        let bit = 1 << (line % 8);
        command.write(READ_REQUESTS);
        let requests = command.read();
        // This is the register that `arrival` expects to read.
        command.write(READ_IN_SERVICE);
        let mut flags = LineFlags::REQUEST_KNOWN;
        flags.set(LineFlags::REQUESTED, requests & bit != 0);
        flags.set(LineFlags::IN_SERVICE, command.read() & bit != 0);
        flags.set(LineFlags::MASKED, data.read() & bit != 0);
        flags.set(LineFlags::LEVEL, self.trigger(line) == Trigger::Level);
        flags
    }

    /// Tells whether a device may be on this line.
    pub const fn has_line(&self, line: u8) -> bool {
        matches!(self.presence, Presence::There) && line < PIC_LINES && line != CASCADE
    }

    /// Tells whether the chips are there.
    pub const fn presence(&self) -> Presence {
        self.presence
    }

    /// Gives the trigger of a line.
    pub const fn trigger(&self, line: u8) -> Trigger {
        self.triggers.of(line)
    }

    /// Sets the trigger of a line, or goes back to the trigger that the firmware had chosen.
    pub fn set_trigger(&mut self, line: u8, trigger: Option<Trigger>) {
        let before = self.triggers;
        self.triggers.set(line, trigger);
        if self.triggers != before {
            let [first, second] = self.triggers.now.to_le_bytes();
            LEVEL_FIRST.write(first);
            LEVEL_SECOND.write(second);
        }
    }

    /// Masks a line.
    #[optimize(speed)]
    pub fn mask(&mut self, line: u8) {
        if self.has_line(line) {
            self.masked |= 1 << line;
            self.write_mask(line);
        }
    }

    /// Unmasks a line.
    #[optimize(speed)]
    pub fn unmask(&mut self, line: u8) {
        if self.has_line(line) {
            self.masked &= !(1 << line);
            self.write_mask(line);
        }
    }

    /// Ends the interrupt of a line, at both controllers if it came through the cascade.
    #[optimize(speed)]
    pub fn end_of_interrupt(&mut self, line: u8) {
        if line >= 8 {
            SECOND_COMMAND.write(END_OF_INTERRUPT | line & 7);
            FIRST_COMMAND.write(END_OF_INTERRUPT | CASCADE);
        } else {
            FIRST_COMMAND.write(END_OF_INTERRUPT | line);
        }
    }

    /// Tells whether the interrupt of this line is a device's: only line 7 of each controller can be spurious. A
    /// spurious one of the second controller went through the first one's cascade, where it is ended here.
    pub fn arrival(&mut self, line: u8) -> Arrival {
        let in_service = match line {
            7 => FIRST_COMMAND.read(),
            15 => SECOND_COMMAND.read(),
            _ => return Arrival::Real,
        };
        if in_service & 1 << 7 != 0 {
            return Arrival::Real;
        }
        if line == 15 {
            FIRST_COMMAND.write(END_OF_INTERRUPT | CASCADE);
        }
        Arrival::Spurious
    }

    #[optimize(speed)]
    fn write_mask(&self, line: u8) {
        let [first, second] = self.masked.to_le_bytes();
        if line < 8 { FIRST_DATA.write(first) } else { SECOND_DATA.write(second) }
    }
}

/// 8259As that deliver nothing any more. ISA lines are still wired to them, and so are PCI's pins that firmware has
/// routed to an ISA line. So the 8259As can tell whether a device asserts its line, which an IOAPIC can't while it
/// masks it.
#[derive(Debug)]
pub struct RetiredPic {
    pic: Pic,
}

impl RetiredPic {
    /// Tells whether a level-triggered line is asserted, as far as that is known. The request of an edge-triggered line
    /// may be any that came since the start.
    pub fn requests(&self, line: u8) -> LineFlags {
        let is_level = self.pic.trigger(line) == Trigger::Level;
        if !self.pic.has_line(line) || !is_level {
            return LineFlags::empty();
        }
        self.pic.state(line) & (LineFlags::REQUESTED | LineFlags::REQUEST_KNOWN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cascade_is_nobodys_line() {
        let pic = Pic { masked: 0, triggers: Triggers::of_firmware(1 << 11), presence: Presence::There };
        assert!(!pic.has_line(2) && !pic.has_line(16) && pic.has_line(0) && pic.has_line(15));
        assert!((0..=255).all(|line| !Pic { presence: Presence::Absent, ..Pic::UNTOUCHED }.has_line(line)));
        assert_eq!((pic.trigger(11), pic.trigger(1), pic.trigger(200)), (Trigger::Level, Trigger::Edge, Trigger::Edge));
    }

    #[test]
    fn a_line_goes_back_to_the_firmwares_trigger() {
        for firmware in [0, 1 << 11, 0x0C00, !ALWAYS_EDGE] {
            for line in 0..=u8::MAX {
                let mut triggers = Triggers::of_firmware(firmware);
                let own = triggers.of(line);
                for other in [Trigger::Level, Trigger::Edge] {
                    triggers.set(line, Some(other));
                    let can_change = line < PIC_LINES && ALWAYS_EDGE & 1 << line == 0;
                    assert_eq!(triggers.of(line), if can_change { other } else { Trigger::Edge }, "line {line}");
                    triggers.set(line, None);
                    assert_eq!(triggers, Triggers::of_firmware(firmware), "line {line} was {own:?}");
                }
            }
        }
        assert_eq!(Triggers::of_firmware(u16::MAX), Triggers::default(), "no such registers");
    }
}
