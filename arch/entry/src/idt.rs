//! [`InterruptDescriptorTable`] with its 256 gates, and [`TableFiller`], which leads them to stubs.
use x86::dtables::{DescriptorTablePointer, lidt};

#[cfg(target_arch = "x86_64")]
use crate::InterruptStackIndex;
use crate::handler::{Classified, Handler, Typed, Vectored, assert_captures_nothing};
use crate::kernel_entry::{Call, DirectInterrupts, Entries, Smap, Trap, keeps_state};
use crate::stub::{Stub, direct_stub, stub, stub_of};
use crate::vector::{BREAKPOINT, Exception, InterruptHandler, OVERFLOW, VectorRange};
use crate::{Gate, KernelEntry, PrivilegeLevel, TrapStack};

/// The table as the CPU reads it (SDM 3A 6.10, 6.14.1 for 64-bit mode).
#[repr(C, align(16))]
#[derive(Debug)]
pub struct InterruptDescriptorTable {
    gates: [Gate; 256],
    /// Whether it was filled for CPUs without SMAP, and for CPUs with it. The CPU doesn't read this.
    filled: [bool; 2],
    /// What [`InterruptDescriptorTable::load`] asserts once it was filled for a kernel that swaps the GS base. A
    /// function's address, so that other kernels don't contain the function.
    #[cfg(target_arch = "x86_64")]
    assert_swapping: Option<fn(&[Gate; 256])>,
    /// As above, for a kernel whose entries keep floating-point state.
    assert_state_kept: Option<unsafe fn()>,
}

impl InterruptDescriptorTable {
    /// Makes a table without gates. While it is loaded, any interrupt is a triple fault.
    pub const fn new() -> Self {
        Self {
            gates: [Gate::MISSING; 256],
            filled: [false; 2],
            #[cfg(target_arch = "x86_64")]
            assert_swapping: None,
            assert_state_kept: None,
        }
    }

    /// Returns a filler of gates for the kernel `K`, on a CPU with or without SMAP.
    ///
    /// # Panics
    ///
    /// If the kernel uses floating point anywhere and
    /// [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) hasn't run.
    pub fn fill<K: KernelEntry, S: Smap>(&mut self) -> TableFiller<'_, K, S> {
        crate::required::assert_selectors::<K>();
        crate::required::assert_floating_point_kept::<K>();
        self.filled[S::Entries::CLEARS_AC] = true;
        if keeps_state::<K>() == 1 {
            self.assert_state_kept = Some(crate::floating_point::assert_entry_format_enabled);
        }
        #[cfg(target_arch = "x86_64")]
        if crate::kernel_entry::swaps_gs::<K>() == 1 {
            self.assert_swapping = Some(crate::required::assert_suits_swapping);
        }
        TableFiller { gates: &mut self.gates, kinds: core::marker::PhantomData }
    }

    /// Returns whether the table was filled for CPUs without SMAP, and for CPUs with it.
    #[cfg(target_arch = "x86_64")]
    pub(crate) const fn filled(&self) -> [bool; 2] {
        self.filled
    }

    /// Returns a vector's gate.
    pub const fn gate(&mut self, vector: u8) -> &mut Gate {
        &mut self.gates[vector as usize]
    }

    /// Loads the table on this CPU (`lidt`, SDM 3A 2.4.3).
    ///
    /// # Safety
    ///
    /// 1. The CPU is in ring 0.
    /// 2. The table was filled for a kernel whose [`KernelEntry`] promises hold on this CPU: selectors, TSS and entry
    ///    data.
    /// 3. A gate that [`InterruptDescriptorTable::gate`] set leads to code that can take its vector.
    /// 4. Each handler, and each hook of [`KernelEntry`], leaves a frame that is valid to resume, as [`KernelEntry`]
    ///    says under 3. Handlers are safe functions, but a frame of ring 0 can be made to continue anywhere.
    ///
    /// # Panics
    ///
    /// On x86_64, if the crate was built with the red zone: interrupts of ring 0 would overwrite it. And if the table
    /// was filled [`WithSmap`](crate::WithSmap) and the CPU lacks it, or [`WithoutSmap`](crate::WithoutSmap) and
    /// CR4.SMAP is on: the kernel sets CR4 first. And if it was filled for a kernel that swaps the GS base, and NMI,
    /// #DB or #MC doesn't lead to a [paranoid gate](TableFiller::paranoid_gates).
    ///
    /// On both widths, if the kernel uses floating point anywhere, and CR4 or XCR0 of this CPU doesn't enable the
    /// format that [`FloatingPointFormat::use_in_entries`](crate::FloatingPointFormat::use_in_entries) chose.
    pub unsafe fn load(&'static self) {
        crate::required::assert_no_red_zone();
        #[cfg(target_arch = "x86_64")]
        // SAFETY: the caller promises ring 0.
        unsafe {
            crate::required::assert_suits_smap(self.filled)
        };
        #[cfg(target_arch = "x86_64")]
        if let Some(assert_swapping) = self.assert_swapping {
            assert_swapping(&self.gates);
        }
        if let Some(assert_state_kept) = self.assert_state_kept {
            // SAFETY: the caller promises ring 0.
            unsafe { assert_state_kept() };
        }
        #[cfg(target_arch = "x86_64")]
        crate::stub::note_table(self);
        let pointer = DescriptorTablePointer::new_from_slice(&self.gates);
        // SAFETY: the table is static, and `TableFiller` leads gates to stubs. The caller promises ring 0, what the
        // stubs need, and that gates of its own lead to code for them.
        unsafe { lidt(&pointer) };
    }
}

impl Default for InterruptDescriptorTable {
    fn default() -> Self {
        Self::new()
    }
}

/// Leads to a handler of a range of vectors.
type Interrupts<K, Marker, F> = Typed<K, <InterruptHandler as Classified>::Code, Marker, F>;

/// Fills the gates of a table. A gate that is set replaces the one that its vector had, unless a function says
/// otherwise. [`InterruptDescriptorTable::fill`] makes it.
#[derive(Debug)]
pub struct TableFiller<'a, K, S> {
    gates: &'a mut [Gate; 256],
    kinds: core::marker::PhantomData<(K, S)>,
}

impl<K: KernelEntry, S: Smap> TableFiller<'_, K, S> {
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
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
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
        use crate::vector::{DEBUG, DOUBLE_FAULT, MACHINE_CHECK, NON_MASKABLE_INTERRUPT};
        self.gates[DEBUG.number()] = gate_to::<K>(crate::stub::debug_stub::<K, S::Entries>);
        self.task_gate(DOUBLE_FAULT, Table::DOUBLE_FAULT_TSS)
            .task_gate(NON_MASKABLE_INTERRUPT, Table::NON_MASKABLE_INTERRUPT_TSS)
            .task_gate(MACHINE_CHECK, Table::MACHINE_CHECK_TSS)
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

/// The vectors of [`TableFiller::paranoid_gates`]: #DB, NMI, #DF, #MC.
#[cfg(target_arch = "x86_64")]
const PARANOID_VECTORS: [usize; 4] = [1, 2, 8, 18];

/// Why an exception can't have a stack of the interrupt stack table.
#[cfg(target_arch = "x86_64")]
const STACK_TAKEN: &str = "two vectors on one interrupt stack: paranoid gates take One to Four (0 to 3 of the crate \
                           x86_64), so other exceptions take Five to Seven";

fn gate_to<K: KernelEntry>(stub: Stub) -> Gate {
    gate_at::<K>(stub as usize)
}

fn gate_at<K: KernelEntry>(address: usize) -> Gate {
    Gate::interrupt(K::SELECTORS.kernel_code, address as _)
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use core::ptr::NonNull;

    use super::*;
    use crate::vector::{DEBUG, DOUBLE_FAULT, PAGE_FAULT};
    use crate::{PageFault, TrapFrame, WithoutSmap};

    struct Bell;

    // SAFETY: no table is loaded.
    unsafe impl KernelEntry for Bell {
        extern "C" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> {
            panic!("{frame:?}")
        }

        extern "C" fn paranoid_trap(frame: &mut TrapFrame) {
            panic!("{frame:?}")
        }
    }

    fn page_fault(frame: &mut TrapFrame, fault: PageFault) {
        panic!("{fault:?}: {frame:?}")
    }

    fn double_fault(frame: &mut TrapFrame) -> ! {
        panic!("{frame:?}")
    }

    #[test]
    fn stacks_of_their_own_are_accepted() {
        let mut table = InterruptDescriptorTable::new();
        let mut filler = table.fill::<Bell, WithoutSmap>();
        filler.exception_on_stack(DOUBLE_FAULT, InterruptStackIndex::One, double_fault);
        filler.paranoid_gates().exception_on_stack(PAGE_FAULT, InterruptStackIndex::Five, page_fault);
        filler.exception_on_stack(DOUBLE_FAULT, InterruptStackIndex::One, double_fault).trap_every_vector();
        assert_eq!(table.gate(14).stack(), Some(5));
    }

    #[test]
    #[should_panic = "paranoid gates take One to Four"]
    fn a_paranoid_stack_is_refused() {
        let mut table = InterruptDescriptorTable::new();
        let mut filler = table.fill::<Bell, WithoutSmap>();
        filler.paranoid_gates().exception_on_stack(PAGE_FAULT, InterruptStackIndex::Two, page_fault);
    }

    #[test]
    #[should_panic = "paranoid gates take One to Four"]
    fn paranoid_gates_after_such_a_stack_are_refused() {
        let mut table = InterruptDescriptorTable::new();
        let mut filler = table.fill::<Bell, WithoutSmap>();
        filler.exception_on_stack(PAGE_FAULT, InterruptStackIndex::Four, page_fault).paranoid_gates();
    }

    #[test]
    fn paranoid_stubs_are_told_from_others() {
        let mut table = InterruptDescriptorTable::new();
        table.fill::<Bell, WithoutSmap>().paranoid_gates();
        let recognised = |table: &mut InterruptDescriptorTable| {
            [1, 2, 18].map(|vector| crate::stub::is_paranoid(*table.gate(vector), vector))
        };
        assert_eq!(recognised(&mut table), [true; 3]);
        table.fill::<Bell, WithoutSmap>().exception(DEBUG, |_: &mut TrapFrame| {});
        assert_eq!(recognised(&mut table), [false, true, true]);
        let mut table = InterruptDescriptorTable::new();
        table.fill::<Bell, WithoutSmap>().trap_every_vector();
        assert_eq!(recognised(&mut table), [false; 3]);
        assert_eq!(recognised(&mut InterruptDescriptorTable::new()), [false; 3]);
    }
}
