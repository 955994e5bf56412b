//! A thread's saved registers.
//!
//! The entry stubs save straight into the frame of the thread that runs: TSS.rsp0 or esp0 is the frame's end. If the
//! way out of the kernel faults, the stubs write a few words below the frame before they know that. `room` keeps place
//! for these.

#[cfg_attr(target_arch = "x86", path = "context/i686.rs")]
#[cfg_attr(target_arch = "x86_64", path = "context/x86_64.rs")]
mod width;

use crate::cpu::idle;
use crate::cpu::segments::load_thread_pointer;
use crate::current::is_current;
use crate::fpu::Area;
use abi::{Message, Register, Tag};
use bitflags::bitflags;
use kernel::frames;
use kernel::machine::{self, Resume};
use x86_entry::TrapFrame;
use x86_entry::vector::REQUIRES_IRET;

/// Flags that a program may have: arithmetic, DF, TF, RF, AC, ID. Not NT, which would make `iret` a task switch.
pub(crate) const USER_FLAGS: u32 = 0x0DD5 | 1 << 16 | 1 << 18 | 1 << 21;
/// IF, and the bit that is always set.
const INITIAL_FLAGS: usize = 1 << 9 | 1 << 1;

/// The saved registers of a thread.
#[repr(C, align(16))]
#[derive(Debug)]
pub struct ThreadContext {
    room: [u8; TrapFrame::BYTES_BELOW],
    pub(crate) frame: TrapFrame,
    /// The base of the FS segment: the thread pointer.
    pub(crate) fs_base: usize,
    /// The area of its floating-point state, if the thread has used any.
    pub(crate) area: Area,
    /// The value of CR3 while the thread runs.
    pub(crate) root: usize,
    /// What a switch to the thread has to load besides.
    pub(crate) extras: Extras,
}

bitflags! {
    /// What most threads don't have. A switch between two threads without any of it loads nothing. The bits are in the
    /// upper half, so that they fit into one word with selectors.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(crate) struct Extras: u32 {
        /// Floating-point state.
        const FLOATING_POINT = 1 << 16;
        /// A thread pointer.
        const THREAD_POINTER = 1 << 17;
        /// Ports; a process that has lost all its ports keeps this.
        const PORTS = 1 << 18;
    }
}

const _: () = assert!(Extras::all().bits() & 0xFFFF == 0, "selectors, or-ed, take the lower half of the same word");

const _: () = assert!(
    core::mem::offset_of!(ThreadContext, frame) == TrapFrame::BYTES_BELOW && TrapFrame::BYTES_BELOW.is_multiple_of(16),
    "the frame must follow its room directly and, on x86_64, end on 16 bytes"
);

impl machine::Context for ThreadContext {
    const EMPTY: Self = {
        // SAFETY: registers are integers, for which zero is a value.
        let frame = unsafe { core::mem::MaybeUninit::<TrapFrame>::zeroed().assume_init() };
        Self {
            room: [0; TrapFrame::BYTES_BELOW],
            frame,
            fs_base: 0,
            area: Area::NONE,
            root: 0,
            extras: Extras::empty(),
        }
    };

    fn start(&mut self, entry: usize, stack: usize) {
        self.frame = Self::user_frame(entry, stack);
        self.finish_frame();
    }

    fn start_idle(&mut self) {
        self.frame = Self::kernel_frame(idle::address(), &raw const self.frame);
        self.finish_frame();
    }

    #[inline(always)]
    fn message(&self) -> Message {
        self.read_message()
    }

    #[inline(always)]
    fn word(&self, index: usize) -> usize {
        self.read_message().words[index]
    }

    #[inline(always)]
    fn set_word(&mut self, index: usize, word: usize) {
        *self.word_registers()[index] = word as _;
    }

    #[inline(always)]
    fn set_tag(&mut self, tag: Tag) {
        self.write_tag(tag);
    }

    #[inline(always)]
    fn handle(&self) -> u32 {
        self.read_handle()
    }

    #[inline(always)]
    fn set_message(&mut self, message: Message) {
        self.write_message(message);
    }

    #[inline(always)]
    fn deliver(&mut self, message: Message) -> Resume {
        self.pass_message(message)
    }

    fn register(&self, register: Register) -> Option<usize> {
        self.read_register(register)
    }

    fn set_register(&mut self, register: Register, value: usize) -> Option<()> {
        self.write_register(register, value)?;
        if register == Register::FsBase {
            self.extras |= Extras::THREAD_POINTER;
            if is_current(&self.frame) {
                load_thread_pointer(self.fs_base);
            }
        }
        Some(())
    }

    fn attach_floating_point(&mut self, area: frames::Frame) {
        self.area = Area::of(area);
        self.extras |= Extras::FLOATING_POINT;
    }
}

impl ThreadContext {
    fn finish_frame(&mut self) {
        self.frame.vector = REQUIRES_IRET as _;
        self.frame.set_flags(INITIAL_FLAGS);
        self.fs_base = 0;
        self.area = Area::NONE;
        self.extras = Extras::empty();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use abi::Tag;
    use kernel::machine::Context as _;

    fn started() -> ThreadContext {
        let mut context = ThreadContext::EMPTY;
        context.start(0x40_0000, 0x7000_0000);
        context
    }

    #[test]
    fn a_started_thread_is_in_ring_3_with_interrupts_on() {
        let context = started();
        assert!(context.frame.from_user());
        assert_eq!(context.register(Register::Ip), Some(0x40_0000));
        assert_eq!(context.register(Register::Sp), Some(0x7000_0000));
        assert_eq!(context.register(Register::Flags), Some(0x202));
        for register in [Register::Ax, Register::Bx, Register::Di, Register::Bp, Register::FsBase] {
            assert_eq!(context.register(register), Some(0));
        }
    }

    #[test]
    fn messages_read_back() {
        let mut context = started();
        let message = Message::new(Tag(0x1234_5678), [1, 2, 3, 4]);
        context.set_message(message);
        assert_eq!(context.message(), message);
        assert_eq!(context.handle(), 0);
    }

    #[test]
    fn flags_that_would_give_power_are_not_taken() {
        let mut context = started();
        context.set_register(Register::Flags, usize::MAX).expect("flags can be written");
        let flags = context.register(Register::Flags).expect("flags can be read");
        assert_eq!(flags & (3 << 12), 0, "IOPL");
        assert_eq!(flags & (1 << 14 | 1 << 17 | 1 << 19 | 1 << 20), 0, "NT, VM, VIF, VIP");
        assert_ne!(flags & 1 << 9, 0, "IF stays");
        context.set_register(Register::Flags, 0).expect("flags can be written");
        assert_eq!(context.register(Register::Flags), Some(0x202));
    }

    #[test]
    fn kernel_addresses_are_not_taken() {
        let mut context = started();
        assert_eq!(context.set_register(Register::Ip, usize::MAX), None);
        assert_eq!(context.register(Register::Ip), Some(0x40_0000));
        #[cfg(target_arch = "x86_64")]
        assert_eq!(context.set_register(Register::FsBase, 1 << 47), None);
    }

    #[test]
    fn every_register_reads_back() {
        let mut context = started();
        for number in 0..19 {
            let Some(register) = Register::from_number(number) else { continue };
            if register == Register::Flags || context.register(register).is_none() {
                continue;
            }
            context.set_register(register, 0x1000 + number).expect("a plain value");
        }
        for number in 0..19 {
            let Some(register) = Register::from_number(number) else { continue };
            if register != Register::Flags && context.register(register).is_some() {
                assert_eq!(context.register(register), Some(0x1000 + number));
            }
        }
    }
}
