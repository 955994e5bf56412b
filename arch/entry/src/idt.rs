//! The interrupt descriptor table: 256 gates, filled with stubs that fit their vectors.
use core::ops::RangeInclusive;

use x86::dtables::{DescriptorTablePointer, lidt};

#[cfg(target_arch = "x86_64")]
use crate::InterruptStackIndex;
use crate::handler::{Handler, Typed, assert_captures_nothing};
use crate::kernel_entry::{Call, DirectInterrupts, Smap, Trap};
use crate::stub::{FIRST_DIRECT, Stub, Stubs, direct_stub, stub};
use crate::vector::{BREAKPOINT, Exception, InterruptHandler, OVERFLOW, VectorRange};
use crate::{EntryDataLocation, Gate, KernelEntry, PrivilegeLevel, TrapStack, UserGs};

/// The table as the CPU reads it (SDM 3A 6.10, 6.14.1 for 64-bit mode).
#[repr(C, align(16))]
#[derive(Debug)]
pub struct InterruptDescriptorTable {
    gates: [Gate; 256],
}

impl InterruptDescriptorTable {
    /// A table without gates: any interrupt is a triple fault.
    pub const fn new() -> Self {
        Self { gates: [Gate::MISSING; 256] }
    }

    /// Fills gates for the kernel `K` on a CPU with or without SMAP.
    pub const fn fill<K: KernelEntry, S: Smap>(&mut self) -> TableFiller<'_, K, S> {
        const {
            let needs_gs = matches!(K::DATA_LOCATION, EntryDataLocation::GsBase);
            assert!(
                !needs_gs || matches!(K::USER_GS, UserGs::Swapped),
                "EntryDataLocation::GsBase needs UserGs::Swapped"
            );
        }
        TableFiller { gates: &mut self.gates, kinds: core::marker::PhantomData }
    }

    /// One vector's gate.
    pub const fn gate(&mut self, vector: u8) -> &mut Gate {
        &mut self.gates[vector as usize]
    }

    /// Makes the table this CPU's (`lidt`, SDM 3A 2.4.3).
    ///
    /// # Safety
    ///
    /// Ring 0, with the selectors loaded that the filling kernel names, and what else its
    /// [`KernelEntry`] implementation promised.
    pub unsafe fn load(&'static self) {
        let pointer = DescriptorTablePointer::new_from_slice(&self.gates);
        // SAFETY: the table is never dropped, and its gates lead to stubs; the caller promises the rest.
        unsafe { lidt(&pointer) };
    }
}

impl Default for InterruptDescriptorTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Fills the gates of a table, see [`InterruptDescriptorTable::fill`].
#[derive(Debug)]
pub struct TableFiller<'a, K, S> {
    gates: &'a mut [Gate; 256],
    kinds: core::marker::PhantomData<(K, S)>,
}

impl<K: KernelEntry, S: Smap> TableFiller<'_, K, S> {
    /// Leads every vector to [`KernelEntry::trap`]; ring 3 may use `int3` and `into` alone.
    pub fn trap_every_vector(&mut self) -> &mut Self {
        for (vector, stub) in Stubs::<K, Trap<K>, S>::ALL.into_iter().enumerate() {
            self.set(vector, stub);
        }
        self
    }

    /// Leads the lowest 48 vectors to [`KernelEntry::trap`]: those of the exceptions, and 16 for lines. Ring 3 may use `int3`
    /// and `into` alone.
    pub fn trap_lowest_48(&mut self) -> &mut Self {
        for (vector, stub) in Stubs::<K, Trap<K>, S>::LOWEST.into_iter().enumerate() {
            self.set(vector, stub);
        }
        self
    }

    /// Leads vectors to [`DirectInterrupts::direct_interrupt`]: from 32 on, since exceptions have more to tell. Those of ring
    /// 3, that is, and of an idle context that is laid out like a thread; where other code of ring 0 is interrupted, it is
    /// [`KernelEntry::trap`] that gets the frame.
    pub fn direct_interrupts(&mut self, vectors: RangeInclusive<u8>) -> &mut Self
    where
        K: DirectInterrupts,
    {
        const {
            assert!(matches!(K::TRAP_STACK, TrapStack::PerCpu), "the frame must be the current thread's");
            assert!(matches!(K::USER_GS, UserGs::Kept), "the way in doesn't swap it");
        }
        for vector in vectors.into_iter().filter(|vector| *vector >= FIRST_DIRECT) {
            self.gates[usize::from(vector)] = gate_at::<K>(direct_stub::<K, S>(vector));
        }
        self
    }

    /// Leads a vector that ring 3 may use by `int` to [`KernelEntry::system_call`].
    pub fn system_call_vector(&mut self, vector: u8) -> &mut Self {
        self.set(vector.into(), Stubs::<K, Call<K>, S>::ALL[vector as usize]);
        self.allow_user(vector.into());
        self
    }

    /// Leads an exception to a handler of its kind; ring 3 may use `int3` and `into` alone.
    pub fn exception<const VECTOR: usize, Class, Marker, F>(
        &mut self,
        _exception: Exception<VECTOR, Class>,
        handler: F,
    ) -> &mut Self
    where
        Class: 'static,
        Marker: 'static,
        F: Handler<Class, Marker>,
    {
        const { assert_captures_nothing::<F>() };
        core::mem::forget(handler);
        self.set(VECTOR, stub::<K, Typed<K, Class, Marker, F>, S, VECTOR>);
        self
    }

    /// Leads an exception to a handler of its kind, on one of the TSS's interrupt stacks (SDM 3A 6.14.5), whatever ring
    /// is interrupted.
    ///
    /// The stack is used from its top each time: the vector must not come again before its handler has returned. For
    /// what may come at any instruction (NMI, #DB, #MC, #DF) in a kernel that swaps GS, see [`TableFiller::paranoid_gates`].
    #[cfg(target_arch = "x86_64")]
    pub fn exception_on_stack<const VECTOR: usize, Class, Marker, F>(
        &mut self,
        exception: Exception<VECTOR, Class>,
        stack: InterruptStackIndex,
        handler: F,
    ) -> &mut Self
    where
        Class: 'static,
        Marker: 'static,
        F: Handler<Class, Marker>,
    {
        self.exception(exception, handler);
        self.gates[VECTOR] = self.gates[VECTOR].on_stack(stack);
        self
    }

    /// Leads #DF, NMI or #MC to the hardware task of a TSS (SDM 3A 6.12.2), made by [`paranoid_tss`](crate::paranoid_tss) for
    /// the same exception: it ends in [`KernelEntry::paranoid_trap`], whatever state the stack is in.
    #[cfg(target_arch = "x86")]
    pub fn task_gate<const VECTOR: usize, Class>(
        &mut self,
        _exception: Exception<VECTOR, Class>,
        task_selector: u16,
    ) -> &mut Self {
        const { crate::task_gate::assert_has_task(VECTOR) };
        self.gates[VECTOR] = Gate::task(task_selector);
        self
    }

    /// Leads a range of vectors to one handler that is told the vector: `VectorRange::<32, 47>`.
    pub fn interrupts<const FIRST: u8, const LAST: u8, Marker, F>(
        &mut self,
        _vectors: VectorRange<FIRST, LAST>,
        handler: F,
    ) -> &mut Self
    where
        Marker: 'static,
        F: Handler<InterruptHandler, Marker>,
    {
        const { assert!(FIRST >= 32, "vectors below 32 are exceptions: each has a handler of its kind, by `exception`") };
        const { assert!(FIRST <= LAST, "the range of vectors is empty") };
        const { assert_captures_nothing::<F>() };
        core::mem::forget(handler);
        let stubs = Stubs::<K, Typed<K, InterruptHandler, Marker, F>, S>::ALL;
        for vector in FIRST..=LAST {
            self.set(vector.into(), stubs[usize::from(vector)]);
        }
        self
    }

    /// Gives NMI, #DB, #MC and #DF their own stacks, in whatever state they find ring 0.
    ///
    /// From ring 3 they arrive at [`KernelEntry::trap`] as any other vector does, from ring 0 (and #DF from anywhere) at
    /// [`KernelEntry::paranoid_trap`]; a gate set afterwards replaces that. They take the first four stacks of the TSS (SDM 3A
    /// 6.14.5): #DF the first, then NMI, #MC, #DB.
    #[cfg(target_arch = "x86_64")]
    pub fn paranoid_gates(&mut self) -> &mut Self {
        use crate::stub::paranoid_stub;
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        let stubs: [(usize, Stub, InterruptStackIndex); 4] = [
            (DOUBLE_FAULT.number(), paranoid_stub::<K, S, { DOUBLE_FAULT.number() }>, DOUBLE_FAULT_STACK),
            (
                NON_MASKABLE_INTERRUPT.number(),
                paranoid_stub::<K, S, { NON_MASKABLE_INTERRUPT.number() }>,
                NON_MASKABLE_INTERRUPT_STACK,
            ),
            (MACHINE_CHECK.number(), paranoid_stub::<K, S, { MACHINE_CHECK.number() }>, MACHINE_CHECK_STACK),
            (DEBUG.number(), paranoid_stub::<K, S, { DEBUG.number() }>, DEBUG_STACK),
        ];
        for (vector, stub, stack) in stubs {
            self.gates[vector] = gate_to::<K>(stub).on_stack(stack);
        }
        self
    }

    /// Gives NMI, #MC and #DF their own tasks and #DB its own stack, in whatever state they find ring 0.
    ///
    /// From ring 3 they arrive at [`KernelEntry::trap`] as any other vector does, from ring 0 (and #DF from anywhere) at
    /// [`KernelEntry::paranoid_trap`]; a gate set afterwards replaces that. The GDT must have [`paranoid_tss`](crate::paranoid_tss)s
    /// (SDM 3A 6.12.2) at the selectors that [`GlobalDescriptorTable`](crate::GlobalDescriptorTable) names, and the CPU's
    /// data a debug stack: [`CpuSegments::load`](crate::CpuSegments::load) does both.
    #[cfg(target_arch = "x86")]
    pub fn paranoid_gates(&mut self) -> &mut Self {
        use crate::GlobalDescriptorTable as Table;
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        self.gates[DEBUG.number()] = gate_to::<K>(crate::stub::debug_stub::<K, S>);
        self.task_gate(DOUBLE_FAULT, Table::DOUBLE_FAULT_TSS)
            .task_gate(NON_MASKABLE_INTERRUPT, Table::NON_MASKABLE_INTERRUPT_TSS)
            .task_gate(MACHINE_CHECK, Table::MACHINE_CHECK_TSS)
    }

    fn set(&mut self, vector: usize, stub: Stub) {
        self.gates[vector] = gate_to::<K>(stub);
        // `int3` and `into` are ring 3's to use, and go through their gates as `int` does (SDM 3A 6.12.1.2).
        if vector == BREAKPOINT.number() || vector == OVERFLOW.number() {
            self.allow_user(vector);
        }
    }

    fn allow_user(&mut self, vector: usize) {
        self.gates[vector] = self.gates[vector].callable_from(PrivilegeLevel::Ring3);
    }
}

/// The interrupt stacks that [`TableFiller::paranoid_gates`] takes.
#[cfg(target_arch = "x86_64")]
pub(crate) const DOUBLE_FAULT_STACK: InterruptStackIndex = InterruptStackIndex::One;
#[cfg(target_arch = "x86_64")]
pub(crate) const NON_MASKABLE_INTERRUPT_STACK: InterruptStackIndex = InterruptStackIndex::Two;
#[cfg(target_arch = "x86_64")]
pub(crate) const MACHINE_CHECK_STACK: InterruptStackIndex = InterruptStackIndex::Three;
#[cfg(target_arch = "x86_64")]
pub(crate) const DEBUG_STACK: InterruptStackIndex = InterruptStackIndex::Four;
/// All of them.
#[cfg(target_arch = "x86_64")]
pub(crate) const PARANOID_STACKS: [InterruptStackIndex; 4] =
    [DOUBLE_FAULT_STACK, NON_MASKABLE_INTERRUPT_STACK, MACHINE_CHECK_STACK, DEBUG_STACK];

fn gate_to<K: KernelEntry>(stub: Stub) -> Gate {
    gate_at::<K>(stub as usize)
}

fn gate_at<K: KernelEntry>(address: usize) -> Gate {
    Gate::interrupt(K::SELECTORS.kernel_code, address as _)
}
