//! Docs of public items that speak of the CPU say where its manual does.
use std::fs;
use std::path::{Path, PathBuf};

/// What the CPU's manuals describe. An item whose docs have one of these words cites a manual.
const HARDWARE: &[&str] = &[
    "IDT",
    "GDT",
    "TSS",
    "rsp0",
    "esp0",
    "descriptor",
    "swapgs",
    "syscall",
    "sysenter",
    "sysexit",
    "sysret",
    "iret",
    "FLAGS",
    "CR2",
    "CR3",
    "CR4",
    "GS base",
    "NMI",
    "#DF",
    "#DB",
    "#MC",
    "#CP",
    "error code",
    "selector",
    "interrupt gate",
    "task gate",
    "interrupt stack",
    "I/O permission",
    "XSAVE",
    "clac",
    "ring 3 may",
    "privilege level",
];

/// Manuals: Intel's, and AMD's.
const MANUALS: &[&str] = &["SDM", "APM"];

/// How the line begins behind which an item's name comes.
const ITEMS: &[&str] = &["fn ", "struct ", "enum ", "trait ", "const ", "type "];

#[test]
fn docs_of_hardware_cite_a_manual() {
    let mut findings = Vec::new();
    let mut count = 0;
    for file in sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let text = fs::read_to_string(&file).expect("the file was listed");
        for item in public_items(&text) {
            count += 1;
            findings.extend(complaint(&item).map(|word| format!("{}: {}: {word}", file.display(), item.name)));
        }
    }
    assert!(count > 200, "{count} public items were found");
    assert!(findings.is_empty(), "these name hardware and no section of a manual: {findings:#?}");
}

#[test]
fn items_are_found_with_their_docs() {
    let text = "/// One IDT.\n#[repr(C)]\npub struct One {\n    /// A field.\n    pub field: u8,\n}\n\n\
                /// Two (SDM 3A 6.10), an IDT.\n/// More.\npub(crate) fn two() {}\n\
                /// Five.\npub trait Five {\n    /// Six.\n    fn six();\n}\n/// Seven.\nfn seven() {}\n\
                /// Three: the IDT (SDM 3A 6.10).\n#[inline]\npub const unsafe fn three() {}\n\
                #[cfg(test)]\nmod tests {\n    /// IDT.\n    pub fn four() {}\n}\n";
    let items = public_items(text);
    assert_eq!(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["One", "Five", "six", "three"]);
    assert_eq!(complaint(&items[0]), Some("IDT"));
    assert_eq!(complaint(&items[3]), None);
}

struct Item {
    name: String,
    docs: String,
}

/// Returns the first word of hardware in an item's docs, if they cite no manual.
fn complaint(item: &Item) -> Option<&'static str> {
    let cites = MANUALS.iter().any(|manual| item.docs.contains(manual));
    HARDWARE.iter().copied().find(|word| !cites && item.docs.contains(word))
}

/// Returns the public items of a file, those of public traits included; fields and variants are a part of their type.
fn public_items(text: &str) -> Vec<Item> {
    let (mut items, mut docs, mut is_in_trait) = (Vec::new(), String::new(), false);
    for line in text.split("#[cfg(test)]\nmod tests").next().unwrap_or(text).lines() {
        is_in_trait &= line != "}";
        let line = line.trim();
        if let Some(more) = line.strip_prefix("///") {
            docs.push_str(more);
        } else if !line.starts_with("#[") {
            let docs = std::mem::take(&mut docs);
            let declaration = line.strip_prefix("pub ").or(is_in_trait.then_some(line)).filter(|_| !docs.is_empty());
            let Some((kind, name)) = declaration.and_then(kind_and_name) else { continue };
            is_in_trait |= kind == "trait ";
            items.push(Item { name, docs });
        }
    }
    items
}

/// Returns the kind of a declared item, and its name.
fn kind_and_name(declaration: &str) -> Option<(&'static str, String)> {
    let (kind, rest) = ITEMS.iter().find_map(|kind| Some((*kind, declaration.split_once(kind)?.1)))?;
    Some((kind, rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            files.extend(sources(&path));
        } else {
            files.push(path);
        }
    }
    files
}
