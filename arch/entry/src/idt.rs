//! The interrupt descriptor table: 256 gates, filled with stubs that fit their vectors.
use core::ops::RangeInclusive;

use x86::dtables::{DescriptorTablePointer, lidt};

use crate::handler::{AnyInterrupt, Handler, Typed};
use crate::kernel::{Call, Smap, Target, Trap};
use crate::stub::{Stub, Stubs};
use crate::vector::{BREAKPOINT, Exception, OVERFLOW};
use crate::{Gate, Kernel, Privilege};

/// The table as the CPU reads it (SDM 3A 6.10).
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
    pub const fn fill<K: Kernel, S: Smap>(&mut self) -> Fill<'_, K, S> {
        Fill { gates: &mut self.gates, kinds: core::marker::PhantomData }
    }

    /// One vector's gate.
    pub const fn gate(&mut self, vector: u8) -> &mut Gate {
        &mut self.gates[vector as usize]
    }

    /// Makes the table this CPU's.
    ///
    /// # Safety
    ///
    /// Ring 0, with the selectors loaded that the filling kernel names, and what else its
    /// [`Kernel`] implementation promised.
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
pub struct Fill<'a, K, S> {
    gates: &'a mut [Gate; 256],
    kinds: core::marker::PhantomData<(K, S)>,
}

impl<K: Kernel, S: Smap> Fill<'_, K, S> {
    /// Leads every vector to [`Kernel::trap`]; ring 3 may use `int3` and `into` alone.
    pub fn every_vector(&mut self) -> &mut Self {
        for (gate, stub) in self.gates.iter_mut().zip(Stubs::<K, Trap<K>, S>::ALL) {
            *gate = gate_to::<K>(stub);
        }
        for vector in [BREAKPOINT.number(), OVERFLOW.number()] {
            self.gates[vector] = self.gates[vector].callable_from(Privilege::User);
        }
        self
    }

    /// Leads a vector that ring 3 may use by `int` to [`Kernel::call`].
    pub fn call_gate(&mut self, vector: u8) -> &mut Self {
        self.gates[vector as usize] =
            gate_to::<K>(Stubs::<K, Call<K>, S>::ALL[vector as usize]).callable_from(Privilege::User);
        self
    }

    /// Leads an exception to a handler of its kind.
    pub fn exception<const VECTOR: usize, Class, F>(
        &mut self,
        _exception: Exception<VECTOR, Class>,
        _handler: F,
    ) -> &mut Self
    where
        Class: 'static,
        F: Handler<Class>,
    {
        self.set::<Typed<K, Class, F>>(VECTOR);
        self
    }

    /// Leads a range of vectors to one handler that is told the vector.
    ///
    /// # Panics
    ///
    /// If the range has exceptions in it (vectors below 32): some of those push an error code.
    pub fn interrupts<F: Handler<AnyInterrupt>>(&mut self, vectors: RangeInclusive<u8>, _handler: F) -> &mut Self {
        assert!(*vectors.start() >= 32, "vectors below 32 are exceptions");
        for vector in vectors {
            self.set::<Typed<K, AnyInterrupt, F>>(vector as usize);
        }
        self
    }

    /// Gives NMI, #DB, #MC and #DF their own stacks, in whatever state they find ring 0.
    ///
    /// From ring 3 they arrive at [`Kernel::trap`] as any other vector does, from ring 0 (and #DF from anywhere) at
    /// [`Kernel::paranoid`]; a gate set afterwards replaces that. They take the first four stacks of the TSS: #DF the first, then NMI, #MC, #DB.
    #[cfg(target_arch = "x86_64")]
    pub fn paranoid(&mut self) -> &mut Self {
        use crate::StackIndex::{Four, One, Three, Two};
        use crate::stub::paranoid_stub;
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        let stubs: [(usize, Stub, crate::StackIndex); 4] = [
            (DOUBLE_FAULT.number(), paranoid_stub::<K, S, { DOUBLE_FAULT.number() }>, One),
            (NON_MASKABLE_INTERRUPT.number(), paranoid_stub::<K, S, { NON_MASKABLE_INTERRUPT.number() }>, Two),
            (MACHINE_CHECK.number(), paranoid_stub::<K, S, { MACHINE_CHECK.number() }>, Three),
            (DEBUG.number(), paranoid_stub::<K, S, { DEBUG.number() }>, Four),
        ];
        for (vector, stub, stack) in stubs {
            self.gates[vector] = gate_to::<K>(stub).on_stack(stack);
        }
        self
    }

    /// Gives NMI, #MC and #DF their own tasks and #DB its own stack, in whatever state they find ring 0.
    ///
    /// From ring 3 they arrive at [`Kernel::trap`] as any other vector does, from ring 0 (and #DF from anywhere) at
    /// [`Kernel::paranoid`]; a gate set afterwards replaces that. The GDT must have [`fault_task`](crate::fault_task)s at the selectors that
    /// [`GlobalDescriptorTable`](crate::GlobalDescriptorTable) names, and the CPU's data a debug stack.
    #[cfg(target_arch = "x86")]
    pub fn paranoid(&mut self) -> &mut Self {
        use crate::GlobalDescriptorTable as Table;
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        let tasks = [
            (DOUBLE_FAULT.number(), Table::DOUBLE_FAULT_TASK),
            (NON_MASKABLE_INTERRUPT.number(), Table::NMI_TASK),
            (MACHINE_CHECK.number(), Table::MACHINE_CHECK_TASK),
        ];
        for (vector, selector) in tasks {
            self.gates[vector] = Gate::task(selector);
        }
        self.gates[DEBUG.number()] = gate_to::<K>(crate::stub::debug_stub::<K, S>);
        self
    }

    fn set<T: Target>(&mut self, vector: usize) {
        self.gates[vector] = gate_to::<K>(Stubs::<K, T, S>::ALL[vector]);
    }
}

fn gate_to<K: Kernel>(stub: Stub) -> Gate {
    Gate::interrupt(K::SELECTORS.kernel_code, stub as usize as _)
}
