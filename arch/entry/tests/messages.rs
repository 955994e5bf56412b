//! A handler of the wrong kind for its vector doesn't compile, and the error says which kind is wanted.
//!
//! The test compiles each case, a line that installs a handler, by itself. It checks the words that a person reads
//! first: the message, the signature that the vector needs, and the handler's own. The rest of the text changes with
//! compilers.
use std::path::{Path, PathBuf};
use std::process::Command;

/// What every case may name.
const PRELUDE: &str = "
#![allow(unused, reason = \"a case uses some of these handlers, and names arguments that it ignores\")]
use core::ptr::NonNull;
use x86_entry::error_code::{ErrorCode, PageFaultErrorCode, SelectorErrorCode};
use x86_entry::vector::*;
use x86_entry::{
    CpuSegments, EntryData, EntryDataLocation, InterruptDescriptorTable, KernelEntry, PageFault, Selectors,
    TrapFrame, TrapStack, UserGs, WithoutSmap,
};

macro_rules! kernel {
    ($name:ident $(, $choice:ident: $type:ty = $value:expr)?) => {
        struct $name;
        unsafe impl KernelEntry for $name {
            $(const $choice: $type = $value;)?
            extern \"C\" fn trap(frame: NonNull<TrapFrame>) -> NonNull<TrapFrame> { frame }
            extern \"C\" fn paranoid_trap(_: &mut TrapFrame) {}
        }
    };
}

const fn selectors(user_code: u16, user_data: u16, tss: u16) -> Selectors {
    Selectors { kernel_code: 0x08, kernel_data: 0x10, user_code, user_data, tss }
}

kernel!(Bell);
kernel!(OneStack, TRAP_STACK: TrapStack = TrapStack::PerCpu);
kernel!(OwnTable, SELECTORS: Selectors = selectors(0x1B, 0x2B, 0x30));
kernel!(Swapping, USER_GS: UserGs = UserGs::Swapped);
kernel!(NoRing, SELECTORS: Selectors = selectors(0x18, 0x20, 0x28));
kernel!(OnlyRing0, SELECTORS: Selectors = selectors(0, 0x10, 0));
kernel!(NoUserData, SELECTORS: Selectors = selectors(0, 0, 0));
kernel!(AtTheEnd, DATA_LOCATION: EntryDataLocation = EntryDataLocation::Fixed(END));

#[cfg(target_arch = \"x86_64\")]
const END: usize = 0x7FFF_FF80;
#[cfg(target_arch = \"x86\")]
const END: usize = 0xFFFF_FF80;

struct NotSync(core::marker::PhantomData<*mut ()>);

fn plain(frame: &mut TrapFrame) {}
fn page_fault(frame: &mut TrapFrame, code: PageFaultErrorCode) {}
fn with_address(frame: &mut TrapFrame, fault: PageFault) {}
fn protection(frame: &mut TrapFrame, code: SelectorErrorCode) {}
fn diverging(frame: &mut TrapFrame) -> ! { loop {} }
fn device(frame: &mut TrapFrame, vector: u8) {}
fn shared(frame: &TrapFrame) {}
fn shared_code(frame: &TrapFrame, code: PageFaultErrorCode) {}
fn by_value(frame: TrapFrame) {}
fn integer(frame: usize) {}
fn integers(frame: u64, code: u64) {}
fn code_64(frame: &mut TrapFrame, code: u64) {}
fn code_32(frame: &mut TrapFrame, code: u32) {}
fn nothing() {}
fn returns(frame: &mut TrapFrame) -> u32 { 0 }
extern \"C\" fn foreign(frame: *mut TrapFrame) {}

pub fn fill(table: &mut InterruptDescriptorTable, value: usize, name: String, local: NotSync) {
    let mut fill = table.fill::<Bell, WithoutSmap>();
    fill
";

const MESSAGE: &str = "a handler of the wrong signature for its vector";
const WANTS_PLAIN: &str = "this vector's handlers are `for<'a> fn(&'a mut TrapFrame)`";
const WANTS_PAGE_FAULT: &str = "this vector's handlers are `for<'a> fn(&'a mut TrapFrame, PageFaultErrorCode)`";
const WANTS_DIVERGING: &str = "this vector's handlers are `for<'a> fn(&'a mut TrapFrame) -> !`";
const WANTS_DEVICE: &str = "this vector's handlers are `for<'a> fn(&'a mut TrapFrame, u8)`";
const CAPTURES: &str = "a handler is a function, or a closure that captures nothing";
#[cfg(target_arch = "x86_64")]
const NEEDS_PARANOID: &str = "a kernel that swaps the base takes them by TableFiller::paranoid_gates";

/// What must not compile, and what the error must say.
const WRONG: &[(&str, &[&str])] = &[
    // An error code where there is none, and the reverse.
    (".exception(BREAKPOINT, page_fault)", &[MESSAGE, WANTS_PLAIN, "PageFaultErrorCode) {page_fault}`"]),
    (".exception(PAGE_FAULT, plain)", &[MESSAGE, WANTS_PAGE_FAULT, "fn(&'a mut TrapFrame) {plain}`"]),
    (".exception(BREAKPOINT, |_: &mut TrapFrame, _: ErrorCode| {})", &[MESSAGE, WANTS_PLAIN]),
    (".exception(PAGE_FAULT, |_: &mut TrapFrame| {})", &[MESSAGE, WANTS_PAGE_FAULT]),
    (".exception(GENERAL_PROTECTION, with_address)", &[MESSAGE, "SelectorErrorCode)`", "PageFault) {with_address}`"]),
    (".exception(PAGE_FAULT, with_address as fn(&mut TrapFrame, PageFault))", &["FunctionPointersAreNoHandlers"]),
    // Another vector's error code, and integers of either width for it.
    (".exception(PAGE_FAULT, protection)", &[MESSAGE, WANTS_PAGE_FAULT, "SelectorErrorCode) {protection}`"]),
    (".exception(PAGE_FAULT, code_64)", &[MESSAGE, WANTS_PAGE_FAULT, "u64) {code_64}`"]),
    (".exception(PAGE_FAULT, code_32)", &[MESSAGE, WANTS_PAGE_FAULT, "u32) {code_32}`"]),
    // Frames that can't be changed, or are none.
    (".exception(BREAKPOINT, shared)", &[MESSAGE, WANTS_PLAIN, "fn(&'a TrapFrame) {shared}`"]),
    (".exception(PAGE_FAULT, shared_code)", &[MESSAGE, WANTS_PAGE_FAULT, "{shared_code}`"]),
    (".exception(BREAKPOINT, by_value)", &[MESSAGE, WANTS_PLAIN, "fn(TrapFrame) {by_value}`"]),
    (".exception(BREAKPOINT, integer)", &[MESSAGE, WANTS_PLAIN, "fn(usize) {integer}`"]),
    (".exception(PAGE_FAULT, integers)", &[MESSAGE, WANTS_PAGE_FAULT, "fn(u64, u64) {integers}`"]),
    (".exception(BREAKPOINT, nothing)", &[MESSAGE, WANTS_PLAIN, "fn() {nothing}`"]),
    (".exception(BREAKPOINT, foreign)", &[MESSAGE, WANTS_PLAIN, "{foreign}`"]),
    (".exception(BREAKPOINT, 3)", &[MESSAGE, WANTS_PLAIN, "`{integer}`"]),
    // Returning or not.
    (".exception(DOUBLE_FAULT, plain)", &[MESSAGE, WANTS_DIVERGING, "{plain}`"]),
    (".exception(MACHINE_CHECK, plain)", &[MESSAGE, WANTS_DIVERGING, "{plain}`"]),
    (".exception(DOUBLE_FAULT, page_fault)", &[MESSAGE, WANTS_DIVERGING, "{page_fault}`"]),
    (".exception(BREAKPOINT, diverging)", &[MESSAGE, WANTS_PLAIN, "fn(&'a mut TrapFrame) -> ! {diverging}`"]),
    (".exception(BREAKPOINT, returns)", &[MESSAGE, WANTS_PLAIN, "-> u32 {returns}`"]),
    // Ranges.
    (".interrupts(VectorRange::<32, 255>, plain)", &[MESSAGE, WANTS_DEVICE, "{plain}`"]),
    (".interrupts(VectorRange::<32, 255>, page_fault)", &[MESSAGE, WANTS_DEVICE, "{page_fault}`"]),
    (".exception(BREAKPOINT, device)", &[MESSAGE, WANTS_PLAIN, "{device}`"]),
    (".interrupts(VectorRange::<0, 255>, device)", &["vectors below 32 are exceptions", "by `exception`"]),
    (".interrupts(VectorRange::<14, 14>, device)", &["vectors below 32 are exceptions", "by `exception`"]),
    (".interrupts(VectorRange::<48, 47>, device)", &["the range of vectors is empty"]),
    (".interrupts(32..=255, device)", &["expected `VectorRange<_, _>`"]),
    (".exception(14, page_fault)", &["expected `Exception<_,"]),
    (".system_call_vector::<14>()", &["vectors below 32 are exceptions: ring 3 mustn't raise them by `int`"]),
    // A pointer has a value, which no stub keeps.
    (".exception(BREAKPOINT, plain as fn(&mut TrapFrame))", &["FunctionPointersAreNoHandlers"]),
    (
        ".exception(PAGE_FAULT, page_fault as fn(&mut TrapFrame, PageFaultErrorCode))",
        &["FunctionPointersAreNoHandlers"],
    ),
    (".interrupts(VectorRange::<32, 32>, device as fn(&mut TrapFrame, u8))", &["FunctionPointersAreNoHandlers"]),
    // What only one CPU or thread may use.
    (
        ".exception(BREAKPOINT, move |_: &mut TrapFrame| { let _ = &local; })",
        &["cannot be shared between threads safely"],
    ),
    // The other kind of stack, and a table that is too long.
    (
        "; EntryData::new().set_cpu_stack::<Bell>(4096)",
        &["with TrapStack::PerThread a trap is saved", "`set_thread_stack`"],
    ),
    (
        "; EntryData::new().set_thread_stack::<OneStack>(4096)",
        &["with TrapStack::PerCpu there is no stack of a thread"],
    ),
    ("; CpuSegments::<9000>::new([0; 9000])", &["a descriptor table has at most 8192 descriptors"]),
    // A descriptor table of the kernel's own, in another order.
    (FAST_CALLS, &["fast calls derive the segments from one selector"]),
    // Selectors that the stubs would load as they are.
    ("; table.fill::<NoRing, WithoutSmap>()", &["selectors of ring 3 have the two lowest bits set"]),
    ("; TrapFrame::for_user::<OnlyRing0>(0, 0, 0)", &["a frame of ring 3 needs selectors of ring 3"]),
    #[cfg(target_arch = "x86")]
    ("; table.fill::<NoUserData, WithoutSmap>()", &["loads SELECTORS.user_data into DS and ES"]),
    // Data whose last fields lie elsewhere than their address says.
    ("; table.fill::<AtTheEnd, WithoutSmap>().trap_every_vector()", &["the end of data at a fixed place"]),
    // Vectors that may come while ring 3's GS base is loaded.
    #[cfg(target_arch = "x86_64")]
    ("; table.fill::<Swapping, WithoutSmap>().exception(NON_MASKABLE_INTERRUPT, plain)", &[NEEDS_PARANOID]),
    #[cfg(target_arch = "x86_64")]
    (
        "; let five = x86_entry::InterruptStackIndex::Five;
         table.fill::<Swapping, WithoutSmap>().exception_on_stack(DEBUG, five, plain)",
        &[NEEDS_PARANOID],
    ),
    // Captures: there is nowhere to keep them.
    (".exception(BREAKPOINT, move |_: &mut TrapFrame| { value; })", &[CAPTURES]),
    (".exception(BREAKPOINT, move |_: &mut TrapFrame| drop(&name))", &[CAPTURES]),
    (".interrupts(VectorRange::<32, 33>, move |_: &mut TrapFrame, _: u8| { value; })", &[CAPTURES]),
];

#[cfg(target_arch = "x86_64")]
const FAST_CALLS: &str = "; unsafe { x86_entry::enable_fast_calls::<OwnTable>() }";
#[cfg(target_arch = "x86")]
const FAST_CALLS: &str = "; unsafe { x86_entry::enable_fast_calls::<OwnTable>(NonNull::dangling()) }";

/// What must compile, so that the cases above fail for their own reason.
const RIGHT: &str = ".exception(BREAKPOINT, plain)
    .exception(PAGE_FAULT, page_fault)
    .exception(PAGE_FAULT, with_address)
    .exception(PAGE_FAULT, |_: &mut TrapFrame, _: PageFault| {})
    .exception(GENERAL_PROTECTION, protection)
    .exception(DOUBLE_FAULT, diverging)
    .exception(MACHINE_CHECK, |_: &mut TrapFrame| -> ! { loop {} })
    .exception(OVERFLOW, |_: &mut TrapFrame| {})
    .exception(ALIGNMENT_CHECK, |_: &mut TrapFrame, _: ErrorCode| {})
    .interrupts(VectorRange::<32, 254>, device)
    .interrupts(VectorRange::<255, 255>, |_: &mut TrapFrame, _: u8| {});
    table.fill::<OnlyRing0, WithoutSmap>().trap_every_vector()";

#[test]
fn wrong_handlers_are_refused_in_words_that_say_what_is_wanted() {
    let compiler = Compiler::new();
    let mut failures = String::new();
    for (number, (handlers, wanted)) in WRONG.iter().enumerate() {
        match compiler.compile(&number.to_string(), handlers) {
            Ok(()) => failures += &format!("{handlers} compiled\n"),
            Err(text) => {
                // Compilers differ in how much of a path they print.
                let text = text.replace("x86_entry::", "").replace("error_code::", "");
                for words in wanted.iter().filter(|words| !text.contains(**words)) {
                    failures += &format!("{handlers}: the error doesn't say {words:?}, but:\n{text}\n");
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures}");
}

/// The compiler that built this test, with the crate as it was built for this test.
struct Compiler {
    libraries: PathBuf,
    library: PathBuf,
}

impl Compiler {
    /// Older builds of the crate may lie in the same folder: the newest is the one that accepts what is right.
    fn new() -> Self {
        let test = std::env::current_exe().expect("a running test has a path");
        let libraries = test.parent().expect("it lies in a folder").to_owned();
        let is_ours = |path: &Path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            name.starts_with("libx86_entry-") && name.ends_with(".rlib")
        };
        let entries = libraries.read_dir().expect("the folder can be read");
        let mut found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|path| is_ours(path)).collect();
        found.sort_by_key(|path| path.metadata().and_then(|data| data.modified()).ok());
        let mut complaints = String::new();
        for library in found.into_iter().rev() {
            let compiler = Self { libraries: libraries.clone(), library };
            match compiler.compile("right", RIGHT) {
                Ok(()) => return compiler,
                Err(text) => complaints += &text,
            }
        }
        panic!("no build of the crate accepts right handlers:\n{complaints}")
    }

    /// Compiles to an object, since some of what is checked is only known then.
    fn compile(&self, name: &str, handlers: &str) -> Result<(), String> {
        let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
        let source = folder.join(format!("handlers_{name}.rs"));
        std::fs::write(&source, format!("{PRELUDE}{handlers};\n}}\n")).expect("the source can be written");
        let compiler = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
        let output = Command::new(compiler)
            .args(["--edition", "2024", "--crate-type", "lib", "--emit", "obj", "--verbose", "--out-dir"])
            .arg(&folder)
            .arg("-L")
            .arg(format!("dependency={}", self.libraries.display()))
            .arg("--extern")
            .arg(format!("x86_entry={}", self.library.display()))
            .arg(&source)
            .output()
            .expect("the compiler that built this test runs");
        if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
    }
}
