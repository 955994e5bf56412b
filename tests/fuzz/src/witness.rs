//! The witness: a process of two threads that hold a pattern in every register and look whether it stays.
//!
//! One thread has the lowest priority: the victim and the conductor come in between any two of its instructions. The
//! other thread has the highest priority and waits for timers, so it comes in between any two instructions of the
//! victim.

use crate::memory::{Shared, sealed};
use crate::witness_code::{self, BYTES, SHEET_BYTES, Sheet};
use abi::{Access, PAGE_BYTES, Register, Rights};
use alloc::string::String;
use bellwire::{Endpoint, Instant, Limits, Process, Result, Thread, Timer, Trust};
use core::mem::offset_of;
use core::time::Duration;
use fuzz::layout::{WITNESS_CODE, WITNESS_SHEETS};
use suite::float::{Area, Level};

/// The badge of its exit and of its threads' faults.
pub const BADGE: u16 = 3;

/// The priorities of the two threads.
const PRIORITIES: [u8; 2] = [10, 50];

/// How often the second one wakes.
const PERIOD: Duration = Duration::from_micros(100);

const LIMITS: Limits = Limits { frames: 32, objects: 16, priority: PRIORITIES[1], trust: Trust::Contained };

/// The running witness.
pub struct Witness {
    threads: [Thread; 2],
    sheets: [Shared<Sheet>; 2],
    once: Timer,
    rounds: [usize; 2],
    _process: Process,
    _periodic: Timer,
    _endpoint: Endpoint,
}

impl Witness {
    /// Starts it. Its faults arrive at `events`.
    pub fn new(events: &Endpoint) -> Result<Self> {
        let process = Process::new(LIMITS, events, BADGE)?;
        let level = Level::detect();
        let code = sealed(&witness_code::code(level))?;
        code.map_into(&process, WITNESS_CODE, 0, PAGE_BYTES, Access::READ | Access::EXECUTE)?;
        let endpoint = Endpoint::new()?;
        let handle = process.grant(&endpoint, Rights::RECEIVE)?;
        let mut number = 0;
        let mut sheet = || {
            number += 1;
            let mut sheet = Sheet { filled: level.pattern(number), endpoint: handle, ..Sheet::EMPTY };
            for (register, word) in sheet.general.iter_mut().enumerate() {
                *word = (0x5A17_0F00_C3D2_E1B4_u64 as usize).rotate_left(register as u32 * 5) ^ number as usize;
            }
            Shared::new(sheet)
        };
        let sheets = [sheet()?, sheet()?];
        for (place, sheet) in sheets.iter().enumerate() {
            let address = WITNESS_SHEETS + place * SHEET_BYTES;
            sheet.memory.map_into(&process, address, 0, SHEET_BYTES, Access::READ | Access::WRITE)?;
        }
        let thread = |place: usize| -> Result<Thread> {
            let entry = WITNESS_CODE + place * BYTES;
            let thread = process.thread(entry, 0, PRIORITIES[place], Some((events, BADGE as u8)))?;
            let base = WITNESS_SHEETS + place * SHEET_BYTES + offset_of!(Sheet, general);
            // SAFETY: the thread is another process's.
            unsafe { thread.set_register(Register::FsBase, base) }?;
            thread.start([0; 4])?;
            Ok(thread)
        };
        let threads = [thread(0)?, thread(1)?];
        let periodic = Timer::new(&endpoint, 1)?;
        let once = Timer::new(&endpoint, 2)?;
        periodic.set_periodic(Instant::now() + PERIOD, PERIOD)?;
        Ok(Self { threads, sheets, once, rounds: [0; 2], _process: process, _periodic: periodic, _endpoint: endpoint })
    }

    /// Wakes the thread of the highest priority in this count of nanoseconds.
    pub fn wake_in(&self, nanoseconds: usize) -> Result<()> {
        self.once.set(Instant::now() + Duration::from_nanos(nanoseconds as u64))
    }

    /// Both must have looked since they were last asked.
    pub fn check_life(&mut self) -> Result<(), String> {
        let rounds = [0, 1].map(|place: usize| {
            self.sheets[place].read_field(|sheet| sheet.wrapping_byte_add(offset_of!(Sheet, rounds)).cast())
        });
        for (now, before) in rounds.iter().zip(self.rounds) {
            if *now == before {
                return Err(alloc::format!("a witness doesn't look any more, after {before} rounds"));
            }
        }
        self.rounds = rounds;
        Ok(())
    }

    /// How often they have looked, for the summary.
    pub fn rounds(&self) -> [usize; 2] {
        self.rounds
    }

    /// The finding of the witness whose `ud2` is at this address.
    pub fn finding(&self, instruction: usize) -> String {
        let place = instruction.wrapping_sub(WITNESS_CODE) / BYTES;
        let Some(thread) = self.threads.get(place) else {
            return alloc::format!("a witness was at {instruction:#x}");
        };
        let mut text = alloc::format!("witness {place} found a difference:");
        for number in 0..=Register::FsBase as usize {
            let register = Register::from_number(number).map(|register| (register, thread.register(register)));
            if let Some((register, Ok(value))) = register {
                text += &alloc::format!(" {register:?} {value:x}");
            }
        }
        let [expected, found] = [
            self.sheets[place].read_field(|sheet| sheet.wrapping_byte_add(offset_of!(Sheet, expected)).cast::<Area>()),
            self.sheets[place].read_field(|sheet| sheet.wrapping_byte_add(offset_of!(Sheet, found)).cast::<Area>()),
        ];
        // The areas as a whole: the witness compares reserved places, too.
        if let Some(at) = expected.0.iter().zip(&found.0).position(|(one, other)| one != other) {
            let bytes = |area: &Area| alloc::format!("{:x?}", &area.0[at & !15..][..16]);
            text += &alloc::format!(" floating point at {at}: {} not {}", bytes(&found), bytes(&expected));
        }
        text
    }
}
