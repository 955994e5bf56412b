//! Handles: the numbers by which a program names the kernel's objects, owned so that they are closed when dropped.
//!
//! A handle's number is checked by the kernel at every use, so making one up does no harm: the call fails.

use crate::{Error, Result, raw};
use abi::Rights;

/// Anything that stands for a handle of this process.
pub trait Handle {
    /// The handle's number.
    fn raw(&self) -> u32;
}

/// A handle of any kind, closed when it is dropped.
#[derive(Debug, PartialEq, Eq)]
pub struct OwnedHandle(u32);

impl OwnedHandle {
    /// Takes over a handle's number.
    pub const fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// Gives the number up without closing the handle.
    pub const fn into_raw(self) -> u32 {
        let number = self.0;
        core::mem::forget(self);
        number
    }

    /// A second handle to the same object, with those of this one's rights that are in `rights`.
    pub fn copy(&self, rights: Rights) -> Result<Self> {
        copy(self.0, rights, 0)
    }

    /// Destroys the object for everybody who has a handle to it. Memory goes in slices; this waits for all.
    pub fn destroy(self) -> Result<()> {
        while raw::destroy(self.0, [0; 4])?.words[0] != 0 {}
        Ok(())
    }
}

impl Handle for OwnedHandle {
    fn raw(&self) -> u32 {
        self.0
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // Closing fails only for a handle that is closed already, or whose object is gone: nothing is left to do.
        let _: core::result::Result<_, Error> = raw::handle_close(self.0, [0; 4]);
    }
}

/// The badge replaces that of an endpoint, where the handle has the right `BIND`.
pub(crate) fn copy(handle: u32, rights: Rights, badge: u16) -> Result<OwnedHandle> {
    let message = raw::handle_copy(handle, [rights.bits() as usize, badge as usize, 0, 0])?;
    Ok(OwnedHandle(message.words[0] as u32))
}

/// Defines a handle type of one kind of object.
macro_rules! handle_type {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(pub(crate) $crate::OwnedHandle);

        impl $name {
            /// Takes over a handle's number. One of another kind of object fails with `WrongType` when it is used.
            pub const fn from_raw(number: u32) -> Self {
                Self($crate::OwnedHandle::from_raw(number))
            }

            /// Gives the handle's number up without closing the handle.
            pub fn into_raw(self) -> u32 {
                self.0.into_raw()
            }

            /// A second handle to the same object, with those of this one's rights that are in `rights`.
            pub fn copy(&self, rights: $crate::Rights) -> $crate::Result<Self> {
                self.0.copy(rights).map(Self)
            }

            /// Destroys the object for everybody who has a handle to it.
            pub fn destroy(self) -> $crate::Result<()> {
                self.0.destroy()
            }
        }

        impl $crate::Handle for $name {
            fn raw(&self) -> u32 {
                $crate::Handle::raw(&self.0)
            }
        }

        impl From<$crate::OwnedHandle> for $name {
            fn from(handle: $crate::OwnedHandle) -> Self {
                Self(handle)
            }
        }

        impl From<$name> for $crate::OwnedHandle {
            fn from(handle: $name) -> Self {
                handle.0
            }
        }
    };
}

pub(crate) use handle_type;
