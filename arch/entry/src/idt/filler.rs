//! [`TableFiller`], which leads gates to stubs.
use core::marker::PhantomData;

#[cfg(target_arch = "x86_64")]
use super::{PARANOID_VECTORS, paranoid::STACK_TAKEN};
#[cfg(target_arch = "x86_64")]
use crate::InterruptStackIndex;
use crate::handler::{Classified, Handler, Typed, Vectored, assert_captures_nothing};
use crate::kernel_entry::{DirectInterrupts, Smap};
use crate::stub::{Stub, direct_stub, stub, stub_of};
use crate::target::{Call, Trap};
use crate::vector::{BREAKPOINT, Exception, InterruptHandler, OVERFLOW, VectorRange};
use crate::{Gate, KernelEntry, PrivilegeLevel, TrapStack};

/// Fills the gates of a table. A gate that is set replaces the one that its vector had, unless a function says
/// otherwise. [`InterruptDescriptorTable::fill`](crate::InterruptDescriptorTable::fill) makes it.
#[derive(Debug)]
pub struct TableFiller<'a, K, S> {
    pub(super) gates: &'a mut [Gate; 256],
    kinds: PhantomData<(K, S)>,
}

impl<'a, K: KernelEntry, S: Smap> TableFiller<'a, K, S> {
    pub(super) const fn new(gates: &'a mut [Gate; 256]) -> Self {
        Self { gates, kinds: PhantomData }
    }

    /// Leads every vector that has no gate yet to [`KernelEntry::trap`] (SDM 3A 6.12.1.2). Of the instructions that
    /// raise interrupts, ring 3 may use `int3` and `into` alone.
    pub fn trap_every_vector(&mut self) -> &mut Self {
        self.trap_up_to::<255>()
    }

    /// Leads those of the lowest 48 vectors that have no gate yet to [`KernelEntry::trap`] (SDM 3A 6.12.1.2): 32 of
    /// exceptions, and 16 for interrupt lines. Of the instructions that raise interrupts, ring 3 may use `int3` and
    /// `into` alone.
    pub fn trap_lowest_48(&mut self) -> &mut Self {
        self.trap_up_to::<47>()
    }

    fn trap_up_to<const LAST: u8>(&mut self) -> &mut Self {
        for vector in 0..=LAST {
            if self.gates[usize::from(vector)] == Gate::MISSING {
                self.set(vector.into(), stub_of::<K, Trap<K>, S::Entries, 0, LAST>(vector));
            }
        }
        self
    }

    /// Leads a range of vectors to [`DirectInterrupts::direct_interrupt`].
    ///
    /// The function gets the interrupts of ring 3. Where ring 0 is interrupted, [`KernelEntry::trap`] gets the frame.
    pub fn direct_interrupts<const FIRST: u8, const LAST: u8>(&mut self, _: VectorRange<FIRST, LAST>) -> &mut Self
    where
        K: DirectInterrupts,
    {
        const { assert!(FIRST >= 32, "vectors below 32 are exceptions, which need a frame") };
        const { assert!(FIRST <= LAST, "the range of vectors is empty") };
        const {
            assert!(
                matches!(K::TRAP_STACK, TrapStack::PerCpu),
                "the frame must be the current thread's: TrapStack::PerCpu"
            );
            #[cfg(target_arch = "x86_64")]
            assert!(
                crate::kernel_entry::swaps_gs::<K>() == 0,
                "a direct interrupt doesn't swap the GS base: UserGs::Kept"
            );
        }
        for vector in FIRST..=LAST {
            self.gates[usize::from(vector)] = gate_at::<K>(direct_stub::<K, S::Entries, FIRST, LAST>(vector));
        }
        self
    }

    /// Leads a vector to [`KernelEntry::system_call`], and lets ring 3 raise it by `int` (SDM 3A 6.12.1.2):
    /// `system_call_vector::<0x80>()`.
    ///
    /// An exception's vector doesn't compile: `int` pushes no error code, and some exceptions' stubs expect one.
    pub fn system_call_vector<const VECTOR: u8>(&mut self) -> &mut Self {
        const { assert!(VECTOR >= 32, "vectors below 32 are exceptions: ring 3 mustn't raise them by `int`") };
        self.set(VECTOR.into(), stub_of::<K, Call<K>, S::Entries, VECTOR, VECTOR>(VECTOR));
        self.allow_user(VECTOR.into());
        self
    }

    /// Leads an exception to a handler of its class. Ring 3 may raise #BP and #OF by `int3` and `into`, and no other.
    ///
    /// For NMI, #DB and #MC in a kernel that swaps the GS base (x86_64; SDM 2B, SWAPGS) the call doesn't compile:
    /// [`TableFiller::paranoid_gates`] takes them.
    pub fn exception<const VECTOR: usize, Class, Marker, F>(
        &mut self,
        _exception: Exception<VECTOR, Class>,
        handler: F,
    ) -> &mut Self
    where
        Class: Classified,
        Marker: 'static,
        F: Handler<Class, Marker>,
    {
        const { assert_captures_nothing::<F>() };
        #[cfg(target_arch = "x86_64")]
        const {
            crate::required::assert_handler_suits_swapping::<K>(VECTOR);
        }
        core::mem::forget(handler);
        self.set(VECTOR, stub::<K, Typed<K, Class::Code, Marker, F>, S::Entries, VECTOR> as *const () as usize);
        self
    }

    /// Leads an exception to a handler of its class, on a stack of the interrupt stack table (SDM 3A 6.14.5), from any
    /// ring.
    ///
    /// The CPU begins at the stack's top each time: the vector must not come again before its handler has returned. For
    /// NMI, #DB and #MC in a kernel that swaps the GS base the call doesn't compile: [`TableFiller::paranoid_gates`]
    /// takes them, and should take #DF there.
    ///
    /// # Panics
    ///
    /// If a paranoid gate, or NMI, #DB, #MC or #DF, uses that stack already.
    #[cfg(target_arch = "x86_64")]
    pub fn exception_on_stack<const VECTOR: usize, Class, Marker, F>(
        &mut self,
        exception: Exception<VECTOR, Class>,
        stack: InterruptStackIndex,
        handler: F,
    ) -> &mut Self
    where
        Class: Classified,
        Marker: 'static,
        F: Handler<Class, Marker>,
    {
        self.exception(exception, handler);
        let uses_stack = |other: usize| other != VECTOR && self.gates[other].stack() == Some(stack as u8);
        let is_taken = PARANOID_VECTORS.into_iter().any(uses_stack);
        assert!(!is_taken, "{}", STACK_TAKEN);
        self.gates[VECTOR] = self.gates[VECTOR].on_stack(stack);
        self
    }

    /// Leads a range of vectors, such as `VectorRange::<32, 47>`, to a handler that gets the frame and the vector.
    ///
    /// [`TableFiller::interrupts_without_frame`] costs less where a handler doesn't look at the frame.
    pub fn interrupts<const FIRST: u8, const LAST: u8, Marker, F>(
        &mut self,
        _vectors: VectorRange<FIRST, LAST>,
        handler: F,
    ) -> &mut Self
    where
        Marker: 'static,
        F: Handler<InterruptHandler, Marker>,
    {
        const { assert!(FIRST >= 32, "vectors below 32 are exceptions: each has a handler, set by `exception`") };
        const { assert!(FIRST <= LAST, "the range of vectors is empty") };
        const { assert_captures_nothing::<F>() };
        core::mem::forget(handler);
        for vector in FIRST..=LAST {
            self.set(vector.into(), stub_of::<K, Interrupts<K, Marker, F>, S::Entries, FIRST, LAST>(vector));
        }
        self
    }

    /// Leads a range of vectors to a handler that gets the vector alone, as most handlers of devices need.
    ///
    /// The interrupted code goes on as it was. The hooks of [`KernelEntry`] don't run around the handler: there is no
    /// frame for them. On i686 an interrupt of ring 0 then costs what one of ring 3 costs, because no frame needs the
    /// stack pointer, which the CPU doesn't push there.
    ///
    /// ```no_run
    /// # use x86_entry::{InterruptDescriptorTable, KernelEntry, WithoutSmap};
    /// # fn fill<K: KernelEntry>(table: &mut InterruptDescriptorTable) {
    /// use x86_entry::vector::VectorRange;
    ///
    /// table.fill::<K, WithoutSmap>().interrupts_without_frame(VectorRange::<32, 47>, |vector: u8| {});
    /// # }
    /// ```
    pub fn interrupts_without_frame<const FIRST: u8, const LAST: u8, F>(
        &mut self,
        _vectors: VectorRange<FIRST, LAST>,
        handler: F,
    ) -> &mut Self
    where
        F: Fn(u8) + Sync + 'static,
    {
        const { assert!(FIRST >= 32, "vectors below 32 are exceptions: each has a handler, set by `exception`") };
        const { assert!(FIRST <= LAST, "the range of vectors is empty") };
        const { assert_captures_nothing::<F>() };
        core::mem::forget(handler);
        for vector in FIRST..=LAST {
            self.set(vector.into(), stub_of::<K, Vectored<F>, S::Entries, FIRST, LAST>(vector));
        }
        self
    }

    fn set(&mut self, vector: usize, stub: usize) {
        self.gates[vector] = gate_at::<K>(stub);
        // Ring 3 may use `int3` and `into`, which check the gate's privilege level as `int` does (SDM 3A 6.12.1.2).
        if vector == BREAKPOINT.number() || vector == OVERFLOW.number() {
            self.allow_user(vector);
        }
    }

    fn allow_user(&mut self, vector: usize) {
        self.gates[vector] = self.gates[vector].callable_from(PrivilegeLevel::Ring3);
    }
}

/// Leads to a handler of a range of vectors.
type Interrupts<K, Marker, F> = Typed<K, <InterruptHandler as Classified>::Code, Marker, F>;

pub(super) fn gate_to<K: KernelEntry>(stub: Stub) -> Gate {
    gate_at::<K>(stub as usize)
}

fn gate_at<K: KernelEntry>(address: usize) -> Gate {
    Gate::interrupt(K::SELECTORS.kernel_code, address as _)
}
