//! Typed handlers: functions whose signature must fit their vector.
//!
//! A handler is a function or a closure that captures nothing, so that its type alone names it and a stub can lead
//! straight to it. What it takes depends on the vector's class; a mismatch is a compile error at the call that
//! installs it.
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::error_code::DecodeErrorCode;
use crate::kernel::Target;
use crate::vector::{Diverging, NoErrorCode, WithErrorCode};
use crate::{Frame, Kernel};

/// The type `!`, by a way that stable Rust accepts in bounds.
pub type Never = <fn() -> ! as Returns>::Type;

/// A function's return type.
#[doc(hidden)]
pub trait Returns {
    /// That type.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

/// The class of interrupts: one handler for a range of vectors, told which.
#[derive(Clone, Copy, Debug)]
pub struct AnyInterrupt;

/// A function that may handle vectors of `Class`.
///
/// | class | signature |
/// |---|---|
/// | [`NoErrorCode`] | `fn(&mut Frame)` |
/// | [`WithErrorCode<E>`] | `fn(&mut Frame, E)` |
/// | [`Diverging`] | `fn(&mut Frame) -> !` |
/// | [`AnyInterrupt`] | `fn(&mut Frame, u8)` with the vector |
///
/// A handler without an error code for a vector that has one doesn't compile:
///
/// ```compile_fail,E0593
/// # use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithoutSmap, vector};
/// # fn fill<K: Kernel>(table: &mut InterruptDescriptorTable) {
/// fn handler(frame: &mut Frame) {}
/// table.fill::<K, WithoutSmap>().exception(vector::PAGE_FAULT, handler);
/// # }
/// ```
///
/// Nor does one with an error code where there is none, with another vector's code, or one that returns from where
/// nothing returns:
///
/// ```compile_fail,E0593
/// # use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithoutSmap, vector, error_code::ErrorCode};
/// # fn fill<K: Kernel>(table: &mut InterruptDescriptorTable) {
/// fn handler(frame: &mut Frame, code: ErrorCode) {}
/// table.fill::<K, WithoutSmap>().exception(vector::BREAKPOINT, handler);
/// # }
/// ```
///
/// ```compile_fail,E0631
/// # use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithoutSmap, vector, error_code::SelectorErrorCode};
/// # fn fill<K: Kernel>(table: &mut InterruptDescriptorTable) {
/// fn handler(frame: &mut Frame, code: SelectorErrorCode) {}
/// table.fill::<K, WithoutSmap>().exception(vector::PAGE_FAULT, handler);
/// # }
/// ```
///
/// ```compile_fail,E0271
/// # use x86_entry::{Frame, InterruptDescriptorTable, Kernel, WithoutSmap, vector};
/// # fn fill<K: Kernel>(table: &mut InterruptDescriptorTable) {
/// fn handler(frame: &mut Frame) {}
/// table.fill::<K, WithoutSmap>().exception(vector::DOUBLE_FAULT, handler);
/// # }
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` can't handle a vector of the class `{Class}`",
    label = "this handler has the wrong signature for its vector",
    note = "NoErrorCode takes `fn(&mut Frame)`, WithErrorCode<E> takes `fn(&mut Frame, E)`, Diverging takes \
            `fn(&mut Frame) -> !`"
)]
pub trait Handler<Class>: Copy + 'static {
    /// Calls it with what its class needs.
    #[doc(hidden)]
    fn handle(self, frame: &mut Frame);
}

impl<F: Fn(&mut Frame) + Copy + 'static> Handler<NoErrorCode> for F {
    #[inline(always)]
    fn handle(self, frame: &mut Frame) {
        self(frame);
    }
}

impl<E: DecodeErrorCode, F: Fn(&mut Frame, E) + Copy + 'static> Handler<WithErrorCode<E>> for F {
    #[inline(always)]
    fn handle(self, frame: &mut Frame) {
        let code = frame.error_code();
        self(frame, code);
    }
}

impl<F: Fn(&mut Frame) -> Never + Copy + 'static> Handler<Diverging> for F {
    #[inline(always)]
    fn handle(self, frame: &mut Frame) {
        self(frame)
    }
}

impl<F: Fn(&mut Frame, u8) + Copy + 'static> Handler<AnyInterrupt> for F {
    #[inline(always)]
    fn handle(self, frame: &mut Frame) {
        let vector = frame.vector() as u8;
        self(frame, vector);
    }
}

/// Leads to the handler `F`, with the kernel's hooks around it.
pub(crate) struct Typed<K, Class, F>(PhantomData<(K, Class, F)>);

impl<K: Kernel, Class: 'static, F: Handler<Class>> Target for Typed<K, Class, F> {
    extern "C" fn enter(mut frame: NonNull<Frame>) -> NonNull<Frame> {
        const { assert!(size_of::<F>() == 0, "a handler is a function, or a closure that captures nothing") };
        // SAFETY: F has no bytes to read, and a value of it was given when the gate was set, so that it may be copied.
        let handler = unsafe { NonNull::<F>::dangling().read() };
        // SAFETY: the stub passes the frame that it just saved; the kernel has no other use of it meanwhile.
        let saved = unsafe { frame.as_mut() };
        K::entered(saved);
        handler.handle(saved);
        K::leaving(saved);
        frame
    }
}
