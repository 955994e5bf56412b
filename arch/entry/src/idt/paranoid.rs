//! The gates of NMI, #DB, #MC and #DF, which may interrupt any instruction of ring 0.
use super::TableFiller;
use super::filler::gate_to;
#[cfg(target_arch = "x86")]
use crate::Gate;
#[cfg(target_arch = "x86_64")]
use crate::InterruptStackIndex;
use crate::KernelEntry;
use crate::kernel_entry::Smap;
#[cfg(target_arch = "x86_64")]
use crate::stub::Stub;
#[cfg(target_arch = "x86")]
use crate::vector::Exception;
use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};

impl<K: KernelEntry, S: Smap> TableFiller<'_, K, S> {
    /// Leads #DF, NMI or #MC to the hardware task of a TSS (SDM 3A 6.12.2), made by
    /// [`paranoid_tss`](crate::paranoid_tss) for the same exception. The task calls [`KernelEntry::paranoid_trap`], and
    /// uses no stack of the interrupted code.
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

    /// Leads NMI, #DB, #MC and #DF to stubs that can interrupt ring 0 anywhere, on stacks of their own.
    ///
    /// From ring 3, NMI, #DB and #MC lead to [`KernelEntry::trap`]. From ring 0 they lead to
    /// [`KernelEntry::paranoid_trap`], and #DF always does. A gate that is set afterwards replaces this one. The four
    /// gates take the first four stacks of the TSS (SDM 3A 6.14.5), [`One`](InterruptStackIndex::One) to
    /// [`Four`](InterruptStackIndex::Four): #DF the first, then NMI, #MC, #DB.
    ///
    /// # Panics
    ///
    /// If another vector uses one of these stacks already.
    #[cfg(target_arch = "x86_64")]
    pub fn paranoid_gates(&mut self) -> &mut Self {
        use crate::stub::paranoid_stub;
        let stubs: [(usize, Stub, InterruptStackIndex); 4] = [
            (DOUBLE_FAULT.number(), paranoid_stub::<K, S::Entries, { DOUBLE_FAULT.number() }>, DOUBLE_FAULT_STACK),
            (
                NON_MASKABLE_INTERRUPT.number(),
                paranoid_stub::<K, S::Entries, { NON_MASKABLE_INTERRUPT.number() }>,
                NON_MASKABLE_INTERRUPT_STACK,
            ),
            (MACHINE_CHECK.number(), paranoid_stub::<K, S::Entries, { MACHINE_CHECK.number() }>, MACHINE_CHECK_STACK),
            (DEBUG.number(), paranoid_stub::<K, S::Entries, { DEBUG.number() }>, DEBUG_STACK),
        ];
        let is_theirs = |stack: u8| PARANOID_STACKS.iter().any(|&own| own as u8 == stack);
        // Few gates name a stack, so that is asked first.
        let is_taken = (self.gates.iter().enumerate())
            .any(|(other, gate)| gate.stack().is_some_and(is_theirs) && !PARANOID_VECTORS.contains(&other));
        assert!(!is_taken, "{}", STACK_TAKEN);
        for (vector, stub, stack) in stubs {
            self.gates[vector] = gate_to::<K>(stub).on_stack(stack);
        }
        self
    }

    /// Leads NMI, #MC and #DF to tasks and #DB to a stub with a stack of its own. All four can interrupt ring 0
    /// anywhere.
    ///
    /// From ring 3, NMI, #DB and #MC lead to [`KernelEntry::trap`]. From ring 0 they lead to
    /// [`KernelEntry::paranoid_trap`], and #DF always does. A gate that is set afterwards replaces this one. The GDT
    /// must have [`paranoid_tss`](crate::paranoid_tss)s (SDM 3A 6.12.2) at the selectors that
    /// [`GlobalDescriptorTable`](crate::GlobalDescriptorTable) names, and the CPU's data a debug stack:
    /// [`CpuSegments::load`](crate::CpuSegments::load) does both.
    #[cfg(target_arch = "x86")]
    pub fn paranoid_gates(&mut self) -> &mut Self {
        use crate::GlobalDescriptorTable as Table;
        self.gates[DEBUG.number()] = gate_to::<K>(crate::stub::debug_stub::<K, S::Entries>);
        self.task_gate(DOUBLE_FAULT, Table::DOUBLE_FAULT_TSS)
            .task_gate(NON_MASKABLE_INTERRUPT, Table::NON_MASKABLE_INTERRUPT_TSS)
            .task_gate(MACHINE_CHECK, Table::MACHINE_CHECK_TSS)
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
/// The four interrupt stacks of [`TableFiller::paranoid_gates`].
#[cfg(target_arch = "x86_64")]
pub(crate) const PARANOID_STACKS: [InterruptStackIndex; 4] =
    [DOUBLE_FAULT_STACK, NON_MASKABLE_INTERRUPT_STACK, MACHINE_CHECK_STACK, DEBUG_STACK];

/// The vectors of [`TableFiller::paranoid_gates`].
pub(crate) const PARANOID_VECTORS: [usize; 4] =
    [DEBUG.number(), NON_MASKABLE_INTERRUPT.number(), DOUBLE_FAULT.number(), MACHINE_CHECK.number()];

/// Why an exception can't have a stack of the interrupt stack table.
#[cfg(target_arch = "x86_64")]
pub(super) const STACK_TAKEN: &str = "two vectors on one interrupt stack: paranoid gates take One to Four (0 to 3 of \
                                      the crate x86_64), so other exceptions take Five to Seven";
