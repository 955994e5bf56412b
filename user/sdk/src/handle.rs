//! Handles: the numbers by which a program names the kernel's objects, owned so that they are closed when dropped.
//!
//! The kernel checks a handle's number at every use: a call with a number that names nothing fails. Who owns a number
//! is the program's own matter. So taking one over ([`OwnedHandle::from_raw`]) is `unsafe`: closing or destroying what
//! other code owns would break that.

mod scoped;

use crate::{Error, Result, raw};
use abi::Rights;
use core::marker::PhantomData;
use core::mem::ManuallyDrop;
use core::ops::Deref;

pub use scoped::Scoped;

pub(crate) mod sealed {
    pub trait Sealed: core::fmt::Debug + Send + Sync {}
}

/// Anything that stands for a handle of this process. The SDK's types alone do: who has one may copy the handle.
///
/// ```compile_fail,E0277
/// struct Number(u32);
///
/// impl bellwire::Handle for Number {
///     fn raw(&self) -> u32 {
///         self.0
///     }
/// }
/// ```
pub trait Handle: sealed::Sealed {
    /// The handle's number.
    fn raw(&self) -> u32;
}

/// A handle of any kind, closed when it is dropped.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the handle is closed when this is dropped"]
pub struct OwnedHandle(u32);

impl OwnedHandle {
    /// Takes over a handle's number.
    ///
    /// # Safety
    /// No other code owns the handle: nobody else closes it, or relies on its staying open.
    pub const unsafe fn from_raw(number: u32) -> Self {
        Self(number)
    }

    /// Takes over a handle that the kernel has just installed, as a call's answer says.
    pub(crate) const fn installed(number: usize) -> Self {
        Self(number as u32)
    }

    /// Gives the number up without closing the handle.
    pub const fn into_raw(self) -> u32 {
        let number = self.0;
        core::mem::forget(self);
        number
    }

    /// Makes a second handle to the same object, with those of this one's rights that are in `rights`.
    pub fn copy(&self, rights: Rights) -> Result<Self> {
        copy(self, rights, 0)
    }

    /// Destroys the object for all who have a handle to it. Memory goes in slices; this waits for all of them.
    pub fn destroy(self) -> Result<()> {
        // SAFETY: the object is this program's to destroy, or the kernel refuses. What the SDK relies on (stacks, the
        // heap, locks) has handles that it gives to nobody; a mapping of destroyed memory keeps its addresses.
        while unsafe { raw::destroy(self.0, [0; 4]) }?.words[0] != 0 {}
        Ok(())
    }
}

impl sealed::Sealed for OwnedHandle {}

impl Handle for OwnedHandle {
    fn raw(&self) -> u32 {
        self.0
    }
}

impl Drop for OwnedHandle {
    fn drop(&mut self) {
        // Closing fails only for a handle that is closed already, or whose object is gone: nothing is left to do.
        // SAFETY: `from_raw`'s caller, or the kernel, has given the handle to this alone.
        let _: core::result::Result<_, Error> = unsafe { raw::handle_close(self.0, [0; 4]) };
    }
}

/// The use of an object by the number of a handle that other code owns. It closes nothing when it is dropped.
#[derive(Debug)]
pub struct Borrowed<'a, T> {
    object: ManuallyDrop<T>,
    owner: PhantomData<&'a T>,
}

impl<T> Borrowed<'_, T> {
    pub(crate) const fn new(object: T) -> Self {
        Self { object: ManuallyDrop::new(object), owner: PhantomData }
    }
}

impl<T> Deref for Borrowed<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.object
    }
}

/// The badge replaces that of an endpoint, where the handle has the right `BIND`.
pub(crate) fn copy(handle: &impl Handle, rights: Rights, badge: u16) -> Result<OwnedHandle> {
    copy_without(handle, rights, badge, 0)
}

/// As [`copy`] does, without the right to set these bits of an endpoint's notify word.
pub(crate) fn copy_without(handle: &impl Handle, rights: Rights, badge: u16, without: u32) -> Result<OwnedHandle> {
    let words = [rights.bits() as usize, badge as usize, without as usize, 0];
    // SAFETY: who has the handle may copy it.
    let message = unsafe { raw::handle_copy(handle.raw(), words) }?;
    Ok(OwnedHandle::installed(message.words[0]))
}

/// Defines a handle type of one kind of object.
///
/// With `@exclusive` there is no safe way from a number, or from a handle of any kind, to the type. That is for kinds
/// whose methods are safe only because of where the SDK got the handle.
macro_rules! handle_type {
    (@exclusive $(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Debug, PartialEq, Eq)]
        pub struct $name(pub(crate) $crate::OwnedHandle);

        impl $name {
            /// Gives the handle's number up without closing the handle.
            pub const fn into_raw(self) -> u32 {
                let number = $crate::handle::number(&self.0);
                core::mem::forget(self);
                number
            }

            /// Makes a second handle to the same object, with those of this one's rights that are in `rights`.
            pub fn copy(&self, rights: $crate::Rights) -> $crate::Result<Self> {
                self.0.copy(rights).map(Self)
            }

            /// Destroys the object for all who have a handle to it.
            pub fn destroy(self) -> $crate::Result<()> {
                self.0.destroy()
            }

            pub(crate) const fn installed(number: usize) -> Self {
                Self($crate::OwnedHandle::installed(number))
            }
        }

        impl $crate::handle::sealed::Sealed for $name {}

        impl $crate::Handle for $name {
            fn raw(&self) -> u32 {
                $crate::Handle::raw(&self.0)
            }
        }

        impl From<$name> for $crate::OwnedHandle {
            fn from(handle: $name) -> Self {
                handle.0
            }
        }
    };
    ($(#[$attribute:meta])* $name:ident) => {
        $crate::handle::handle_type! {
            @exclusive
            $(#[$attribute])*
            #[must_use = "the handle is closed when this is dropped"]
            $name
        }

        impl $name {
            /// Takes over a handle's number. One of another kind of object fails with `WrongType` when it is used.
            ///
            /// # Safety
            /// No other code owns the handle: nobody else closes it, or relies on its staying open.
            pub const unsafe fn from_raw(number: u32) -> Self {
                // SAFETY: the caller owns the handle.
                Self(unsafe { $crate::OwnedHandle::from_raw(number) })
            }

            /// Uses the object of a handle that other code owns. A number that names nothing fails when it is used.
            ///
            /// # Safety
            /// The handle's owner lets the caller have all that the handle allows, copies of it included, and doesn't
            /// close the handle meanwhile.
            pub const unsafe fn borrowed(number: u32) -> $crate::Borrowed<'static, Self> {
                $crate::Borrowed::new(Self::installed(number as usize))
            }
        }

        impl From<$crate::OwnedHandle> for $name {
            fn from(handle: $crate::OwnedHandle) -> Self {
                Self(handle)
            }
        }
    };
}

pub(crate) use handle_type;

pub(crate) const fn number(handle: &OwnedHandle) -> u32 {
    handle.0
}

/// A handle can't be made up from a number by safe code, lest two owners close it:
///
/// ```compile_fail,E0133
/// drop(bellwire::OwnedHandle::from_raw(7));
/// ```
///
/// ```compile_fail,E0133
/// drop(bellwire::Endpoint::from_raw(7));
/// ```
///
/// ```compile_fail,E0133
/// let _ = bellwire::Memory::borrowed(7).map(bellwire::Access::WRITE);
/// ```
///
/// A handle that is dropped at once is a mistake that the compiler names:
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// fn lost() -> bellwire::Result<()> {
///     bellwire::Endpoint::new()?;
///     Ok(())
/// }
/// ```
///
/// ```compile_fail
/// #![deny(unused_must_use)]
/// fn unmapped_at_once(memory: &bellwire::Memory) -> bellwire::Result<()> {
///     memory.map(bellwire::Access::READ)?;
///     Ok(())
/// }
/// ```
#[cfg(doctest)]
struct Ownership;

#[cfg(test)]
mod tests {
    use crate::Endpoint;
    use crate::raw::fake;
    use abi::Operation;
    use std::cell::RefCell;
    use std::rc::Rc;

    #[test]
    fn one_that_is_borrowed_stays_open() {
        let closed = Rc::new(RefCell::new(Vec::new()));
        fake::answer_with({
            let closed = closed.clone();
            move |operation, handle, words| {
                if operation == Operation::HandleClose {
                    closed.borrow_mut().push(handle);
                }
                Ok(words)
            }
        });
        // SAFETY: on the host a handle is a number and no more.
        assert_eq!(unsafe { Endpoint::borrowed(7) }.notify(1), Ok(()));
        assert!(closed.borrow().is_empty());
        drop(Endpoint::installed(7));
        assert_eq!(*closed.borrow(), [7]);
    }
}
