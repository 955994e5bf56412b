//! A frame that is zeroed in steps, ahead of its use.

use crate::frames::Frame;
use crate::machine::FramePart;

/// A frame of low memory that becomes a page table once all its parts are zeroed, one a call. It is charged to its
/// process from the start, and stays with the process even if the call that asked for it fails.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SpareFrame {
    /// The frame; 0 for none.
    frame: Frame,
    /// How many of its parts are zeroed.
    zeroed: u8,
}

impl SpareFrame {
    /// No frame.
    pub const NONE: Self = Self { frame: Frame(0), zeroed: 0 };

    /// Whether there is a frame, zeroed or not.
    pub fn is_some(&self) -> bool {
        self.frame != Frame(0)
    }

    /// The frame, for the tests.
    #[cfg(test)]
    pub fn frame(&self) -> Frame {
        self.frame
    }

    /// A frame comes, of which nothing is zeroed. There must be none.
    pub const fn begin(&mut self, frame: Frame) {
        *self = Self { frame, zeroed: 0 };
    }

    /// A frame that was taken comes back, still zeroed.
    pub const fn put_back(&mut self, frame: Frame) {
        *self = Self { frame, zeroed: FramePart::COUNT };
    }

    /// The part that is to be zeroed next, which counts as zeroed from now on.
    pub fn next_part(&mut self) -> Option<(Frame, FramePart)> {
        let part = FramePart::new(self.zeroed).filter(|_| self.is_some())?;
        self.zeroed += 1;
        Some((self.frame, part))
    }

    /// Takes the frame, if it is zeroed.
    pub fn take(&mut self) -> Option<Frame> {
        if self.zeroed >= FramePart::COUNT { self.give_up() } else { None }
    }

    /// Takes the frame, zeroed or not.
    pub fn give_up(&mut self) -> Option<Frame> {
        let frame = core::mem::take(self).frame;
        (frame != Frame(0)).then_some(frame)
    }
}
