//! Follows docs/driver.md and README.md: the page's driver is made, tested, built and booted as the page says, the
//! commands for debugging find what they should, and the README's lines answer.

use std::fs;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use runner::console::Console;
use runner::folder::Folder;
use runner::machine::{Direct, Hardware};
use xtask::build::{Set, kernel_with_symbols, strip};
use xtask::pages::{Kind, Page, pages};
use xtask::process::cargo_for_target;
use xtask::{Width, manifest, root};

use super::shell::{PROMPT, ask, row};
use super::{Case, cases};

pub const CASES: &[Case] = cases![
    Short:
    the_pages_driver_works,
    a_page_boots,
    an_address_is_a_place,
    a_debugger_finds_its_way,
    a_picture_is_taken,
];

/// The files of the page's driver begin with a line that names them.
const FILES: [(&str, &str, &str); 3] = [
    ("```toml", "# ", "user/drivers/counter/Cargo.toml"),
    ("```rust,ignore", "// ", "user/drivers/counter/src/lib.rs"),
    ("```rust,ignore", "// ", "user/drivers/counter/src/main.rs"),
];

/// The bytes that are sent to the driver's port: a line, as `echo` sends it.
const SENT: &[u8] = b"hello\n";

/// One tree serves the cases of both widths.
static TREE: Mutex<()> = Mutex::new(());

fn page(path: &str) -> Page {
    let all = pages().unwrap_or_else(|error| panic!("{error}"));
    all.into_iter().find(|page| page.path == Path::new(path)).unwrap_or_else(|| panic!("no page {path}"))
}

/// The page's block that begins with the name of a file.
fn file_of_the_page(page: &Page, fence: &str, comment: &str, name: &str) -> String {
    let first = format!("{comment}{name}\n");
    let found = page.blocks(fence).into_iter().find_map(|block| Some(block.strip_prefix(&first)?.to_owned()));
    found.unwrap_or_else(|| panic!("the page has no block that begins with {first:?}"))
}

/// Makes the package and the manifest as the page says, tests the one, builds both, boots them, and types what the page
/// types.
fn the_pages_driver_works(width: Width) {
    let page = page("docs/driver.md");
    let tree = root().join("target/pages/tree");
    let (binary, system) = {
        let _guard = TREE.lock();
        make_tree(&tree, &page);
        let mut test = Command::new("cargo");
        run(in_tree(&mut test, &tree).args(["test", "--quiet", "-p", "driver-counter"]));
        let mut build = cargo_for_target("build", &width.user_target()).unwrap_or_else(|error| panic!("{error}"));
        run(in_tree(&mut build, &tree).args(["--quiet", "--release", "-p", "driver-counter"]));
        let binary = root().join("target").join(width.user_target()).join("release/driver-counter");
        (binary, manifest::parse(&[fs::read_to_string(tree.join("user/system.toml")).expect("the manifest")]))
    };
    let folder = Folder::new().expect("a folder");
    let module = folder.path().join("counter");
    strip(&binary, &module).unwrap_or_else(|error| panic!("{error}"));
    let manifest = folder.path().join("system");
    fs::write(&manifest, system.expect("a right manifest").encode()).expect("written");

    let names = Set::Shipped.modules().expect("the modules");
    let modules = names.into_iter().map(|name| {
        let file = if name == "system" { manifest.clone() } else { Set::Shipped.folder(width).join(&name) };
        (name, file)
    });
    let modules = modules.chain([("counter".to_owned(), module)]).collect();
    let socket = folder.path().join("second.socket");
    let second = format!("unix:{},server=on,wait=off", socket.display());
    let mut machine = Hardware::new(width).with(&["-serial", &second]).boot(Direct::files(modules));
    machine.expect(PROMPT);
    UnixStream::connect(&socket).and_then(|mut line| line.write_all(SENT)).expect("the second serial port");
    let answer = format!("label 0, words {} 0 0 0\r\n", SENT.len());
    machine.wait_until("the driver to count", |machine| ask(machine, "call counter 0") == answer);
    // A handle that closes with the command would be gone by now.
    assert_eq!(ask(&mut machine, "call counter 0"), answer);
    assert_eq!(row(&ask(&mut machine, "irq"), "3")[2], "counter");
    ask(&mut machine, "kill counter");
    machine.wait_until("the driver to begin anew", |machine| {
        ask(machine, "call counter 0") == "label 0, words 0 0 0 0\r\n"
    });
    assert!(ask(&mut machine, "call counter 1").contains("label 1"), "a refusal");
    assert!(ask(&mut machine, "call nobody 1").contains("may not call nobody"));
}

/// The tree with the page's driver in it: links to all that stays, and files for what the page makes or changes.
fn make_tree(tree: &Path, page: &Page) {
    link_all(&root(), tree, &["target", "user", ".git", "Cargo.lock"]);
    link_all(&root().join("user"), &tree.join("user"), &["drivers", "system.toml"]);
    link_all(&root().join("user/drivers"), &tree.join("user/drivers"), &[]);
    // Cargo adds the package to it.
    fs::copy(root().join("Cargo.lock"), tree.join("Cargo.lock")).expect("a copy");
    for (fence, comment, name) in FILES {
        write(&tree.join(name), &file_of_the_page(page, fence, comment, name));
    }
    let before = fs::read_to_string(root().join("user/system.toml")).expect("the manifest");
    let (others, shell) = before.split_once("name = \"shell\"").expect("the shell's entry");
    let shell = shell.replacen("uses = [", "uses = [\"counter\", ", 1);
    let added = file_of_the_page(page, "```toml", "# ", "user/system.toml");
    write(&tree.join("user/system.toml"), &format!("{others}name = \"shell\"{shell}\n{added}"));
}

fn link_all(from: &Path, to: &Path, but: &[&str]) {
    fs::create_dir_all(to).expect("a folder");
    for entry in from.read_dir().expect("a folder").flatten() {
        let link = to.join(entry.file_name());
        if !but.iter().any(|name| entry.file_name() == *name) && link.symlink_metadata().is_err() {
            symlink(entry.path(), link).expect("a link");
        }
    }
}

/// Writes a file, unless it has this content: cargo looks at times.
fn write(file: &Path, content: &str) {
    fs::create_dir_all(file.parent().expect("a folder")).expect("a folder");
    if !fs::read_to_string(file).is_ok_and(|before| before == content) {
        fs::write(file, content).expect("written");
    }
}

/// Has cargo work in the tree, with what was built of others' packages before.
fn in_tree<'a>(cargo: &'a mut Command, tree: &Path) -> &'a mut Command {
    cargo.current_dir(tree).env("CARGO_TARGET_DIR", root().join("target"))
}

fn run(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    assert!(output.status.success(), "{command:?}:\n{said}{complained}");
    said + &complained
}

fn just() -> Command {
    let mut just = Command::new(std::env::var("JUST").unwrap_or_else(|_| "just".to_owned()));
    just.current_dir(root());
    just
}

/// By the README's own recipe, over pipes instead of a terminal; each of its lines for the shell comes back to a
/// prompt.
fn a_page_boots(width: Width) {
    let snippets = page("README.md").snippets();
    let lines: Vec<_> = snippets.into_iter().filter(|snippet| snippet.kind == Kind::TypedInBellwire).collect();
    assert!(!lines.is_empty());
    let (ours, theirs) = UnixStream::pair().expect("a pair of sockets");
    let mut just = just();
    just.arg(format!("qemu-{}", width.name())).stderr(Stdio::null());
    just.stdin(OwnedFd::from(theirs.try_clone().expect("a copy"))).stdout(OwnedFd::from(theirs));
    let mut child = just.spawn().expect("just runs");
    // The command keeps the other end too, until it goes.
    drop(just);
    let mut machine = Console::new(ours).expect("a console");
    machine.expect(PROMPT).expect("a prompt");
    for line in lines {
        machine.send(format!("{}\r", line.text).as_bytes()).expect("sent");
        machine.expect(PROMPT).unwrap_or_else(|missing| panic!("{}: {missing:?}:\n{}", line.text, machine.text()));
    }
    // Ctrl-A x, as the page says.
    machine.send(b"\x01x").expect("sent");
    assert!(child.wait().expect("an end").success());
}

/// `just where` names functions and lines of a program and of the kernel.
fn an_address_is_a_place(width: Width) {
    let program = root().join("target").join(width.user_target()).join("release/driver-serial");
    for (name, file, function) in
        [("serial", program, "_start::begin"), ("kernel", kernel_with_symbols(width), "begin::boot")]
    {
        let address = address_of(&file, function);
        let place = run(just().args(["where", width.name(), name, &address]));
        assert!(place.contains(function) && place.contains(".rs:"), "{name} {address}: {place}");
    }
    let wrong = just().args(["where", width.name(), "nobody", "0x1"]).output().expect("just runs");
    assert!(!wrong.status.success() && String::from_utf8_lossy(&wrong.stderr).contains("nobody"));
}

fn address_of(file: &PathBuf, function: &str) -> String {
    let symbols = run(Command::new("nm").arg("--demangle").arg(file));
    let found = symbols.lines().find(|line| line.ends_with(function)).unwrap_or_else(|| panic!("no {function}"));
    format!("0x{}", found.split(' ').next().unwrap_or_default())
}

/// Runs the page's command for gdb on a machine that waits for it. The page has the command for one width, and the file
/// names of the other differ in the width alone.
fn a_debugger_finds_its_way(width: Width) {
    let snippets = page("docs/driver.md").snippets();
    let typed = snippets.into_iter().filter(|snippet| snippet.kind == Kind::Typed).map(|snippet| snippet.text);
    let line = typed.into_iter().find(|line| line.starts_with("gdb ")).expect("a line for gdb");
    if Command::new("gdb").arg("--version").output().is_err() {
        eprintln!("gdb isn't installed: its line of the page isn't run");
        return;
    }
    let folder = Folder::new().expect("a folder");
    let socket = folder.path().join("stub.socket");
    let stub = format!("socket,id=stub,path={},server=on,wait=off", socket.display());
    let machine = Hardware::new(width).with(&["-chardev", &stub, "-gdb", "chardev:stub", "-S"]);
    let machine = machine.boot(Direct::shipped());
    let line = line.replace("x86_64", width.name()).replace(":1234", &socket.display().to_string());
    let line = line.replacen("gdb ", "gdb -batch -nx ", 1);
    let said = run(Command::new("timeout")
        .current_dir(root())
        .args(["60", "bash"])
        .args(["-c", &format!("{line} -ex backtrace")]));
    assert!(said.contains("#0") && said.contains("boot/src/begin.rs"), "{said}");
    drop(machine);
}

/// The tool takes its picture of the x86_64 image on both widths. The case checks its format only.
fn a_picture_is_taken(width: Width) {
    if width == Width::I686 {
        return;
    }
    let file = root().join("target/picture.png");
    let _ = fs::remove_file(&file);
    run(just().arg("picture"));
    let picture = fs::read(&file).expect("a picture");
    assert!(picture.starts_with(b"\x89PNG") && picture.len() < 100_000, "{} bytes", picture.len());
}
