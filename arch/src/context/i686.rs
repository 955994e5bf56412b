//! A thread's registers on i686.

use crate::context::{ThreadContext, USER_FLAGS};
use crate::cpu::segments::{THREAD_SELECTOR, thread_selector};
use crate::layout;
use abi::{Message, Register, Tag};
use kernel::machine::Resume;
use x86_entry::vector::FAST_CALL;
use x86_entry::{GlobalDescriptorTable, TrapFrame};

/// Tells whether user mode may be sent to an address: one below the kernel, or in the call page, where threads wait.
const fn is_user_code(address: usize) -> bool {
    let page = address & !(abi::PAGE_BYTES - 1);
    address < layout::KERNEL_BASE || page == abi::CALL_PAGE_I686 as usize
}

impl ThreadContext {
    /// Makes a frame that enters ring 3.
    pub(crate) fn user_frame(entry: usize, stack: usize) -> TrapFrame {
        let data = GlobalDescriptorTable::SELECTORS.user_data;
        TrapFrame {
            eip: entry as u32,
            cs: GlobalDescriptorTable::SELECTORS.user_code.into(),
            ds: data.into(),
            es: data.into(),
            esp: stack as u32,
            ss: data.into(),
            ..TrapFrame::default()
        }
    }

    /// Makes a frame that enters ring 0. Its stack pointer is right above the flags of the frame at `place`, from where
    /// the CPU pushes the next interrupt into the very same frame.
    pub(crate) fn kernel_frame(entry: usize, place: *const TrapFrame) -> TrapFrame {
        let data = GlobalDescriptorTable::SELECTORS.kernel_data;
        TrapFrame {
            eip: entry as u32,
            cs: GlobalDescriptorTable::SELECTORS.kernel_code.into(),
            ds: data.into(),
            es: data.into(),
            esp: place.wrapping_add(1) as u32 - TrapFrame::SAME_RING_GAP as u32,
            ss: data.into(),
            ..TrapFrame::default()
        }
    }

    #[inline(always)]
    pub(crate) fn read_message(&self) -> Message {
        let frame = &self.frame;
        let words = [frame.ebx as usize, frame.esi as usize, frame.edi as usize, frame.ebp as usize];
        Message { tag: Tag(frame.eax), words }
    }

    #[inline(always)]
    pub(crate) fn read_handle(&self) -> u32 {
        self.frame.edx
    }

    /// Puts a message into the saved registers: most message registers don't survive the way out.
    #[inline(always)]
    pub(crate) fn pass_message(&mut self, message: Message) -> Resume {
        self.write_message(message);
        Resume::Saved
    }

    #[inline(always)]
    pub(crate) fn write_message(&mut self, message: Message) {
        self.write_tag(message.tag);
        let frame = &mut self.frame;
        let [word0, word1, word2, word3] = message.words;
        [frame.ebx, frame.esi, frame.edi, frame.ebp] = [word0 as u32, word1 as u32, word2 as u32, word3 as u32];
    }

    #[inline(always)]
    pub(crate) fn write_tag(&mut self, tag: Tag) {
        self.frame.eax = tag.0;
    }

    /// Gives the registers of the message's words.
    #[inline(always)]
    pub(crate) fn word_registers(&mut self) -> [&mut u32; 4] {
        let frame = &mut self.frame;
        [&mut frame.ebx, &mut frame.esi, &mut frame.edi, &mut frame.ebp]
    }

    pub(crate) fn read_register(&self, register: Register) -> Option<usize> {
        let frame = &self.frame;
        Some(match register {
            Register::Ax => frame.eax as usize,
            Register::Bx => frame.ebx as usize,
            Register::Cx => frame.ecx as usize,
            Register::Dx => frame.edx as usize,
            Register::Si => frame.esi as usize,
            Register::Di => frame.edi as usize,
            Register::Bp => frame.ebp as usize,
            Register::Sp => frame.esp as usize,
            Register::Ip => frame.eip as usize,
            Register::Flags => frame.eflags as usize,
            Register::FsBase => self.fs_base,
            _ => return None,
        })
    }

    pub(crate) fn write_register(&mut self, register: Register, value: usize) -> Option<()> {
        if self.frame.vector() == FAST_CALL {
            // The frame of a fast call holds no segments.
            self.frame.fs = thread_selector(self.fs_base).into();
            self.frame.gs = 0;
        }
        // A frame that `sysenter` saved loses some registers if it goes back the same way.
        self.frame.require_iret();
        let frame = &mut self.frame;
        *match register {
            Register::Ax => &mut frame.eax,
            Register::Bx => &mut frame.ebx,
            Register::Cx => &mut frame.ecx,
            Register::Dx => &mut frame.edx,
            Register::Si => &mut frame.esi,
            Register::Di => &mut frame.edi,
            Register::Bp => &mut frame.ebp,
            Register::Ip if is_user_code(value) => &mut frame.eip,
            Register::Sp => &mut frame.esp,
            Register::Flags => {
                frame.eflags = frame.eflags & !USER_FLAGS | value as u32 & USER_FLAGS;
                return Some(());
            }
            Register::FsBase => {
                self.fs_base = value;
                frame.fs = THREAD_SELECTOR.into();
                return Some(());
            }
            _ => return None,
        } = value as u32;
        Some(())
    }
}
