//! Typed handlers: functions whose signature must fit their vector.
//!
//! A handler is a function or a closure that captures nothing, so that its type alone names it and a stub can lead
//! straight to it. What it takes depends on the vector's class; a mismatch is a compile error at the call that
//! installs it, and tells the signature that is wanted (`tests/messages.rs` holds the words).
use core::marker::PhantomData;
use core::ptr::NonNull;

use crate::error_code::DecodeErrorCode;
use crate::kernel_entry::Target;
use crate::vector::{DivergingHandler, ErrorCodeHandler, InterruptHandler, PlainHandler};
use crate::{KernelEntry, TrapFrame};

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

/// A function that may handle vectors of `Class`, which is the type of that function:
///
/// | class | signature |
/// |---|---|
/// | [`PlainHandler`] | `fn(&mut TrapFrame)` |
/// | [`ErrorCodeHandler<E>`] | `fn(&mut TrapFrame, E)` |
/// | [`DivergingHandler`] | `fn(&mut TrapFrame) -> !` |
/// | [`InterruptHandler`] | `fn(&mut TrapFrame, u8)` with the vector |
///
/// Whatever else doesn't compile, and the error names the signature that the vector wants:
///
/// ```compile_fail,E0277
/// # use x86_entry::{TrapFrame, InterruptDescriptorTable, KernelEntry, WithoutSmap, vector};
/// # fn fill<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
/// fn without_code(frame: &mut TrapFrame) {}
/// table.fill::<K, WithoutSmap>().exception(vector::PAGE_FAULT, without_code);
/// # }
/// ```
///
/// `Marker` is for the compiler alone: it is always inferred.
#[diagnostic::on_unimplemented(
    message = "a handler of the wrong signature for its vector",
    label = "this vector's handlers are `{Class}`",
    note = "the handler here is `{Self}`",
    note = "a closure that captures nothing will do too, with the types of its parameters written out"
)]
pub trait Handler<Class, Marker>: 'static {
    /// Calls it with what its class needs.
    #[doc(hidden)]
    fn handle(&self, frame: &mut TrapFrame);
}

/// The marker of all functions that fit.
#[derive(Debug)]
pub struct Fits;

impl<F: Fn(&mut TrapFrame) + Sync + 'static> Handler<PlainHandler, Fits> for F {
    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame) {
        self(frame);
    }
}

impl<E: DecodeErrorCode, F: Fn(&mut TrapFrame, E) + Sync + 'static> Handler<ErrorCodeHandler<E>, Fits> for F {
    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame) {
        let code = frame.error_code();
        self(frame, code);
    }
}

impl<F: Fn(&mut TrapFrame) -> Never + Sync + 'static> Handler<DivergingHandler, Fits> for F {
    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame) {
        self(frame)
    }
}

impl<F: Fn(&mut TrapFrame, u8) + Sync + 'static> Handler<InterruptHandler, Fits> for F {
    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame) {
        let vector = frame.vector() as u8;
        self(frame, vector);
    }
}

/// The marker of what [`Nothing`] implements.
#[derive(Debug)]
pub struct FitsNothing;

/// Has no implementations.
pub trait Nothing: Sync + 'static {}

/// Applies to nothing, but makes the compiler choose between two: where neither fits it says so, in the words of
/// [`Handler`]. Were there just one, it would say what that one lacks, a `Fn` of so many arguments.
impl<Class, F: Nothing> Handler<Class, FitsNothing> for F {
    fn handle(&self, _: &mut TrapFrame) {}
}

/// For a compile-time check where a handler is installed, so that the error names that place.
pub(crate) const fn assert_captures_nothing<F>() {
    assert!(size_of::<F>() == 0, "a handler is a function, or a closure that captures nothing");
}

/// Leads to the handler `F`, with the kernel's hooks around it.
pub(crate) struct Typed<K, Class, Marker, F>(PhantomData<(K, Class, Marker, F)>);

impl<K, Class, Marker, F> Target for Typed<K, Class, Marker, F>
where
    K: KernelEntry,
    Class: 'static,
    Marker: 'static,
    F: Handler<Class, Marker>,
{
    extern "C" fn enter(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        const { assert_captures_nothing::<F>() };
        // SAFETY: F has no bytes to read; its value was given when the gate was set, and forgotten: it lives for good.
        let handler = unsafe { NonNull::<F>::dangling().as_ref() };
        // SAFETY: the stub passes the frame that it just saved; the kernel has no other use of it meanwhile.
        let saved = unsafe { frame.as_mut() };
        K::before_handler(saved);
        handler.handle(saved);
        K::after_handler(saved);
        frame
    }
}
