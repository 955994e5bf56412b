//! Objects that are somebody's for a while. Closing a handle destroys nothing, so an object whose making fails half-way
//! would stay behind, charged to the program, without a handle to it.

use crate::OwnedHandle;
use core::mem::ManuallyDrop;
use core::ops::Deref;

/// An object that is destroyed when this is dropped, for all who have a handle to it. What makes an object in several
/// calls holds it by this from the first call on, and ends with [`Scoped::keep`].
#[derive(Debug)]
#[must_use = "the object is destroyed when this is dropped"]
pub struct Scoped<T: Into<OwnedHandle>>(ManuallyDrop<T>);

impl<T: Into<OwnedHandle>> Scoped<T> {
    /// The object, until this is dropped.
    pub const fn new(object: T) -> Self {
        Self(ManuallyDrop::new(object))
    }

    /// The object, which stays from now on.
    pub fn keep(mut self) -> T {
        // SAFETY: `self` is forgotten, so that nothing uses or drops the object again.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        core::mem::forget(self);
        object
    }
}

impl<T: Into<OwnedHandle>> Deref for Scoped<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Into<OwnedHandle>> Drop for Scoped<T> {
    fn drop(&mut self) {
        // SAFETY: nothing uses the object after its drop, which comes once.
        let object = unsafe { ManuallyDrop::take(&mut self.0) };
        // An error means that the object is gone already.
        let _ = object.into().destroy();
    }
}
