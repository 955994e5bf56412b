//! What a process may use of frames and objects, and uses.

/// What a process may use and uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    frames: u32,
    frames_used: u32,
    objects: u32,
    objects_used: u32,
}

impl Quota {
    /// That many frames and objects, of which none is used.
    pub const fn new(frames: u32, objects: u32) -> Self {
        Self { frames, frames_used: 0, objects, objects_used: 0 }
    }

    /// Frames that the process may use.
    pub const fn frames(&self) -> u32 {
        self.frames
    }

    /// Frames that it uses, given-away quota included.
    pub const fn frames_used(&self) -> u32 {
        self.frames_used
    }

    /// Objects that it may use.
    pub const fn objects(&self) -> u32 {
        self.objects
    }

    /// Objects that it uses, given-away quota included.
    pub const fn objects_used(&self) -> u32 {
        self.objects_used
    }

    /// Lets the process use more frames.
    pub const fn grow(&mut self, frames: u32) {
        self.frames = self.frames.saturating_add(frames);
    }

    /// Gives up frames and objects that are used: they are in this quota no more, and another's use from now on.
    pub const fn cede(&mut self, frames: u32, objects: u32) {
        self.frames = self.frames.saturating_sub(frames);
        self.frames_used = self.frames_used.saturating_sub(frames);
        self.objects = self.objects.saturating_sub(objects);
        self.objects_used = self.objects_used.saturating_sub(objects);
    }

    /// Charges frames and objects, or leaves everything as it was.
    pub fn charge(&mut self, frames: u32, objects: u32) -> Option<()> {
        let frames_used = self.frames_used.checked_add(frames).filter(|used| *used <= self.frames)?;
        let objects_used = self.objects_used.checked_add(objects).filter(|used| *used <= self.objects)?;
        self.frames_used = frames_used;
        self.objects_used = objects_used;
        Some(())
    }

    /// Takes a charge back.
    pub fn refund(&mut self, frames: u32, objects: u32) {
        self.frames_used = self.frames_used.saturating_sub(frames);
        self.objects_used = self.objects_used.saturating_sub(objects);
    }
}
