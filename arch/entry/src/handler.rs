//! Typed handlers: functions whose signature must fit their vector.
//!
//! A handler is a function, or a closure that captures nothing. Its type alone identifies it, so a stub calls it
//! directly. The vector's class says which arguments a handler takes. A mismatch is a compile error at the call that
//! installs the handler, and the error names the right signature (`tests/messages.rs` checks its words).
use core::marker::PhantomData;
use core::mem::offset_of;
use core::ptr::NonNull;

use crate::error_code::{
    ControlProtectionErrorCode, DecodeErrorCode, ErrorCode, PageFaultErrorCode, SelectorErrorCode,
};
use crate::target::Target;
use crate::vector::{DivergingHandler, ErrorCodeHandler, InterruptHandler, PlainHandler};
use crate::{KernelEntry, PageFault, TrapFrame};

/// Names the type `!` in a way that stable Rust accepts in bounds.
pub type Never = <fn() -> ! as Returns>::Type;

/// A function's return type.
#[doc(hidden)]
pub trait Returns {
    /// The return type.
    type Type;
}

impl<T> Returns for fn() -> T {
    type Type = T;
}

/// A function that can handle vectors of `Class`. The class is the function's type:
///
/// | class | signature |
/// |---|---|
/// | [`PlainHandler`] | `fn(&mut TrapFrame)` |
/// | [`ErrorCodeHandler<E>`] | `fn(&mut TrapFrame, E)`; a page fault's handler may be `fn(&mut TrapFrame, PageFault)` |
/// | [`DivergingHandler`] | `fn(&mut TrapFrame) -> !` |
/// | [`InterruptHandler`] | `fn(&mut TrapFrame, u8)` with the vector |
///
/// A handler of another type doesn't compile, and the error names the signature that the vector needs:
///
/// ```compile_fail,E0277
/// # use x86_entry::{InterruptDescriptorTable, KernelEntry, TrapFrame, WithoutSmap, vector};
/// # fn fill<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
/// fn without_code(frame: &mut TrapFrame) {}
/// table.fill::<K, WithoutSmap>().exception(vector::PAGE_FAULT, without_code);
/// # }
/// ```
///
/// A handler is safe code, and yet may set every field of a frame, those of ring 0 included. The caller of
/// [`InterruptDescriptorTable::load`](crate::InterruptDescriptorTable::load) promises that the installed handlers leave
/// frames that are valid to resume.
///
/// The compiler always infers `Marker`.
#[diagnostic::on_unimplemented(
    message = "a handler of the wrong signature for its vector",
    label = "this vector's handlers are `{Class}`",
    note = "the handler here is `{Self}`",
    note = "a page fault's handler may take a `PageFault`, which has the address too",
    note = "a closure that captures nothing will do too, with the types of its parameters written out"
)]
pub trait Handler<Class, Marker>: 'static {
    /// Whether the class is that of the exceptions that a bad frame raises on the way out: #TS, #NP, #SS, #GP.
    #[doc(hidden)]
    const MAY_BE_EXIT_FAULT: bool = false;

    /// What the handler needs besides the frame, read before the kernel's hook runs.
    #[doc(hidden)]
    type Early;

    /// Reads [`Handler::Early`] in ring 0.
    #[doc(hidden)]
    fn read(frame: &TrapFrame) -> Self::Early;

    /// Calls the handler with the arguments of its class.
    #[doc(hidden)]
    fn handle(&self, frame: &mut TrapFrame, early: Self::Early);
}

/// Marks the implementations for functions that fit.
#[derive(Debug)]
pub struct Fits;

impl<F: Fn(&mut TrapFrame) + Sync + 'static> Handler<PlainHandler, Fits> for F {
    type Early = ();

    #[inline(always)]
    fn read(_: &TrapFrame) {}

    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame, (): ()) {
        self(frame);
    }
}

impl<E: DecodeErrorCode, F: Fn(&mut TrapFrame, E) + Sync + 'static> Handler<ErrorCodeHandler<E>, Fits> for F {
    const MAY_BE_EXIT_FAULT: bool = E::IS_ABOUT_SELECTOR;
    type Early = ();

    #[inline(always)]
    fn read(_: &TrapFrame) {}

    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame, (): ()) {
        let code = frame.error_code();
        self(frame, code);
    }
}

/// Marks the implementation for handlers of page faults that get the address.
#[derive(Debug)]
pub struct FitsWithAddress;

impl<F> Handler<ErrorCodeHandler<PageFaultErrorCode>, FitsWithAddress> for F
where
    F: Fn(&mut TrapFrame, PageFault) + Sync + 'static,
{
    type Early = PageFault;

    #[inline(always)]
    fn read(frame: &TrapFrame) -> PageFault {
        // SAFETY: a stub has saved the frame, so the CPU is in ring 0.
        unsafe { PageFault::read(frame) }
    }

    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame, fault: PageFault) {
        self(frame, fault);
    }
}

impl<F: Fn(&mut TrapFrame) -> Never + Sync + 'static> Handler<DivergingHandler, Fits> for F {
    type Early = ();

    #[inline(always)]
    fn read(_: &TrapFrame) {}

    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame, (): ()) {
        self(frame)
    }
}

impl<F: Fn(&mut TrapFrame, u8) + Sync + 'static> Handler<InterruptHandler, Fits> for F {
    type Early = ();

    #[inline(always)]
    fn read(_: &TrapFrame) {}

    #[inline(always)]
    fn handle(&self, frame: &mut TrapFrame, (): ()) {
        let vector = frame.vector() as u8;
        self(frame, vector);
    }
}

/// Marks the implementations that make a function pointer ambiguous.
///
/// A pointer has a value, which no stub keeps. The implementations for pointers make the compiler refuse one while it
/// checks types, as early as an editor does. The error lists them beside those for functions.
#[derive(Debug)]
pub struct FunctionPointersAreNoHandlers;

macro_rules! refuse_pointers {
    ($([$($parameter:tt)*] $class:ty: $pointer:ty;)*) => {
        $(impl<$($parameter)*> Handler<$class, FunctionPointersAreNoHandlers> for $pointer {
            type Early = ();
            fn read(_: &TrapFrame) {}
            fn handle(&self, _: &mut TrapFrame, (): ()) {}
        })*
    };
}

refuse_pointers! {
    [] PlainHandler: fn(&mut TrapFrame);
    [E: DecodeErrorCode + 'static] ErrorCodeHandler<E>: fn(&mut TrapFrame, E);
    [] ErrorCodeHandler<PageFaultErrorCode>: fn(&mut TrapFrame, PageFault);
    [] DivergingHandler: fn(&mut TrapFrame) -> !;
    [] InterruptHandler: fn(&mut TrapFrame, u8);
}

/// Marks the implementation for [`Nothing`].
#[derive(Debug)]
pub struct FitsNothing;

/// A trait without implementations.
pub trait Nothing: Sync + 'static {}

/// Applies to no type, but gives the compiler a second implementation to choose. If neither fits, the compiler prints
/// the message of [`Handler`]. With a single implementation it would print which bound of that implementation fails.
impl<Class, F: Nothing> Handler<Class, FitsNothing> for F {
    type Early = ();
    fn read(_: &TrapFrame) {}
    fn handle(&self, _: &mut TrapFrame, (): ()) {}
}

/// Asserts at compile time, where a handler is installed, that it captures nothing: the error names that place.
pub(crate) const fn assert_captures_nothing<F>() {
    assert!(size_of::<F>() == 0, "a handler is a function, or a closure that captures nothing");
}

/// A class of vectors, with a code.
///
/// The code stands for the class in the symbols of stubs: a function's type would be a hundred characters of each.
#[doc(hidden)]
pub trait Classified: Sized + 'static {
    /// The code.
    type Code: Code<Class = Self>;
}

/// The code of a class: an array's type, whose name is a few characters of a symbol.
#[doc(hidden)]
pub trait Code: 'static {
    /// The class.
    type Class: 'static;
}

macro_rules! classes {
    ($($code:literal: $class:ty;)*) => {
        $(
            impl Classified for $class {
                type Code = [(); $code];
            }

            impl Code for [(); $code] {
                type Class = $class;
            }
        )*
    };
}

classes! {
    0: PlainHandler;
    1: DivergingHandler;
    2: InterruptHandler;
    3: ErrorCodeHandler<ErrorCode>;
    4: ErrorCodeHandler<SelectorErrorCode>;
    5: ErrorCodeHandler<PageFaultErrorCode>;
    6: ErrorCodeHandler<ControlProtectionErrorCode>;
}

/// Leads to the handler `F` of the class with the code `C`, with the kernel's hooks around it.
pub(crate) struct Typed<K, C, Marker, F>(PhantomData<(K, C, Marker, F)>);

impl<K, C, Marker, F> Target for Typed<K, C, Marker, F>
where
    K: KernelEntry,
    C: Code,
    Marker: 'static,
    F: Handler<C::Class, Marker>,
{
    const KEEPS_FRAME: bool = true;
    const MAY_BE_EXIT_FAULT: bool = F::MAY_BE_EXIT_FAULT;

    extern "C" fn enter(mut frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        const { assert_captures_nothing::<F>() };
        // SAFETY: F has no bytes to read. `TableFiller` got a value and forgot it, so the value is never dropped.
        let handler = unsafe { NonNull::<F>::dangling().as_ref() };
        // SAFETY: the stub passes the frame that it just saved. The kernel doesn't use the frame before this function
        // returns.
        let saved = unsafe { frame.as_mut() };
        let early = F::read(saved);
        K::before_handler(saved);
        handler.handle(saved, early);
        K::after_handler(saved);
        frame
    }
}

/// Leads to a handler that gets the vector alone, without hooks.
pub(crate) struct Vectored<F>(PhantomData<F>);

impl<F: Fn(u8) + Sync + 'static> Target for Vectored<F> {
    const KEEPS_FRAME: bool = true;
    const MAY_BE_EXIT_FAULT: bool = false;
    #[cfg(target_arch = "x86")]
    const SEES_FRAME: bool = false;

    extern "C" fn enter(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
        const { assert_captures_nothing::<F>() };
        // SAFETY: F has no bytes to read. `TableFiller` got a value and forgot it, so the value is never dropped.
        let handler = unsafe { NonNull::<F>::dangling().as_ref() };
        let vector = frame.as_ptr().wrapping_byte_add(offset_of!(TrapFrame, vector)).cast::<u8>();
        // SAFETY: the stub has just saved the vector there. The frame may end before its last fields, so it isn't
        // referred to as a whole.
        handler(unsafe { vector.read() });
        frame
    }
}
