//! The guard of arrows against small crates: it sees what runs up, names both ends, and sees nothing else.

use std::collections::HashMap;

use xtask::arrows::Arrows;
use xtask::arrows::layers::Layers;

const TABLE: &str = "
room = [
  { name = 'top', holds = ['lib', 'top'] },
  { name = 'middle', holds = ['middle'] },
  { name = 'bottom', holds = ['bottom'] },
]
shared = [{ type = 'Kernel', why = 'all rooms work on it' }]
";

const LIB: &str = "mod top; mod middle; mod bottom; \
     pub struct Kernel { pub lines: bottom::Lines, pub threads: bottom::Arena<bottom::Thread> }";

fn read(files: &[(&str, &str)]) -> Result<Arrows, String> {
    let mut all = HashMap::from([("lib.rs", LIB), ("top.rs", ""), ("middle.rs", ""), ("bottom.rs", BOTTOM)]);
    all.extend(files.iter().copied());
    let layers = Layers::parse(TABLE).expect("the table");
    Arrows::read("k", &layers, &|path| all.get(path).map(|text| (*text).to_owned()))
}

fn violations(files: &[(&str, &str)]) -> Vec<String> {
    read(files).expect("the crate").violations
}

const BOTTOM: &str = "
pub struct Lines;
impl Lines { pub fn mask(&mut self) {} }
pub struct Thread;
impl Thread { pub fn stop(&mut self) {} }
pub struct Arena<T> { slots: [T; 4] }
impl<T> Arena<T> { pub fn at_mut(&mut self, _: usize) -> Option<&mut T> { None } }
";

const TOP: &str = "
use crate::Kernel;
pub struct Guest;
impl Guest { pub fn stop(&mut self) {} pub fn read(&self) {} }
impl Kernel { pub fn end(&mut self) {} pub fn stop(&mut self) {} }
pub fn finish() {}
";

#[test]
fn arrows_down_are_fine() {
    let top = "use crate::{Kernel, middle::step};\nimpl Kernel { fn go(&mut self) { step(self); self.turn(); } }";
    let middle = "use crate::Kernel; use crate::bottom::Lines;\npub fn step(kernel: &mut Kernel) { \
                  kernel.lines.mask(); }\nimpl Kernel { pub fn turn(&mut self) { self.lines.mask(); self.turn(); } }";
    let arrows = read(&[("top.rs", top), ("middle.rs", middle)]).expect("the crate");
    assert_eq!(arrows.violations, [""; 0]);
    assert_eq!(
        [arrows.calls("top", "middle"), arrows.calls("middle", "bottom"), arrows.calls("bottom", "top")],
        [2, 2, 0]
    );
    assert!(arrows.table().contains("\nmiddle      .       1       2\n"), "{}", arrows.table());
}

#[test]
fn an_import_that_runs_up_is_seen() {
    let middle = "\nuse crate::{bottom::Lines, top::{Guest as Other}};\n";
    assert_eq!(
        violations(&[("top.rs", TOP), ("middle.rs", middle)]),
        ["k/middle.rs:2 (middle) uses crate::top::Guest, which is defined above, at k/top.rs:3 (top)"]
    );
}

#[test]
fn an_import_by_another_name_is_seen() {
    let lib = "pub use top::Guest; mod top; mod middle; mod bottom;";
    let found = violations(&[("lib.rs", lib), ("top.rs", TOP), ("middle.rs", "use crate::Guest;")]);
    assert_eq!(found, ["k/middle.rs:1 (middle) uses crate::Guest, which is defined above, at k/top.rs:3 (top)"]);
}

#[test]
fn a_method_of_self_that_runs_up_is_seen() {
    let middle = "use crate::Kernel;\nimpl Kernel {\n fn go(&mut self) {\n  self.end();\n }\n}";
    assert_eq!(
        violations(&[("top.rs", TOP), ("middle.rs", middle)]),
        ["k/middle.rs:4 (middle) calls Kernel::end, which is defined above, at k/top.rs:5 (top)"]
    );
}

/// `stop` is a method of three types. Of which one is meant, the type says where it is known.
#[test]
fn the_type_decides_between_methods_of_one_name() {
    let up = "use crate::Kernel;\nimpl Kernel { fn go(&mut self) {\n self.stop() } }";
    let found = violations(&[("top.rs", TOP), ("middle.rs", up)]);
    assert_eq!(found, ["k/middle.rs:3 (middle) calls Kernel::stop, which is defined above, at k/top.rs:5 (top)"]);
    for down in [
        "use crate::bottom::Thread; fn go(thread: &mut Thread) { thread.stop() }",
        "use crate::Kernel; impl Kernel { fn go(&mut self) { if let Some(t) = self.threads.at_mut(1) { t.stop() } } }",
        "use crate::Kernel; impl Kernel { fn go(&mut self) { self.threads.at_mut(1).map(|thread| thread.stop()); } }",
        "use crate::Kernel; fn go(k: &mut Kernel) { let Some(x) = k.threads.at_mut(1) else { return }; x.stop() }",
    ] {
        assert_eq!(violations(&[("top.rs", TOP), ("middle.rs", down)]), [""; 0], "{down}");
    }
}

/// A method's type isn't known here: `end` is defined above alone, `stop` below as well, and `read` is the library's
/// too.
#[test]
fn a_method_of_an_unknown_type_is_looked_for_by_its_name() {
    let found = violations(&[("top.rs", TOP), ("middle.rs", "fn go() { let it = other::it();\n it.end() }")]);
    assert_eq!(found, ["k/middle.rs:2 (middle) calls .end, which is defined above, at k/top.rs:5 (top)"]);
    for unclear in ["it.stop()", "it.read()", "it.end(1)"] {
        let middle = format!("fn go() {{ let it = other::it(); {unclear} }}");
        assert_eq!(violations(&[("top.rs", TOP), ("middle.rs", &middle)]), [""; 0], "{unclear}");
    }
}

#[test]
fn paths_that_run_up_are_seen() {
    for (call, what) in [
        ("crate::top::finish()", "crate::top::finish"),
        ("super::top::finish()", "super::top::finish"),
        ("crate::Kernel::end(k)", "crate::Kernel::end"),
        ("k.map(crate::Kernel::end)", "crate::Kernel::end"),
    ] {
        let found = violations(&[("top.rs", TOP), ("middle.rs", &format!("fn go() {{ {call} }}"))]);
        assert_eq!(found.len(), 1, "{call}: {found:?}");
        assert!(found[0].contains(&format!("calls {what}, which is defined above, at k/top.rs")), "{call}: {found:?}");
    }
}

#[test]
fn a_method_of_a_trait_counts_where_the_trait_is() {
    let bottom = format!("{BOTTOM} pub trait Machine {{ fn now(&self) -> u64; }}");
    let top = "use crate::bottom::Machine; pub struct Fake; impl Machine for Fake { fn now(&self) -> u64 { 0 } }";
    let middle = "use crate::bottom::Machine; fn go<M: Machine>(machine: &M) { machine.now(); M::now(machine); }\n\
                  fn also(machine: &impl Machine) { machine.now(); }";
    let arrows = read(&[("bottom.rs", &bottom), ("top.rs", top), ("middle.rs", middle)]).expect("the crate");
    assert_eq!((arrows.violations.len(), arrows.calls("middle", "bottom")), (0, 3), "{:?}", arrows.violations);
}

#[test]
fn tests_may_use_anything() {
    let middle = "#[cfg(test)] use crate::top::finish; #[cfg(all(test, unix))] mod checks;\n\
                  #[cfg(test)] mod tests { #[test] fn go() { crate::top::finish(); } }\n\
                  #[cfg(not(test))] fn go() {}";
    assert_eq!(violations(&[("top.rs", TOP), ("middle.rs", middle)]), [""; 0]);
    let built = "#[cfg(not(test))] fn go() { crate::top::finish(); }";
    assert_eq!(violations(&[("top.rs", TOP), ("middle.rs", built)]).len(), 1);
}

#[test]
fn macros_are_read() {
    for (middle, what) in [
        ("fn go() { let it = other::it(); assert!(it.end(), \"{}\", 1); }", "calls .end"),
        (
            "use crate::Kernel; impl Kernel { fn go(&self) { matches!(self.end(), Some(_) if true); } }",
            "calls Kernel::end",
        ),
        ("macro_rules! go { ($it:expr) => { $crate::top::finish($it) }; }", "calls crate::top::finish"),
        ("macro_rules! go { ($it:expr) => { $it.end() }; }", "calls .end"),
        ("core::arch::global_asm!(\"call {}\", sym crate::top::finish);", "calls crate::top::finish"),
    ] {
        let found = violations(&[("top.rs", TOP), ("middle.rs", middle)]);
        assert_eq!(found.len(), 1, "{middle}: {found:?}");
        assert!(found[0].contains(what), "{middle}: {found:?}");
    }
}

#[test]
fn modules_are_found_where_the_compiler_finds_them() {
    let lib = "mod top; mod middle; mod bottom; #[cfg(a)] #[path = \"top/a/mod.rs\"] mod width;\n\
               #[cfg(b)] #[path = \"top/b/mod.rs\"] mod width;";
    let files = [
        ("lib.rs", lib),
        ("bottom.rs", "#[cfg_attr(a, path = \"bottom/a.rs\")] #[cfg_attr(b, path = \"bottom/b.rs\")] mod width;"),
        ("bottom/a.rs", ""),
        ("bottom/b.rs", "fn go() { crate::width::one() }"),
        ("top/a/mod.rs", "mod inner;"),
        ("top/a/inner.rs", ""),
        ("top/b/mod.rs", "pub fn one() {}"),
        ("middle.rs", "mod deep;"),
        ("middle/deep/mod.rs", "mod deeper;"),
        ("middle/deep/deeper.rs", "fn go() {\n super::super::super::width::one() }"),
    ];
    let found = violations(&files);
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("k/bottom/b.rs:1 (bottom) calls ") && found[0].contains("k/top/b/mod.rs:1"));
    let found = &found[1..];
    assert!(found[0].starts_with("k/middle/deep/deeper.rs:2 (middle) calls ") && found[0].contains("k/top/b/mod.rs:1"));
}

#[test]
fn each_file_needs_a_room_and_each_room_a_file() {
    let error = read(&[("lib.rs", "mod top; mod middle; mod bottom; mod other;"), ("other.rs", "")]).err();
    assert_eq!(error.as_deref(), Some("k/other.rs lies in no room: add it to layers.toml"));
    let error = read(&[("lib.rs", "mod top; mod middle;")]).err();
    assert_eq!(error.as_deref(), Some("k: no file belongs to bottom in layers.toml"));
}
