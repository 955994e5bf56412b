//! A thread's registers on x86_64.

use crate::context::{ThreadContext, USER_FLAGS};
use abi::{Message, Register, Tag};
use kernel::machine::Resume;
use x86_entry::{GlobalDescriptorTable, TrapFrame};

/// The addresses that user mode may go to and keep in FS base: the lower canonical half.
const USER_LIMIT: usize = 1 << 47;

impl ThreadContext {
    /// Makes a frame that enters ring 3.
    pub(crate) fn user_frame(entry: usize, stack: usize) -> TrapFrame {
        TrapFrame {
            rip: entry as u64,
            rsp: stack as u64,
            cs: GlobalDescriptorTable::SELECTORS.user_code.into(),
            ss: GlobalDescriptorTable::SELECTORS.user_data.into(),
            ..TrapFrame::default()
        }
    }

    /// Makes a frame that enters ring 0, and whose interrupts are saved in the frame at `place`. The CPU pushes from a
    /// stack pointer that it aligns to 16, and a frame ends at a multiple of 16.
    pub(crate) fn kernel_frame(entry: usize, place: *const TrapFrame) -> TrapFrame {
        TrapFrame {
            rip: entry as u64,
            rsp: place.wrapping_add(1) as u64,
            cs: GlobalDescriptorTable::SELECTORS.kernel_code.into(),
            ss: GlobalDescriptorTable::SELECTORS.kernel_data.into(),
            ..TrapFrame::default()
        }
    }

    #[inline(always)]
    pub(crate) fn read_message(&self) -> Message {
        let frame = &self.frame;
        let words = [frame.rsi as usize, frame.rdx as usize, frame.r8 as usize, frame.r9 as usize];
        Message { tag: Tag(frame.rdi as u32), words }
    }

    #[inline(always)]
    pub(crate) fn read_handle(&self) -> u32 {
        self.frame.rax as u32
    }

    /// Hands a message to the way out. The message registers are C's for arguments, so that they hold it all the way.
    #[inline(always)]
    pub(crate) fn pass_message(&mut self, message: Message) -> Resume {
        Resume::With(message)
    }

    #[inline(always)]
    pub(crate) fn write_tag(&mut self, tag: Tag) {
        self.frame.rax = 0;
        self.frame.rdi = u64::from(tag.0);
    }

    /// Gives the registers of the message's words.
    #[inline(always)]
    pub(crate) fn word_registers(&mut self) -> [&mut u64; 4] {
        let frame = &mut self.frame;
        [&mut frame.rsi, &mut frame.rdx, &mut frame.r8, &mut frame.r9]
    }

    #[inline(always)]
    pub(crate) fn write_message(&mut self, message: Message) {
        self.write_tag(message.tag);
        let frame = &mut self.frame;
        let [word0, word1, word2, word3] = message.words;
        [frame.rsi, frame.rdx, frame.r8, frame.r9] = [word0 as u64, word1 as u64, word2 as u64, word3 as u64];
    }

    pub(crate) fn read_register(&self, register: Register) -> Option<usize> {
        let frame = &self.frame;
        Some(match register {
            Register::Ax => frame.rax,
            Register::Bx => frame.rbx,
            Register::Cx => frame.rcx,
            Register::Dx => frame.rdx,
            Register::Si => frame.rsi,
            Register::Di => frame.rdi,
            Register::Bp => frame.rbp,
            Register::Sp => frame.rsp,
            Register::R8 => frame.r8,
            Register::R9 => frame.r9,
            Register::R10 => frame.r10,
            Register::R11 => frame.r11,
            Register::R12 => frame.r12,
            Register::R13 => frame.r13,
            Register::R14 => frame.r14,
            Register::R15 => frame.r15,
            Register::Ip => frame.rip,
            Register::Flags => frame.rflags,
            Register::FsBase => self.fs_base as u64,
        } as usize)
    }

    pub(crate) fn write_register(&mut self, register: Register, value: usize) -> Option<()> {
        // A frame that `syscall` saved loses some registers if it goes back the same way.
        self.frame.require_iret();
        let frame = &mut self.frame;
        *match register {
            Register::Ax => &mut frame.rax,
            Register::Bx => &mut frame.rbx,
            Register::Cx => &mut frame.rcx,
            Register::Dx => &mut frame.rdx,
            Register::Si => &mut frame.rsi,
            Register::Di => &mut frame.rdi,
            Register::Bp => &mut frame.rbp,
            Register::Sp => &mut frame.rsp,
            Register::R8 => &mut frame.r8,
            Register::R9 => &mut frame.r9,
            Register::R10 => &mut frame.r10,
            Register::R11 => &mut frame.r11,
            Register::R12 => &mut frame.r12,
            Register::R13 => &mut frame.r13,
            Register::R14 => &mut frame.r14,
            Register::R15 => &mut frame.r15,
            Register::Ip if value < USER_LIMIT => &mut frame.rip,
            Register::Flags => {
                frame.rflags = frame.rflags & !u64::from(USER_FLAGS) | value as u64 & u64::from(USER_FLAGS);
                return Some(());
            }
            Register::FsBase if value < USER_LIMIT => {
                self.fs_base = value;
                return Some(());
            }
            Register::Ip | Register::FsBase => return None,
        } = value as u64;
        Some(())
    }
}
