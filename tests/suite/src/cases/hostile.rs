//! What a hostile program tries: each ends as that program's fault or as no effect, with everybody else unharmed. The
//! techniques are those of published holes in the entry code of other kernels.

use crate::case::{Case, Failure, Outcome};
use crate::partner::Partner;
use crate::system::is_emulated;
use crate::system::{PRIORITY, System, receive, receive_before};
use crate::worker::{STACK_BYTES, Worker};
use crate::{cases, check, check_eq};
use abi::{Access, Kind, Register};
use bellwire::{Endpoint, Error, Handle, Instant, Mapping, Memory, Thread, raw};
use core::time::Duration;
use suite::code;

pub const CASES: &[Case] = cases!["hostile":
    instruction_pointers_that_are_none, flags_that_are_not_the_programs, far_jumps_to_every_selector,
    segment_loads_of_every_selector, returns_to_every_selector, a_local_table_of_ones_own, random_registers,
    random_instructions, the_kernel_is_unharmed,
];

fn at(function: extern "C" fn()) -> usize {
    function as *const () as usize
}

/// A thread with faults of its own, below this one.
struct Victim {
    worker: Worker,
    faults: Endpoint,
}

impl Victim {
    fn new(entry: usize) -> Result<Self, Failure> {
        let faults = Endpoint::new()?;
        let worker = Worker::prepare(PRIORITY - 5, entry, Some((&faults, 0)), STACK_BYTES)?;
        Ok(Self { worker, faults })
    }

    fn set(&self, register: Register, value: usize) -> Result<(), Error> {
        raw::thread_write(self.worker.thread.raw(), [register as usize, value, 0, 0]).map(drop)
    }

    /// Runs it until it faults: vector and error code.
    fn fault(&self) -> Result<(u8, usize), Failure> {
        self.worker.thread.start([0; 4])?;
        let message = receive(&self.faults)?;
        check_eq!(message.tag.kind(), Kind::Fault);
        Ok((message.tag.label(), message.words[0]))
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = raw::destroy(self.worker.thread.raw(), [0; 4]);
        while raw::destroy(self.faults.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

/// Memory with code made at run time, gone with it.
struct Generated {
    memory: Memory,
    mapping: Option<Mapping>,
}

impl Generated {
    fn new(code: &[u8]) -> Result<Self, Failure> {
        let memory = Memory::new(code.len())?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(0, code);
        memory.seal()?;
        let mapping = Some(memory.map(Access::READ | Access::EXECUTE)?);
        Ok(Self { memory, mapping })
    }

    fn address(&self) -> usize {
        self.mapping.as_ref().map_or(0, Mapping::address)
    }
}

impl Drop for Generated {
    fn drop(&mut self) {
        drop(self.mapping.take());
        while raw::destroy(self.memory.raw(), [0; 4]).is_ok_and(|message| message.words[0] != 0) {}
    }
}

/// CVE-2006-0744, CVE-2012-0217, CVE-2014-4699: returns to addresses that a return instruction faults on, in ring 0.
fn instruction_pointers_that_are_none(_: &System) -> Outcome {
    let odd = [0, abi::USER_END, usize::MAX, 1 << (usize::BITS - 1), (1 << (usize::BITS - 17)) - 1, 0xFFFF_F000];
    for pointer in odd {
        let victim = Victim::new(at(code::spin))?;
        match victim.set(Register::Ip, pointer) {
            Err(Error::BadArgument) => continue,
            result => result?,
        }
        let (vector, _) = victim.fault()?;
        check!(vector == 13 || vector == 14, "vector {vector} at {pointer:#x}");
    }
    // A system call in the last bytes of user space, whose return lands behind it.
    const CALLS: [&[u8]; 2] =
        if cfg!(target_arch = "x86_64") { [&[0xCD, 0x80], &[0x0F, 0x05]] } else { [&[0xCD, 0x80]; 2] };
    for call in CALLS {
        let memory = Memory::new(abi::PAGE_BYTES)?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(abi::PAGE_BYTES - call.len(), call);
        memory.seal()?;
        memory.map_at(None, abi::USER_END - abi::PAGE_BYTES, 0, abi::PAGE_BYTES, Access::READ | Access::EXECUTE)?;
        let victim = Victim::new(abi::USER_END - call.len())?;
        victim.worker.thread.start([0; 4])?;
        let message = receive(&victim.faults)?;
        let [_, address, instruction, _] = message.words;
        check!([13, 14].contains(&message.tag.label()), "{message:x?}");
        check_eq!(instruction, abi::USER_END);
        check!(message.tag.label() == 13 || address == abi::USER_END, "the address {address:#x}");
        drop(victim);
        memory.destroy()?;
    }
    Ok(())
}

/// Flags that only the kernel may set stay as they are.
fn flags_that_are_not_the_programs(_: &System) -> Outcome {
    const PRIVILEGED: usize = 0x3000 | 1 << 17 | 1 << 19 | 1 << 20;
    const INTERRUPTS: usize = 1 << 9;
    for flags in [usize::MAX & !(1 << 8), 0, PRIVILEGED] {
        let victim = Victim::new(at(code::undefined))?;
        match victim.set(Register::Flags, flags) {
            Ok(()) | Err(Error::BadArgument) => {}
            Err(error) => return Err(error.into()),
        }
        check_eq!(victim.fault()?.0, 6, "with flags {flags:#x}");
        let found = victim.worker.thread.register(Register::Flags)?;
        check_eq!(found & PRIVILEGED, 0, "privileged flags after {flags:#x}: {found:#x}");
        check!(found & INTERRUPTS != 0, "interrupts off");
    }
    Ok(())
}

/// A far jump through memory at `cx`: to the kernel's segments, through gates that aren't there, to nothing.
fn far_jumps_to_every_selector(_: &System) -> Outcome {
    // jmp far [ecx], [rcx]; ud2
    let generated = Generated::new(&[0xFF, 0x29, 0x0F, 0x0B])?;
    for selector in (0_u16..0x100).chain([0xFFF8, 0xFFFF]) {
        let mut pointer = [0_u8; 8];
        // Inside the page, where user code may land: the `ud2`.
        pointer[..4].copy_from_slice(&((generated.address() + 2) as u32).to_le_bytes());
        pointer[4..6].copy_from_slice(&selector.to_le_bytes());
        let victim = Victim::new(generated.address())?;
        victim.set(Register::Cx, pointer.as_ptr() as usize)?;
        let (vector, error) = victim.fault()?;
        let expected = [(6, 0), (13, selector as usize & !3), (11, selector as usize & !3)];
        check!(expected.contains(&(vector, error)), "selector {selector:#x}: vector {vector}, error {error:#x}");
    }
    Ok(())
}

fn segment_loads_of_every_selector(_: &System) -> Outcome {
    for selector in (0..0x100).chain([0xFFF8, 0xFFFF]) {
        for entry in [code::load_data_segment as extern "C" fn(), code::load_extra_segment, code::load_stack_segment] {
            let victim = Victim::new(at(entry))?;
            victim.set(Register::Cx, selector)?;
            let (vector, error) = victim.fault()?;
            // What is loaded is harmless: the thread comes to the `ud2`, or to an access by a null segment.
            let expected = [(6, 0), (13, selector & !3), (13, 0), (12, selector & !3), (11, selector & !3)];
            check!(expected.contains(&(vector, error)), "selector {selector:#x}: vector {vector}, error {error:#x}");
        }
    }
    Ok(())
}

/// CVE-2014-9090, CVE-2014-9322 and others: a stack of one's own for `iret`, with every selector in it.
fn returns_to_every_selector(_: &System) -> Outcome {
    // iretd or iretq; ud2
    let return_code: &[u8] =
        if cfg!(target_arch = "x86_64") { &[0x48, 0xCF, 0x0F, 0x0B] } else { &[0xCF, 0x0F, 0x0B, 0x90] };
    let generated = Generated::new(return_code)?;
    let behind = generated.address() + return_code.len().min(2) + usize::from(cfg!(target_arch = "x86_64")) - 1;
    for selector in (0_usize..0x80).chain([0xFFF8, 0xFFFF]) {
        // Instruction pointer, code segment, flags, stack pointer, stack segment.
        let own_code = own_code_segment();
        for frame in [[behind, selector, 0x202, 0, 0], [behind, own_code, 0x202, 0x1000, selector]] {
            let victim = Victim::new(generated.address())?;
            victim.set(Register::Sp, frame.as_ptr() as usize)?;
            let (vector, _) = victim.fault()?;
            check!([6, 11, 12, 13, 14].contains(&vector), "selector {selector:#x}: vector {vector}");
        }
    }
    // Back to ring 0, by name: refused. The emulator reads the stack with the kernel's rights, which SMAP refuses.
    let frame = [behind, 0x08, 0x202, 0, 0];
    let victim = Victim::new(generated.address())?;
    victim.set(Register::Sp, frame.as_ptr() as usize)?;
    let found = victim.fault()?;
    check!(found == (13, 8) || is_emulated() && found == (14, 1), "a return to the kernel's code segment: {found:?}");
    Ok(())
}

fn own_code_segment() -> usize {
    let selector: usize;
    // SAFETY: reads a register.
    unsafe { core::arch::asm!("mov {0:e}, cs", out(reg) selector, options(nomem, nostack, preserves_flags)) };
    selector & 0xFFFF
}

/// The CPU has a local descriptor table at address 0 from its reset on, until the kernel takes it away.
fn a_local_table_of_ones_own(_: &System) -> Outcome {
    const PLACE: usize = 0x1000;
    let memory = Memory::new(abi::PAGE_BYTES)?;
    memory.map_at(None, PLACE, 0, abi::PAGE_BYTES, Access::READ | Access::WRITE)?;
    let table = PLACE as *mut [u8; 8];
    for entry in 0..abi::PAGE_BYTES / 8 {
        // A flat writable data segment of ring 3.
        let descriptor = [0xFF, 0xFF, 0, 0, 0, 0xF3, 0xCF, 0];
        // SAFETY: the page was just mapped for this.
        unsafe { table.wrapping_add(entry).write_volatile(descriptor) };
    }
    for entry in [PLACE, PLACE + 8, PLACE + 0xFF8] {
        let selector = entry | 7;
        let victim = Victim::new(at(code::load_data_segment))?;
        victim.set(Register::Cx, selector)?;
        check_eq!(victim.fault()?, (13, selector & !3), "selector {selector:#x}");
    }
    memory.destroy()?;
    Ok(())
}

/// Numbers that look random, always the same.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// Often a number that matters.
    fn odd(&mut self) -> usize {
        match self.next() % 6 {
            0 => 0,
            1 => usize::MAX,
            2 => abi::USER_END,
            3 => 1 << (self.next() % u64::from(usize::BITS)),
            4 => (self.next() % 0x1_0000) as usize,
            _ => self.next() as usize,
        }
    }
}

/// Registers of all kinds at an instruction that faults, and at one that an interrupt comes to.
fn random_registers(_: &System) -> Outcome {
    let mut random = Random(0x0123_4567_89AB_CDEF);
    for round in 0..200 {
        let entry = if round % 4 == 0 { at(code::spin) } else { at(code::undefined) };
        let victim = Victim::new(entry)?;
        for number in (0..=18).filter(|number| *number != Register::Ip as usize) {
            let Some(register) = Register::from_number(number) else { continue };
            let value = match register {
                Register::Flags => random.odd() & !(1 << 8),
                _ => random.odd(),
            };
            match victim.set(register, value) {
                Ok(()) | Err(Error::BadArgument) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if entry == at(code::spin) {
            victim.worker.thread.start([random.odd(); 4])?;
            receive_before(&victim.faults, Instant::now() + Duration::from_micros(200)).err();
        } else {
            check_eq!(victim.fault()?.0, 6, "round {round}");
        }
    }
    Ok(())
}

/// Bytes that look random as instructions, in a process that has nothing: no handle, no port, one page to write to.
fn random_instructions(_: &System) -> Outcome {
    const CODE: usize = 0x0040_0000;
    const DATA: usize = 0x0050_0000;
    let mut random = Random(0xFEDC_BA98_7654_3210);
    let faults = Endpoint::new()?;
    for round in 0..150 {
        let mut code = [0_u8; 256];
        for bytes in code.chunks_mut(8) {
            bytes.copy_from_slice(&random.next().to_le_bytes());
        }
        let mut partner = Partner::new(77, 10, [16, 16])?;
        let memory = Memory::new(abi::PAGE_BYTES)?;
        memory.map(Access::READ | Access::WRITE)?.write_bytes(0, &code);
        memory.seal()?;
        partner.give(memory, CODE, Access::READ | Access::EXECUTE)?;
        partner.give(Memory::new(abi::PAGE_BYTES)?, DATA, Access::READ | Access::WRITE)?;
        let words = [CODE, DATA + abi::PAGE_BYTES, 10, faults.raw() as usize];
        partner.thread = Thread::from_raw(raw::thread_create(partner.process.raw(), words)?.words[0] as u32);
        partner.thread.start([DATA + 2048; 4])?;
        // It goes on behind each of its first faults.
        for step in 1..8 {
            match receive_before(&faults, Instant::now() + Duration::from_micros(300)) {
                Ok(message) if message.tag.kind() == Kind::Fault => {
                    let next = CODE + (step * 31) % code.len();
                    raw::thread_write(partner.thread.raw(), [Register::Ip as usize, next, 0, 0])?;
                    raw::reply(abi::NO_HANDLE, [0; 4])?;
                }
                // It runs on, waits, or has ended itself.
                Err(Error::TimedOut) => break,
                other => return Err(Failure::new(alloc::format!("round {round}: {other:?}"))),
            }
        }
    }
    while raw::destroy(faults.raw(), [0; 4])?.words[0] != 0 {}
    Ok(())
}

/// After all that: everything still does what it did.
fn the_kernel_is_unharmed(system: &System) -> Outcome {
    let endpoint = Endpoint::new()?;
    endpoint.notify(1)?;
    check_eq!(receive(&endpoint)?.words[0], 1);
    system.sleep(Duration::from_millis(1))?;
    endpoint.destroy()?;
    Ok(())
}
